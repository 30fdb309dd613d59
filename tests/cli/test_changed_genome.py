"""A genome that is exchanged while a command reads it."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest
from example_inputs import REPOSITORY

MESSAGE = "genome.fa was changed or replaced while it was read: put the old one back"


@pytest.mark.parametrize("command", ["predict", "mutate", "attribute"])
def test_it_is_noticed_before_an_output_appears(tmp_path, small_bundle, command):
    letters = "".join(np.random.default_rng(5).choice(list("ACGT"), 20_000))
    genome, out = tmp_path / "genome.fa", tmp_path / "x.h5"
    genome.write_text(f">chrI\n{letters}\n")
    (tmp_path / "x.bed").write_text("chrI\t4000\t5500\n")
    arguments = ["--model", small_bundle.path, "--fasta", genome, "--bed", tmp_path / "x.bed"]
    process = subprocess.Popen(
        [sys.executable, "-m", "basenji_kipoi", command, *arguments, "--out", out],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.PIPE,
        text=True,
    )
    # From here on the genome's identity is known, and the network is not built yet.
    while not (tmp_path / "x.h5.unfinished" / "run.json").exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    (tmp_path / "new").write_text(f">chrI\n{letters[::-1]}\n")
    (tmp_path / "new").replace(genome)
    message = process.communicate(timeout=120)[1]
    assert process.returncode == 2, message
    assert MESSAGE in message.splitlines()[-1]
    assert not out.exists()
