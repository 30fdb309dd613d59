"""Gradients are the same on both backends, of which the inference environment has one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from known_truth import tiny_architecture

from basenji_kipoi.models.bundle import save_bundle
from basenji_kipoi.models.networks.building import build_network
from basenji_kipoi.models.targets import Target, Targets

PROGRAM = Path(__file__).parents[1] / "gradients_on_jax.py"


def test_gradients_on_jax_are_those_on_tensorflow(tmp_path):
    architecture = tiny_architecture(tracks=3)
    targets = [Target(index=i, identifier=f"t{i}", strand_pair=(0, 2, 1)[i]) for i in range(3)]
    save_bundle(
        tmp_path / "model", network=build_network(architecture), architecture=architecture,
        targets=Targets(targets), name="tiny", assembly="none", training={}, evaluation={},
        model_card="# Random weights\n",
    )  # fmt: skip
    found = {}
    for backend in ("tensorflow", "jax"):
        out = tmp_path / f"{backend}.npz"
        command = [sys.executable, str(PROGRAM), str(tmp_path / "model"), str(out)]
        environment = {**os.environ, "KERAS_BACKEND": backend}
        run = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=400
        )
        assert run.returncode == 0, run.stderr
        with np.load(out) as content:
            found[backend] = dict(content)
        assert found[backend].pop("backend") == backend
    for name, expected in found["tensorflow"].items():
        assert expected.any()
        largest = np.abs(expected).max()
        np.testing.assert_allclose(found["jax"][name], expected, rtol=1e-4, atol=1e-5 * largest)
