"""Fixtures that several test modules share."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

# Before anything imports TensorFlow: its notices would bury a test's own output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest
from small_network import make_small_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from basenji_kipoi.models.bundle import Bundle

# The environment of Python 3.9, which only runs the Kipoi tests, has no hypothesis.
with contextlib.suppress(ImportError):
    from hypothesis import settings

    # How long an example takes is no property of the code: machines are busy at times.
    settings.register_profile("unhurried", deadline=None)
    settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Save and load a bundle with random weights: 2,048 bp, bins of 32 bp, 3 tracks."""
    return make_small_bundle(tmp_path_factory.mktemp("bundle") / "small")


@pytest.fixture
def eager():
    """Run without compilation, which would take most of the time of networks that run once."""
    tensorflow = pytest.importorskip("tensorflow")
    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 300 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only the superuser can mount a disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
