"""Distal elements: enhancers do what the grammar says, decoys look like them and do nothing."""

from __future__ import annotations

import csv
import filecmp
import subprocess
import sys

import numpy as np
import pytest

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import encode, reverse_complement
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.genes import read_genes
from basenji_kipoi.genome.intervals import read_bed
from basenji_training.simulation.distal import (
    CONTACT,
    DISTAL_BP,
    DISTAL_FACTORS,
    SERVED,
    gain,
    with_elements,
)
from basenji_training.simulation.genome import simulate_chromosome
from basenji_training.simulation.grammar import (
    BACKGROUND,
    FACTORS,
    START_MOTIF,
    expected_signal,
    occupancy,
)
from basenji_training.simulation.simulate import simulate

ALL = (*FACTORS, *DISTAL_FACTORS)
OSPREY, CURLEW = (encode(motif.consensus) for motif in DISTAL_FACTORS[:2])


@pytest.fixture(scope="module")
def simulation(tmp_path_factory):
    path = tmp_path_factory.mktemp("simulation") / "sim"
    simulate(path, seed=3, size=800_000, variants=60, elements=110)
    return path


def table(path):
    with path.open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def planted(*sites, length=30_000):
    codes = np.full(length, 4, np.uint8)
    for site, first in sites:
        codes[first : first + len(site)] = site
    return codes


def test_only_both_factors_together_raise_starts():
    both = gain(planted((OSPREY, 10_000), (CURLEW, 10_036)))
    assert 2 < both[10_020] < 9
    for apart in (planted((OSPREY, 10_000)), planted((OSPREY, 10_000), (CURLEW, 12_000))):
        np.testing.assert_allclose(gain(apart), 1, atol=1e-3)
    # The distance in the Gaussian alone says how much less is left.
    far = np.array([4_000, 8_000, 16_000])
    rest = np.exp(-0.5 * (far / CONTACT) ** 2)
    np.testing.assert_allclose((both[10_023 + far] - 1) / (both[10_023] - 1), rest, rtol=0.02)
    # Two alike give twice as much, from whichever strand.
    two = planted((OSPREY, 10_000), (CURLEW, 10_036), (OSPREY, 12_000), (CURLEW, 12_036))
    assert gain(two)[11_023] - 1 == pytest.approx(2 * (both[11_023] - 1), rel=0.02)
    np.testing.assert_allclose(gain(reverse_complement(two))[::-1], gain(two), rtol=1e-9)


def test_each_motif_is_none_of_the_others():
    for motif in (*ALL, START_MOTIF):
        site = encode(motif.consensus)
        assert len(site) % 2 == 1
        for other in (*ALL, START_MOTIF):
            for strand in (site, reverse_complement(site)):
                bound = occupancy(np.pad(strand, 20, constant_values=4), other).max()
                is_own = other is motif and strand is site
                assert bound > 0.95 if is_own else bound < 0.01


def test_effects_are_those_of_elements_that_bind_nothing(simulation):
    genes = {}
    with Genome(simulation / "genome.fa") as genome:
        for gene in read_genes(simulation / "genes.gtf", genome):
            genes[gene.gene_id] = gene
        codes = {name: genome.codes(name, 0, size) for name, size in genome.lengths.items()}
    whole = {name: gain(each) for name, each in codes.items()}
    rows = table(simulation / "element_effects.tsv")
    checked = [row for row in rows if row["chrom"] == "chr8"]
    assert len(checked) > 50
    for row in checked:
        gene, start, end = genes[row["gene"]], int(row["start"]), int(row["end"])
        assert gene.contig == row["chrom"]
        assert int(row["distance"]) == abs(gene.tss[0] - (start + end) // 2) <= DISTAL_BP
        without = codes["chr8"].copy()
        without[start:end] = 4
        expected = np.log(gain(without)[gene.tss[0]] / whole["chr8"][gene.tss[0]])
        assert float(row["effect"]) == pytest.approx(expected, abs=2e-4)
        assert row["label"] == str(int(float(row["effect"]) <= SERVED))


def test_decoys_look_like_enhancers_and_serve_nothing(simulation):
    rows = table(simulation / "elements.tsv")
    kinds = {kind: [r for r in rows if r["class"] == kind] for kind in ("enhancer", "decoy")}
    assert abs(len(kinds["enhancer"]) - len(kinds["decoy"])) <= 12
    access = {k: np.log([float(r["accessibility"]) for r in v]) for k, v in kinds.items()}
    # Log expected counts: the same middle, and each within the other's range.
    assert abs(np.median(access["enhancer"]) - np.median(access["decoy"])) < 0.4
    assert all(row["genes"] == "." for row in kinds["decoy"])
    served = [len(row["genes"].split(",")) for row in kinds["enhancer"] if row["genes"] != "."]
    assert len(served) > 0.6 * len(kinds["enhancer"])
    effects = table(simulation / "element_effects.tsv")
    of_gene = {}
    for row in effects:
        if row["class"] == "decoy":
            assert float(row["effect"]) > SERVED / 2
        if row["label"] == "1":
            of_gene[row["gene"]] = of_gene.get(row["gene"], 0) + 1
    assert max(of_gene.values()) >= 3
    assert max(int(r["distance"]) for r in effects if r["label"] == "1") > 10_000
    places = read_bed(simulation / "elements.bed")
    assert [(p.chrom, str(p.start), p.name) for p in places] == [
        (row["chrom"], row["start"], row["name"]) for row in rows
    ]
    assert all(len(place) == 256 for place in places)


def test_starts_follow_the_gain(simulation):
    with Genome(simulation / "genome.fa") as genome:
        codes = genome.codes("chr8", 0, genome.lengths["chr8"])
        genes = [g for g in read_genes(simulation / "genes.gtf", genome) if g.contig == "chr8"]
    raised = expected_signal(codes, factors=ALL, gain=gain(codes))
    plain = expected_signal(codes, factors=ALL)
    np.testing.assert_array_equal(raised[:, 0], plain[:, 0])
    for gene in genes:
        column, near = (1 if gene.strand == "+" else 2), slice(gene.tss[0] - 8, gene.tss[0] + 9)
        own = [signal[near, column].sum() - 17 * BACKGROUND for signal in (raised, plain)]
        ratio = own[0] / own[1]
        assert ratio == pytest.approx(gain(codes)[gene.tss[0]], rel=0.05)


def test_elements_are_asked_for(simulation, tmp_path):
    simulate(tmp_path / "again", seed=3, size=800_000, variants=60, elements=110)
    names = [str(p.relative_to(simulation)) for p in simulation.rglob("*") if p.is_file()]
    assert {"elements.bed", "elements.tsv", "element_effects.tsv"} <= set(names)
    assert filecmp.cmpfiles(simulation, tmp_path / "again", names, shallow=False)[0] == names
    assert "MOTIF osprey" in (simulation / "motifs.meme").read_text()


def test_a_chromosome_has_room_for_so_many():
    chromosome = simulate_chromosome("chr1", 40_000, np.random.default_rng(0))
    with pytest.raises(InputError, match=r"--elements: chr1 has room for \d+ elements, not for 99"):
        with_elements(chromosome, 99, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--elements", "-1"], "--elements is -1: it must be 0 or more"),
        (["--elements", "10", "--size", "100000"], "chromosomes of 18000 bp or more"),
    ],
)
def test_bad_numbers_are_one_line(tmp_path, options, message):
    run = [sys.executable, "-m", "basenji_training", "simulate", "--out", str(tmp_path / "x")]
    done = subprocess.run([*run, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []
