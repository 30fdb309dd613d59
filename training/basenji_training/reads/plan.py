"""What is read from which files, and where its rows are kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from basenji_kipoi.genome.fasta import Genome
    from basenji_training.reads.settings import Settings

__all__ = ["Plan", "Reading"]


@dataclass(frozen=True)
class Plan:
    """What all steps need.

    Attributes
    ----------
    folder
        Where all steps leave what they make.
    contigs, sizes
        Names of the output's contigs, and their lengths (bp).
    settings
        How reads become coverage.
    genome
        The genome; None if nothing needs it.
    """

    folder: Path
    contigs: tuple[str, ...]
    sizes: tuple[int, ...]
    settings: Settings
    genome: Genome | None

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
