"""Gradients are finite differences of the plain network, for any network, strand and ensemble."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import plain_network
import pytest
from any_network import WINDOW, architectures, error
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from small_network import randomised, save_random_bundle, small_architecture

from basenji_kipoi.base.sequence import one_hot
from basenji_kipoi.interpretation.gradients import Gradients, NetworkGradients
from basenji_kipoi.models.bundle import save_bundle
from basenji_kipoi.models.incremental.steps import lower
from basenji_kipoi.models.networks.building import build_network
from basenji_kipoi.models.targets import Target, Targets

#: Step of finite differences: rounding and curvature each leave some 1e-9 of the slope.
STEP = 1e-5


def slopes(function, x, directions):
    """Differentiate along directions; None where both sides differ, as at a kink."""
    found = []
    for direction in directions:
        ahead, here, back = (function(x + s * STEP * direction) for s in (1, 0, -1))
        scale = np.abs(ahead - back).max() + 1e-12
        if np.abs(ahead - 2 * here + back).max() > 1e-3 * scale:
            return None
        found.append((ahead - back) / (2 * STEP))
    return np.stack(found)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(architectures(), st.integers(0, 2**32 - 1))
def test_gradients_are_finite_differences_for_any_network(architecture, seed):
    random = np.random.default_rng(seed)
    network = randomised(build_network(architecture), seed)
    x = one_hot(random.integers(0, 5, (2, WINDOW), dtype=np.uint8), np.float64)
    # Away from the corners of one-hot, where equal letters make equal maxima.
    x = x + random.normal(0, 0.05, x.shape)
    uncropped = WINDOW // architecture.bin
    tracks = sum(head.tracks for head in architecture.heads.values())
    weights = np.zeros((3, uncropped, tracks))
    inner = slice(architecture.crop, uncropped - architecture.crop)
    weights[:, inner] = random.normal(size=(3, architecture.bins, tracks))

    def sums(channels):
        predicted = plain_network.predict_channels(architecture, network, channels)
        return np.einsum("nbt,jbt->jn", predicted, weights[:, inner])

    directions = random.normal(size=(3, *x.shape)) / np.sqrt(x[0].size)
    expected = slopes(sums, x, directions)
    assume(expected is not None)
    derived = NetworkGradients(lower(architecture, network, dtype="float64"))
    found = derived.gradients(x, weights)
    np.testing.assert_allclose(found.values, sums(x), rtol=1e-10, atol=1e-10)
    along = np.einsum("jnlc,dnlc->djn", found.gradients, directions)
    assert np.abs(along - expected).max() < 1e-6 * max(np.abs(expected).max(), 1e-3)


@st.composite
def questions(draw):
    """Draw a network, whether both strands count, pairs of tracks, and some predicted bins."""
    architecture = draw(architectures())
    tracks = sum(head.tracks for head in architecture.heads.values())
    pairs = list(range(tracks))
    if draw(st.booleans()):
        pairs[-2:] = pairs[:-3:-1]
    first = draw(st.integers(0, architecture.bins - 1))
    last = draw(st.integers(first + 1, architecture.bins))
    return architecture, draw(st.booleans()), pairs, first, last


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(questions(), st.integers(0, 2**32 - 1))
def test_so_they_are_for_any_strand_ensemble_and_part_of_a_window(question, seed):
    architecture, both_strands, pairs, first, last = question
    random = np.random.default_rng(seed)
    targets = Targets(
        [Target(index=n, identifier=f"t{n}", strand_pair=pair) for n, pair in enumerate(pairs)]
    )
    seeds = random.integers(2**31, size=2).tolist()
    with TemporaryDirectory() as folder:
        bundles = [
            save_bundle(
                Path(folder) / str(number),
                network=randomised(build_network(architecture), seed=each),
                architecture=architecture, targets=targets, name="drawn", assembly="none",
                training={}, evaluation={}, model_card="# Random weights\n",
            )
            for number, each in enumerate(seeds)
        ]  # fmt: skip
        networks = [bundle.network(both_strands=False) for bundle in bundles]
        tracks = random.permutation(len(pairs))[:2].tolist()
        gradients = Gradients(bundles, tracks=tracks, both_strands=both_strands, dtype="float64")
    x = one_hot(random.integers(0, 5, (1, WINDOW), dtype=np.uint8), np.float64)
    x = x + random.normal(0, 0.05, x.shape)
    weights = np.zeros((2, architecture.bins, 2))
    weights[:, first:last] = random.normal(size=(2, last - first, 2))

    def sums(channels):
        predictions = []
        for network in networks:
            forward = plain_network.predict_channels(architecture, network, channels)
            other = plain_network.predict_channels(architecture, network, channels[:, ::-1, ::-1])
            other = other[:, ::-1, pairs]
            predictions.append((forward + other) / 2 if both_strands else forward)
        return np.einsum("nbt,jbt->jn", np.mean(predictions, axis=0)[..., tracks], weights)

    start, end = gradients.span_of(first, last)
    found = gradients.gradients(x[:, start:end], weights, (start, end))
    np.testing.assert_allclose(found.values, sums(x), rtol=1e-10, atol=1e-10)
    # Nothing outside of the part changes the bins, however much it changes.
    outside = x + random.normal(size=x.shape)
    outside[:, start:end] = x[:, start:end]
    np.testing.assert_allclose(sums(outside), sums(x), rtol=1e-10, atol=1e-10)
    directions = random.normal(size=(2, *x.shape)) / np.sqrt(x[0].size)
    expected = slopes(sums, x, directions)
    assume(expected is not None)
    along = np.einsum("jnlc,dnlc->djn", found.gradients, directions[:, :, start:end])
    assert np.abs(along - expected).max() < 1e-6 * max(np.abs(expected).max(), 1e-3)


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(architectures(), st.integers(0, 2**32 - 1))
def test_features_have_gradients_in_any_network(architecture, seed):
    """By the chain rule, a change of the sequence works through the features alone."""
    random = np.random.default_rng(seed)
    network = randomised(build_network(architecture), seed)
    derived = NetworkGradients(lower(architecture, network, dtype="float64"))
    x = one_hot(random.integers(0, 4, (1, WINDOW), dtype=np.uint8), np.float64)
    x = x + random.normal(0, 0.05, x.shape)
    tracks = sum(head.tracks for head in architecture.heads.values())
    weights = random.normal(size=(1, WINDOW // architecture.bin, tracks))
    features, found = derived.trunk_gradients(x, weights)
    assert features.shape[1] * derived.trunk_stride == WINDOW
    direction = random.normal(size=x.shape) / np.sqrt(x[0].size)
    moved = slopes(lambda channels: derived.trunk_gradients(channels, weights)[0], x, [direction])
    assume(moved is not None)
    through = (found.gradients[0] * moved[0]).sum()
    along = (derived.gradients(x, weights).gradients[0] * direction).sum()
    assert abs(through - along) < 1e-6 * max(np.abs(found.gradients[0] * moved[0]).sum(), 1e-3)


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ensemble")
    architecture = small_architecture()
    return [save_random_bundle(folder / str(seed), architecture, seed=seed) for seed in (3, 4)]


@pytest.mark.parametrize("both_strands", [False, True])
def test_strands_and_members_are_averaged_as_predictions_are(ensemble, both_strands):
    architecture = ensemble[0].architecture
    random = np.random.default_rng(0)
    x = one_hot(random.integers(0, 4, (2, architecture.window), dtype=np.uint8), np.float64)
    x = x + random.normal(0, 0.05, x.shape)
    weights = random.normal(size=(2, architecture.bins, 2))
    tracks = [2, 0]

    def sums(channels):
        predictions = []
        for bundle in ensemble:
            network = bundle.network(both_strands=False)
            forward = plain_network.predict_channels(architecture, network, channels)
            other = plain_network.predict_channels(architecture, network, channels[:, ::-1, ::-1])
            other = other[:, ::-1, bundle.targets.strand_permutation]
            predictions.append((forward + other) / 2 if both_strands else forward)
        return np.einsum("nbt,jbt->jn", np.mean(predictions, axis=0)[..., tracks], weights)

    gradients = Gradients(ensemble, tracks=tracks, both_strands=both_strands, dtype="float64")
    span = gradients.span_of(0, architecture.bins)
    assert span == (0, architecture.window)
    found = gradients.gradients(x, weights, span)
    np.testing.assert_allclose(found.values, sums(x), rtol=1e-10)
    np.testing.assert_allclose(gradients.values(x, weights, span), sums(x), rtol=1e-10)
    direction = random.normal(size=x.shape) / np.sqrt(x[0].size)
    expected = slopes(sums, x, [direction])
    assert expected is not None
    along = np.einsum("jnlc,nlc->jn", found.gradients, direction)
    assert error(along, expected[0]) < 1e-6


@pytest.mark.parametrize("both_strands", [False, True])
@pytest.mark.parametrize("place", ["left", "middle", "right"])
def test_a_part_of_a_window_is_enough_for_few_bins(ensemble, both_strands, place):
    architecture = ensemble[0].architecture
    bins, window = architecture.bins, architecture.window
    first = {"left": 0, "middle": bins // 2, "right": bins - 2}[place]
    random = np.random.default_rng(1)
    x = one_hot(random.integers(0, 5, (1, window), dtype=np.uint8), np.float64)
    weights = np.zeros((1, bins, 3))
    weights[:, first : first + 2] = random.normal(size=(1, 2, 3))
    gradients = Gradients(ensemble, tracks=[0, 1, 2], both_strands=both_strands, dtype="float64")
    start, end = gradients.span_of(first, first + 2)
    assert end - start < window
    part = gradients.gradients(x[:, start:end], weights, (start, end))
    whole = gradients.gradients(x, weights, (0, window))
    np.testing.assert_allclose(part.values, whole.values, rtol=1e-12)
    np.testing.assert_allclose(part.gradients, whole.gradients[:, :, start:end], atol=1e-12)
    outside = whole.gradients.copy()
    outside[:, :, start:end] = 0
    assert not outside.any()


def test_features_of_the_trunk_have_gradients(ensemble):
    """A change of the features changes the sums as their gradient says."""
    architecture = ensemble[0].architecture
    network = ensemble[0].network(both_strands=False)
    derived = NetworkGradients(lower(architecture, network, dtype="float64"))
    random = np.random.default_rng(2)
    x = one_hot(random.integers(0, 4, (1, architecture.window), dtype=np.uint8), np.float64)
    weights = np.zeros((1, architecture.window // architecture.bin, 3))
    weights[:, 20:30] = random.normal(size=(1, 10, 3))
    features, found = derived.trunk_gradients(x, weights)
    assert derived.trunk_stride == architecture.bin
    assert features.shape == found.gradients.shape[1:] == (1, 64, 12)
    np.testing.assert_allclose(found.values, derived.values(x, weights), rtol=1e-12)
    # By the chain rule, a change of the sequence works through the features alone.
    direction = random.normal(size=x.shape)
    step = 1e-6
    moved = [derived.trunk_gradients(x + s * step * direction, weights)[0] for s in (1, -1)]
    through = (found.gradients * (moved[0] - moved[1]) / (2 * step)).sum()
    along = (derived.gradients(x, weights).gradients * direction).sum()
    assert through == pytest.approx(along, rel=1e-5)


def test_turned_features_lie_where_their_bases_do(ensemble):
    architecture = ensemble[0].architecture
    codes = np.random.default_rng(3).integers(0, 4, (1, architecture.window), dtype=np.uint8)
    weights = np.zeros((1, architecture.bins, 1))
    weights[:, 10] = 1
    gradients = Gradients(ensemble, tracks=[0], both_strands=True, dtype="float64")
    span = (0, architecture.window)
    found = gradients.trunk_contributions(one_hot(codes, np.float64), weights, span)
    mirrored = gradients.trunk_contributions(
        one_hot(codes, np.float64)[:, ::-1, ::-1], weights[:, ::-1], span
    )
    np.testing.assert_allclose(found.gradients, mirrored.gradients[:, :, ::-1], atol=1e-12)
    assert found.gradients.any()
