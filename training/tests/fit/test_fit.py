"""Training learns, stops, describes itself, and refuses what cannot be."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from known_truth import (
    FOLDS,
    LENGTHS,
    SETTINGS,
    TARGETS,
    fit_command,
    random_sequences,
    tiny_architecture,
    write_store,
)
from typer.testing import CliRunner

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_training.cli.app import app, main
from basenji_training.fit.loop import Run, fit
from basenji_training.measures.comparison import Comparison
from basenji_training.measures.held_out import compared
from basenji_training.optimisation.weight_average import WeightAverage
from basenji_training.store.windows import Windows


def test_the_network_learns_in_spite_of_missing_values(trained):
    history = trained.run.history
    assert [row["epoch"] for row in history] == list(range(1, SETTINGS.epochs + 1))
    assert history[-1]["loss"] < history[0]["loss"]
    # Letters of a bin are easy to count; one track of four has no value at all.
    assert max(row["validation_r"] for row in history) > 0.8
    assert all(np.isfinite(weight).all() for weight in trained.run.network().get_weights())


def test_several_processes_need_a_place_to_meet(trained, tmp_path):
    command = ["fit", str(trained.store.path), "--out", str(tmp_path / "run")]
    for option in (["--processes", "2"], ["--process", "1"]):
        run = CliRunner().invoke(app, [*command, *option])
        assert run.exit_code == 2
        assert "--coordinator HOST:PORT" in run.stderr
    assert not (tmp_path / "run").exists()


def test_windows_that_overlap_make_longer_epochs(trained, tmp_path):
    architecture = tiny_architecture()
    predicted = architecture.bins * architecture.bin
    steps = []
    for name, stride in (("beside", None), ("half", predicted // 2)):
        settings = SETTINGS.model_copy(update={"stride": stride, "epochs": 1})
        run = fit(trained.store, architecture, tmp_path / name, settings)
        with np.load(run.path / "checkpoint.npz") as saved:
            steps.append(int(saved["average_steps"]))
    assert 1.8 < steps[1] / steps[0] < 2.2


def test_a_run_describes_itself(trained):
    run = Run(trained.run.path)
    assert run.heads == ("letters",)
    assert run.architecture == tiny_architecture().with_heads({"letters": len(TARGETS)})
    assert run.targets_of("letters") == run.targets_of() == TARGETS
    assert run.settings.command == "fit command"
    assert run.settings.recorded()["stores"] == {
        "letters": {
            "path": str(trained.store.path),
            "command": "basenji-train data targets.tsv",
            "folds": FOLDS,
            "content_sha256": run.settings.stores["letters"].content_sha256,
        }
    }
    assert run.settings.settings() == SETTINGS.model_dump()
    assert sorted(path.name for path in run.path.iterdir()) == [
        "architecture.json",
        "best.weights.h5",
        "checkpoint.npz",
        "history.csv",
        "learning_curve.png",
        "settings.json",
        "targets.tsv",
    ]


def test_an_existing_run_is_kept(trained):
    before = {path.name: path.stat().st_mtime_ns for path in trained.run.path.iterdir()}
    with pytest.raises(InputError, match="exists already"):
        fit(trained.store, tiny_architecture(), trained.run.path, SETTINGS)
    assert {p.name: p.stat().st_mtime_ns for p in trained.run.path.iterdir()} == before


@pytest.mark.parametrize(
    ("architecture", "settings", "message"),
    [
        (tiny_architecture(), {"resolution": 48}, r"resolution of 48 bp does not divide"),
        (tiny_architecture(), {"dtype": "float16"}, r"no dtype 'float16'"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    letters, tmp_path, architecture, settings, message
):
    with pytest.raises(InputError, match=message):
        fit(letters, architecture, tmp_path / "run", SETTINGS.model_copy(update=settings))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """Store tracks that have nothing to do with the sequence."""
    generator = np.random.default_rng(0)
    coverage = {
        name: generator.poisson(3, (length // 32, 4)).astype(np.float32)
        for name, length in LENGTHS.items()
    }
    path = tmp_path_factory.mktemp("noise") / "noise.zarr"
    return write_store(path, random_sequences(), coverage)


def test_training_stops_when_validation_gets_no_better(noise, tmp_path):
    settings = SETTINGS.model_copy(update={"epochs": 60, "patience": 2})
    history = fit(noise, tiny_architecture(), tmp_path / "run", settings).history
    scores = [row["validation_r"] for row in history]
    assert len(history) < 60
    assert int(np.argmax(scores)) == len(scores) - 1 - 2


def test_auxiliary_tracks_do_not_choose_the_epoch(letters, trained, tmp_path):
    first = letters.targets.labels[0]
    settings = SETTINGS.model_copy(update={"choose_by": first, "epochs": 1})
    (row,) = fit(letters, tiny_architecture(), tmp_path / "run", settings).history
    windows = Windows(letters, "validation", tiny_architecture())
    comparison = Comparison(windows, SETTINGS.resolution)
    for batch in compared(Run(tmp_path / "run").network(), windows, batch_size=4):
        comparison.add(*batch)
    assert row["validation_r"] == pytest.approx(comparison.pearson_log1p[0], abs=1e-5)
    with pytest.raises(InputError, match="--choose-by: no track 'nothing'"):
        fit(
            letters,
            tiny_architecture(),
            tmp_path / "other",
            SETTINGS.model_copy(update={"choose_by": "nothing"}),
        )


def test_bfloat16_learns_too(letters, tmp_path):
    settings = SETTINGS.model_copy(update={"epochs": 4, "dtype": "bfloat16"})
    run = fit(letters, tiny_architecture(), tmp_path / "run", settings)
    assert max(row["validation_r"] for row in run.history) > 0.5


def test_constant_validation_says_so(letters, tmp_path):
    sequences = random_sequences()
    coverage = {name: np.ones((length // 32, 4)) for name, length in LENGTHS.items()}
    store = write_store(tmp_path / "constant.zarr", sequences, coverage)
    settings = SETTINGS.model_copy(update={"epochs": 1})
    with pytest.raises(InputError, match=r"no track of .* has a correlation on the validation"):
        fit(store, tiny_architecture(), tmp_path / "run", settings)


def test_weights_that_left_all_bounds_are_not_the_stores_fault(letters, tmp_path):
    # One step an epoch: its loss is still finite, the weights behind it are not.
    settings = SETTINGS.model_copy(
        update={"epochs": 1, "batch_size": 512, "learning_rate": 1e38, "averaging": 0.0}
    )
    with pytest.raises(InputError, match=r"validation loss became .* in epoch 1: lower --learn"):
        fit(letters, tiny_architecture(), tmp_path / "run", settings)


def test_no_run(tmp_path):
    with pytest.raises(InputError, match="no run at"):
        Run(tmp_path / "nothing")


def test_a_run_without_an_epoch_has_no_network(trained, tmp_path):
    out = shutil.copytree(trained.run.path, tmp_path / "run")
    (out / "best.weights.h5").unlink()
    with pytest.raises(InputError, match="no epoch of this run has finished"):
        Run(out).network()


class Weights:
    """Stands where a network's weights are read: one number, set by the test."""

    value = 0.0

    def get_weights(self):
        return [np.array([self.value])]


