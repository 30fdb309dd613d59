"""Workflows of predictions and mutations: shards, a job of them killed, make what one run does."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from score_command import files
from snakemake_command import REPOSITORY, jobs, needs_snakemake, snakemake

__all__ = ["files"]


def alone(command, files, bed, out):
    """Run a command without a workflow."""
    words = [command, "--model", files["model"], "--fasta", files["fasta"]]
    words += ["--bed", bed, "--out", out, "--quiet"]
    subprocess.run([sys.executable, "-m", "basenji_kipoi", *map(str, words)], check=True)


def finish(name, folder):
    run = subprocess.run(snakemake(name), cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


@pytest.mark.slow
@needs_snakemake
def test_a_whole_genome_is_predicted(files, tmp_path):
    (tmp_path / "predict.yaml").write_text(
        f"model: {files['model']}\nfasta: {files['fasta']}\nout: tracks\nshards: 2\n"
        'options: {tracks: "start_*", both_strands: false}\n'
    )
    dry = subprocess.run(
        snakemake("predict", "--dry-run"), cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "whole_genome" in dry.stdout + dry.stderr
    finish("predict", tmp_path)
    bed = tmp_path / "whole_genome.bed"
    assert bed.read_text() == "chrI\t0\t30000\nchrII\t0\t3000\n"
    names = [path.name for path in sorted((tmp_path / "tracks").glob("*.bw"))]
    assert names == ["start_minus.bw", "start_plus.bw"]
    assert "Nothing to be done" in finish("predict", tmp_path)


@pytest.mark.slow
@needs_snakemake
def test_a_killed_job_of_mutations(files, tmp_path):
    bed = tmp_path / "in.bed"
    bed.write_text("chrI\t4000\t24000\nchrII\t0\t2000\n")
    alone("mutate", files, bed, tmp_path / "one.h5")
    (tmp_path / "mutate.yaml").write_text(
        f"model: {files['model']}\nfasta: {files['fasta']}\nbed: in.bed\nout: map.h5\nshards: 2\n"
    )
    log = (tmp_path / "log").open("w")
    running = subprocess.Popen(snakemake("mutate"), cwd=tmp_path, stdout=log, stderr=log)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("map.h5.shards/*.unfinished/pieces/block-*")):
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.02)
    os.kill(jobs(tmp_path)[0], signal.SIGKILL)
    assert running.wait() == 0, (tmp_path / "log").read_text()  # it was tried again
    log.close()
    with h5py.File(tmp_path / "one.h5") as one, h5py.File(tmp_path / "map.h5") as joined:
        np.testing.assert_array_equal(one["scores/SAD"][:], joined["scores/SAD"][:])
    assert "Nothing to be done" in finish("mutate", tmp_path)


def test_contigs_of_a_genome(tmp_path):
    program = (
        f"import sys; sys.path.insert(0, {str(REPOSITORY / 'workflows')!r})\n"
        "from inputs import write_contigs; write_contigs(*sys.argv[1:])"
    )

    def contigs(fasta):
        run = subprocess.run(
            [sys.executable, "-c", program, fasta, tmp_path / "x.bed"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return run.stderr or (tmp_path / "x.bed").read_text()

    plain = tmp_path / "x.fa"
    plain.write_bytes(b">a one\r\nACGT\r\nAC\r\n>none\r\n>b\r\nNN\r\n")
    assert contigs(plain) == "a\t0\t6\nb\t0\t2\n"
    Path(f"{plain}.gz").write_bytes(gzip.compress(plain.read_bytes()))
    assert contigs(f"{plain}.gz") == "a\t0\t6\nb\t0\t2\n"
    Path(f"{plain}.fai").write_text("a\t60\t3\t4\t5\n")  # is believed
    assert contigs(plain) == "a\t0\t60\n"
    other = tmp_path / "y.fa"
    other.write_text("ACGT\n")
    assert contigs(other) == f"error: {other} has no contigs: expected FASTA\n"
