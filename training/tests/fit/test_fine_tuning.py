"""A trained trunk is the beginning of another network, frozen or not."""

from __future__ import annotations

import os

import keras
import numpy as np
import pytest
from known_truth import SETTINGS, tiny_architecture

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.bundle import save_bundle
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.networks.building import build_network
from basenji_kipoi.models.training_record import NetworkRecord, Origin, Splits, TrainingRecord
from basenji_training.evaluation.model_card import independence
from basenji_training.fit.initial_weights import load_trunk, origin_of
from basenji_training.fit.loop import fit
from basenji_training.optimisation.devices import shared_by
from basenji_training.optimisation.losses import CoverageLoss
from basenji_training.optimisation.train_state import TrainState, trunk_layers


def trunk_weights(network):
    return [weight for layer in trunk_layers(network) for weight in layer.get_weights()]


def assert_same(left, right):
    for one, other in zip(left, right, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def bundle(trained, tmp_path_factory):
    run = trained.run
    return save_bundle(
        tmp_path_factory.mktemp("bundle") / "letters",
        network=run.network(),
        architecture=run.architecture,
        targets=run.targets_of(),
        name="letters",
        assembly="random1",
        training=TrainingRecord(chromosomes=run.settings.stores["letters"].folds),
        evaluation={},
        model_card="",
        both_strands=True,
    ).path


@pytest.mark.parametrize("source", ["run", "bundle"])
def test_runs_and_bundles_give_their_trunk(trained, bundle, source):
    # Window and heads may be others.
    network = build_network(tiny_architecture(tracks=2, window=2048))
    load_trunk(network, bundle if source == "bundle" else trained.run.path)
    assert_same(trunk_weights(network), trunk_weights(trained.run.network()))


def test_of_an_ensemble_it_is_the_first_network(trained, tmp_path):
    run = trained.run
    other = build_network(run.architecture)
    ensemble = save_bundle(
        tmp_path / "ensemble",
        network=[run.network(), other],
        architecture=run.architecture,
        targets=run.targets_of(),
        name="two",
        assembly="random1",
        training={},
        evaluation={},
        model_card="",
        both_strands=False,
    )
    network = build_network(tiny_architecture(tracks=2))
    load_trunk(network, ensemble.path)
    assert_same(trunk_weights(network), trunk_weights(run.network()))
    assert origin_of(ensemble.path) == Origin(name="two", chromosomes={})


def test_a_run_keeps_what_its_beginning_has_seen(trained, weak_letters, bundle, tmp_path):
    folds = trained.store.folds
    settings = SETTINGS.model_copy(update={"init": str(bundle), "epochs": 1})
    first = fit(weak_letters, tiny_architecture(), tmp_path / "first", settings)
    origin = {"name": "letters", "chromosomes": {"random1": folds}, "origin": None}
    assert first.settings.recorded()["origin"] == origin
    settings = SETTINGS.model_copy(update={"init": str(first.path), "epochs": 1})
    second = fit(weak_letters, tiny_architecture(), tmp_path / "second", settings)
    chromosomes = {weak_letters.name: weak_letters.folds}
    assert second.settings.recorded()["origin"] == {
        "name": "first",
        "chromosomes": chromosomes,
        "origin": origin,
    }


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (None, "These chromosomes were used neither for training nor for choosing anything."),
        ({}, "What before was trained on, whose weights were the beginning, is unknown."),
        ({"yeast": ["chr1"]}, "used them for nothing either."),
        (
            {"yeast": ["chr4"]},
            "**before, whose weights were the beginning, was trained on chr4 of yeast: where",
        ),
    ],
)
def test_the_card_says_what_the_beginning_has_seen(origin, expected):
    before = None
    if origin is not None:
        seen = {
            data: Splits(train=labels, validation=[], test=[]) for data, labels in origin.items()
        }
        before = Origin(name="before", chromosomes=seen)
    own = Splits(train=["chr2"], validation=["chr3"], test=["chr4"])
    text = independence({"chromosomes": ["chr4"]}, [NetworkRecord(chromosomes=own, origin=before)])
    assert expected in text
    assert ("neither for training" in text) == (origin is None)