def test_the_average_follows_its_definition():
    weights = Weights()
    average = WeightAverage(weights, 0.99)
    expected = 0.0
    for step in range(1, 401):
        weights.value = float(step)
        average.update()
        if step % 10 == 0:
            updates = step // 10
            decay = min(0.99**10, updates / (updates + 10))
            expected = decay * expected + (1 - decay) * step
    assert average.values[0][0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--network", "basenji3"],
            "error: no preset network 'basenji3': expected one of",
        ),
        (
            ["--network", "small", "--averaging", "1"],
            "error: --averaging 1.0: Input should",
        ),
    ],
)
def test_a_bad_option_is_one_line_on_the_command_line(
    trained, tmp_path, monkeypatch, capsys, options, message
):
    command = [*fit_command([trained.store], "small", tmp_path / "run"), *options]
    monkeypatch.setattr(sys, "argv", command[2:])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(message)
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_settings_are_json(trained):
    content = json.loads((trained.run.path / "settings.json").read_text())
    assert Architecture.model_validate(content["network"]) == trained.run.architecture


def test_tensorflow_says_nothing_when_it_is_imported(letters, tmp_path):
    program = (
        "import sys; from basenji_training.cli.app import app; "
        "app(standalone_mode=False); assert 'tensorflow' in sys.modules"
    )
    # What is wrong with files is said before.
    command = [sys.executable, "-c", program, "fit", str(letters.path), "--coordinator", "here:1"]
    environment = {name: os.environ[name] for name in os.environ if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "run")],
        env={**environment, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = r".* kept no checksums.*\nerror: several processes train together on JAX only.*\n"
    assert re.fullmatch(lines, done.stderr), done.stderr
    assert done.returncode == 0
