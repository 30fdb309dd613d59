"""Heads that read whole sequences: geometry, weights, and what the construct puts around."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from basenji_kipoi.base.sequence import UNKNOWN, encode
from basenji_kipoi.models.inspection import count_parameters
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.networks.assays import Assay, PredictedActivity
from basenji_kipoi.models.networks.building import build_network, build_networks
from basenji_kipoi.models.networks.random_weights import randomised

TRUNK = [
    {"op": "convolution", "filters": 6, "kernel": 5},
    {"op": "pooling", "size": 4},
    {"op": "normalisation"},
    {"op": "activation", "function": "relu"},
    {
        "op": "residual",
        "branch": [{"op": "convolution", "filters": 6, "kernel": 3}, {"op": "normalisation"}],
    },
    {"op": "convolution", "filters": 8, "kernel": 3},
    {"op": "pooling", "size": 2},
    {"op": "crop", "bins": 1},
]
OWN = [{"op": "convolution", "filters": 5, "kernel": 3}, {"op": "normalisation"}]
REPORTER = {
    "activities": 2,
    "window": 48,
    "readings": [{"after": 4, "operations": OWN}, {"after": 7}],
    "queries": 3,
    "features": 4,
    "hidden": 7,
}


def architecture(**changed):
    reporter = {**REPORTER, **changed}
    heads = {"tracks": {"tracks": 3}}
    return Architecture.model_validate(
        {"window": 128, "trunk": TRUNK, "heads": heads, "reporters": {"library": reporter}}
    )


def test_the_trunk_is_shared_and_the_tracks_stay_what_they_were():
    described = architecture()
    networks = build_networks(described)
    randomised(networks.whole)
    alone = build_network(described)
    for layer in alone.layers:
        layer.set_weights(networks.profiles.get_layer(layer.name).get_weights())
    x = np.random.default_rng(0).random((2, 128, 4), np.float32)
    np.testing.assert_array_equal(networks.profiles.predict_on_batch(x), alone.predict_on_batch(x))
    assert networks.reporters["library"].output_shape == (None, 2)
    trunk = networks.profiles.get_layer("trunk_00_convolution")
    assert networks.reporters["library"].get_layer("trunk_00_convolution") is trunk


def test_parameters_are_counted_as_keras_counts_them():
    described = architecture()
    whole = build_networks(described).whole
    counted = count_parameters(described)
    for kind, variables in (
        ("trainable", whole.trainable_weights),
        ("fixed", whole.non_trainable_weights),
    ):
        assert counted[kind] == sum(int(np.prod(each.shape)) for each in variables)


def test_a_network_of_reporters_alone():
    content = architecture().model_dump()
    alone = Architecture.model_validate({**content, "heads": {}})
    networks = build_networks(alone)
    assert networks.profiles is None
    assert networks.whole is networks.reporters["library"]
    with pytest.raises(Exception, match="predicts no tracks"):
        build_network(alone)


def test_a_description_is_read_as_it_was_written(tmp_path):
    described = architecture()
    described.write(tmp_path / "with.json")
    assert Architecture.read(tmp_path / "with.json") == described
    without = Architecture.model_validate({**described.model_dump(), "reporters": {}})
    without.write(tmp_path / "without.json")
    assert "reporters" not in (tmp_path / "without.json").read_text()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"window": 50}, "cannot be pooled"),
        ({"readings": [{"after": 9}]}, "after 9 operations, and the trunk has 8"),
        ({"readings": [{"after": 8}]}, "behind a crop"),
        ({"activities": 0}, "greater than 0"),
    ],
)
def test_what_does_not_fit_is_named(changed, message):
    with pytest.raises(ValidationError, match=message):
        architecture(**changed)


def test_a_head_and_a_reporter_of_one_name_are_refused():
    content = architecture().model_dump()
    content["heads"] = {"library": {"tracks": 1}}
    with pytest.raises(ValidationError, match="library is both a head and a reporter"):
        Architecture.model_validate(content)


def test_the_stride_is_that_of_the_coarsest_reading():
    described = architecture()
    assert described.reporters["library"].stride(described.trunk) == 8


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_sequence_is_placed_as_text_would_be(data):
    letters = st.text("ACGT", min_size=0, max_size=12)
    left, right = data.draw(letters), data.draw(letters)
    sequences = data.draw(st.lists(st.text("ACGT", min_size=1, max_size=9), min_size=1, max_size=4))
    longest = max(map(len, sequences))
    window = data.draw(st.integers(longest, 30))
    assay = Assay(
        left=left,
        right=right,
        shortest=1,
        longest=longest,
        activities=[PredictedActivity(identifier="a")],
    )
    moves = data.draw(
        st.lists(st.integers(-4, 4), min_size=len(sequences), max_size=len(sequences))
    )
    codes = np.full((len(sequences), longest), UNKNOWN, np.uint8)
    for row, sequence in enumerate(sequences):
        codes[row, : len(sequence)] = encode(sequence)
    placed = assay.place(codes, np.array([len(s) for s in sequences]), window, np.array(moves))
    for sequence, move, row in zip(sequences, moves, placed):
        start = (window - longest) // 2 + move
        text = "N" * 100 + left + sequence + right + "N" * 100
        first = 100 + len(left) - start
        np.testing.assert_array_equal(row, encode(text[first : first + window]))


def test_units_are_undone_and_done():
    assay = Assay(
        shortest=1,
        longest=2,
        activities=[
            PredictedActivity(identifier="a", mean=3, deviation=2),
            PredictedActivity(identifier="b"),
        ],
    )
    values = np.array([[5, 1], [1, -1]], np.float32)
    np.testing.assert_allclose(assay.standardised(values), [[1, 1], [-1, -1]])
    np.testing.assert_allclose(assay.raw(assay.standardised(values)), values)
