"""Processes that work for another one, and end with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

from basenji_kipoi.base.atomic import take_lock
from basenji_kipoi.base.errors import InputError

PROGRAM = """
import concurrent.futures, fcntl, sys, time
from basenji_kipoi.base.resources import executor

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
