"""Processes of one machine that share work, each on a share of it, and stop with their parent."""

from __future__ import annotations

import concurrent.futures
import contextlib
import multiprocessing
import os
import re
import signal
import threading
from collections import deque
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from multiprocessing.queues import SimpleQueue

__all__ = ["MOST_PROCESSES", "Device", "devices_of", "executor", "shared_out", "worker_devices"]

#: More processes than any machine has cores for.
MOST_PROCESSES = 1024
#: Pieces that are given to each process ahead, which are in memory.
_AHEAD = 2


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


def worker_devices(text: str | None) -> tuple[Device, ...]:
    """Read what `devices_of` reads, for processes that work for this one.

    Parameters
    ----------
    text
        The option; None where it was not given.

    Returns
    -------
    tuple of Device
        One for each process; none where this process works alone. It keeps to its share then.

    Raises
    ------
    InputError
        As `devices_of`, and if this process is to work on a GPU that is not there.
    """
    devices = devices_of(text) if text else ()
    if len(devices) != 1:
        return devices
    devices[0].take()
    devices[0].check()
    return ()


def shared_out(
    devices: Sequence[Device],
    opening: Callable[..., AbstractContextManager[Callable[..., Any]]],
    arguments: tuple,
    pieces: Iterable[tuple],
    done: Callable[[Any], object],
) -> None:
    """Have processes work on pieces, each process on its share of the machine.

    Parameters
    ----------
    devices
        The share of each process.
    opening
        Called in each process before its first piece, a function of a module: it opens what all
        pieces need and yields what is called with a piece.
    arguments
        Its arguments, which can be sent to a process.
    pieces
        The arguments of the latter, a tuple a piece. Few are read ahead.
    done
        Called with what it returned for each piece, in their order.

    Raises
    ------
    InputError
        If a process ends before its work does, as one that runs out of memory.
    """
    number = len(devices)
    shares = [(opening, arguments, each) for each in devices]
    with executor(number, prepare=_Worker.begin, shares=shares) as pool:
        waiting: deque[concurrent.futures.Future] = deque()
        try:
            for piece in pieces:
                waiting.append(pool.submit(_work, piece))
                if len(waiting) > _AHEAD * number:
                    done(waiting.popleft().result())
            while waiting:
                done(waiting.popleft().result())
        except BrokenProcessPool:
            raise InputError(
                f"--devices: one of {number} processes was ended from outside, as it happens where "
                "memory is short: ask for fewer processes, of which each takes what one would"
            ) from None


class _Worker:
    """What a process opens for its first piece and has until it ends."""

    opening: Callable[..., AbstractContextManager[Callable[..., Any]]]
    arguments: tuple
    device: Device
    stack = contextlib.ExitStack()
    work: Callable[..., Any] | None = None

    @classmethod
    def begin(cls, opening: Callable[..., Any], arguments: tuple, device: Device) -> None:
        device.take()
        cls.opening, cls.arguments, cls.device = staticmethod(opening), arguments, device


def _work(piece: tuple) -> Any:  # noqa: ANN401 - whatever the work returns
    # Opened here: what the beginning of a process raises would not reach the user.
    if _Worker.work is None:
        _Worker.device.check()
        opened = _Worker.opening(*_Worker.arguments)
        _Worker.work = staticmethod(_Worker.stack.enter_context(opened))
    return _Worker.work(*piece)


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
