"""Processes that score the parts of one run, each on a share of the machine."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.base.sharing.processes import shared_out
from basenji_kipoi.scoring.parts.opening import opened
from basenji_kipoi.scoring.tables import save_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from basenji_kipoi.base.sharing.processes import Device
    from basenji_kipoi.genome.vcf import Variant
    from basenji_kipoi.scoring.options import ScoreOptions

__all__ = ["score_in_workers"]


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
    shared_out(devices, _scoring, (options, name), parts, advance)


@contextlib.contextmanager
def _scoring(options: ScoreOptions, name: str) -> Iterator[Callable[[Path, list[Variant]], int]]:
    with opened(options, name) as what:

        def score(path: Path, alleles: list[Variant]) -> int:
            batches = what.scoring.score(alleles, lambda _: None)
            with atomic_path(path, overwrite=True, output=options.out) as temporary:
                save_batches(temporary, batches)
            return len(alleles)

        yield score
