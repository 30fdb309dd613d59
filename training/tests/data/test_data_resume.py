"""Stores whose making is interrupted anywhere, or begun twice at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import zarr
from killed_everywhere import BIN, FOLDS
from second_call import assert_kept_out
from store_inputs import build, left_over

from basenji_kipoi.base.errors import InputError
from basenji_training.data import build as building

DRIVER = Path(__file__).parents[1] / "killed_everywhere.py"


def content(path):
    """Read all files of a store, and its attributes without the time."""
    attributes = dict(zarr.open_group(str(path), mode="r").attrs)
    del attributes["created"]
    files = {
        str(file.relative_to(path)): file.read_bytes()
        for file in path.rglob("*")
        if file.is_file() and file != path / "zarr.json"
    }
    return files, attributes


@pytest.mark.parametrize(
    ("first", "stride"), [(7, 25), pytest.param(0, 1, marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_killed_at_every_step_it_goes_on_to_the_same(inputs, first, stride):
    command = [sys.executable, str(DRIVER), inputs.table, inputs.fasta, inputs.folder, first]
    subprocess.run([*map(str, command), str(stride)], check=True)
    steps = [int(folder.name) for folder in inputs.folder.iterdir() if folder.name.isdigit()]
    # Directories and files of four pieces, the folder of the run, the store's place.
    assert max(steps) > 60
    whole = content(inputs.folder / "whole" / "s.zarr")
    assert len(whole[0]) > 15
    for step in steps:
        folder = inputs.folder / str(step)
        assert [path.name for path in folder.iterdir()] == ["s.zarr"], step
        assert content(folder / "s.zarr") == whole, step


def test_a_second_call_at_the_same_time_is_kept_out(inputs, monkeypatch):
    written, write = [], building.write_bins

    def watched(group, *values):
        written.append(group.name)
        if len(written) == 2:
            options = [f"--{key}={name}" for key, names in FOLDS.items() for name in names]
            assert_kept_out(
                *("data", inputs.table, "--fasta", inputs.fasta, "--bin", BIN, *options),
                *("--out", inputs.folder / "s.zarr"),
            )
        return write(group, *values)

    monkeypatch.setattr(building, "write_bins", watched)
    build(inputs)
    assert len(written) > 2
    assert left_over(inputs) == ["s.zarr"]


@pytest.mark.parametrize("resume", [False, True])
def test_what_an_older_version_left_is_refused(inputs, resume):
    left = inputs.folder / ".s.zarr.unfinished"
    zarr.open_group(str(left / "s.zarr"), mode="w", zarr_format=3)
    (left / "plan.json").write_text(json.dumps({"plan": []}))
    (left / "finished.jsonl").write_text('\n[["chr1", 0], [1], [0], [1.0], [1.0]]\n')
    with pytest.raises(InputError, match=r"\.s\.zarr\.unfinished is of another version"):
        build(inputs, resume=resume)
    assert left_over(inputs) == [left.name]
    assert sorted(path.name for path in left.iterdir()) == ["finished.jsonl", "plan.json", "s.zarr"]
    build(inputs, overwrite=True)
    assert left_over(inputs) == ["s.zarr"]
