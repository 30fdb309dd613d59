"""Cross-validation and repeats: who tests on what, and how it is resumed."""

from __future__ import annotations

import csv
import shutil

import pytest
from known_truth import SETTINGS, timeless, tiny_architecture

from basenji_kipoi.base.errors import InputError
from basenji_training.fit.cross_validation import SUMMARY, fit_members, members
from basenji_training.fit.loop import Run

BRIEF = SETTINGS.model_copy(update={"epochs": 1, "warmup_epochs": 0})


def test_each_part_is_tested_once_and_the_next_validates(letters):
    runs = members([letters], ["all"], 2)
    assert [run.name for run in runs[:3]] == ["chr4-1", "chr4-2", "chr3-1"]
    pairs = [(run.test, run.validation) for run in runs[::2]]
    assert pairs == [("chr4", "chr3"), ("chr3", "chr1"), ("chr1", "chr2"), ("chr2", "chr4")]
    assert [run.repeat for run in runs] == [1, 2] * 4
    (store,) = runs[4].stores([letters])
    assert store.folds == {"train": ["chr3", "chr4"], "validation": ["chr2"], "test": ["chr1"]}


def test_chosen_parts_and_repeats_alone(letters):
    assert [run.name for run in members([letters], ["chr2"], 1)] == ["chr2-1"]
    assert [run.name for run in members([letters], None, 2)] == ["repeat1", "repeat2"]
    with pytest.raises(InputError, match="no 'chr9' in the stores: they have chr4, chr3, chr1"):
        members([letters], ["chr9"], 1)


def test_a_run_with_a_former_name_is_not_begun_anew(letters, tmp_path):
    (tmp_path / "replicate2").mkdir()
    runs = members([letters], None, 2)
    with pytest.raises(InputError, match=r"replicate2 was begun by a version .* rename it to .*t2"):
        fit_members(runs, [letters], tiny_architecture(), tmp_path, BRIEF, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["replicate2"]


def test_runs_are_listed_and_resumed(letters, tmp_path):
    runs = members([letters], ["chr1", "chr2"], 1)
    out = tmp_path / "runs"
    fit_members(runs, [letters], tiny_architecture(), out, BRIEF, resume=False)
    with (out / SUMMARY).open(newline="") as lines:
        summary = list(csv.DictReader(lines, delimiter="\t"))
    assert [(line["run"], line["test"], line["validation"]) for line in summary] == [
        ("chr1-1", "chr1", "chr2"),
        ("chr2-1", "chr2", "chr4"),
    ]
    histories = {run.name: Run(out / run.name).history for run in runs}
    assert float(summary[0]["validation_r"]) == pytest.approx(
        histories["chr1-1"][0]["validation_r"], abs=1e-4
    )
    with pytest.raises(InputError, match="exists already"):
        fit_members(runs, [letters], tiny_architecture(), out, BRIEF, resume=False)
    shutil.rmtree(out / "chr2-1")
    fit_members(runs, [letters], tiny_architecture(), out, BRIEF, resume=True)
    assert Run(out / "chr1-1").history == histories["chr1-1"]
    assert timeless(Run(out / "chr2-1").history) == timeless(histories["chr2-1"])
