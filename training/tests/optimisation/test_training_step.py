"""The benchmark of training steps measures what a recipe trains."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from known_truth import tiny_architecture

PROGRAM = Path(__file__).parents[3] / "benchmarks" / "speed" / "training_step.py"


@pytest.mark.slow
def test_the_benchmark_measures_a_recipe(tmp_path):
    tiny_architecture().write(tmp_path / "network.json")
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps({"network": "network.json", "settings": {}}))
    command = [sys.executable, PROGRAM, "--out", tmp_path / "steps.json", "--recipe", recipe]
    command += ["--dtype", "float32", "--batch", "2", "--steps", "2"]
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=True
    )
    assert "the original programs are not measured: give --original" in done.stderr
    (row,) = json.loads((tmp_path / "steps.json").read_text())["measurements"]
    assert (row["arithmetic"], row["batch"]) == ("float32", 2)
    # The first step compiles.
    assert 0 < row["step"] < row["first_step"]
    assert 10**8 < row["peak_bytes"] < 10**10
    assert done.stdout.splitlines()[-1].startswith(f"| {recipe} | float32 | 2 |")
