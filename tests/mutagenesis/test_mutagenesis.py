"""Scores of mutations against each mutated window run by itself, and against a known answer."""

from __future__ import annotations

import numpy as np
import pytest

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import encode, one_hot
from basenji_kipoi.effects.choice import effect_engine
from basenji_kipoi.effects.engine import PlainEngine
from basenji_kipoi.effects.scorer import CountedBins, Scorer
from basenji_kipoi.effects.scores import scores_named
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.intervals import Interval
from basenji_kipoi.models.bundle import save_bundle
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.networks.random_weights import randomised
from basenji_kipoi.models.targets import Target, Targets
from basenji_kipoi.mutagenesis.scores import STATUSES, AlleleScores, Mutations, SubstitutionTotals
from basenji_kipoi.mutagenesis.windows import Block, pieces_of

LENGTH = 6000
UNKNOWN = slice(3000, 3004)


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    """A contig with a run of N."""
    letters = np.random.default_rng(0).choice(list("ACGT"), LENGTH)
    letters[UNKNOWN] = "N"
    path = tmp_path_factory.mktemp("genome") / "genome.fa"
    path.write_text(">a\n" + "".join(letters) + "\n")
    with Genome(path) as genome:
        yield genome


@pytest.fixture(scope="module")
def second_bundle(small_bundle, tmp_path_factory):
    """The small bundle with other weights."""
    network = randomised(small_bundle.network(both_strands=False), seed=5)
    return save_bundle(
        tmp_path_factory.mktemp("second") / "second",
        network=network,
        architecture=small_bundle.architecture,
        targets=small_bundle.targets,
        name="second",
        assembly="simulated",
        training={},
        evaluation={},
        model_card="# Other random weights\n",
    )


def pieces(bundle, *places):
    return list(pieces_of([Interval("a", *place) for place in places], bundle.architecture))


def allele_scores(bundle, genome, mutations, tracks, names="SAD", engine_of=PlainEngine, **options):
    """Scores through an engine of alleles."""
    scores = scores_named(names.split(","))
    targets = [bundle.targets[track] for track in tracks]
    scorer = Scorer(scores, targets, bundle.architecture, CountedBins())
    engine = engine_of([bundle], genome, tracks=tracks, **options)
    return AlleleScores(engine, genome, mutations, scorer, [score.name for score in scores])


def scored(mutagenesis, block, *, name="SAD"):
    """The scores of a block; every mutation is counted as done."""
    done = []
    scores = mutagenesis.scores(block, done.append)
    assert sum(done) == pytest.approx(len(block) * mutagenesis.mutations.each)
    assert scores[name].dtype == np.float32
    return scores[name]


def check(scores, expected, reference):
    """Compare sums of differences, which are as exact as sums of predictions in float32."""
    tolerance = 1e-5 * np.abs(reference).sum(axis=0).max()
    np.testing.assert_allclose(scores, expected, rtol=0, atol=tolerance)
    assert np.nanmax(np.abs(expected)) > 20 * tolerance


def substitutions_plainly(networks, genome, block, columns):
    """Mutate, predict and sum each window anew; (positions, 4, tracks), and the reference."""
    width = networks[0].input_shape[1]
    codes = genome.codes("a", block.window, block.window + width)
    positions = np.arange(block.start, block.end) - block.window
    windows = np.repeat(codes[None], 4 * len(positions), axis=0)
    windows[np.arange(len(windows)), np.repeat(positions, 4)] = np.tile(range(4), len(positions))
    total = 0
    for network in networks:
        values = network.predict(one_hot(np.concatenate([codes[None], windows])), verbose=0)
        total = total + values.astype(np.float64)[..., columns]
    reference, *mutated = total / len(networks)
    differences = (np.array(mutated) - reference).sum(axis=1)
    differences = differences.reshape(len(positions), 4, -1)
    differences[codes[positions] == 4] = np.nan
    return differences, reference


