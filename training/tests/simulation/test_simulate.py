from __future__ import annotations

import csv
import filecmp
import json
import re
import subprocess
import sys

import numpy as np
import pybigtools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import encode, reverse_complement
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.intervals import read_bed
from basenji_kipoi.models.targets import Targets
from basenji_training.data.build import build_store
from basenji_training.data.settings import StoreSettings
from basenji_training.simulation.genome import LOCAL_BP, effects
from basenji_training.simulation.grammar import (
    ACCESSIBILITY,
    BACKGROUND,
    DOWNSTREAM,
    FACTORS,
    REACH_BP,
    START_MOTIF,
    TRACKS,
    expected_signal,
    occupancy,
    random_sites,
)
from basenji_training.simulation.simulate import simulate
from basenji_training.store.store import Store

SIZE = 200_000
MOTIFS = {motif.name: motif for motif in (*FACTORS, START_MOTIF)}
SWAPPED = [TRACKS.index(track) for track in ("accessibility", "start_minus", "start_plus")]


def sequence(seed, length=2000):
    return np.random.default_rng(seed).integers(0, 4, length).astype(np.uint8)


def with_sites(codes, *sites):
    """Put consensus sites (motif, centre, forward) into a sequence."""
    codes = codes.copy()
    for name, centre, forward in sites:
        letters = encode(MOTIFS[name].consensus)
        first = centre - len(letters) // 2
        codes[first : first + len(letters)] = letters if forward else reverse_complement(letters)
    return codes


@pytest.fixture(scope="module")
def simulation(tmp_path_factory):
    path = tmp_path_factory.mktemp("simulation") / "sim"
    simulate(path, seed=3, size=SIZE, variants=180)
    return path


@pytest.fixture(scope="module")
def genome(simulation):
    with Genome(simulation / "genome.fa") as opened:
        yield {name: opened.codes(name, 0, length) for name, length in opened.lengths.items()}


@pytest.fixture(scope="module")
def truth(simulation):
    with (simulation / "truth.tsv").open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


# The grammar


@given(st.integers(0, 10_000), st.integers(0, 1500))
@settings(max_examples=20, deadline=None)
def test_the_other_strand_swaps_the_start_tracks_and_nothing_else(seed, length):
    codes = sequence(seed, length)
    if length > 600:
        codes = with_sites(codes, ("swift", 300, True), ("kestrel", 250, seed % 2 == 0))
    swapped = expected_signal(reverse_complement(codes))[::-1, SWAPPED]
    np.testing.assert_allclose(expected_signal(codes), swapped, rtol=1e-9)


def test_several_sequences_at_once_are_the_same_as_one_by_one():
    codes = np.stack([sequence(seed) for seed in range(6)]).reshape(2, 3, -1)
    together = expected_signal(codes)
    assert together.shape == (2, 3, 2000, 3)
    for i, j in np.ndindex(2, 3):
        np.testing.assert_allclose(together[i, j], expected_signal(codes[i, j]), rtol=1e-9)


def test_a_base_reaches_no_further_than_it_says():
    codes = with_sites(sequence(0), ("heron", 900, True), ("swift", 1000, True))
    changed = codes.copy()
    changed[995:1006] = 4
    changed[895:906] = 4
    differs = np.flatnonzero(
        ~np.isclose(expected_signal(codes), expected_signal(changed), rtol=1e-9).all(axis=1)
    )
    assert differs.min() >= 895 - REACH_BP
    assert differs.max() <= 1005 + REACH_BP
    assert differs.max() - differs.min() > 400


def test_unknown_bases_bind_nothing():
    signal = expected_signal(np.full(500, 4, np.uint8))
    np.testing.assert_allclose(signal, [[ACCESSIBILITY, BACKGROUND, BACKGROUND]] * 500, rtol=1e-9)


