"""Several genomes train one trunk, and each its own head alone."""

from __future__ import annotations

import contextlib

import keras
import numpy as np
import pytest
from known_truth import SETTINGS, TARGETS, tiny_architecture

from basenji_kipoi.base.errors import InputError
from basenji_training.evaluation.evaluate import evaluate
from basenji_training.evaluation.trained_model import read_model
from basenji_training.fit.loop import Run, fit
from basenji_training.optimisation.devices import shared_by
from basenji_training.optimisation.losses import CoverageLoss
from basenji_training.optimisation.train_state import TrainState
from basenji_training.store.store import Store
from basenji_training.store.windows import Windows

HEADS = {"letters": len(TARGETS), "weak": 1}


@pytest.fixture(scope="module")
def run(letters, weak_letters, tmp_path_factory):
    out = tmp_path_factory.mktemp("several") / "run"
    fit([letters, weak_letters], tiny_architecture(), out, SETTINGS)
    return Run(out)


def test_each_store_has_a_head_of_its_name(run, letters, weak_letters):
    assert run.heads == ("letters", "weak")
    assert run.architecture == tiny_architecture().with_heads(HEADS)
    assert run.targets_of("letters") == letters.targets
    assert run.targets_of("weak") == weak_letters.targets
    for head, tracks in HEADS.items():
        network = run.network(head)
        assert network.output_shape == (None, run.architecture.bins, tracks)
        assert list(run.settings.stores) == list(HEADS)


def test_each_head_learns_its_own_genome(run, letters, weak_letters):
    for head, store in (("letters", letters), ("weak", weak_letters)):
        model = read_model([run.path], usual_head=store.name)
        assert list(model.architecture.heads) == [head]
        result = evaluate(model, store, split="test", resolution=64).figures
        assert result["groups"][0]["pearson_log1p"] > 0.7, head


def test_the_history_has_each_head_and_their_means(run):
    for row in run.history:
        pair = [row[f"validation_r_{head}"] for head in HEADS]
        assert row["validation_r"] == pytest.approx(np.mean(pair))
        pair = [row[f"loss_{head}"] for head in HEADS]
        assert min(pair) <= row["loss"] <= max(pair)


def test_a_head_must_be_named_where_there_are_several(run):
    for ask in (run.targets_of, run.network):
        with pytest.raises(InputError, match="several heads: name one of letters, weak"):
            ask()
        with pytest.raises(InputError, match="no head 'mouse': expected one of letters, weak"):
            ask("mouse")
    with pytest.raises(InputError, match="several heads: name one of letters, weak"):
        read_model([run.path], usual_head="mouse")
    named = read_model([run.path], head="weak", usual_head="letters")
    assert list(named.architecture.heads) == ["weak"]


def test_two_stores_of_one_name_are_refused(letters, tmp_path):
    with pytest.raises(InputError, match="the same name"):
        fit([letters, letters], tiny_architecture(), tmp_path / "run", SETTINGS)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_cannot_name_a_head_is_refused(letters, tmp_path):
    store = Store(letters.path)
    store.name = "human/hg38"
    with pytest.raises(InputError, match="is called 'human/hg38', which cannot name a head"):
        fit(store, tiny_architecture(), tmp_path / "run", SETTINGS)
    assert list(tmp_path.iterdir()) == []


def values(variables):
    return [keras.ops.convert_to_numpy(variable).copy() for variable in variables]


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_step_leaves_the_other_heads_alone(optimizer):
    settings = SETTINGS.model_copy(update={"optimizer": optimizer})
    state = TrainState(tiny_architecture().with_heads(HEADS), settings)
    take_step = shared_by(1, 2).compile(
        state, dict.fromkeys(state.parts, CoverageLoss(settings)), 1.0
    )
    generator = np.random.default_rng(0)
    sequence = generator.random((2, 1024, 4), np.float32)

    def step(head):
        shape = (2, 24, HEADS[head])
        take_step(head, sequence, generator.poisson(3, shape).astype(np.float32))

    # Once for each, so that there are moments that could move on.
    step("letters")
    step("weak")
    others = [*state.head_variables("letters"), *state.optimizers("letters")[-1][0].variables]
    own = state.head_variables("weak")
    before = values(others), values(own), values(state.trunk_variables("weak"))
    step("weak")
    for left, right in zip(before[0], values(others), strict=True):
        np.testing.assert_array_equal(left, right)
    assert all((a != b).any() for a, b in zip(before[1], values(own), strict=True))
    moved = [
        (a != b).any()
        for a, b in zip(before[2], values(state.trunk_variables("weak")), strict=True)
    ]
    assert all(moved)


def test_stores_take_turns_as_often_as_they_have_windows(letters, weak_letters, tmp_path):
    from basenji_training.fit.loop import _Training

    with contextlib.ExitStack() as held:
        training = _Training(
            [letters, weak_letters], tiny_architecture().with_heads(HEADS), tmp_path / "run",
            SETTINGS, command="", resume=False, devices=1, held=held,
        )  # fmt: skip
    margin = SETTINGS.jitter + SETTINGS.shift
    steps = {
        store.name: len(Windows(store, "train", tiny_architecture(), margin=margin))
        // SETTINGS.batch_size
        for store in (letters, weak_letters)
    }
    assert steps["letters"] > steps["weak"] > 1
    orders = [training._order(epoch) for epoch in range(3)]
    assert all({head: order.count(head) for head in HEADS} == steps for order in orders)
    assert orders[0] == training._order(0)
    assert len({tuple(order) for order in orders}) > 1
