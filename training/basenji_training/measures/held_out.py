"""The chromosomes of a split, predicted window by window, and what is kept of them.

Predictions are streamed: whoever wants something of them collects it, a window at a time
(`Collector`). `KeptBins` collects what has to be ranked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.progress import progress_bar
from basenji_training.store.windows import evaluation_batches
from basenji_training.tracks.bins import join_bins

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import keras

    from basenji_training.store.windows import Windows

__all__ = ["Collector", "KeptBins", "Place", "bins_summed", "compared", "places_of"]

#: Shortest block of a bootstrap (bp), far longer than coverage depends on its neighbours ...
BLOCK = 10_000


#: ... and the largest number of blocks, which bounds memory.
MOST_BLOCKS = 500


#: Pairs of values that are kept for ranks: 256 MiB. With more, bins are sampled.
KEPT_VALUES = 1 << 25


class Place(NamedTuple):
    """Where the predicted part of a window lies.

    Attributes
    ----------
    chromosome : str
        Its name.
    start : int
        First base of its first predicted bin (0-based).
    block : int
        Block of the bootstrap to which it belongs.
    """

    chromosome: str
    start: int
    block: int


class Collector(Protocol):
    """What wants to see every window."""

    def see(self, place: Place, predicted: np.ndarray, observed: np.ndarray) -> None:
        """Take a window's counts, float64 (bins, tracks); `observed` is NaN where missing."""


def compared(
    network: keras.Model, windows: Windows, *, batch_size: int, show: str = ""
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Predict windows and read the coverage to compare with.

    Parameters
    ----------
    network
        float32 (batch, window, 4) -> (batch, bins, tracks).
    windows
        The windows, in whose order the result comes.
    batch_size
        Windows predicted at once; no more than there are.
    show
        Label of a progress bar; none if empty.

    Yields
    ------
    predicted, observed : ndarray, float32, shape (batch, bins, tracks)
        In the units of the network and of the store; `observed` is NaN where missing.
    """
    batch_size = min(batch_size, len(windows))
    with progress_bar(show, total=len(windows), unit="windows") as advance:
        for sequence, observed in evaluation_batches(windows, batch_size=batch_size):
            # A last, smaller batch would be compiled anew: to repeat some windows costs less.
            padded = np.resize(sequence, (batch_size, *sequence.shape[1:]))
            yield network.predict_on_batch(padded)[: len(sequence)], observed
            advance(len(sequence))


def bins_summed(windows: Windows, resolution: int) -> int:
    """Return how many of the network's bins make one of the resolution (bp).

    Raises
    ------
    InputError
        If the resolution does not fit.
    """
    shape = windows.architecture
    factor, rest = divmod(resolution, shape.bin)
    if rest or factor < 1 or shape.bins % factor:
        raise InputError(
            f"a resolution of {resolution} bp does not divide into the network's {shape.bins} "
            f"bins of {shape.bin} bp: choose a multiple of {shape.bin} that does"
        )
    return factor


def places_of(windows: Windows) -> list[Place]:
    """Find where the predicted parts of windows lie, and deal them to blocks.

    A block is a row of neighbouring windows of one chromosome, of at least `BLOCK` bp together; of
    more where that would make more than `MOST_BLOCKS` blocks.
    """
    crop = windows.architecture.crop * windows.architecture.bin
    least = max(BLOCK, len(windows) * windows.target // MOST_BLOCKS)
    each = -(-least // windows.target)
    places, block, members = [], -1, each
    for number in range(len(windows)):
        chromosome, start = windows[number]
        if members == each or chromosome != places[-1].chromosome:
            block, members = block + 1, 0
        members += 1
        places.append(Place(chromosome, start + crop, block))
    return places


class KeptBins:
    """Bins of all windows, or a random sample of them, for figures that need ranks.

    Parameters
    ----------
    windows
        The windows that will be added.
    sum_stats
        How each track sums up coverage (`basenji_training.tracks.bins.join_bins`).
    resolution
        Width of a bin (bp).
    limit
        Pairs of values that may be kept. Where bins times tracks are more, each bin is kept with
        the probability that makes them as many on average; the same bins for all tracks.
    seed
        Seed of the sample.

    Attributes
    ----------
    share : float
        Share of the bins that is kept; 1 if all are.
    """

    def __init__(
        self,
        windows: Windows,
        sum_stats: Sequence[str],
        resolution: int,
        *,
        limit: int = KEPT_VALUES,
        seed: int = 0,
    ) -> None:
        self._factor = bins_summed(windows, resolution)
        self._resolution = resolution
        self._sum_stats = sum_stats
        total = len(windows) * windows.target // resolution * len(sum_stats)
        self.share = min(1.0, limit / total)
        self._generator = np.random.default_rng(seed)
        self._parts: list[tuple[np.ndarray, ...]] = []
        self._chromosomes: list[str] = []

    def see(self, place: Place, predicted: np.ndarray, observed: np.ndarray) -> None:
        """Keep bins of a window in which some track has a value."""
        predicted, observed = (
            join_bins(x, self._factor, self._sum_stats) for x in (predicted, observed)
        )
        kept = np.isfinite(observed).any(axis=1)
        if self.share < 1:
            kept &= self._generator.random(len(kept)) < self.share
        starts = place.start + self._resolution * np.flatnonzero(kept)
        blocks = np.full(len(starts), place.block)
        self._parts.append(
            (starts, blocks, predicted[kept].astype(np.float32), observed[kept].astype(np.float32))
        )
        self._chromosomes.append(place.chromosome)

    def _joined(self, part: int) -> np.ndarray:
        return np.concatenate([window[part] for window in self._parts])

    def arrays(self) -> Bins:
        """Join what was kept; to be called once, at the end."""
        sizes = [len(window[0]) for window in self._parts]
        bins = Bins(
            np.repeat(self._chromosomes, sizes),
            *(self._joined(part) for part in range(4)),
        )
        self._parts.clear()
        return bins


class Bins(NamedTuple):
    """Kept bins in the genome's order.

    Attributes
    ----------
    chromosome : ndarray, str, shape (bins,)
        Chromosomes.
    start : ndarray, int64, shape (bins,)
        First bases (0-based).
    block : ndarray, int64, shape (bins,)
        Blocks of the bootstrap, ascending.
    predicted, observed : ndarray, float32, shape (bins, tracks)
        Counts; `observed` is NaN where missing.
    """

    chromosome: np.ndarray
    start: np.ndarray
    block: np.ndarray
    predicted: np.ndarray
    observed: np.ndarray
