"""Shares reads with several alignments among them.

The idea is that of Basenji's original program, and of Chung et al. 2011 (PLoS Comput Biol
7:e1002111): a read came from one of its alignments, more likely from where other reads are. Its
weight is divided in proportion to the smoothed coverage at each alignment, of which the shared
reads are a part themselves, so that weights and coverage are computed in turns until the weights
stand still: an expectation-maximisation with smoothing.

Within a repeat that is longer than the Gaussian is wide, only shared reads are near, and what the
unique reads at its ends tell travels inward by less than a width a round. So the rounds begin with
a Gaussian eight times as wide, which is narrowed in three steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TRUNCATE", "Neighbourhoods", "complete", "reach", "share", "widest"]

#: A Gaussian reaches so many standard deviations.
TRUNCATE = 3.0
# Widths of the Gaussian, one after the other.
_SCALES = (8, 4, 2, 1)
# A standard deviation is so many bins wide, or less where that would be less than a base a bin.
_BINS = 8
# Coverage of every base beside that by reads, without which a place that only shared reads cover
# could lose them all and never win them back.
_PSEUDOCOUNT = 1e-4
# The mean change of a read's weights at which they stand still.
_STANDSTILL = 1e-3
_MOST_ROUNDS = 200
_PIECE = 1 << 20  # bins that are smoothed at once


def reach(sd: float) -> int:
    """Bases on either side that a Gaussian of a standard deviation (bp) takes into account."""
    return int(TRUNCATE * sd + 0.5)


def widest(sd: float) -> int:
    """Bases on either side of an alignment (bp) whose coverage `share` looks at, at the most."""
    return reach(_SCALES[0] * sd) + _width(_SCALES[0] * sd)


def _width(sd: float) -> int:
    return max(1, round(sd / _BINS))


def complete(units: np.ndarray, hits: np.ndarray, most: int) -> np.ndarray:
    """Find the alignments of reads of which all alignments are there.

    Parameters
    ----------
    units : ndarray, shape (alignments,)
        Which read each is of.
    hits : ndarray, int, shape (alignments,)
        How many alignments the read has by the file, 0 if it does not say.
    most
        Reads with more are left out.

    Returns
    -------
    ndarray, bool, shape (alignments,)
        A read that lacks one of its alignments would be counted at the wrong place for sure.
    """
    _, index, counts = np.unique(units, return_inverse=True, return_counts=True)
    found = counts[index]
    return ((hits == 0) | (found == hits)) & (found <= most) & (found > 1)


@dataclass(frozen=True)
class Neighbourhoods:
    """The bases around places, as one axis without the rest of the genome.

    A stretch has all bases within `reach` of its places, so that a Gaussian at a place never sees
    another stretch.

    Attributes
    ----------
    starts, ends : ndarray, int64, shape (stretches,)
        Stretches (half-open), from left to right.
    offsets : ndarray, int64, shape (stretches + 1,)
        Where each begins on the axis, and the axis's length.
    """

    starts: np.ndarray
    ends: np.ndarray
    offsets: np.ndarray

    @classmethod
    def around(cls, places: np.ndarray, reach: int) -> Neighbourhoods:
        """Make the axis of places (int64, not empty) and all bases within ``reach`` of them."""
        places = np.sort(places)
        new = np.flatnonzero(np.diff(places) > 2 * reach)
        starts = places[np.concatenate([[0], new + 1])] - reach
        ends = places[np.concatenate([new, [len(places) - 1]])] + reach + 1
        return cls(starts, ends, np.concatenate([[0], np.cumsum(ends - starts)]))

    def __len__(self) -> int:
        return int(self.offsets[-1])

    def index(self, places: np.ndarray) -> np.ndarray:
        """Find places (int64) on the axis; -1 for those that are not on it."""
        stretch = np.searchsorted(self.starts, places, side="right") - 1
        inside = (stretch >= 0) & (places < self.ends[stretch])
        return np.where(inside, self.offsets[stretch] + places - self.starts[stretch], -1)


def share(
    reads: np.ndarray,
    places: np.ndarray,
    unique: np.ndarray,
    counts: np.ndarray,
    *,
    sd: float,
    clip: float | None = None,
    advance: Callable[[int], object] = int,
) -> np.ndarray:
    """Divide each read's weight among its alignments.

    Parameters
    ----------
    reads : ndarray, int, shape (alignments,)
        Number of the read that each alignment is of, from 0 on.
    places : ndarray, int64, shape (alignments,)
        The base that stands for it; contigs and strands are far from each other.
    unique : ndarray, int64, shape (others,)
        The same of reads with one alignment, at least of those within `widest` of ``places``.
    counts : ndarray, shape (others,)
        How often they count.
    sd
        Standard deviation (bp) of the Gaussian within which coverage counts.
    clip
        Most coverage of a base by shared reads that counts.
    advance
        Called after each round with 1.

    Returns
    -------
    ndarray, float64, shape (alignments,)
        Weights; those of a read sum to 1.
    """
    weights = 1.0 / np.bincount(reads)[reads]
    places, place = np.unique(places, return_inverse=True)
    order = np.argsort(unique, kind="stable")
    unique, counts = unique[order], counts[order]
    for scale in _SCALES:
        smooth = _Smoother(places, scale * sd)
        fixed = smooth(unique, counts) + _PSEUDOCOUNT
        for _ in range(_MOST_ROUNDS):
            shared = np.bincount(place, weights, minlength=len(places))
            if clip is not None:
                np.minimum(shared, clip, out=shared)
            coverage = (fixed + smooth(places, shared))[place]
            new = coverage / np.bincount(reads, coverage)[reads]
            change = np.abs(new - weights).sum() / (reads.max() + 1)
            weights = new
            advance(1)
            if change < _STANDSTILL:
                break
    return weights


class _Smoother:
    """Computes smoothed coverage at places, of which it needs not all of the genome.

    Coverage is counted in bins that are narrow beside the Gaussian.

    Parameters
    ----------
    places : ndarray, int64
        Places, sorted.
    sd
        Standard deviation of the Gaussian (bp).
    """

    def __init__(self, places: np.ndarray, sd: float) -> None:
        self._width = _width(sd)
        self._sd = sd / self._width
        self._margin = reach(self._sd)
        self._axis = Neighbourhoods.around(places // self._width, self._margin)
        self._index = self._axis.index(places // self._width)

    def __call__(self, places: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Smooth counts at sorted places; return coverage a base at the smoother's own."""
        index = self._axis.index(places // self._width)
        near = index >= 0
        index, counts = index[near], counts[near]
        smoothed = np.empty(len(self._index))
        length = min(_PIECE, len(self._axis))
        for start in range(0, len(self._axis), length):
            left, size = start - self._margin, length + 2 * self._margin
            first, last = np.searchsorted(index, [left, left + size])
            piece = np.bincount(index[first:last] - left, counts[first:last], minlength=size)
            piece = gaussian_filter1d(
                piece.astype(np.float64), self._sd, mode="constant", truncate=TRUNCATE
            )
            first, last = np.searchsorted(self._index, [start, start + length])
            smoothed[first:last] = piece[self._index[first:last] - left]
        return smoothed / self._width
