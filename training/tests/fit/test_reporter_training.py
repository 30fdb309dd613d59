"""Reporters in training: what a step moves, exact resume, a planted rule, a place in a bundle."""

from __future__ import annotations

import dataclasses
import json

import keras
import numpy as np
import pytest
from known_truth import SETTINGS, tiny_architecture
from typer.testing import CliRunner

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.bundle import save_bundle
from basenji_kipoi.models.networks.assays import Activity
from basenji_kipoi.models.networks.building import build_networks
from basenji_kipoi.models.networks.random_weights import randomised
from basenji_kipoi.models.targets import Target, Targets
from basenji_kipoi.models.training_record import TrainingRecord
from basenji_training.cli.app import app
from basenji_training.evaluation.evaluate import evaluate
from basenji_training.evaluation.export import export
from basenji_training.evaluation.files import read_reporter_evaluation
from basenji_training.evaluation.reporters.addition import add_reporter
from basenji_training.evaluation.reporters.figures import evaluate_reporter, open_reporters
from basenji_training.evaluation.trained_model import RunHead, read_model
from basenji_training.fit import checkpoint
from basenji_training.fit.loop import fit
from basenji_training.fit.tasks.assays import assays_of, usual_reporter
from basenji_training.fit.tasks.heads import with_heads_of
from basenji_training.optimisation.devices import shared_by
from basenji_training.optimisation.losses import CoverageLoss, ReporterLoss
from basenji_training.optimisation.train_state import TrainState, trunk_layers
from basenji_training.store.reporter_batches import ReporterSequences
from basenji_training.store.reporters import Measurements, ReporterStore, write_reporters

