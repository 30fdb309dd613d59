"""Contributions: exact where they should be, complete as far as they say."""

from __future__ import annotations

import numpy as np
import plain_network
import pytest
from small_network import save_random_bundle, small_architecture

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import UNKNOWN, one_hot
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.intervals import Interval
from basenji_kipoi.interpretation.attribution.methods import ExpectedGradients, GradientMethod
from basenji_kipoi.interpretation.attribution.mutation import MutationMethod
from basenji_kipoi.interpretation.attribution.outputs import Output, choose_outputs
from basenji_kipoi.interpretation.attribution.questions import Question, interval_questions
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.mutagenesis.scores import SubstitutionTotals
from basenji_kipoi.mutagenesis.windows import blocks_of, pieces_of

LETTERS = np.array(list("ACGTN"))
METHODS = [GradientMethod, ExpectedGradients, MutationMethod]


def nothing(_number):
    """Count no progress."""


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    codes = np.random.default_rng(0).integers(0, 4, 6000)
    codes[3010:3013] = UNKNOWN
    path = tmp_path_factory.mktemp("genome") / "genome.fa"
    path.write_text(">chr1\n" + "".join(LETTERS[codes]) + "\n")
    with Genome(path) as opened:
        yield opened


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return [save_random_bundle(folder / str(n), small_architecture(), seed=n) for n in (3, 4)]


def question_of(bundles, genome, start=2960, end=3040, **options):
    places = [Interval("chr1", start, end)]
    (found,) = interval_questions(places, bundles[0].architecture, genome.lengths, **options)
    return found


OUTPUTS = [Output("access", (0,)), Output("minus", (2,)), Output("ratio", (1, 2), (0,))]


def outputs_of(bundles, question, codes, outputs, *, both_strands):
    """Compute outputs (outputs,) of channels or codes (window,) by whole plain networks."""
    x = one_hot(codes, np.float64)[None] if codes.ndim == 1 else codes[None]
    predictions = []
    for bundle in bundles:
        network = bundle.network(both_strands=False)
        forward = plain_network.predict_channels(bundle.architecture, network, x)
        other = plain_network.predict_channels(bundle.architecture, network, x[:, ::-1, ::-1])
        other = other[:, ::-1, bundle.targets.strand_permutation]
        predictions.append((forward + other) / 2 if both_strands else forward)
    values = np.mean(predictions, axis=0)[0, list(question.bins)].sum(axis=0)
    found = []
    for each in outputs:
        value = values[list(each.tracks)].mean()
        against = values[list(each.against)].mean() if each.against else None
        found.append(value if against is None else np.log2(value / against))
    return np.array(found)


@pytest.mark.parametrize("kind", METHODS)
def test_without_completeness_contributions_are_the_same(bundles, genome, kind):
    question = question_of(bundles, genome, 3000, 3016)
    found, alone = (
        kind(bundles, genome, OUTPUTS, completeness=asked).explain(question, 0, nothing)
        for asked in (True, False)
    )
    np.testing.assert_array_equal(alone.hypothetical, found.hypothetical)
    np.testing.assert_array_equal(alone.values, found.values)
    assert np.isfinite(found.background).all()
    assert np.isnan(alone.background).all()


@pytest.mark.parametrize("both_strands", [False, True])
def test_mutation_is_every_letter_by_whole_networks(bundles, genome, both_strands):
    question = question_of(bundles, genome, 3000, 3016)
    method = MutationMethod(bundles, genome, OUTPUTS, both_strands=both_strands, dtype="float64")
    found = method.explain(question, 0, nothing)
    window = genome.codes("chr1", question.window, question.window + 2048)

    def outputs(codes):
        return outputs_of(bundles, question, codes, OUTPUTS, both_strands=both_strands)

    np.testing.assert_allclose(found.values, outputs(window), rtol=1e-9)
    for place in (0, 7, 12, 15):
        row = 3000 - question.window + place
        letters = []
        for base in range(4):
            changed = window.copy()
            changed[row] = base
            letters.append(outputs(changed))
        expected = np.array(letters) - np.mean(letters, axis=0)
        is_known = window[row] != UNKNOWN
        np.testing.assert_allclose(found.hypothetical[place], expected * is_known, atol=1e-6)
    blank = window.copy()
    blank[3000 - question.window : 3016 - question.window] = UNKNOWN
    np.testing.assert_allclose(found.background, outputs(blank), rtol=1e-9)


@pytest.mark.parametrize("both_strands", [False, True])
def test_mutation_is_what_basenji_mutate_says(bundles, genome, both_strands):
    question = question_of(bundles, genome, 2960, 3040, bins="window")
    outputs = choose_outputs(bundles[0].targets)
    method = MutationMethod(bundles, genome, outputs, both_strands=both_strands)
    found = method.explain(question, 0, nothing)
    pieces = list(pieces_of([question.interval], bundles[0].architecture))
    (block,) = blocks_of(pieces, 1)
    assert block.window == question.window
    mutagenesis = SubstitutionTotals(bundles, genome, columns=[0, 1, 2], both_strands=both_strands)
    scores = mutagenesis.scores(block, nothing)["SAD"]
    known = found.codes != UNKNOWN
    own = found.contributions[known][:, None]
    np.testing.assert_allclose(found.hypothetical[known] - own, scores[known], atol=2e-6)
    # A base's importance in the figures of mutate is the mean over the other three.
    np.testing.assert_allclose(own[:, 0], -scores[known].sum(axis=1) / 4, atol=2e-6)
    assert np.isnan(scores[~known]).all()


