"""The simulated reporter assay: its truth follows from the grammar, its files from its truth."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basenji_kipoi.base.sequence import encode, reverse_complement
from basenji_kipoi.genome.fasta import Genome
from basenji_training.data.reporters.build import build_reporters
from basenji_training.data.reporters.context import read_context
from basenji_training.data.reporters.settings import ReporterSettings
from basenji_training.simulation.grammar import FACTORS, START_MOTIF
from basenji_training.simulation.reporters import OLIGO_BP, Assay, draw_assay
from basenji_training.simulation.simulate import simulate
from basenji_training.store.reporters import ReporterStore

MOTIFS = {motif.name: motif for motif in (*FACTORS, START_MOTIF)}
#: What a motif does to the use of the construct's start.
SIGNS = {"kestrel": 1, "heron": 1, "magpie": -1, "plover": 1}


@pytest.fixture(scope="module")
def simulation(tmp_path_factory):
    path = tmp_path_factory.mktemp("simulation") / "sim"
    simulate(path, seed=3, size=200_000, variants=180, reporters=900)
    return path


@pytest.fixture(scope="module")
def assay(simulation):
    left, right = read_context(simulation / "reporter_context.fa")
    return Assay(encode(left), encode(right))


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def planted(name, centre, *, forward=True):
    """Return an oligo of unknown bases with a site of a motif: shape (1, OLIGO_BP)."""
    site = encode(MOTIFS[name].consensus)
    oligo = np.full(OLIGO_BP, 4, np.uint8)
    first = centre - len(site) // 2
    oligo[first : first + len(site)] = site if forward else reverse_complement(site)
    return oligo[None]


@given(
    st.integers(0, 1000), st.sampled_from(sorted(SIGNS)), st.integers(6, OLIGO_BP - 7),
    st.booleans(),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_a_factor_raises_or_lowers_the_activity_on_either_strand(seed, name, centre, forward):
    assay = draw_assay(np.random.default_rng(seed))
    blank = assay.activity(np.full((1, OLIGO_BP), 4, np.uint8))
    change = assay.activity(planted(name, centre, forward=forward)) - blank
    assert SIGNS[name] * change > 0.1
    nearer = assay.activity(planted(name, OLIGO_BP - 7, forward=forward)) - blank
    assert SIGNS[name] * nearer >= SIGNS[name] * change - 1e-9


def test_a_start_motif_counts_on_the_measured_strand_only(assay):
    blank = assay.activity(np.full((1, OLIGO_BP), 4, np.uint8))
    assert assay.activity(planted("swift", 50)) > blank + 0.5
    np.testing.assert_allclose(
        assay.activity(planted("swift", 50, forward=False)), blank, atol=0.01
    )


def test_the_truth_of_oligos_and_pairs(simulation, assay):
    rows = rows_of(simulation / "reporters.tsv")
    assert len(rows) == 900
    truth = np.array([float(row["truth"]) for row in rows])
    oligos = np.stack([encode(row["sequence"]) for row in rows])
    np.testing.assert_allclose(assay.activity(oligos), truth, atol=1e-4)
    assert truth.std() > 0.4
    of = {row["sequence"]: float(row["truth"]) for row in rows}
    pairs = rows_of(simulation / "reporter_pairs.tsv")
    assert len(pairs) == 300
    for pair in pairs:
        first, second = pair["sequence_a"], pair["sequence_b"]
        assert sum(a != b for a, b in zip(first, second, strict=True)) == 1
        assert float(pair["truth"]) == pytest.approx(of[second] - of[first], abs=2e-5)
    assert np.mean([abs(float(pair["truth"])) > 0.2 for pair in pairs]) > 0.2


def test_noise_is_as_large_as_the_reads_say(simulation):
    rows = rows_of(simulation / "reporters.tsv")
    error = np.array([float(row["activity"]) - float(row["truth"]) for row in rows])
    reads = np.array([int(row["reads"]) for row in rows])
    assert reads.min() >= 1
    relative = error / np.sqrt(0.01 + 4 / reads)
    # A chi-squared variable and a mean, within five standard errors.
    assert abs((relative**2).mean() - 1) < 5 * np.sqrt(2 / len(rows))
    assert abs(relative.mean()) < 5 / np.sqrt(len(rows))


def test_oligos_of_promoters_are_the_genomes(simulation):
    with Genome(simulation / "genome.fa") as genome:
        native = [row for row in rows_of(simulation / "reporters.tsv") if row["set"] == "native"]
        assert len(native) == 300
        for row in native:
            contig, place = row["place"].removesuffix(")").split(":")
            interval, strand = place.split("(")
            start, end = map(int, interval.split("-"))
            codes = genome.codes(contig, start, end)
            codes = codes if strand == "+" else reverse_complement(codes)
            np.testing.assert_array_equal(codes, encode(row["sequence"]))


def test_effects_of_variants_in_the_assay(simulation, assay):
    effects = rows_of(simulation / "reporter_variants.tsv")
    truth = rows_of(simulation / "truth.tsv")
    assert [row["id"] for row in effects] == [row["id"] for row in truth]
    with Genome(simulation / "genome.fa") as genome:
        for row, variant in zip(effects, truth, strict=True):
            position = int(variant["pos"]) - 1
            codes = genome.codes(variant["chrom"], position - 50, position + 50)
            changed = codes.copy()
            changed[50] = encode(variant["alt"])[0]
            both = np.stack([codes, changed])
            both = both if row["strand"] == "+" else reverse_complement(both)
            reference, alternative = assay.activity(both)
            assert float(row["effect"]) == pytest.approx(alternative - reference, abs=2e-5)
            sign = SIGNS.get(variant["motif"], 0) * (1 if variant["class"] == "creates" else -1)
            if sign:
                assert sign * float(row["effect"]) > 0
            if variant["class"] in ("neutral", "control"):
                assert abs(float(row["effect"])) < 0.02


def test_a_store_can_be_made_of_it(simulation, tmp_path):
    out = tmp_path / "store"
    build_reporters(
        [str(simulation / "reporters.tsv")],
        ReporterSettings(
            weight="reads",
            weight_kind="counts",
            fasta=simulation / "genome.fa",
            test=("chr8",),
            validation=("chr7",),
            context=simulation / "reporter_context.fa",
            pairs=simulation / "reporter_pairs.tsv",
        ),
        out=out,
    )
    store = ReporterStore.open(out)
    # Oligos that were cut at the same place are replicates.
    rows = rows_of(simulation / "reporters.tsv")
    assert len(store) == len({row["sequence"] for row in rows}) > 880
    assert store.attrs["findings"]["measured_again"] == 900 - len(store)
    assert len(store.pairs) > 280
    places = {row["sequence"]: row["place"] for row in rows}
    for row in range(len(store)):
        contig = places[store.sequence(row)].split(":")[0]
        assert store.split[row] == {"chr8": 2, "chr7": 1}.get(contig, store.split[row])
    assert all(len(store.pairs_of(split)) for split in store.folds)