LENGTH, NUMBER = 24, 480
QUICK = SETTINGS.model_copy(
    update={"epochs": 6, "reporter_batch_size": 32, "reporter_pair_weight": 0.5, "averaging": 0.8}
)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Sequences whose activity is their number of G, and pairs one base apart."""
    generator = np.random.default_rng(0)
    codes = generator.integers(0, 4, (NUMBER, LENGTH)).astype(np.uint8)
    # Every other sequence is the one before with one base exchanged.
    codes[1::2] = codes[::2]
    places = generator.integers(0, LENGTH, NUMBER // 2)
    rows = np.arange(1, NUMBER, 2)
    codes[rows, places] = (codes[rows, places] + generator.integers(1, 4, NUMBER // 2)) % 4
    counts = (codes == 2).sum(axis=1).astype(np.float32)
    values = np.stack([counts, np.where(np.arange(NUMBER) % 3, np.nan, -counts)], axis=1)
    split = np.repeat(
        np.where(np.arange(NUMBER // 2) % 5 > 1, 0, np.arange(NUMBER // 2) % 5 + 1), 2
    )
    path = tmp_path_factory.mktemp("library") / "library"
    content = Measurements(
        activities=[Activity(identifier="g"), Activity(identifier="minus_g")],
        left="ACAC" * 10,
        right="TATA" * 10,
        codes=codes,
        lengths=np.full(NUMBER, LENGTH, np.int32),
        values=values.astype(np.float32),
        weights=np.isfinite(values).astype(np.float32),
        counts=np.full(values.shape, 50, np.float32),
        groups=(np.arange(NUMBER) // 2).astype(np.int32),
        group_names=[str(number) for number in range(NUMBER // 2)],
        sets=np.array(["one"] * NUMBER),
        identifiers=np.array([""] * NUMBER),
        split=split.astype(np.uint8),
        pairs=np.arange(NUMBER).reshape(-1, 2).astype(np.int64),
    )
    folds = dict.fromkeys(("train", "validation", "test"), "by hand")
    write_reporters(path, content, name="library", folds=folds, findings={})
    return ReporterStore.open(path)


def values(variables):
    return [keras.ops.convert_to_numpy(variable).copy() for variable in variables]


def test_a_usual_reporter_reads_where_positions_are_4_and_8_bp(library):
    head = usual_reporter(tiny_architecture(), library)
    # The trunk pools by 4 and then by 8: 8 bp cannot be had, 4 is read once.
    assert [reading.after for reading in head.readings] == [4]
    assert head.window == 2 * LENGTH
    assert head.activities == 2


def test_pairs_come_side_by_side_with_one_place(library):
    architecture = with_heads_of([library], tiny_architecture())
    assay = assays_of([library])["library"]
    sequences = ReporterSequences(library, "train", architecture, assay)
    batches = sequences.training_batches(
        batch_size=8, steps=5, seed=1, first_step=0, rows=slice(None)
    )
    for channels, targets in batches:
        assert channels.shape == (8, 2 * LENGTH, 4)
        assert targets.shape == (8, 2, 3)
        differ = (channels[::2] != channels[1::2]).any(axis=2).sum(axis=1)
        np.testing.assert_array_equal(differ, 1)
        np.testing.assert_array_equal(targets[::2, 0, 2], 1)
        np.testing.assert_array_equal(targets[1::2, :, 2], 0)


def test_the_loss_is_that_of_numpy():
    generator = np.random.default_rng(3)
    observed = generator.normal(size=(6, 2, 3)).astype(np.float32)
    observed[..., 1:] = np.abs(observed[..., 1:])
    observed[1::2, :, 2] = 0
    observed[2, 1, 0] = np.nan
    predicted = generator.normal(size=(6, 2)).astype(np.float32)
    error = predicted - observed[..., 0]
    expected = np.nansum(observed[..., 1] * error**2)
    apart = error[:-1] - error[1:]
    expected += 0.7 * np.nansum(observed[:-1, :, 2] * apart**2)
    found = ReporterLoss(0.7)(observed, predicted)
    np.testing.assert_allclose(float(found), expected / 11, rtol=1e-5)


def test_a_step_on_a_reporter_moves_the_trunk_it_reads_and_nothing_else(library, letters):
    architecture = with_heads_of([letters, library], tiny_architecture(dropout=False))
    settings = QUICK.model_copy(update={"learning_rate": 0.01})
    state = TrainState(architecture, settings)
    state.set_learning_rate(0.01)
    losses = {letters.name: CoverageLoss(settings), "library": ReporterLoss(0.5)}
    take_step = shared_by(1, 8).compile(state, losses, 1.0)
    sequences = ReporterSequences(library, "train", architecture, assays_of([library])["library"])
    (batch,) = sequences.training_batches(
        batch_size=8, steps=1, seed=0, first_step=0, rows=slice(None)
    )
    read = {id(variable) for variable in state.trunk_variables("library")}
    moving = [*state.trunk_variables("library"), *state.head_variables("library")]
    still = [
        *state.head_variables(letters.name),
        *(v for v in state.trunk_variables(letters.name) if id(v) not in read),
        # The statistics are those of the genome's windows.
        *(v for layer in trunk_layers(state.network) for v in layer.non_trainable_variables),
    ]
    before = values(moving), values(still)
    take_step("library", *batch)
    assert len(still) > len(state.head_variables(letters.name))
    assert all((a != b).any() for a, b in zip(before[0], values(moving), strict=True))
    for left, right in zip(before[1], values(still), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.fixture(scope="module")
def both(library, letters, tmp_path_factory):
    out = tmp_path_factory.mktemp("both") / "run"
    return fit([letters, library], tiny_architecture(), out, QUICK)


def test_tracks_and_activities_are_learned_together(both, library, letters):
    assert both.heads == (letters.name,)
    assert both.assays["library"].identifiers == ["g", "minus_g"]
    assert both.history[-1]["validation_r_library"] > 0.9
    compared = evaluate_reporter(open_reporters([both.path], "library"), library, "test", draws=50)
    predicted = compared.predicted
    g, minus = compared.figures["activities"]
    assert g["pearson"]["value"] > 0.9
    assert minus["pearson"]["value"] > 0.8
    assert g["pairs"]["20 counts"]["spearman"]["value"] > 0.7
    rows = library.rows_of("test")
    assert predicted.shape == (len(rows), 2)
    # In the assay's units, whose mean is 6: standard deviations would be 6 away.
    assert np.abs(predicted[:, 0] - library.values[rows, 0]).mean() < 3


def test_tracks_and_reporters_are_evaluated_on_one_page(both, library, letters, tmp_path):
    stores = ["--store", str(letters.path), "--reporters", str(library.path)]
    out = tmp_path / "evaluation.json"
    command = ["evaluate", str(both.path), *stores, "--out", str(out), "--resolution", "64"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.stderr
    figures = json.loads(out.read_text())
    assert figures["tracks"][0]["pearson"] is not None
    page = out.with_suffix(".html").read_text()
    alone = tmp_path / "reporter.json"
    command = ["evaluate-reporter", str(both.path), *stores[:1], stores[3], "--out", str(alone)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.stderr
    measured = json.loads(alone.read_text())
    # The same figures either way, but for the command that made them.
    there = figures["reporters"]["library"]
    assert {**there, "command": ""} == {**measured, "command": ""}
    for shown in (page, alone.with_suffix(".html").read_text()):
        assert "library: activities" in shown
        assert "library: pairs" in shown
        assert f"{measured['activities'][0]['pearson']['value']:.3f}" in shown
    wrong = ["evaluate", str(both.path), "--store", str(letters.path), "--reporters"]
    done = CliRunner().invoke(app, [*wrong, str(letters.path), "--out", str(tmp_path / "x.json")])
    assert done.exit_code == 2
    assert str(letters.path) in done.stderr
    assert not (tmp_path / "x.json").exists()


@pytest.mark.parametrize("pearson", ["high", {"value": 0.5, "low": None, "high": 0.6, "rows": 3}])
def test_a_damaged_evaluation_of_a_reporter_is_named(tmp_path, pearson):
    path = tmp_path / "reporter.json"
    activity = {"identifier": "g", "pearson": pearson, "spearman": "low", "sets": {}, "pairs": {}}
    figures = {"command": "x", "reporter": "library", "split": "test", "sequences": 2, "groups": 1}
    path.write_text(json.dumps({**figures, "activities": [activity]}))
    with pytest.raises(InputError, match=r"no evaluation of a reporter .*activities\.0\.pearson"):
        read_reporter_evaluation(path)


def test_a_run_of_both_is_exported_with_its_reporter(both, library, letters, tmp_path):
    evaluation = evaluate(read_model([both.path]), letters, split="test", resolution=64)
    made = export(
        [RunHead.read(both.path)],
        tmp_path / "model",
        name="both",
        assembly="none",
        description="",
        evaluation=evaluation.figures,
        command="x",
        tracks="gc",
    )
    assert made.assays == both.assays
    assert made.targets.labels == ["gc"]
    x = np.random.default_rng(0).random((1, 1024, 4), np.float32)
    np.testing.assert_allclose(
        made.network().predict_on_batch(x)[..., 0],
        both.network().predict_on_batch(x)[..., 0],
        rtol=1e-6,
    )
    told = [
        evaluate_reporter(open_reporters([path], "library"), library, "test", draws=10).predicted
        for path in (both.path, made.path)
    ]
    np.testing.assert_allclose(told[0], told[1], rtol=1e-5)


def test_an_interrupted_run_of_both_goes_on_as_if_it_had_not_been(
    both, library, letters, tmp_path, monkeypatch
):
    class StopError(Exception):
        pass

    saved, epochs = checkpoint.save, []

    def save_and_stop(*arguments):
        saved(*arguments)
        epochs.append(1)
        if len(epochs) == 3:
            raise StopError

    monkeypatch.setattr(checkpoint, "save", save_and_stop)
    with pytest.raises(StopError):
        fit([letters, library], tiny_architecture(), tmp_path / "run", QUICK)
    monkeypatch.setattr(checkpoint, "save", saved)
    run = fit([letters, library], tiny_architecture(), tmp_path / "run", QUICK, resume=True)
    assert [row["loss"] for row in run.history] == [row["loss"] for row in both.history]
    for ours, theirs in zip(
        run.networks().whole.get_weights(), both.networks().whole.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_reporters_alone(library, tmp_path):
    settings = QUICK.model_copy(update={"epochs": 2})
    run = fit(library, tiny_architecture(), tmp_path / "run", settings)
    assert run.heads == ()
    with pytest.raises(InputError, match="was trained on reporters alone"):
        run.network()


@pytest.fixture
def bundle(tmp_path):
    architecture = tiny_architecture(tracks=1)
    return save_bundle(
        tmp_path / "bundle",
        network=[randomised(build_networks(architecture).whole, seed) for seed in (1, 2)],
        architecture=architecture,
        targets=Targets([Target(index=0, identifier="x", strand_pair=0)]),
        name="x",
        assembly="none",
        training=TrainingRecord(),
        evaluation={"both_strands": False},
        model_card="# x\n",
    )


def test_a_reporter_is_added_and_the_tracks_stay(bundle, library, tmp_path):
    frozen = {"epochs": 2, "freeze_trunk": True, "init": str(bundle.path)}
    runs = [
        fit(
            library,
            tiny_architecture(),
            tmp_path / f"run{member}",
            QUICK.model_copy(update={**frozen, "init_member": member}),
        )
        for member in (1, 2)
    ]
    compared = evaluate_reporter(
        open_reporters([run.path for run in runs], "library"), library, "test", draws=20
    )
    figures = compared.figures
    with pytest.raises(InputError, match="is not that of network 1"):
        add_reporter(bundle, runs[::-1], tmp_path / "wrong", figures=figures, command="x")
    with pytest.raises(InputError, match="has 2 networks, and runs are given for 1"):
        add_reporter(bundle, runs[:1], tmp_path / "wrong", figures=figures, command="x")
    made = add_reporter(bundle, runs, tmp_path / "new", figures=figures, command="x")
    x = np.random.default_rng(0).random((1, 1024, 4), np.float32)
    np.testing.assert_array_equal(
        made.network().predict_on_batch(x), bundle.network().predict_on_batch(x)
    )
    again = evaluate_reporter(open_reporters([made.path], "library"), library, "test", draws=20)
    np.testing.assert_allclose(again.predicted, compared.predicted, rtol=1e-5, atol=1e-5)
    assert made.evaluation["reporters"]["library"]["activities"][0]["identifier"] == "g"
    card = (made.path / "MODEL_CARD.md").read_text()
    assert card.count("## The reporter library") == 1
    # It is replaced where it is there.
    twice = add_reporter(made, runs, tmp_path / "twice", figures=figures, command="x")
    assert twice.assays == made.assays
    assert (twice.path / "MODEL_CARD.md").read_text() == card


def test_too_few_sequences_are_said(library, tmp_path):

    lonely = dataclasses.replace(library, split=np.full(NUMBER, 2, np.uint8))
    with pytest.raises(InputError, match="was measured of 0 sequences to train with"):
        fit(lonely, tiny_architecture(), tmp_path / "run", QUICK)
    assert not (tmp_path / "run").exists()


def test_a_member_that_is_not_there(bundle, library, tmp_path):
    settings = QUICK.model_copy(update={"init": str(bundle.path), "init_member": 3})
    with pytest.raises(InputError, match=r"--init-member 3: .* has 2 networks"):
        fit(library, tiny_architecture(), tmp_path / "run", settings)
