"""The benchmark of moved elements: what it takes for the truth is what the grammar means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from basenji_kipoi.base.sequence import encode, reverse_complement
from basenji_kipoi.genome.genes import Gene
from basenji_training.simulation.grammar import FACTORS, START_MOTIF

TRUTH = Path(__file__).parents[3] / "benchmarks" / "truth"
START = 2000


@pytest.fixture(autouse=True)
def programs(monkeypatch):
    """The programs import each other by name."""
    monkeypatch.syspath_prepend(str(TRUTH))


def chromosome(middle, *motifs):
    """Draw a chromosome with motifs on the plus strand, each with its middle at a place."""
    codes = np.random.default_rng(0).integers(0, 4, 4001).astype(np.uint8)
    for place, motif in zip(middle, motifs, strict=True):
        codes[place - 5 : place + 6] = encode(motif.consensus.upper())
    return codes


@pytest.mark.parametrize("strand", ["+", "-"])
def test_the_start_motif_acts_from_its_place_in_its_direction_alone(strand):
    from moved_elements import DISTANCES, truth_of

    codes = chromosome([START - 30], START_MOTIF)
    element = START - 40, START - 19
    if strand == "-":
        codes = reverse_complement(codes)
        element = len(codes) - element[1], len(codes) - element[0]
    gene = Gene("G", "", strand, "chr1", (START,))
    found = truth_of(codes, gene, *element, 3, np.random.default_rng(1))
    own = DISTANCES.index(-30)
    assert found[own, 0] > 5
    assert abs(found[own, 1]) < 0.5
    assert np.abs(np.delete(found[:, 0], own)).max() < 0.5


def test_a_factor_acts_in_both_orientations_and_less_from_afar():
    from moved_elements import DISTANCES, truth_of

    kestrel = FACTORS[0]
    codes = chromosome([START - 30, START - 300], START_MOTIF, kestrel)
    gene = Gene("G", "", "+", "chr1", (START,))
    found = truth_of(codes, gene, START - 310, START - 289, 3, np.random.default_rng(1))
    np.testing.assert_allclose(found[:, 0], found[:, 1], atol=0.05)
    near, far = DISTANCES.index(-90), DISTANCES.index(-390)
    assert found[near, 0] > 0.5
    assert abs(found[far, 0]) < 0.1


def test_elements_are_sites_that_fit_their_gene(tmp_path):
    from moved_elements import elements_of

    (tmp_path / "sites.bed").write_text(
        "chr1\t1964\t1975\tswift\t0\t-\n"  # the wrong direction
        "chr1\t1966\t1977\tswift\t0\t+\n"
        "chr1\t1500\t1511\tkestrel\t0\t+\n"  # too far away
        "chr1\t2200\t2211\tkestrel\t0\t-\n"
    )
    gene = Gene("G", "", "+", "chr1", (START,))
    found = elements_of([gene], tmp_path / "sites.bed", {"chr1": 4001})
    assert found.to_numpy().tolist() == [
        ["chr1", 1961, 1982, "swift", "G"],
        ["chr1", 2195, 2216, "kestrel", "G"],
    ]