PLACES = {
    "the contig's start": (0, 20),
    "the contig's end": (LENGTH - 20, LENGTH),
    "unknown bases": (UNKNOWN.start - 9, UNKNOWN.stop + 9),
    "a single base": (1234, 1235),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("both_strands", [False, True])
def test_substitutions_are_those_of_each_mutated_window(small_bundle, genome, place, both_strands):
    (piece,) = pieces(small_bundle, place)
    columns = [2, 0]  # without the partner of the first
    mutagenesis = SubstitutionTotals(
        [small_bundle], genome, columns=columns, both_strands=both_strands
    )
    scores = scored(mutagenesis, piece)
    network = small_bundle.network(both_strands=both_strands)
    expected, reference = substitutions_plainly([network], genome, piece, columns)
    check(scores, expected, reference)
    codes = genome.codes("a", *place)
    known = np.flatnonzero(codes < 4)
    assert (scores[known, codes[known]] == 0).all()
    assert np.isnan(scores[codes == 4]).all()
    assert np.isfinite(scores[known]).all()


def test_the_strands_differ(small_bundle, genome):
    """The comparisons above could not tell otherwise that strands are averaged."""
    (piece,) = pieces(small_bundle, (500, 520))
    one, both = (
        scored(SubstitutionTotals([small_bundle], genome, columns=[1], both_strands=strands), piece)
        for strands in (False, True)
    )
    assert np.abs(one - both).max() > 0.1 * np.abs(one).max()


def test_models_are_averaged(small_bundle, second_bundle, genome):
    (piece,) = pieces(small_bundle, (2000, 2010))
    bundles = [small_bundle, second_bundle]
    scores = scored(SubstitutionTotals(bundles, genome, columns=[0, 1, 2]), piece)
    networks = [bundle.network() for bundle in bundles]
    check(scores, *substitutions_plainly(networks, genome, piece, [0, 1, 2]))


def test_an_engine_of_alleles_gives_the_same(small_bundle, genome):
    (piece,) = pieces(small_bundle, (2990, 3010))
    plain = allele_scores(small_bundle, genome, Mutations(), [1, 2], both_strands=True)
    alleles = scored(plain, piece)
    totals = scored(
        SubstitutionTotals([small_bundle], genome, columns=[1, 2], both_strands=True), piece
    )
    np.testing.assert_allclose(alleles, totals, rtol=1e-4, atol=1e-4 * np.nanmax(np.abs(totals)))


def test_other_scores_are_those_of_the_mutated_windows(small_bundle, genome):
    (piece,) = pieces(small_bundle, (1500, 1504))
    network, width = small_bundle.network(), small_bundle.architecture.window
    codes = genome.codes("a", piece.window, piece.window + width)
    (before,) = network.predict_on_batch(one_hot(codes[None])).astype(np.float64)
    mutagenesis = allele_scores(
        small_bundle, genome, Mutations(), [0, 1, 2], "D2,logFC",
        engine_of=effect_engine, whole=True,
    )  # fmt: skip
    lengths, ratios = (scored(mutagenesis, piece, name=name) for name in ("D2", "logFC"))
    for row, place in enumerate(range(1500 - piece.window, 1504 - piece.window)):
        for base in range(4):
            mutated = codes.copy()
            mutated[place] = base
            (after,) = network.predict_on_batch(one_hot(mutated[None])).astype(np.float64)
            length = np.sqrt(((after - before) ** 2).sum(axis=0))
            ratio = np.log2((after.sum(axis=0) + 1) / (before.sum(axis=0) + 1))
            np.testing.assert_allclose(lengths[row, base], length, rtol=1e-3, atol=1e-5)
            np.testing.assert_allclose(ratios[row, base], ratio, rtol=1e-3, atol=1e-6)


def test_how_work_is_divided_changes_nothing(small_bundle, genome):
    (piece,) = pieces(small_bundle, (700, 730))
    mutagenesis = SubstitutionTotals([small_bundle], genome, columns=[0])
    whole = scored(mutagenesis, piece)
    parts = [
        scored(mutagenesis, Block(0, "a", start, start + 10, piece.window))
        for start in (700, 710, 720)
    ]
    tolerance = 1e-6 * np.abs(whole).max()
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-5, atol=tolerance)


@pytest.mark.parametrize("deleted", [1, 7])
def test_deletions_are_those_of_each_shortened_window(small_bundle, genome, deleted):
    mutations = Mutations(deleted)
    mutagenesis = allele_scores(
        small_bundle, genome, mutations, [0, 1, 2], engine_of=effect_engine, indels="anchor"
    )
    network, width = small_bundle.network(), small_bundle.architecture.window
    whole = genome.codes("a", 0, LENGTH)
    for place in ((1500, 1510), (0, 3), (LENGTH - 10, LENGTH), (UNKNOWN.start - 8, UNKNOWN.stop)):
        (piece,) = pieces(small_bundle, place)
        scores = scored(mutagenesis, piece)
        codes = genome.codes("a", piece.window, piece.window + width)
        (before,) = network.predict_on_batch(one_hot(codes[None]))
        expected = np.full(scores.shape, np.nan)
        for row, start in enumerate(range(*place)):
            if start + deleted > LENGTH or 4 in whole[start : start + deleted]:
                continue
            left = genome.codes("a", piece.window, start)
            right = genome.codes("a", start + deleted, piece.window + width + deleted)
            shorter = np.concatenate([left, right])
            (after,) = network.predict_on_batch(one_hot(shorter[None]))
            expected[row] = (after.astype(np.float64) - before).sum(axis=0)
        check(scores, expected, before)


