"""Sequences that differ in a span alone: the numbers of the whole network."""

from __future__ import annotations

import numpy as np
import pytest

import basenji_kipoi as bk
from basenji_kipoi.base.sequence import one_hot
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.networks.building import average_networks, build_networks
from basenji_kipoi.models.networks.random_weights import randomised
from basenji_kipoi.models.networks.reporter_spans import spanned_reporter

WINDOW = 96
CHAIN = [
    {"op": "convolution", "filters": 6, "kernel": 5},
    {"op": "pooling", "size": 2},
    {"op": "normalisation"},
    {"op": "activation", "function": "gelu_tanh"},
    {"op": "convolution", "filters": 5, "kernel": 4, "dilation": 2, "bias": True},
    {"op": "pooling", "size": 4},
    {"op": "dropout", "rate": 0.1},
]
OWN = [{"op": "convolution", "filters": 7, "kernel": 3}, {"op": "normalisation"}]


def described(operation=None, heads=None):
    trunk = [*CHAIN, *([operation] if operation else [])]
    readings = [{"after": 4, "operations": OWN}, {"after": len(trunk)}]
    reporter = {"activities": 2, "window": WINDOW, "readings": readings}
    return Architecture.model_validate(
        {"window": 128, "trunk": trunk, "heads": heads or {}, "reporters": {"r": reporter}}
    )


def network_of(architecture, seeds=(1, 2)):
    whole = []
    for seed in seeds:
        networks = build_networks(architecture)
        randomised(networks.whole, seed)
        whole.append(networks.reporters["r"])
    return average_networks(whole)


@pytest.mark.parametrize("heads", [{}, {"t": {"tracks": 1}}])
@pytest.mark.parametrize("seeds", [(1,), (1, 2)])
def test_predictions_are_those_of_the_whole_network(heads, seeds):
    architecture = described(heads=heads)
    network = network_of(architecture, seeds)
    rng = np.random.default_rng(3)
    # In the middle, of one base, at either end, and all of the window.
    for span in ((40, 60), (41, 42), (0, 7), (85, 96), (3, 94), (0, 96)):
        background = rng.integers(0, 5, WINDOW).astype(np.uint8)
        batch = np.repeat(background[None], 6, axis=0)
        batch[:, slice(*span)] = rng.integers(0, 5, (6, span[1] - span[0]))
        found = spanned_reporter(network, architecture, "r", background, span)(batch)
        expected = network.predict_on_batch(one_hot(batch))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        assert np.ptp(expected, axis=0).min() > 0


def test_other_networks_are_left_alone():
    branch = {"op": "residual", "branch": [{"op": "convolution", "filters": 5, "kernel": 3}]}
    architecture, codes = described(branch), np.zeros(WINDOW, np.uint8)
    assert spanned_reporter(network_of(architecture), architecture, "r", codes, (4, 9)) is None
    import keras

    architecture = described()
    network = network_of(architecture, (1,))
    inner = keras.Model(network.input, network.get_layer("reporter_r_hidden").output)
    assert spanned_reporter(inner, architecture, "r", codes, (4, 9)) is None


@pytest.mark.parametrize("number", [5, 30])
def test_activities_of_many_sequences_are_those_of_each(tmp_path, monkeypatch, number):
    from reporter_model import ASSAY, make_reporter_bundle

    rng = np.random.default_rng(number)
    inserts = ["".join(rng.choice(list("ACGT"), 12)) for _ in range(number)]
    sequences = [ASSAY.before + insert + ASSAY.behind for insert in inserts]
    model = bk.load(make_reporter_bundle(tmp_path / "model"))
    expected = bk.activity(model, sequences, progress=False)
    monkeypatch.setattr("basenji_kipoi.models.networks.reporter_passes._MANY", 5)
    found = bk.activity(model, sequences, batch_size=4, progress=False)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    (functions,) = vars(model.reporter_network("library"))["_spanned"].values()
    assert len(functions) == 4
    # Sequences of two lengths differ behind the shorter one's end, too.
    mixed = [sequences[0][:-1], *sequences[1:]]
    found = bk.activity(model, mixed, progress=False)[1:]
    np.testing.assert_allclose(found, expected[1:], rtol=1e-4, atol=1e-5)
    assert len(vars(model.reporter_network("library"))["_spanned"]) == 1
