"""Predictions over intervals of any length, in a stream that never holds more than a batch.

An interval [start, end) is predicted in whole bins counted from its start: bin k covers
``[start + k * bin, start + (k + 1) * bin)``, and the last bin is the first one that reaches the
interval's end or goes beyond it. The bins are dealt, in order, to windows:

- each window takes as many bins as the network predicts, until fewer are left;
- what is left (all of an interval that is shorter than the network's output) stands in the middle
  of its window's output, one bin left of the middle where that cannot be exact.

So neighbouring windows of a long interval advance by the length of the network's output, every
window begins a whole number of bins from the interval's start, and where an interval is exactly as
long as the network's output, its window is the one around its centre
(`basenji_kipoi.genome.intervals.centred_window`). Windows may reach beyond the chromosome: the
sequence is unknown (N) there. Strand is ignored: a bin's values are those of the track, in genome
order.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from basenji_kipoi.base.sequence import UNKNOWN, one_hot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import keras

    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.intervals import Interval
    from basenji_kipoi.models.networks.architecture import Architecture

__all__ = ["PredictedBins", "Tile", "bins_of", "predict_intervals", "tiles_of", "windows_of"]


class Tile(NamedTuple):
    """One window and the part of its output that belongs to an interval.

    Attributes
    ----------
    start : int
        Start of the window (bp, 0-based); negative if it begins before the chromosome.
    first, last : int
        Predicted bins [first, last) of the window, counted from the first one behind the crop.
    bin : int
        Number of the first of them in the interval, counted from the interval's start.
    """

    start: int
    first: int
    last: int
    bin: int


class PredictedBins(NamedTuple):
    """Predictions of consecutive bins of an interval, from one window.

    Attributes
    ----------
    interval : int
        Number of the interval, in the order in which they were given.
    first : int
        Number of the first bin, counted from the interval's start.
    values : ndarray, float32, shape (bins, tracks)
        Values in the units of the targets table.
    """

    interval: int
    first: int
    values: np.ndarray


def bins_of(length: int, size: int) -> int:
    """Return how many bins of a size (bp) cover an interval of a length (bp)."""
    return -(-length // size)


def windows_of(length: int, architecture: Architecture) -> int:
    """Return how many windows predict an interval of a length (bp)."""
    return bins_of(bins_of(length, architecture.bin), architecture.bins)


def tiles_of(start: int, end: int, architecture: Architecture) -> Iterator[Tile]:
    """Deal the bins of an interval to windows, as described at the top of this module.

    Parameters
    ----------
    start, end
        Interval [start, end) in bp, 0-based.
    architecture
        The network's geometry.

    Yields
    ------
    Tile
        Windows from left to right; their bins are consecutive.
    """
    total = bins_of(end - start, architecture.bin)
    for done in range(0, total, architecture.bins):
        taken = min(architecture.bins, total - done)
        first = (architecture.bins - taken) // 2
        offset = done - first - architecture.crop
        yield Tile(start + offset * architecture.bin, first, first + taken, done)


def predict_intervals(
    network: keras.Model,
    architecture: Architecture,
    genome: Genome,
    intervals: Iterable[Interval],
    *,
    batch_size: int = 8,
    tracks: Sequence[int] | None = None,
    skipped: int = 0,
) -> Iterator[PredictedBins]:
    """Predict intervals in order.

    Parameters
    ----------
    network
        The network: (batch, window, 4) -> (batch, bins, tracks). A dictionary of outputs, as a
        network with several heads has it, is joined along the tracks in the order of the heads.
    architecture
        Its description.
    genome
        The sequence.
    intervals
        Intervals of any length, which may overlap.
    batch_size
        Windows that the network is called with at a time. Every call has this size, so that it is
        compiled once; what fills up the last batch is dropped.
    tracks
        Indices of the tracks to return; all by default.
    skipped
        Windows from the first on that are left out. Behind whole batches, the others are those of
        the same batches as without, and so the same to the last bit.

    Yields
    ------
    PredictedBins
        The bins of the first interval from left to right, then those of the second, and so on.

    Raises
    ------
    InputError
        If the genome lacks an interval's contig or turns out to be damaged.
    """
    if batch_size < 1:
        raise ValueError(f"a batch needs at least one window, not {batch_size}")
    queue = (
        (number, interval.chrom, tile)
        for number, interval in enumerate(intervals)
        for tile in tiles_of(interval.start, interval.end, architecture)
    )
    queue = islice(queue, skipped, None)
    codes = None
    while batch := list(islice(queue, batch_size)):
        if codes is None:  # a first batch that is not full is the only one
            size = batch_size if skipped else len(batch)
            codes = np.full((size, architecture.window), UNKNOWN, dtype=np.uint8)
        for row, (_, chrom, tile) in enumerate(batch):
            codes[row] = genome.codes(chrom, tile.start, tile.start + architecture.window)
        values = _predict(network, architecture, codes)
        for (number, _, tile), predicted in zip(batch, values):
            kept = predicted[tile.first : tile.last]
            yield PredictedBins(number, tile.bin, kept if tracks is None else kept[:, tracks])


def _predict(network: keras.Model, architecture: Architecture, codes: np.ndarray) -> np.ndarray:
    """Predict windows of codes: uint8 (batch, window) -> float32 (batch, bins, tracks)."""
    values = architecture.side_by_side(network.predict_on_batch(one_hot(codes)))
    return np.asarray(values, dtype=np.float32)
