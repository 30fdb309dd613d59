"""What a command takes of the machine: memory, and processes that stop with it, each on a share."""

from __future__ import annotations

import concurrent.futures
import contextlib
import multiprocessing
import os
import re
import signal
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.queues import SimpleQueue

__all__ = [
    "MEMORY",
    "MEMORY_BYTES",
    "MOST_PROCESSES",
    "Device",
    "bytes_of",
    "devices_of",
    "executor",
]

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


@dataclass(frozen=True)
class Device:
    """The share of the machine of one process.

    Attributes
    ----------
    cores : tuple of int
        Its cores, by the numbers of the operating system.
    gpu : int or None
        Its GPU; None to compute on its cores.
    """

    cores: tuple[int, ...]
    gpu: int | None = None

    def take(self) -> None:
        """Keep this process to its share. What computes is not imported yet: it looks only once."""
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, self.cores)
        os.environ["OMP_NUM_THREADS"] = os.environ["TF_NUM_INTRAOP_THREADS"] = str(len(self.cores))
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1" if self.gpu is None else str(self.gpu)

    def check(self) -> None:
        """Check that TensorFlow sees the GPU, where there is to be one.

        Raises
        ------
        InputError
            If it sees none: the work would go on, many times slower.
        """
        if self.gpu is None:
            return
        import tensorflow  # noqa: PLC0415 - takes seconds, and must come after `take`

        if not tensorflow.config.list_physical_devices("GPU"):
            raise InputError(
                f"--devices: TensorFlow sees no GPU {self.gpu}: nvidia-smi lists those of the "
                "machine, and an installation for GPUs (tensorflow[and-cuda]) is needed"
            )


def devices_of(text: str) -> tuple[Device, ...]:
    """Read ``N`` (processes on the cores) or ``gpu:0,1``, and share out the cores.

    Parameters
    ----------
    text
        The option.

    Returns
    -------
    tuple of Device
        One for each process. Each core that this process may use is of one of them; where there
        are more GPUs than cores, some share one.

    Raises
    ------
    InputError
        If it says neither, names a GPU twice, or there are fewer cores than processes.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    cores = cores or list(range(os.cpu_count() or 1))
    if re.fullmatch(r"[1-9]\d{0,3}", text):
        number = int(text)
        if number > len(cores):
            raise InputError(
                f"--devices {text}: {len(cores)} cores can be used here, and each process needs one"
            )
        return tuple(Device(share) for share in _shares(cores, number))
    match = re.fullmatch(r"gpu:(\d{1,3}(?:,\d{1,3})*)", text)
    gpus = list(map(int, match[1].split(","))) if match else []
    if not match or len(set(gpus)) < len(gpus):
        raise InputError(
            f"--devices {text}: expected a number of processes, or gpu: and the numbers of GPUs, "
            "each once, for instance gpu:0,1"
        )
    return tuple(map(Device, _shares(cores, len(gpus)), gpus))


def _shares(cores: list[int], number: int) -> list[tuple[int, ...]]:
    """Cut cores into runs of neighbours, whose caches they share."""
    edges = [len(cores) * place // number for place in range(number + 1)]
    return [
        tuple(cores[start:end]) or (cores[start % len(cores)],)
        for start, end in zip(edges, edges[1:])
    ]


@contextlib.contextmanager
def executor(
    processes: int, prepare: Callable[..., object] | None = None, shares: Sequence[tuple] = ()
) -> Iterator[concurrent.futures.Executor]:
    """Run pieces in other processes, or in a thread.

    Never in the main thread: there an interrupt would leave Zarr's own threads writing while the
    unfinished store is being removed. Here what runs is finished and what waits is dropped first.

    Parameters
    ----------
    processes
        How many; 1 for a thread of this process.
    prepare
        Called in each process before its first piece; what it raises breaks the pool.
    shares
        The arguments of that call in each process.

    Yields
    ------
    Executor
        It is shut down when the body ends, however it ends.
    """
    if processes == 1:
        pool: concurrent.futures.Executor = concurrent.futures.ThreadPoolExecutor(1)
    else:
        # Not forked: readers and Zarr have threads.
        context = multiprocessing.get_context("spawn")
        waiting = context.SimpleQueue()
        for share in shares:
            waiting.put(share)
        pool = concurrent.futures.ProcessPoolExecutor(
            processes, mp_context=context, initializer=_begin, initargs=(prepare, waiting)
        )
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(prepare: Callable[..., object] | None, shares: SimpleQueue[tuple]) -> None:
    """Prepare a process that works for another one."""
    # Ctrl-C is the other's alone to deal with.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if prepare is not None:
        prepare(*shares.get())


def _end_with_parent() -> None:
    """End when the other process was killed: what follows it may write the same files."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