@pytest.mark.parametrize("name", MOTIFS)
def test_a_motif_binds_its_consensus_and_little_else(name):
    motif = MOTIFS[name]
    assert len(motif) % 2 == 1
    np.testing.assert_allclose(motif.probabilities.sum(axis=1), 1)
    blank = np.full(101, 4, np.uint8)
    bound = with_sites(blank, (name, 50, True))
    assert occupancy(bound, motif)[50] > 0.95
    assert occupancy(bound, motif).sum() == pytest.approx(occupancy(bound, motif)[50], abs=1e-3)
    assert occupancy(reverse_complement(bound), motif).max() < 0.01
    others = [other for other in MOTIFS.values() if other is not motif]
    assert all(occupancy(bound, other).max() < 0.01 for other in others)
    core = 50 - len(motif) // 2 + int(np.flatnonzero(motif.core)[2])
    bound[core] = (bound[core] + 1) % 4
    assert occupancy(bound, motif)[50] < 0.15


def test_sites_are_drawn_with_the_motifs_letter_frequencies():
    sites = random_sites(START_MOTIF, 20_000, np.random.default_rng(0))
    frequencies = np.stack([(sites == letter).mean(axis=0) for letter in range(4)], axis=1)
    np.testing.assert_allclose(frequencies, START_MOTIF.probabilities, atol=0.015)


def test_what_each_factor_does():
    blank = np.full(1001, 4, np.uint8)

    def peak(*sites):
        return expected_signal(with_sites(blank, *sites)).max(axis=0)

    alone = {name: peak((name, 500, True)) for name in MOTIFS}
    assert alone["kestrel"][0] > alone["heron"][0] > 2 * ACCESSIBILITY
    assert expected_signal(with_sites(blank, ("magpie", 500, True)))[500, 0] < ACCESSIBILITY / 2
    np.testing.assert_allclose(alone["plover"][0], ACCESSIBILITY, rtol=1e-9)
    # Together more than the product of their effects.
    both = peak(("kestrel", 480, True), ("heron", 520, False))[0]
    assert both * ACCESSIBILITY > 1.5 * alone["kestrel"][0] * alone["heron"][0]
    # Starts lie downstream of the start motif, on its strand only.
    forward = expected_signal(with_sites(blank, ("swift", 500, True)))
    assert forward[:, 1].argmax() == 500 + DOWNSTREAM
    np.testing.assert_allclose(forward[:, 2], BACKGROUND, rtol=1e-6)
    backward = expected_signal(with_sites(blank, ("swift", 500, False)))
    assert backward[:, 2].argmax() == 500 - DOWNSTREAM
    start = peak(("swift", 500, True))[1]
    assert peak(("swift", 500, True), ("plover", 440, True))[1] > 2 * start
    assert peak(("swift", 500, True), ("magpie", 440, True))[1] < start / 2


# The files


def test_the_same_seed_gives_the_same_files(simulation, tmp_path):
    simulate(tmp_path / "again", seed=3, size=SIZE, variants=180)
    names = sorted(p.relative_to(simulation) for p in simulation.rglob("*") if p.is_file())
    assert len(names) == 16
    _, differ, missing = filecmp.cmpfiles(simulation, tmp_path / "again", names, shallow=False)
    assert (differ, missing) == ([], [])
    simulate(tmp_path / "other", seed=4, size=SIZE, variants=180)
    assert not filecmp.cmp(
        simulation / "genome.fa", tmp_path / "other" / "genome.fa", shallow=False
    )


def test_the_size_is_divided_among_the_chromosomes(simulation, genome):
    description = json.loads((simulation / "simulation.json").read_text())
    assert {name: len(codes) for name, codes in genome.items()} == description["lengths"]
    assert SIZE - 8 < sum(map(len, genome.values())) <= SIZE
    assert (description["validation"], description["test"]) == (["chr7"], ["chr8"])


