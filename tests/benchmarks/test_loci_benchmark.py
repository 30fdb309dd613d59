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
                "chrom": "c", "pos": pos, "pip": 0.5, "posterior": 0.5, "direction": "same",
                "predicted_gene": "g1",
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