@pytest.fixture(scope="module")
def linear(tmp_path_factory):
    content = small_architecture().model_dump()
    content["trunk"] = [
        {"op": "convolution", "filters": 8, "kernel": 9},
        {"op": "crop", "bins": 100},
    ]
    content["heads"]["tracks"]["activation"] = "linear"
    architecture = Architecture.model_validate({**content, "window": 512})
    path = tmp_path_factory.mktemp("linear") / "model"
    return [save_random_bundle(path, architecture, seed=1)]


def test_methods_agree_and_are_complete_for_a_linear_network(linear, genome):
    question = question_of(linear, genome, 2960, 3040)
    outputs = choose_outputs(linear[0].targets)
    found = [
        method(linear, genome, outputs, both_strands=True, dtype="float64").explain(
            question, 0, nothing
        )
        for method in METHODS
    ]
    gradient, expected, mutation = found
    np.testing.assert_allclose(gradient.hypothetical, mutation.hypothetical, atol=1e-6)
    # Against backgrounds of letters, what a letter contributes differs by what these have there.
    centred = expected.hypothetical - expected.hypothetical.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(gradient.hypothetical, centred, atol=1e-6)
    for each in found:
        np.testing.assert_allclose(each.sums, each.values - each.background, atol=1e-5)


def test_expected_gradients_are_complete_with_the_number_of_points(bundles, genome):
    question = question_of(bundles, genome, 2900, 3100)
    gaps = []
    for points in (1, 4, 16, 64):
        method = ExpectedGradients(
            bundles, genome, OUTPUTS, dtype="float64", backgrounds=3, points=points
        )
        found = method.explain(question, 0, nothing)
        change = found.values - found.background
        gaps.append(np.abs(found.sums - change).max() / np.abs(change).max())
    assert gaps[-1] < 0.01
    assert gaps[-1] < gaps[1] / 3


def test_contributions_of_a_saturated_base_are_those_of_its_background(bundles, genome):
    """What gradients at the sequence miss, the way from the background has: their sums differ."""
    question = question_of(bundles, genome, 2900, 3100)
    gradient = GradientMethod(bundles, genome, OUTPUTS).explain(question, 0, nothing)
    np.testing.assert_allclose(
        gradient.hypothetical.sum(axis=1), 0, atol=1e-5 * np.abs(gradient.hypothetical).max()
    )


@pytest.mark.parametrize("method", METHODS)
def test_unknown_bases_contribute_nothing(bundles, genome, method):
    found = method(bundles, genome, OUTPUTS).explain(question_of(bundles, genome), 0, nothing)
    unknown = found.codes == UNKNOWN
    assert unknown.sum() == 3
    assert not found.hypothetical[unknown].any()
    assert found.hypothetical[~unknown].any(axis=(1, 2)).all()


def test_shuffles_belong_to_their_question(bundles, genome):
    question = question_of(bundles, genome)

    def explain(number, seed=0):
        method = ExpectedGradients(bundles, genome, OUTPUTS[:1], backgrounds=2, points=2, seed=seed)
        return method.explain(question, number, nothing).hypothetical

    first = explain(0)
    np.testing.assert_array_equal(first, explain(0))
    assert (first != explain(1)).any()
    assert (first != explain(0, seed=1)).any()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("place", [(0, 60), (5940, 6000), (2000, 4048)])
def test_ends_of_contigs_and_of_windows(bundles, genome, method, place):
    architecture = bundles[0].architecture
    whole = place[1] - place[0] == architecture.window
    question = question_of(bundles, genome, *place, bins="window" if whole else "interval")
    if whole and method is MutationMethod:
        pytest.skip("takes long, and sees whole windows in any case")
    found = method(bundles, genome, OUTPUTS[:1]).explain(question, 0, nothing)
    assert found.hypothetical.shape == (place[1] - place[0], 4, 1)
    assert np.isfinite(found.hypothetical).all()


def test_bases_that_the_bins_do_not_depend_on_contribute_nothing(bundles, genome):
    architecture = bundles[0].architecture
    question = Question(Interval("chr1", 2000, 4048), 2000, (0,))
    start, end = architecture.needed_input(0, 1)
    found = GradientMethod(bundles, genome, OUTPUTS[:1], both_strands=False).explain(
        question, 0, nothing
    )
    reached = np.flatnonzero(found.hypothetical.any(axis=(1, 2)))
    assert max(start, 0) <= reached[0] < reached[-1] < end


def test_a_ratio_of_what_is_negative_is_refused(linear, genome):
    method = GradientMethod(linear, genome, [Output("ratio", (0,), (1,))])
    questions = [question_of(linear, genome, at, at + 8) for at in range(1000, 5000, 400)]
    with pytest.raises(InputError, match="log-ratio needs positive predictions"):
        _ = [method.explain(question, 0, nothing) for question in questions]
