"""What a command takes of the machine: memory, and threads and processes that stop with it."""

from __future__ import annotations

import concurrent.futures
import contextlib
import multiprocessing
import os
import signal
import threading
from typing import TYPE_CHECKING

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MEMORY", "MEMORY_BYTES", "MOST_PROCESSES", "bytes_of", "executor"]

#: Memory beside the networks (GiB), where none is named: for what windows share, and for
#: predictions at hand.
MEMORY = 2.0
#: The same in bytes.
MEMORY_BYTES = int(MEMORY * (1 << 30))
_MOST_MEMORY = 1 << 20
#: More processes than any machine has cores for.
MOST_PROCESSES = 1024


def bytes_of(memory: float) -> int:
    """Turn memory in GiB into bytes.

    Raises
    ------
    InputError
        If it is no positive number that a machine could have.
    """
    if not 0 < memory <= _MOST_MEMORY:
        raise InputError(
            f"--memory: {memory} GiB cannot be had: expected a number above 0 and at most "
            f"{_MOST_MEMORY:,}"
        )
    return int(memory * (1 << 30))


@contextlib.contextmanager
def executor(processes: int) -> Iterator[concurrent.futures.Executor]:
    """Run pieces in other processes, or in a thread.

    Never in the main thread: there an interrupt would leave Zarr's own threads writing while the
    unfinished store is being removed. Here what runs is finished and what waits is dropped first.

    Parameters
    ----------
    processes
        How many; 1 for a thread of this process.

    Yields
    ------
    Executor
        It is shut down when the body ends, however it ends.
    """
    if processes == 1:
        pool: concurrent.futures.Executor = concurrent.futures.ThreadPoolExecutor(1)
    else:
        # Not forked: readers and Zarr have threads.
        pool = concurrent.futures.ProcessPoolExecutor(
            processes,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
        )
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Prepare a process that works for another one."""
    # Ctrl-C is the other's alone to deal with.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End when the other process was killed: what follows it may write the same files."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