def test_a_frozen_trunk_stays_as_it_was(trained, weak_letters, tmp_path):
    settings = SETTINGS.model_copy(
        update={"init": str(trained.run.path), "freeze_trunk": True, "epochs": 3}
    )
    run = fit(weak_letters, tiny_architecture(), tmp_path / "run", settings)
    # The statistics of its normalisation included; the average of equal values rounds.
    pairs = zip(trunk_weights(run.network()), trunk_weights(trained.run.network()), strict=True)
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
    # What it knows of letters is all that the new head needs.
    assert run.history[-1]["validation_r"] > 0.7
    again = fit(weak_letters, tiny_architecture(), run.path, settings, resume=True)
    assert again.history == run.history


def test_the_beginning_is_found_from_another_folder(trained, weak_letters, tmp_path, monkeypatch):
    monkeypatch.chdir(trained.run.path.parent)
    settings = SETTINGS.model_copy(update={"init": trained.run.path.name, "epochs": 1})
    run = fit(weak_letters, tiny_architecture(), tmp_path / "run", settings)
    assert run.settings.init == str(trained.run.path.resolve())
    # As if it had been killed before its first checkpoint.
    (run.path / "checkpoint.npz").unlink()
    monkeypatch.chdir(tmp_path)
    settings = settings.model_copy(update={"init": os.path.relpath(trained.run.path)})
    again = fit(weak_letters, tiny_architecture(), run.path, settings, resume=True)
    assert [row["loss"] for row in again.history] == [row["loss"] for row in run.history]


def test_the_trunk_moves_at_a_rate_of_its_own():
    generator = np.random.default_rng(0)
    sequence = generator.random((2, 1024, 4), np.float32)
    coverage = generator.poisson(3, (2, 24, 4)).astype(np.float32)
    moves = []
    for factor in (1.0, 0.25):
        settings = SETTINGS.model_copy(
            update={"optimizer": "sgd", "momentum": 0.0, "trunk_learning_rate_factor": factor}
        )
        keras.utils.set_random_seed(0)
        state = TrainState(tiny_architecture(dropout=False), settings)
        variables = [*state.trunk_variables("tracks"), *state.head_variables("tracks")]
        before = [keras.ops.convert_to_numpy(v).copy() for v in variables]
        state.set_learning_rate(0.1)
        shared_by(1, 2).compile(state, dict.fromkeys(state.parts, CoverageLoss(settings)), 1.0)(
            "tracks", sequence, coverage
        )
        after = [keras.ops.convert_to_numpy(v) for v in variables]
        moves.append([new - old for new, old in zip(after, before, strict=True)])
    trunk = len(state.trunk_variables("tracks"))
    for number, (whole, part) in enumerate(zip(*moves, strict=True)):
        expected = whole / 4 if number < trunk else whole
        np.testing.assert_allclose(part, expected, rtol=1e-2, atol=1e-6)


def changed(position, **values):
    content = tiny_architecture().model_dump()
    content["trunk"][position].update(values)
    return Architecture.model_validate(content)


def shortened():
    content = tiny_architecture().model_dump()
    del content["trunk"][8]
    return Architecture.model_validate(content)


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (
            changed(4, filters=13),
            r"trunk_04_convolution has weights of \[\(8, 12, 12\)\] there, \[",
        ),
        (shortened(), r"only the new network has trunk_08_crop"),
    ],
)
def test_another_trunk_is_refused(trained, tmp_path, architecture, message):
    settings = SETTINGS.model_copy(update={"init": str(trained.run.path)})
    with pytest.raises(InputError, match=message):
        fit(trained.store, architecture, tmp_path / "run", settings)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_network_is_refused(tmp_path):
    with pytest.raises(InputError, match="no run at"):
        load_trunk(build_network(tiny_architecture()), tmp_path)
