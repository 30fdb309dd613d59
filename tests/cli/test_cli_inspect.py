"""The command `basenji inspect`: what it shows of a model."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from example_inputs import REPOSITORY
from rich.console import Console
from typer.testing import CliRunner

from basenji_kipoi.cli.app import app
from basenji_kipoi.cli.inspect_tables import render
from basenji_kipoi.models.bundle import Bundle
from basenji_kipoi.models.inspection import count_parameters, describe


def test_inspect_json(small_bundle):
    result = CliRunner().invoke(app, ["inspect", "--model", str(small_bundle.path), "--json"])
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert (found["window"], found["bin"], found["crop"], found["bins"]) == (2048, 32, 4, 56)
    assert [track["identifier"] for track in found["tracks"]] == small_bundle.targets.labels
    assert found["sha256"] == small_bundle.metadata.sha256
    assert found["layers"][-1]["channels"] == 3


def test_inspect_shows_the_model(small_bundle):
    inspect = ["inspect", "--model", str(small_bundle.path)]
    result = CliRunner().invoke(app, inspect)
    assert result.exit_code == 0, result.stderr
    for text in ("2,048 bp", "56 bins of 32 bp", "2 STRIPE, 1 ATAC", "6 files verified"):
        assert text in result.stdout
    assert "dilation=4" not in result.stdout
    result = CliRunner().invoke(app, [*inspect, "--details", "network,tracks"])
    assert result.exit_code == 0, result.stderr
    for text in ("start_minus", "dilation=4"):
        assert text in result.stdout
    result = CliRunner().invoke(app, [*inspect, "--details", "nope"])
    assert result.exit_code == 2
    assert "--details: no details 'nope'" in result.stderr


@pytest.mark.parametrize("width", [80, 100])
def test_inspect_fits_a_screen(width, tmp_path):
    # A path that takes a line more must not push anything off the screen.
    model = tmp_path / "a_folder_whose_name_is_as_long_as_people_like_to_make_them"
    model.symlink_to(REPOSITORY / "model_files")
    inspect = ["inspect", "--model", str(model)]
    result = CliRunner(env={"COLUMNS": str(width)}).invoke(app, inspect)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= width
    for text in ("chrXIII (validation)", "ATAC-seq, wild type: 0.812"):
        assert text in result.stdout
    # No number is broken in tables that are cut to the width.
    result = CliRunner(env={"COLUMNS": str(width)}).invoke(app, [*inspect, "--details", "all"])
    assert max(map(len, result.stdout.splitlines())) <= width
    figures = json.loads((REPOSITORY / "model_files" / "evaluation.json").read_text())
    for track in figures["tracks"]:
        for name in ("pearson_log1p", "auprc", "specificity"):
            if track.get(name) is not None:
                assert re.search(rf"\s{track[name]:.4g}\s", result.stdout), (track, name)


def test_inspect_shows_training_and_evaluation(small_bundle):
    description = {
        **describe(small_bundle),
        "training": {"chromosomes": {"train": ["chrI", "chrII"]}},
        "evaluation": {
            "split": "test",
            "tracks": [
                {"identifier": "access", "bins": 1200, "pearson": 0.81234},
                {"identifier": "start_plus", "bins": 1200, "pearson": None},
            ],
        },
    }
    console = Console(width=160)
    with console.capture() as capture:
        console.print(render(description))
    page = capture.get()
    assert re.search(r"chromosomes\.train\s+chrI, chrII", page)
    assert re.search(r"split\s+test", page)
    assert "Evaluation: tracks" in page
    assert re.search(r"access\s+1,200\s+0\.8123\b", page)
    assert re.search(r"start_plus\s+1,200\s+-", page)


def test_parameters_are_counted_as_keras_counts_them(small_bundle: Bundle):
    network = small_bundle.network()
    counted = count_parameters(small_bundle.architecture)
    assert counted["trainable"] == sum(
        int(np.prod(weight.shape)) for weight in network.trainable_weights
    )
    assert counted["trainable"] + counted["fixed"] == network.count_params()


def test_some_tracks_are_shown_alone():
    model = ["inspect", "--model", "yeast"]
    wide = {"COLUMNS": "160"}
    shown = CliRunner().invoke(app, [*model, "--tracks", "*ATAC*,stripe_wt_*"], env=wide)
    assert shown.exit_code == 0, shown.output
    for name, is_shown in {"atac": True, "stripe_wt_plus": True, "mnase": False}.items():
        assert (name in shown.output) is is_shown
    assert "Network" not in shown.output
    told = CliRunner().invoke(app, [*model, "--tracks", "RNA-seq*", "--json"])
    tracks = json.loads(told.output)["tracks"]
    assert [track["identifier"] for track in tracks] == ["rna_fwd", "rna_rev"]
