"""Tracks of a simulated genome and a reporter assay of its grammar, learned together."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

NETWORK = Path(__file__).parents[2] / "recipes" / "simulated_network.json"


@pytest.mark.slow
def test_joint_training_predicts_the_assay_better_than_the_assay_alone(tmp_path):
    def train(*words):
        command = [sys.executable, "-m", "basenji_training", *map(str, words)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    genome = ["--fasta", "simulation/genome.fa"]
    train("simulate", "--out", "simulation")
    train("data", "simulation/targets.tsv", *genome, "--out", "store.zarr", "--test", "chr8",
          "--validation", "chr7")  # fmt: skip
    train("reporters", "simulation/reporters.tsv", *genome, "--out", "library",
          "--context", "simulation/reporter_context.fa",
          "--pairs", "simulation/reporter_pairs.tsv", "--weight", "reads",
          "--weight-kind", "counts", "--test-contigs", "chr8",
          "--validation-contigs", "chr7")  # fmt: skip
    told = {}
    for name, stores in (("alone", ["library"]), ("both", ["store.zarr", "library"])):
        train("fit", *stores, "--network", NETWORK, "--out", name, "--epochs", "15",
              "--averaging", "0.98", "--resolution", "32", "--learning-rate", "0.003",
              "--reporter-batch-size", "32", "--reporter-trunk-learning-rate-factor", "1",
              "--seed", "1")  # fmt: skip
        train("evaluate-reporter", name, "--store", "library", "--out", f"{name}.json")
        (activity,) = json.loads((tmp_path / f"{name}.json").read_text())["activities"]
        # A constant prediction explains nothing.
        told[name] = [
            figure["value"] or 0
            for figure in (activity["pearson"], activity["pairs"]["all"]["spearman"])
        ]
    assert told["both"][0] > told["alone"][0] + 0.1
    assert told["both"][1] > told["alone"][1] + 0.1
    assert told["both"][0] > 0.5
