"""The Kipoi dataloader: intervals of a BED file and a FASTA file to one-hot windows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from kipoi.data import Dataset
from kipoi.metadata import GenomicRanges

_ROOT = Path(__file__).resolve().parent
# Kipoi loads this file by its path and needs nothing of the project to be installed.
if str(_ROOT) not in sys.path:
    sys.path.append(str(_ROOT))

from basenji_kipoi.base.sequence import one_hot
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.intervals import centred_window, read_bed
from basenji_kipoi.kipoi_compatibility import Postprocessing
from basenji_kipoi.models.networks.architecture import Architecture

__all__ = ["BasenjiIntervals"]


class BasenjiIntervals(Dataset):
    """The window around the centre of each interval.

    Windows always have the network's length and are read on the forward strand. Where one reaches
    beyond its chromosome, its bases are unknown.

    Parameters
    ----------
    intervals_file
        BED file, plain or gzip. An interval must lie inside its chromosome, unless it has exactly
        the window's length.
    fasta_file
        Genome, plain or bgzip. A missing index is made next to it.
    window
        Length of the windows (bp); by default that of the model in ``model_files``.
    grid
        Whether windows start at multiples of that model's bin, so that those of neighbouring
        intervals share bins. Their centres are then up to half a bin off.

    Raises
    ------
    InputError
        If a file is missing or bad, or an interval does not fit the genome.
    """

    postprocessing = Postprocessing("dataloader.yaml", _ROOT)

    def __init__(
        self,
        intervals_file: str,
        fasta_file: str,
        window: int | None = None,
        grid: bool = False,
    ) -> None:
        own, size = self._geometry()
        self.window = own if window is None else int(window)
        self._grid = size if grid else 1
        # Worker processes may share this object: a genome opens its file anew in each of them.
        self._genome = Genome(fasta_file)
        self._intervals = read_bed(intervals_file, self._genome.lengths, window=self.window)

    def _geometry(self) -> tuple[int, int]:
        """Find the window and the bin (bp) of the model."""
        folder = Path(self.source_dir or _ROOT)
        architecture = Architecture.read(folder / "model_files" / "architecture.json")
        return architecture.window, architecture.bin

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
            ``inputs``: float32 (window, 4). ``metadata``: ``ranges``, the window's 0-based
            half-open position with the interval's number as ``id``.
        """
        interval = self._intervals[index]
        start, end = centred_window(interval.start, interval.end, self.window, grid=self._grid)
        return {
            "inputs": one_hot(self._genome.codes(interval.chrom, start, end)),
            "metadata": {
                "ranges": GenomicRanges(
                    chr=interval.chrom, start=start, end=end, id=str(index), strand="."
                )
            },
        }
