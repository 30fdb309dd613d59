"""Operations know their weights, and those of several heads stand side by side."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from small_network import small_architecture

from basenji_kipoi.base.sequence import one_hot
from basenji_kipoi.models.inspection import count_parameters
from basenji_kipoi.models.networks import operations
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.networks.building import build_network
from basenji_kipoi.models.networks.operations import (
    Convolution,
    Normalisation,
    WeightCount,
    weights_of,
)
from basenji_kipoi.models.networks.presets.presets import read_preset


@pytest.mark.parametrize("name", ["basenji2018", "basenji2", "small"])
def test_weights_are_those_of_the_network(name):
    architecture = read_preset(name)
    network = build_network(architecture)
    trained = sum(int(np.prod(each.shape)) for each in network.trainable_weights)
    fixed = sum(int(np.prod(each.shape)) for each in network.non_trainable_weights)
    # Dropout keeps the state of its random numbers, which is no weight.
    fixed -= sum(int(np.prod(w.shape)) for w in network.weights if w.path.endswith("seed_state"))
    assert count_parameters(architecture) == {"trainable": trained, "fixed": fixed}


def test_a_new_operation_counts_or_does_not_exist():
    class Scaling(operations._Pointwise):
        op: Literal["scaling"] = "scaling"

    with pytest.raises(TypeError, match=r"abstract .*weights"):
        Scaling()

    class Weighed(Scaling):
        def weights(self, channels):
            return WeightCount(channels, 1)

    chain = [Convolution(filters=5, kernel=3), Weighed(), Normalisation()]
    assert weights_of(chain, 4) == (60 + 5 + 10, 1 + 10)


def test_heads_stand_side_by_side_in_their_order():
    heads = {"z": {"tracks": 3}, "b": {"tracks": 2}}
    architecture = Architecture.model_validate(
        {**small_architecture().model_dump(), "heads": heads}
    )
    codes = np.random.default_rng(0).integers(0, 4, (2, architecture.window), dtype=np.uint8)
    network = build_network(architecture)
    values = network.predict_on_batch(one_hot(codes))
    joined = architecture.side_by_side(values)
    assert joined.shape == (2, architecture.bins, architecture.tracks) == (2, architecture.bins, 5)
    np.testing.assert_array_equal(joined[..., :3], values["z"])
    np.testing.assert_array_equal(joined[..., 3:], values["b"])
    alone = build_network(architecture, head="b").predict_on_batch(one_hot(codes))
    assert architecture.side_by_side(alone) is alone
