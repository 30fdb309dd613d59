"""Regions of a genome: parts of chromosomes that belong to a split, and the windows that fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Region", "RegionBins"]


class Region(NamedTuple):
    """A part of a chromosome, or all of it.

    Attributes
    ----------
    chromosome
        Name.
    start, end
        0-based half-open interval in bp; multiples of the bin, but for a chromosome's end.
    """

    chromosome: str
    start: int
    end: int


class RegionBins:
    """Regions as sorted, disjoint intervals of bins; those that touch or overlap are one.

    Parameters
    ----------
    regions
        The regions, in any order.
    bin_width
        Width of a bin in bp.
    """

    def __init__(self, regions: Iterable[Region], bin_width: int) -> None:
        by_chromosome: dict[str, list[tuple[int, int]]] = {}
        for name, start, end in regions:
            by_chromosome.setdefault(name, []).append((-(-start // bin_width), end // bin_width))
        self._starts: dict[str, np.ndarray] = {}
        self._ends: dict[str, np.ndarray] = {}
        for name, intervals in by_chromosome.items():
            starts, ends = np.array(sorted(intervals)).T
            ends = np.maximum.accumulate(ends)
            is_new = np.append(True, starts[1:] > ends[:-1])
            self._starts[name] = starts[is_new]
            self._ends[name] = ends[np.append(is_new[1:], True)]

    def number(self, chromosome: str) -> int:
        """Count the intervals of a chromosome."""
        return len(self._starts.get(chromosome, ()))

    def contain(self, chromosome: str, first: int, last: int) -> np.ndarray:
        """Tell which bins lie in a region.

        Parameters
        ----------
        chromosome
            Name.
        first, last
            0-based half-open interval of bins.

        Returns
        -------
        ndarray, bool, shape (last - first,)
        """
        inside = np.zeros(last - first, bool)
        if chromosome in self._starts:
            bins = np.arange(first, last)
            nearest = np.searchsorted(self._starts[chromosome], bins, side="right") - 1
            inside = (nearest >= 0) & (bins < self._ends[chromosome][nearest])
        return inside

    def tiles(
        self,
        chromosome: str,
        number: int,
        target: int,
        stride: int,
        crop: int,
        margin: int,
        avoided: RegionBins | None,
    ) -> np.ndarray:
        """Tile an interval with the target parts of windows; all lengths are in bins.

        Parameters
        ----------
        chromosome, number
            Which interval.
        target
            Length of a window's target part.
        stride
            Distance between neighbours.
        crop
            Bins of a window on each side of its target part.
        margin
            How far a window may be moved to either side.
        avoided
            Regions that no window, moved by up to `margin`, may touch. Where one cuts the row of
            tiles off, a last window ends at it. None for no such regions.

        Returns
        -------
        ndarray, int, shape (3, windows)
            First bin of each target part; start and end of its part within the interval.
        """
        start, end = self._starts[chromosome][number], self._ends[chromosome][number]
        low, high = -np.inf, np.inf
        if avoided is not None and avoided.number(chromosome):
            starts, ends = avoided._starts[chromosome], avoided._ends[chromosome]
            low = max(ends[ends <= start], default=low)
            high = min(starts[starts >= end], default=high)
        first = np.arange(max(start, low + margin + crop), end, stride).astype(np.int64)
        latest = high - margin - crop - target
        allowed = first[first <= latest]
        if len(allowed) < len(first) and latest >= max(start - target + 1, low + margin + crop):
            allowed = np.union1d(allowed, int(latest))
        return np.stack([allowed, np.maximum(allowed, start), np.minimum(allowed + target, end)])
