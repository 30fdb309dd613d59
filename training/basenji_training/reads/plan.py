"""What is read from which files, and where its rows are kept."""

from __future__ import annotations

import pickle
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from basenji_kipoi.base.atomic import atomic_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from basenji_kipoi.genome.fasta import Genome
    from basenji_training.reads.settings import Settings

__all__ = ["Plan", "Reading", "finished"]

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """What all steps need.

    Attributes
    ----------
    folder
        Scratch folder.
    contigs, sizes
        Names of the output's contigs, and their lengths (bp).
    settings
        How reads become coverage.
    genome
        The genome; None if nothing needs it.
    resumable
        Whether finished steps are kept for another call.
    """

    folder: Path
    contigs: tuple[str, ...]
    sizes: tuple[int, ...]
    settings: Settings
    genome: Genome | None
    resumable: bool

    def path(self, contig: int, *parts: object) -> Path:
        """Name a file of a contig."""
        return self.folder / ".".join(map(str, (contig, *parts)))


class Reading(NamedTuple):
    """What reading a contig of a file, or a whole fragment file, found beside its rows.

    ``shared``: `SHARED`. ``rows``: their number for each contig. ``lengths``: number of fragments
    of each length (bp).
    """

    shared: np.ndarray
    tally: Counter[str]
    rows: Counter[int]
    lengths: np.ndarray


def finished(plan: Plan, step: str, function: Callable[..., T], *arguments: object) -> T:
    """Run a step, unless an interrupted call has finished it.

    Parameters
    ----------
    plan
        The plan, which the function gets first.
    step
        Name of the step.
    function, *arguments
        What it does.

    Returns
    -------
    object
        What the function returned, now or then.
    """
    if not plan.resumable:
        return function(plan, *arguments)
    done = plan.folder / f"{step}.done"
    if done.exists():
        return pickle.loads(done.read_bytes())
    result = function(plan, *arguments)
    with atomic_path(done) as path:
        path.write_bytes(pickle.dumps(result, pickle.HIGHEST_PROTOCOL))
    return result