def test_every_position_has_a_status(genome):
    statuses = Mutations(5).statuses(genome, "a", UNKNOWN.start - 6, UNKNOWN.stop + 2)
    assert statuses.tolist() == [0, 0] + [1] * 8 + [0, 0]
    assert Mutations(5).statuses(genome, "a", LENGTH - 6, LENGTH).tolist() == [0, 0, 2, 2, 2, 2]
    assert Mutations().statuses(genome, "a", UNKNOWN.start - 1, UNKNOWN.stop + 1).tolist() == [
        0, 1, 1, 1, 1, 0,
    ]  # fmt: skip
    assert len(STATUSES) == 3


# ---- a network whose answer is known ----

MOTIF = "GTTGGTTGT"
PLANTED = (1000, 2500)
HEIGHT = 5.0


@pytest.fixture(scope="module")
def finder(tmp_path_factory):
    """A network that predicts HEIGHT in each bin with the motif, and half of it on track 1."""
    from basenji_kipoi.models.networks.building import build_network

    trunk = [
        {"op": "convolution", "filters": 1, "kernel": len(MOTIF), "bias": True},
        {"op": "activation", "function": "relu"},
        {"op": "pooling", "size": 32},
        {"op": "crop", "bins": 2},
    ]
    heads = {"x": {"tracks": 2, "activation": "linear"}}
    content = {"window": 1024, "trunk": trunk, "heads": heads}
    architecture = Architecture.model_validate(content)
    network = build_network(architecture)
    weights = {"kernel": one_hot(encode(MOTIF))[:, :, None], "bias": [1.0 - len(MOTIF)]}
    head = {"kernel": [[HEIGHT, HEIGHT / 2]], "bias": [0.0, 0.0]}
    for layer in network.layers:
        values = head if layer.name == "head_x" else weights
        for variable in layer.weights:
            variable.assign(np.reshape(values[variable.name], variable.shape))
    targets = Targets(
        [
            Target(index=i, identifier=name, strand_pair=i)
            for i, name in enumerate(["whole", "half"])
        ]
    )
    return save_bundle(
        tmp_path_factory.mktemp("finder") / "finder",
        network=network,
        architecture=architecture,
        targets=targets,
        name="finder",
        assembly="simulated",
        training={},
        evaluation={},
        model_card="# Finds a motif\n",
    )


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A contig of A and C with the motif, of G and T, in it: no single base makes another one."""
    letters = np.random.default_rng(1).choice(list("AC"), 4000)
    for start in PLANTED:
        letters[start : start + len(MOTIF)] = list(MOTIF)
    path = tmp_path_factory.mktemp("planted") / "genome.fa"
    path.write_text(">a\n" + "".join(letters) + "\n")
    with Genome(path) as genome:
        yield genome


def test_the_bases_of_a_motif_matter_and_no_others(finder, planted):
    mutagenesis = SubstitutionTotals([finder], planted, columns=[0, 1])
    for start in PLANTED:
        (piece,) = pieces(finder, (start - 40, start + 60))
        scores = scored(mutagenesis, piece)
        expected = np.zeros((100, 4, 2))
        expected[40 : 40 + len(MOTIF)] = [-HEIGHT, -HEIGHT / 2]
        codes = planted.codes("a", start - 40, start + 60)
        expected[np.arange(100), codes] = 0
        np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)


def test_deletions_that_touch_a_motif_take_it_away(finder, planted):
    start = PLANTED[0]
    (piece,) = pieces(finder, (start - 40, start + 60))
    stitched = allele_scores(finder, planted, Mutations(5), [0, 1], indels="stitch")
    scores = scored(stitched, piece)
    places = np.arange(start - 40, start + 60)
    touches = (places + 5 > start) & (places < start + len(MOTIF))
    expected = np.where(touches[:, None], [-HEIGHT, -HEIGHT / 2], 0)
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("text", ["", "SNV", "deletion", "deletion:0", "deletion:-1", "deletion:²"])
def test_mutations_that_are_none(text):
    with pytest.raises(InputError, match="expected snv or deletion:K"):
        Mutations.parse(text)


@pytest.mark.parametrize("text", ["snv", "deletion:1", "deletion:250"])
def test_mutations_are_read_as_they_are_written(text):
    assert str(Mutations.parse(text)) == text
