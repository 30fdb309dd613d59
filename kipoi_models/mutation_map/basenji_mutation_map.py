"""Mutation maps of a short region at full context: the region and its flanks to one value a track.

kipoi-veff's mutation map mutates every base of the inputs that ``model.yaml`` calls sequences. Here
a window comes in three parts, of which only the middle one is called so.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from kipoi.data import Dataset
from kipoi.metadata import GenomicRanges

_DIRECTORY = Path(__file__).resolve().parent
# Kipoi loads this file by its path; the models that it builds on stand beside it and above.
for _folder in (_DIRECTORY.parents[1], _DIRECTORY.parent / "variant_effects"):
    if str(_folder) not in sys.path:
        sys.path.append(str(_folder))

from basenji_variant_effects import BasenjiVariantEffects

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import one_hot
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.intervals import centred_window, read_bed
from basenji_kipoi.kipoi_compatibility import Postprocessing
from basenji_kipoi.models.networks.architecture import Architecture

__all__ = ["BasenjiMutationMap", "BasenjiRegions"]


class BasenjiMutationMap(BasenjiVariantEffects):
    """`BasenjiVariantEffects` for windows in three parts.

    Inputs are dictionaries of one-hot sequences, float32 (batch, length, 4): ``left``, ``seq`` and
    ``right``, which make a window side by side. Gradients are those of the whole window.
    """

    postprocessing = Postprocessing("model.yaml", _DIRECTORY)

    def _windows(self, x: dict[str, np.ndarray]) -> np.ndarray:
        return super()._windows(np.concatenate([x["left"], x["seq"], x["right"]], axis=1))


class BasenjiRegions(Dataset):
    """The region around the centre of each interval, in the middle of its window.

    Regions are read on the forward strand. Where a window reaches beyond its chromosome, its bases
    are unknown.

    Parameters
    ----------
    intervals_file
        BED file, plain or gzip. An interval must lie inside its chromosome, unless it has exactly
        the region's length.
    fasta_file
        Genome, plain or bgzip. A missing index is made next to it.
    region
        Length of the regions (bp).

    Raises
    ------
    InputError
        If a file is missing or bad, an interval does not fit the genome, or a region is longer
        than the window.
    """

    postprocessing = Postprocessing("dataloader.yaml", _DIRECTORY)

    def __init__(self, intervals_file: str, fasta_file: str, region: int = 128) -> None:
        folder = Path(self.source_dir or _DIRECTORY).parents[1] / "model_files"
        self._window = Architecture.read(folder / "architecture.json").window
        self.region = int(region)
        if not 0 < self.region <= self._window:
            raise InputError(f"a region of {region} bp does not fit a window of {self._window} bp")
        # Worker processes may share this object: a genome opens its file anew in each of them.
        self._genome = Genome(fasta_file)
        self._intervals = read_bed(intervals_file, self._genome.lengths, window=self.region)

    def __len__(self) -> int:
        return len(self._intervals)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Read one window.

        Parameters
        ----------
        index
            Number of the interval in the file, counted from 0.

        Returns
        -------
        dict
            ``inputs``: ``left``, ``seq`` and ``right``, float32 (length, 4). ``metadata``:
            ``ranges``, the region's 0-based half-open position with the interval's number as
            ``id``.
        """
        interval = self._intervals[index]
        start, end = centred_window(interval.start, interval.end, self.region)
        left = (self._window - self.region) // 2
        codes = self._genome.codes(interval.chrom, start - left, start - left + self._window)
        parts = np.split(one_hot(codes), [left, left + self.region])
        return {
            "inputs": dict(zip(("left", "seq", "right"), parts)),
            "metadata": {
                "ranges": GenomicRanges(
                    chr=interval.chrom, start=start, end=end, id=str(index), strand="."
                )
            },
        }
