"""The benchmark of loci: what it counts, on rankings made by hand."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "truth" / "loci.py"


@pytest.fixture(scope="module")
def loci():
    import sys

    spec = importlib.util.spec_from_file_location("loci_benchmark", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_equal_variants_share_the_first_place(loci):
    values = np.array([0.4, 0.4, 0.2])
    assert loci.is_first(values, np.array([True, False, False])) == 0.5
    assert loci.is_first(values, np.array([False, False, True])) == 0


def test_tenths_of_calibrated_values_agree(loci):
    rng = np.random.default_rng(0)
    values = rng.random(50_000)
    parts = loci.tenths(values, rng.random(50_000) < values)
    assert len(parts) == 10
    assert all(abs(part["expected"] - part["observed"]) < 0.03 for part in parts)


def test_a_variant_is_causal_that_makes_nearly_all_of_a_gene(loci):
    def row(gene, pos, effect, share):
        return {"gene": gene, "chrom": "c", "pos": pos, "effect": effect, "share": share}

    truth = [
        row("g1", "5", "0.4", "0.95"), row("g1", "7", "0.1", "0.05"),
        row("g2", "9", "0.4", "0.6"), row("g3", "11", "0.01", "1.0"),
    ]  # fmt: skip
    assert loci.causal_variants(truth) == {"g1": ("c", 5, 0.4)}


def test_loci_of_two_signals_or_without_their_gene_do_not_count(loci):
    def rows(locus, gene, sets, places, trait=""):
        return [
            {
                "locus": locus, "gene": gene, "trait": trait, "credible_set": each, "row": n + 2,
                "chrom": "c", "pos": pos, "ref": "A", "alt": "C", "pip": 0.5, "posterior": 0.5,
                "direction": "same", "predicted_gene": "g1",
            }
            for n, (each, pos) in enumerate((s, p) for s in sets for p in places)
        ]  # fmt: skip

    found = SimpleNamespace(
        variants=pa.Table.from_pylist(
            [
                *rows("one", "g1", ["L1"], [5, 6]),
                *rows("two signals", "g1", ["L1", "L2"], [5, 6]),
                *rows("not causal", "g9", ["L1"], [5, 6]),
                *rows("trait", "", ["L1"], [5, 6], "trait1"),
                *rows("elsewhere", "", ["L1"], [50, 60], "trait1"),
            ]
        )
    )
    given = [{"in_set": "1"}, {"in_set": "0"}] * 2
    counted = loci.loci_of(found, given, {"g1": ("c", 5, 0.4)}, {"trait1": ["g1", "g9"]})
    assert len(counted) == 2
    assert counted[0].causal.tolist() == [True, False]
    assert counted[0].in_set.tolist() == [True, False]
    assert (counted[0].agrees, counted[1].names_gene) == (1, 1)
    assert counted[1].first == ("c", 5, "A", "C")
    assert (counted[1].gene, counted[1].place) == ("g1", 5)


def test_gene_and_element_are_right_together(loci):
    def gene(name, change, element_change):
        return SimpleNamespace(gene_id=name, change=change, element_change=element_change)

    def record(genes, start):
        target = max(genes, key=lambda each: abs(each.change), default=None)
        element = None if start is None else SimpleNamespace(start=start, end=start + 10)
        return SimpleNamespace(genes=genes, target=target, element=element)

    right = [gene("g1", -1, 2), gene("g2", 0.5, 1)]
    records = [
        record(right, 0),
        record(right, 5),  # it ends before
        record([gene("g1", -1, 1), gene("g2", 0.5, -2)], 0),
        record([gene("g1", -1, None)], 0),
        record([gene("g2", -1, 2)], 0),
        record([], None),
    ]
    one = loci.Locus(*[np.zeros(1)] * 4, 1.0, 1.0, ("c", 5, "A", "C"), "g1", 5)
    explainer = SimpleNamespace(score=lambda places, **_: places, explain=lambda _: records)
    found = loci.names_gene_and_element([one] * len(records), explainer)
    assert found.tolist() == [1, 0, 0, 0, 0, 0]


def test_ties_and_cut_places_of_a_quarter_have_a_chance_of_a_quarter():
    spec = importlib.util.spec_from_file_location("yeast_loci", PATH.with_name("yeast_loci.py"))
    yeast = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(yeast)
    assert yeast.in_top_quarter(np.array([3.0, 2, 1, 0])).tolist() == [1, 0, 0, 0]
    assert yeast.in_top_quarter(np.array([5.0, 4, 3, 2, 1])).tolist() == [1, 0.25, 0, 0, 0]
    rng = np.random.default_rng(1)
    for number in range(4, 12):
        values = rng.integers(0, 3, number).astype(float)
        assert yeast.in_top_quarter(values).mean() == pytest.approx(0.25)
