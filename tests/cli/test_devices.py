"""Several processes: the output of one, and one line if one of them is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from score_command import arguments, files, score, snvs
from typer.testing import CliRunner

from basenji_kipoi.cli.app import app

__all__ = ["files"]

# Each process imports TensorFlow.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two processes need two cores"),
]


def start(words):
    return subprocess.Popen(
        [sys.executable, "-m", "basenji_kipoi", *map(str, words)], stderr=subprocess.PIPE, text=True
    )


def begin(files, tmp_path, rows, **options):
    return start(
        arguments(files, tmp_path, rows, "shared.parquet", devices=2, part_size=7, **options)
    )


def workers(process):
    """List the processes that score for a command."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [
        int(pid) for pid in listed if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def test_two_processes_write_what_one_does(files, tmp_path):
    rows = snvs(60)
    alone = score(files, tmp_path, rows, genes=files["gtf"], window="grid", part_size=7)
    process = begin(files, tmp_path, rows, genes=files["gtf"], window="grid")
    message = process.communicate()[1]
    assert process.returncode == 0, message
    assert "60 alleles, 60 scored" in message
    assert pd.read_parquet(tmp_path / "shared.parquet").equals(alone)
    genes = [pd.read_parquet(tmp_path / f"{name}.genes.parquet") for name in ("x", "shared")]
    assert genes[0].equals(genes[1])


def kill_one(process, pieces):
    """Kill one of a command's processes when something is finished; return the message."""
    deadline = time.monotonic() + 120
    while not list(pieces.glob("[!.]*")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(workers(process)[0], signal.SIGKILL)
    message = process.communicate()[1]
    assert process.returncode == 2
    assert "error: --devices: one of 2 processes was ended from outside" in message
    assert list(pieces.glob("[!.]*"))
    return message


def test_a_killed_process_ends_the_run_which_goes_on(files, tmp_path):
    kill_one(begin(files, tmp_path, snvs(210)), tmp_path / "shared.parquet.unfinished" / "pieces")
    again = begin(files, tmp_path, str(tmp_path / "in.vcf"), resume=True)
    assert again.wait() == 0
    assert len(pd.read_parquet(tmp_path / "shared.parquet")) == 210


#: Commands on intervals: intervals that make enough pieces, and what becomes of them.
ON_INTERVALS = {
    "predict": ("chrI\t4000\t24000\nchrI\t9000\t9300\n" * 150, "predictions"),
    "mutate": ("chrI\t4000\t24000\nchrI\t9000\t9300\n", "scores/SAD"),
    "attribute": ("chrI\t9000\t9300\nchrI\t12000\t12200\n" * 300, "contributions"),
}


@pytest.mark.parametrize("command", ON_INTERVALS)
def test_commands_on_intervals(command, files, tmp_path):
    intervals, name = ON_INTERVALS[command]
    (tmp_path / "in.bed").write_text(intervals)
    words = [command, "--model", files["model"], "--fasta", files["fasta"]]
    words += ["--bed", tmp_path / "in.bed"]
    alone = CliRunner().invoke(app, [*map(str, words), "--out", str(tmp_path / "alone.h5")])
    assert alone.exit_code == 0, alone.stderr
    out = tmp_path / "shared.h5"
    words += ["--out", out, "--devices", "2"]
    kill_one(start(words), tmp_path / "shared.h5.unfinished" / "pieces")
    again = start([*words, "--resume"])
    message = again.communicate()[1]
    assert again.returncode == 0, message
    with h5py.File(tmp_path / "alone.h5") as one, h5py.File(out) as two:
        assert one[name].shape[0] > 0
        np.testing.assert_array_equal(one[name][:], two[name][:])


def test_a_gpu_that_is_not_there_is_told(files, tmp_path):
    words = arguments(files, tmp_path, snvs(3), devices="gpu:63")
    run = subprocess.run(
        [sys.executable, "-m", "basenji_kipoi", *words], capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert run.stderr.splitlines()[-1].startswith("error: --devices: TensorFlow sees no GPU 63")
