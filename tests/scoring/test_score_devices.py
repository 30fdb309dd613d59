"""Scores by several processes: the same table, and one line if one of them is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from score_command import arguments, files, score, snvs

__all__ = ["files"]

# Each process imports TensorFlow.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two processes need two cores"),
]


def begin(files, tmp_path, rows, **options):
    words = arguments(files, tmp_path, rows, "shared.parquet", devices=2, part_size=7, **options)
    return subprocess.Popen(
        [sys.executable, "-m", "basenji_kipoi", *words], stderr=subprocess.PIPE, text=True
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


def test_a_killed_process_ends_the_run_which_goes_on(files, tmp_path):
    rows = snvs(210)
    process = begin(files, tmp_path, rows)
    pieces = tmp_path / "shared.parquet.unfinished" / "pieces"
    deadline = time.monotonic() + 120
    while not list(pieces.glob("part-*")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(workers(process)[0], signal.SIGKILL)
    message = process.communicate()[1]
    assert process.returncode == 2
    assert "error: --devices: one of 2 processes was ended from outside" in message
    assert list(pieces.glob("part-*"))
    again = begin(files, tmp_path, str(tmp_path / "in.vcf"), resume=True)
    assert again.wait() == 0
    assert len(pd.read_parquet(tmp_path / "shared.parquet")) == 210


def test_a_gpu_that_is_not_there_is_told(files, tmp_path):
    words = arguments(files, tmp_path, snvs(3), devices="gpu:63")
    run = subprocess.run(
        [sys.executable, "-m", "basenji_kipoi", *words], capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert run.stderr.splitlines()[-1].startswith("error: --devices: TensorFlow sees no GPU 63")
