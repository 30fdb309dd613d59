"""Several devices, and several processes, learn what one learns."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from basenji_kipoi.base.errors import InputError
from basenji_training.fit.loop import Run
from basenji_training.optimisation.devices import join_processes, shared_by

PROGRAM = Path(__file__).parents[1] / "train_on_devices.py"
PATIENCE = 400  # seconds until a test gives a process up


def start(backend, *arguments, emulated=1):
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={emulated}",
    }
    command = [sys.executable, str(PROGRAM), *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def finish(*processes):
    for process in processes:
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, errors


def free_address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def assert_same_course(left, right):
    """Equal but for the order in which float32 values are summed."""
    for name in ("loss", "validation_loss", "validation_r"):
        pair = [[row[name] for row in Run(path).history] for path in (left, right)]
        assert len(pair[0]) == 3
        np.testing.assert_allclose(*pair, rtol=1e-4, err_msg=name)


@pytest.mark.slow
def test_mirrored_tensorflow(letters, tmp_path):
    for devices in (1, 2):
        finish(start("tensorflow", letters.path, tmp_path / f"run{devices}", devices))
    assert_same_course(tmp_path / "run1", tmp_path / "run2")


@pytest.mark.slow
def test_data_parallel_jax_without_tensorflow(letters, tmp_path):
    one = start("jax", letters.path, tmp_path / "one", 1)
    finish(one)
    two = start("jax", letters.path, tmp_path / "two", 2, emulated=2)
    finish(two)
    assert_same_course(tmp_path / "one", tmp_path / "two")
    out = tmp_path / "processes"
    address = free_address()
    finish(*(start("jax", letters.path, out, 2, address, number) for number in (0, 1)))
    assert_same_course(tmp_path / "one", out)


@pytest.mark.slow
def test_where_a_process_is_lost_the_other_says_so(letters, tmp_path):
    address = free_address()
    staying, lost = (
        start("jax", letters.path, tmp_path / "run", 2, address, number) for number in (0, 1)
    )
    end = time.monotonic() + PATIENCE
    while not (tmp_path / "run" / "history.csv").exists() and time.monotonic() < end:
        time.sleep(0.05)
    lost.kill()
    lost.communicate()
    _, errors = staying.communicate(timeout=PATIENCE)
    assert staying.returncode
    assert "InputError: another process of this training ended" in errors


def test_a_batch_is_shared_evenly_by_devices_that_exist():
    with pytest.raises(InputError, match="--devices 99: there are"):
        shared_by(99, 99)


def test_processes_need_jax():
    with pytest.raises(InputError, match="KERAS_BACKEND=jax"):
        join_processes("127.0.0.1:1", 2, 0)
