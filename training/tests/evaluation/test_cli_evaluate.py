"""`basenji-train evaluate` and `export` as a person runs them."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
from known_truth import SETTINGS, TARGETS, tiny_architecture
from typer.testing import CliRunner

from basenji_kipoi.models.bundle import Bundle
from basenji_training.cli.app import app
from basenji_training.fit.cross_validation import fit_members, members


def run(*arguments, status=0):
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == status, done.stderr
    return done.stderr if status else done.stdout


@pytest.fixture(scope="module")
def evaluated(trained, tmp_path_factory):
    """Evaluate a run: its JSON file and what was printed."""
    out = tmp_path_factory.mktemp("evaluated") / "evaluation.json"
    options = ("--store", trained.store.path, "--out", out, "--both-strands")
    return out, run("evaluate", trained.run.path, *options)


def test_evaluate_writes_three_files(evaluated):
    out, printed = evaluated
    assert sorted(path.name for path in out.parent.iterdir()) == [
        "evaluation.html",
        "evaluation.json",
        "evaluation.parquet",
    ]
    figures = json.loads(out.read_text())
    assert pq.read_table(out.with_suffix(".parquet")).num_rows == len(TARGETS)
    assert "| letter | stranded | 2 |" in printed
    assert f"| {figures['groups'][1]['pearson_log1p']:.3f} |" in printed
    assert figures["both_strands"] is True


def test_nothing_is_replaced_or_computed_in_vain(trained, evaluated):
    out, _ = evaluated
    before = out.stat().st_mtime_ns
    message = run(
        "evaluate", trained.run.path, "--store", trained.store.path, "--out", out, status=2
    )
    assert "evaluation.json exists already" in message
    other = out.with_name("evaluation.html")
    message = run(
        "evaluate", trained.run.path, "--store", trained.store.path, "--out", other, status=2
    )
    assert "name the JSON file" in message
    assert out.stat().st_mtime_ns == before


def test_export_of_some_tracks_and_its_evaluation_as_a_bundle(trained, evaluated, tmp_path):
    out, _ = evaluated
    model = tmp_path / "model"
    printed = run(
        "export", trained.run.path, "--evaluation", out, "--out", model, "--name", "x",
        "--assembly", "random1", "--tracks", "gc", "--half",
    )  # fmt: skip
    assert "1 tracks" in printed
    assert "float16 weights change predictions" in printed
    assert Bundle.load(model).targets.labels == ["gc"]
    again = tmp_path / "again.json"
    run("evaluate", model, "--store", trained.store.path, "--out", again)
    first, second = (json.loads(path.read_text()) for path in (out, again))
    # The bundle says that it is read on both strands.
    assert second["both_strands"] is True
    assert second["tracks"][0]["pearson"] == pytest.approx(first["tracks"][0]["pearson"], abs=2e-3)


def test_a_model_that_is_none(trained, tmp_path):
    message = run(
        "evaluate", tmp_path, "--store", trained.store.path, "--out", tmp_path / "x.json", status=2
    )
    assert "is neither a run of `basenji-train fit` nor a bundle" in message
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_measured_on_what_it_held_out(letters, tmp_path):
    settings = SETTINGS.model_copy(update={"epochs": 1, "warmup_epochs": 0})
    runs = tmp_path / "runs"
    crossed = members([letters], ["chr1", "chr2"], 1)
    fit_members(crossed, [letters], tiny_architecture(), runs, settings, resume=False)
    out = tmp_path / "evaluation.json"
    run("evaluate", runs / "chr1-1", "--store", letters.path, "--out", out)
    assert json.loads(out.read_text())["chromosomes"] == ["chr1"] != letters.folds["test"]
    both = (runs / "chr1-1", runs / "chr2-1")
    message = run(
        "evaluate", *both, "--store", letters.path, "--out", tmp_path / "both.json", status=2
    )
    assert "held out different parts of the data" in message
