"""What stands in a run's directory is read in a form that is checked: damage is one line."""

import json
import shutil

import numpy as np
import pytest
from known_truth import SETTINGS, tiny_architecture

from basenji_kipoi.base.errors import InputError
from basenji_training.fit.loop import Run, fit
from basenji_training.fit.run_directory import check_resumable

ARCHITECTURE = tiny_architecture()


@pytest.fixture
def run(trained, tmp_path):
    """Copy a run, to be harmed."""
    return shutil.copytree(trained.run.path, tmp_path / "run")


def refusal(path, use=Run):
    """Return the one line in which reading a run ends."""
    with pytest.raises(InputError) as error:
        use(path)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda s: [s], "settings.json: the file: "),
        (lambda _: {}, "settings.json: dtype: Field required"),
        (lambda s: {**s, "seed": 10**25}, "settings.json: seed: "),
        (lambda s: {**s, "epochs": float("nan")}, "settings.json: epochs: "),
        (lambda s: {**s, "stores": {}}, "none of the head letters"),
        (lambda s: {**s, "stores": {"letters": {"path": 1}}}, "settings.json: stores.letters"),
        (lambda s: {**s, "origin": "x"}, "settings.json: origin: "),
    ],
)
def test_settings_that_are_none_are_named(run, change, problem):
    path = run / "settings.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    assert problem in refusal(run)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"{", b"[" * 100_000])
def test_settings_that_are_no_json_are_named(run, content):
    (run / "settings.json").write_bytes(content)
    assert "settings.json: the file: Invalid JSON" in refusal(run)


@pytest.mark.parametrize(
    "content", ["", "epoch\n", "x", '"', "\xff", "epoch,loss\n1,2\n", "{header}\n1,x,1,1,1,1\n"]
)
def test_a_history_that_is_none_is_named(run, content):
    path = run / "history.csv"
    header = path.read_text().splitlines()[0]
    path.write_bytes(content.format(header=header).encode("latin-1"))
    assert "history.csv is damaged" in refusal(run, use=lambda path: Run(path).history)


def test_weights_that_are_none_are_named(run):
    whole = (run / "best.weights.h5").read_bytes()
    for content in (b"", b"text", whole[:5000], whole[:-100]):
        (run / "best.weights.h5").write_bytes(content)
        message = refusal(run, lambda path: Run(path).network())
        assert "best.weights.h5 is no HDF5 file, or damaged" in message


def test_a_checkpoint_that_is_none_is_named(run, trained):
    path = run / "checkpoint.npz"
    whole = path.read_bytes()
    with np.load(path) as saved:
        other = {**saved, "state_0": np.zeros(3)}

    def resume(out):
        fit(trained.store, ARCHITECTURE, out, SETTINGS, resume=True)

    for content in (b"", b"text", whole[: len(whole) // 2], whole[:100] + b"x" * 50 + whole[150:]):
        path.write_bytes(content)
        assert "checkpoint.npz is damaged, or of another network" in refusal(run, resume)
    np.savez(path, **other)
    assert "state_0 has the shape (3,)" in refusal(run, resume)


def test_targets_of_another_number_are_named(run):
    lines = (run / "targets.tsv").read_text().splitlines(keepends=True)
    (run / "targets.tsv").write_text("".join(lines[:-1]))
    assert "targets.tsv has" in refusal(run)


CONSTANT = SETTINGS.model_copy(update={"schedule": "constant", "warmup_epochs": 0.5})


def test_a_run_of_constant_rate_goes_on_for_more_epochs(letters, tmp_path):
    longer = CONSTANT.model_copy(update={"epochs": 3})
    shorter = CONSTANT.model_copy(update={"epochs": 2})
    whole = fit(letters, ARCHITECTURE, tmp_path / "whole", longer)
    fit(letters, ARCHITECTURE, tmp_path / "run", shorter)
    run = fit(letters, ARCHITECTURE, tmp_path / "run", longer, resume=True)
    assert [row["validation_r"] for row in run.history] == [
        row["validation_r"] for row in whole.history
    ]
    assert run.settings.epochs == 3
    for one, two in zip(run.network().get_weights(), whole.network().get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    with pytest.raises(InputError, match=r"another epochs \(3, now 2\)"):
        fit(letters, ARCHITECTURE, tmp_path / "run", shorter, resume=True)


def test_a_run_whose_rate_depends_on_its_epochs_does_not(trained, letters, tmp_path):
    recorded = {**trained.run.settings.recorded(), "epochs": SETTINGS.epochs + 5}
    with pytest.raises(InputError, match=r"cosine schedule ended with them; .* --init "):
        check_resumable(trained.run.path, recorded)
    with pytest.raises(InputError, match=r"exists already: pass --resume to go on with what"):
        fit(letters, ARCHITECTURE, trained.run.path, SETTINGS)
    tmp_path.joinpath("x").mkdir()
    with pytest.raises(InputError, match=r"x exists already: name another output"):
        fit(letters, ARCHITECTURE, tmp_path / "x", SETTINGS)


def test_a_batch_that_memory_cannot_hold_is_refused_and_leaves_nothing(letters, tmp_path):
    wide = tiny_architecture(window=2**20)
    settings = SETTINGS.model_copy(update={"batch_size": 2**16})
    with pytest.raises(InputError, match=r"65,536 windows x \(4 x 1,048,576 .*lower --batch-size"):
        fit(letters, wide, tmp_path / "run", settings)
    assert not (tmp_path / "run").exists()
