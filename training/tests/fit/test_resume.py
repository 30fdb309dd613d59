"""A run that was killed, at any step, resumes to the end that it would have had."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
import zarr
from known_truth import SETTINGS, fit_command, timeless, tiny_architecture

from basenji_kipoi.base.errors import InputError
from basenji_training.fit import run_directory
from basenji_training.fit.loop import Run, fit
from basenji_training.store.windows import Windows

PATIENCE = 300  # seconds until a test gives a process up
ARCHITECTURE = tiny_architecture()


def kill_after_checkpoint(command, out, number):
    """Run a training command and kill it, without warning, after so many checkpoints of its own."""
    checkpoint = out / "checkpoint.npz"
    latest = checkpoint.stat().st_ino if checkpoint.is_file() else None
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + PATIENCE
    seen = 0
    try:
        while seen < number:
            assert process.poll() is None, process.stderr.read().decode()
            assert time.monotonic() < deadline
            time.sleep(0.001)
            if checkpoint.is_file():
                identity = checkpoint.stat().st_ino
                seen += identity != latest
                latest = identity
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    return steps_of(out)


def steps_of(out):
    """Where a run's checkpoint stands: finished epochs, and steps of the next."""
    with np.load(out / "checkpoint.npz") as saved:
        progress = json.loads(saved["progress"].item())
    return len(progress["history"]), len(progress["losses"])


def assert_same_end(resumed, unbroken):
    """Same losses, weights, optimiser, average and random states, bit by bit."""
    assert timeless(resumed.history) == timeless(unbroken.history)
    for head in unbroken.heads:
        pair = [run.network(head).get_weights() for run in (resumed, unbroken)]
        for left, right in zip(*pair, strict=True):
            np.testing.assert_array_equal(left, right)
    with (
        np.load(resumed.path / "checkpoint.npz") as one,
        np.load(unbroken.path / "checkpoint.npz") as other,
    ):
        assert one.files == other.files
        for name in one.files:
            if name != "progress":
                np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_end(trained, tmp_path):
    ARCHITECTURE.write(tmp_path / "network.json")
    out = tmp_path / "killed"
    command = fit_command([trained.store], tmp_path / "network.json", out)
    # A checkpoint after each step; killed twice, at steps that chance picks.
    command += ["--checkpoint-minutes", "0", "--resume"]
    generator = np.random.default_rng()
    reached = [
        kill_after_checkpoint(command, out, number)
        for number in generator.integers(1, 15, 2).tolist()
    ]
    assert (0, 0) < reached[0] < reached[1] < (SETTINGS.epochs, 0)
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert f"{SETTINGS.epochs} epochs" in done.stdout
    assert_same_end(Run(out), trained.run)


def test_a_run_killed_before_its_first_checkpoint_starts_anew(trained, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    for name in ("settings.json", "architecture.json", "targets.tsv"):
        shutil.copy(trained.run.path / name, out)
    left = out / ".best.weights.h5.abcd_123"
    left.mkdir()
    again = fit(trained.store, ARCHITECTURE, out, SETTINGS, resume=True)
    assert not left.exists()
    assert timeless(again.history) == timeless(trained.run.history)


def test_a_finished_run_stays_as_it_is(trained, tmp_path):
    out = shutil.copytree(trained.run.path, tmp_path / "run")
    again = fit(trained.store, ARCHITECTURE, out, SETTINGS, resume=True)
    assert again.history == trained.run.history


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": 0.02}, r"another learning rate \(0.01, now 0.02\)"),
        ({"epochs": 9}, r"another epochs"),
        ({"seed": 4}, r"another seed"),
    ],
)
def test_other_settings_cannot_resume(trained, change, message):
    settings = SETTINGS.model_copy(update=change)
    with pytest.raises(InputError, match=message):
        fit(trained.store, ARCHITECTURE, trained.run.path, settings, resume=True)


def test_a_run_that_is_being_trained_cannot_be_resumed(trained, tmp_path, monkeypatch):
    out, write = tmp_path / "run", run_directory.write_history
    refused = []

    def watched(*arguments):
        with pytest.raises(InputError, match=r"another run is writing .*run: wait until it ends"):
            fit(trained.store, ARCHITECTURE, out, SETTINGS, resume=True)
        refused.append(sorted(path.name for path in out.iterdir()))
        write(*arguments)

    monkeypatch.setattr(run_directory, "write_history", watched)
    fit(trained.store, ARCHITECTURE, out, SETTINGS)
    assert len(refused) == SETTINGS.epochs
    assert all("lock" in names for names in refused)
    assert not (out / "lock").exists()
    again = fit(trained.store, ARCHITECTURE, out, SETTINGS, resume=True)
    assert len(again.history) == SETTINGS.epochs


def test_another_network_or_store_cannot_resume(trained, weak_letters):
    architecture = tiny_architecture(window=2048)
    with pytest.raises(InputError, match="another network"):
        fit(trained.store, architecture, trained.run.path, SETTINGS, resume=True)
    with pytest.raises(InputError, match=r"trained on other stores \(letters; now weak\)"):
        fit(weak_letters, ARCHITECTURE, trained.run.path, SETTINGS, resume=True)


def test_a_store_that_was_made_anew_cannot_resume_and_one_that_moved_can(trained, tmp_path):
    out = shutil.copytree(trained.run.path, tmp_path / "run")
    moved = shutil.copytree(trained.store.path, tmp_path / "letters.zarr")
    again = fit(type(trained.store)(moved), ARCHITECTURE, out, SETTINGS, resume=True)
    assert again.history == trained.run.history
    group = zarr.open_group(str(moved), mode="r+")
    rows = [dict(row) for row in group.attrs["targets"]]
    rows[0]["scale"] = 20.0
    group.attrs["targets"] = rows
    with pytest.raises(InputError, match=r"another store letters: .* has another content than"):
        fit(type(trained.store)(moved), ARCHITECTURE, out, SETTINGS, resume=True)


def test_two_stores_resume_within_an_epoch(letters, weak_letters, tmp_path, monkeypatch):
    stores, settings = [letters, weak_letters], SETTINGS.model_copy(update={"epochs": 3})
    unbroken = fit(stores, ARCHITECTURE, tmp_path / "unbroken", settings)
    examples = int(np.random.default_rng().integers(80, 200))
    with monkeypatch.context() as patch:
        read = Windows.example
        left = iter(range(examples))

        def fail(self, *arguments, **options):
            if next(left, None) is None:
                raise OSError("the disk is gone")
            return read(self, *arguments, **options)

        patch.setattr(Windows, "example", fail)
        with pytest.raises(OSError, match="the disk is gone"):
            fit(stores, ARCHITECTURE, tmp_path / "run", settings, checkpoint_minutes=0)
    assert (0, 0) < steps_of(tmp_path / "run") < (3, 0)
    resumed = fit(stores, ARCHITECTURE, tmp_path / "run", settings, resume=True)
    assert_same_end(resumed, unbroken)
