"""From alleles to rows: what is computed, and how often."""

from __future__ import annotations

import numpy as np
import pytest

from basenji_kipoi.effects.engine import PlainEngine
from basenji_kipoi.effects.scores import scores_named
from basenji_kipoi.effects.windows import WindowRule
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.variant_checks import AlleleChecks, CheckRef
from basenji_kipoi.genome.vcf import Variant
from basenji_kipoi.scoring.parts.tracks import TrackScoring

LETTERS = "".join(np.random.default_rng(2).choice(list("ACGT"), 9000))


class RecordingEngine(PlainEngine):
    """The plain engine, which takes alleles in reverse order and notes what it was asked."""

    def groups(self, requests):
        self.asked = list(requests)
        yield from reversed([group[::-1] for group in super().groups(requests)])


@pytest.fixture
def genome(tmp_path):
    (tmp_path / "genome.fa").write_text(f">chrI\n{LETTERS}\n")
    with Genome(tmp_path / "genome.fa") as opened:
        yield opened


def make(bundle, genome, **options):
    checks = AlleleChecks(genome, "x.vcf", CheckRef.warn, 100)
    defaults = {"bins": None, "window": WindowRule("centred"), "both_strands": None, "shifts": [0]}
    return TrackScoring(
        [bundle],
        genome,
        checks,
        scores=scores_named(["SAD", "D1"]),
        tracks=[2, 0],
        indels="anchor",
        memory_bytes=1 << 30,
        **{**defaults, **options},
    )


def variant(record, pos, alt="N"):
    return Variant(record, "chrI", pos, None, LETTERS[pos - 1], alt)


def test_equal_alleles_are_computed_once_and_order_does_not_matter(small_bundle, genome):
    variants = [variant(0, 4000), variant(1, 5000), variant(2, 4000), variant(3, 6000, "<DEL>")]
    variants += [variant(4, 7000), variant(5, 5000, "n")]
    plain, recorded = make(small_bundle, genome), make(small_bundle, genome)
    recorded._engine = RecordingEngine([small_bundle], genome, tracks=[2, 0])
    done = []
    rows = recorded.score(variants, done.append)["alleles"].to_pylist()
    assert len(recorded._engine.asked) == 3
    assert sum(done) == 6
    expected = plain.score(variants, done.append)["alleles"].to_pylist()
    for row, other in zip(rows, expected):
        if row["values"] is None:
            assert other["values"] is None
            assert row["status"] == "symbolic"
        else:
            np.testing.assert_allclose(row["values"], other["values"], rtol=1e-4, atol=1e-6)
    assert rows[0]["values"] == rows[2]["values"]
    assert rows[1]["values"] == rows[5]["values"] != rows[0]["values"]
    assert rows[0]["window"] == 3999 - 1023


def test_parts_shrink_with_windows_and_values(small_bundle, genome, monkeypatch):
    scoring = make(small_bundle, genome)
    assert scoring.part_size == 1024
    monkeypatch.setattr("basenji_kipoi.scoring.parts.tracks._PART_BASES", 2048 * 100)
    assert scoring.part_size == 100
    monkeypatch.setattr("basenji_kipoi.scoring.parts.tracks._PART_VALUES", 2 * 2 * 30)
    assert scoring.part_size == 30