def test_planted_sites_stand_where_the_bed_file_says(simulation, genome):
    lengths = {name: len(codes) for name, codes in genome.items()}
    sites = read_bed(simulation / "sites.bed", lengths)
    assert {site.name for site in sites} == set(MOTIFS)
    bound = {name: [] for name in MOTIFS}
    for site in sites:
        codes = genome[site.chrom][site.start : site.end]
        codes = codes if site.strand == "+" else reverse_complement(codes)
        motif = MOTIFS[site.name]
        bound[site.name].append(occupancy(codes, motif)[len(motif) // 2])
    # Drawn from the motif, not copies of its consensus: some are weak.
    assert all(0.3 < np.mean(values) < 0.9 for values in bound.values())


def test_tracks_are_poisson_counts_around_the_truth(simulation, genome):
    for column, track in enumerate(TRACKS):
        reader = pybigtools.open(str(simulation / "tracks" / f"{track}.bw"))
        assert reader.chroms() == {name: len(codes) for name, codes in genome.items()}
        for name, codes in genome.items():
            expected = expected_signal(codes)[:, column]
            counts = reader.values(name, 0, len(codes), fillna=0.0)
            assert (counts == counts.round()).all()
            # The total of Poisson counts, and Pearson's statistic, within five standard errors.
            assert abs(counts.sum() - expected.sum()) < 5 * np.sqrt(expected.sum())
            chi = ((counts - expected) ** 2 / expected).mean()
            error = np.sqrt((2 + 1 / expected).mean() / len(counts))
            assert abs(chi - 1) < 5 * error


def test_genes_begin_where_their_starts_are(simulation, genome):
    genes = [
        fields
        for line in (simulation / "genes.gtf").read_text().splitlines()
        if (fields := line.split("\t"))[2] == "gene"
    ]
    assert len(genes) > 20
    strong = 0
    for chrom, _, _, first, last, _, strand, _, attributes in genes:
        assert re.search(r'gene_id "chr\d+_gene\d+"', attributes)
        start = (int(first) if strand == "+" else int(last)) - 1
        assert 1 <= int(first) < int(last) <= len(genome[chrom])
        signal = expected_signal(genome[chrom][max(start - 800, 0) : start + 800])
        place = min(start, 800)
        own, other = (1, 2) if strand == "+" else (2, 1)
        strong += signal[place, own] > 20 * BACKGROUND
        assert signal[place, other] < 20 * BACKGROUND
    assert strong > 0.6 * len(genes)


def test_variants_fit_the_genome_and_their_effects_come_from_the_whole_chromosome(
    simulation, genome, truth
):
    vcf = [
        line.split("\t")
        for line in (simulation / "variants.vcf").read_text().splitlines()
        if not line.startswith("#")
    ]
    assert [row[:5] for row in vcf] == [
        [row["chrom"], row["pos"], row["id"], row["ref"], row["alt"]] for row in truth
    ]
    assert len({row["id"] for row in truth}) == len(truth)
    whole = {name: expected_signal(codes) for name, codes in genome.items()}
    for row in truth[::5]:
        codes, position = genome[row["chrom"]].copy(), int(row["pos"]) - 1
        assert codes[position] == encode(row["ref"])[0] != encode(row["alt"])[0]
        codes[position] = encode(row["alt"])[0]
        local = slice(max(position - LOCAL_BP, 0), position + LOCAL_BP)
        expected = np.log(
            expected_signal(codes)[local].sum(axis=0) / whole[row["chrom"]][local].sum(axis=0)
        )
        np.testing.assert_allclose([float(row[t]) for t in TRACKS], expected, atol=1e-4)


def test_variants_of_each_class_do_what_it_says(truth):
    effect = {
        kind: np.array([[float(r[t]) for t in TRACKS] for r in truth if r["class"] == kind])
        for kind in ("disrupts", "creates", "neutral")
    }
    assert {kind: len(rows) >= 20 for kind, rows in effect.items()} == dict.fromkeys(effect, True)
    assert np.abs(effect["neutral"]).max() < 0.01
    for motif, track, sign in (("kestrel", 0, 1), ("heron", 0, 1), ("magpie", 0, -1)):
        for kind, direction in (("creates", 1), ("disrupts", -1)):
            mine = [
                float(r[TRACKS[track]]) for r in truth if (r["class"], r["motif"]) == (kind, motif)
            ]
            assert all(direction * sign * value > 0 for value in mine)
    starts = [
        max(abs(float(r["start_plus"])), abs(float(r["start_minus"])))
        for r in truth
        if r["motif"] == "swift"
    ]
    assert np.median(starts) > 0.5


def test_controls_are_like_their_causal_variants_but_do_nothing(simulation, truth):
    genes = {}
    for line in (simulation / "genes.gtf").read_text().splitlines():
        chrom, _, feature, first, last, _, strand, *_ = line.split("\t")
        if feature == "gene":
            genes.setdefault(chrom, []).append((int(first if strand == "+" else last), strand))

    def place(row):
        """Which gene's start is the nearest, and the distance in the gene's direction."""
        nearest, strand = min(genes[row["chrom"]], key=lambda gene: abs(gene[0] - int(row["pos"])))
        return nearest, (int(row["pos"]) - nearest) * (1 if strand == "+" else -1)

    by_id = {row["id"]: row for row in truth}
    causal = [row for row in truth if row["class"] in ("disrupts", "creates")]
    controls = [row for row in truth if row["class"] == "control"]
    assert 0.6 * len(causal) < len(controls) <= len(causal)
    assert len({row["matched"] for row in controls}) == len(controls)
    assert {row["matched"] for row in truth if row["class"] != "control"} == {"."}
    sites = [
        (chrom, int(start), int(end))
        for chrom, start, end, *_ in map(str.split, (simulation / "sites.bed").open())
    ]
    for row in controls:
        partner = by_id[row["matched"]]
        assert partner["class"] in ("disrupts", "creates")
        for column in ("chrom", "ref", "alt"):
            assert row[column] == partner[column]
        (gene, distance), (other, same) = place(row), place(partner)
        assert gene != other
        assert distance == same
        assert max(abs(float(row[track])) for track in TRACKS) < 0.01
        assert not any(c == row["chrom"] and s < int(row["pos"]) <= e for c, s, e in sites)


def test_effects_at_a_chromosomes_ends():
    codes = sequence(5, 700)
    got = effects(codes, np.array([0, 699]), np.array([3 - codes[0], 3 - codes[699]], np.uint8))
    assert got.shape == (2, 3)
    np.testing.assert_allclose(got, 0, atol=0.2)


def test_a_store_can_be_made_of_it(simulation, tmp_path):
    statistics = build_store(
        simulation / "targets.tsv",
        StoreSettings(test=["chr8"], validation=["chr7"]),
        fasta=simulation / "genome.fa",
        out=tmp_path / "s.zarr",
    )
    assert [row.missing for row in statistics] == [0, 0, 0]
    store = Store.open(tmp_path / "s.zarr")
    assert store.targets == Targets.read(simulation / "targets.tsv")
    assert store.targets.strand_permutation.tolist() == SWAPPED
    # What a perfect model would reach: the noise leaves much to be predicted, and the columns of
    # the store are the tracks in their order.
    expected = expected_signal(store.sequence("chr8", 0, store.chromosomes["chr8"]))
    bins = store.bins["chr8"]
    expected = expected[: bins * 32].reshape(bins, 32, 3).sum(axis=1)
    observed = store.coverage("chr8", 0, bins)
    r = np.corrcoef(expected, observed, rowvar=False)
    assert r[:3, 3:].diagonal().min() > 0.9
    scale = [target.scale for target in store.targets]
    np.testing.assert_allclose(observed.sum(axis=0) / scale, expected.sum(axis=0), rtol=0.1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 10_000}, "--size is 10000: 8 chromosomes of 5200 bp or more need"),
        ({"seed": -1}, "must be 0 or more"),
        ({"variants": -1}, "must be from 0 to"),
        ({"reporters": 5}, "--reporters is 5: it must be from 30 to"),
    ],
)
def test_options_that_cannot_be(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        simulate(tmp_path / "sim", **{"seed": 0, "size": SIZE, "variants": 10, **changes})
    assert list(tmp_path.iterdir()) == []


def test_command(tmp_path):
    run = [sys.executable, "-m", "basenji_training", "simulate", "--size", str(SIZE), "--out"]
    out = tmp_path / "sim"
    done = subprocess.run([*run, str(out)], capture_output=True, text=True, check=True)
    assert f"basenji-train data {out / 'targets.tsv'}" in done.stdout
    assert f"basenji-train reporters {out / 'reporters.tsv'}" in done.stdout
    again = subprocess.run([*run, str(out)], capture_output=True, text=True, check=False)
    assert again.returncode == 2
    assert again.stderr.splitlines()[-1].startswith("error: ")
    assert "--overwrite" in again.stderr
