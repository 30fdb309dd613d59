"""Processes that score the parts of one run, each on a share of the machine."""

from __future__ import annotations

import contextlib
from collections import deque
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.resources import executor
from basenji_kipoi.scoring.parts.opening import opened
from basenji_kipoi.scoring.tables import save_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from basenji_kipoi.base.resources import Device
    from basenji_kipoi.genome.vcf import Variant
    from basenji_kipoi.scoring.options import ScoreOptions
    from basenji_kipoi.scoring.parts.opening import Opened

__all__ = ["score_in_workers"]

#: Parts that are given to each process ahead, whose alleles are in memory.
_AHEAD = 2


def score_in_workers(
    options: ScoreOptions,
    name: str,
    devices: Sequence[Device],
    parts: Iterable[tuple[Path, list[Variant]]],
    advance: Callable[[int], object],
) -> None:
    """Score parts in processes; each saves what it computes where the run looks for it.

    Parameters
    ----------
    options
        The options of the run.
    name
        What messages call the file of variants.
    devices
        The share of the machine of each process.
    parts
        Where each part is saved, and its alleles.
    advance
        Called with a number of alleles that are done.

    Raises
    ------
    InputError
        If a process ends before its work does, as one that runs out of memory.
    """
    number = len(devices)
    with executor(
        number, prepare=_begin, shares=[(options, name, each) for each in devices]
    ) as pool:
        waiting: deque[Future[int]] = deque()
        try:
            for path, alleles in parts:
                waiting.append(pool.submit(_score, path, alleles))
                if len(waiting) > _AHEAD * number:
                    advance(waiting.popleft().result())
            while waiting:
                advance(waiting.popleft().result())
        except BrokenProcessPool:
            raise InputError(
                f"--devices: one of {number} processes was ended from outside, as it happens where "
                "memory is short: ask for fewer processes or less --memory, which is for each"
            ) from None


class _Worker:
    """What a process opens for its first part and has until it ends."""

    options: ScoreOptions
    name: str
    device: Device
    stack = contextlib.ExitStack()
    opened: Opened | None = None


def _begin(options: ScoreOptions, name: str, device: Device) -> None:
    device.take()
    _Worker.options, _Worker.name, _Worker.device = options, name, device


def _score(path: Path, alleles: list[Variant]) -> int:
    # Opened here: what the beginning of a process raises would not reach the user.
    if _Worker.opened is None:
        _Worker.device.check()
        _Worker.opened = _Worker.stack.enter_context(opened(_Worker.options, _Worker.name))
    batches = _Worker.opened.scoring.score(alleles, lambda _: None)
    with atomic_path(path, overwrite=True, output=_Worker.options.out) as temporary:
        save_batches(temporary, batches)
    return len(alleles)
