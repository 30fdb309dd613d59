"""Processes that work for another one, and end with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from basenji_kipoi.base.atomic import take_lock
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sharing.processes import devices_of

CORES = os.sched_getaffinity(0)

PROGRAM = """
import concurrent.futures, fcntl, sys, time
from basenji_kipoi.base.sharing.processes import executor

def hold(path):
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        time.sleep(1000)

if __name__ == "__main__":
    with executor(2) as pool:
        # Whoever leaves the block cancels what no worker has begun.
        concurrent.futures.wait([pool.submit(hold, path) for path in sys.argv[1:]])
"""


def is_held(path):
    try:
        take_lock(path, path).close()
    except InputError:
        return True
    return False


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_workers_of_a_killed_process_end(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    locks = [tmp_path / "a", tmp_path / "b"]
    with subprocess.Popen(
        [sys.executable, str(program), *map(str, locks)],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            wait_until(lambda: all(lock.exists() and is_held(lock) for lock in locks))
        finally:
            process.kill()
    try:
        # A process that ends, and only that, gives its lock back.
        wait_until(lambda: not any(map(is_held, locks)))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("text", ["1", "2", "gpu:0", "gpu:3,1,0,2,9"])
def test_devices_share_all_cores_out(text):
    devices = devices_of(text) if text != "2" or len(CORES) > 1 else devices_of("1")
    shares = [core for device in devices for core in device.cores]
    assert set(shares) == CORES
    assert all(device.cores for device in devices)
    if len(devices) <= len(CORES):
        assert len(shares) == len(CORES)  # each core is of one
    if text.startswith("gpu"):
        assert [str(device.gpu) for device in devices] == text[4:].split(",")


def test_a_process_keeps_to_its_share():
    program = """
import os
from basenji_kipoi.base.sharing.processes import Device
Device((min(os.sched_getaffinity(0)),), gpu=3).take()
names = ("TF_NUM_INTRAOP_THREADS", "CUDA_VISIBLE_DEVICES")
print(len(os.sched_getaffinity(0)), *map(os.environ.get, names))
"""
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["1", "1", "3"]
