"""Regions of a genome: parts of chromosomes that belong to a split, and the windows that fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Region", "RegionBins", "Tiling"]


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


class Tiling(NamedTuple):
    """Windows that tile a region; all lengths are in bins.

    Attributes
    ----------
    target
        Length of a window's target part.
    stride
        Distance between neighbours.
    crop
        Bins of a window on each side of its target part.
    margin
        How far a window may be moved to either side.
    """

    target: int
    stride: int
    crop: int
    margin: int


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
            starts, ends = self._starts[chromosome], self._ends[chromosome]
            here = slice(np.searchsorted(ends, first, "right"), np.searchsorted(starts, last))
            for start, end in zip(starts[here], ends[here], strict=True):
                inside[max(start - first, 0) : end - first] = True
        return inside

    def tiles(self, chromosome: str, tiling: Tiling, avoided: RegionBins | None) -> np.ndarray:
        """Tile the intervals of a chromosome with the target parts of windows.

        A tile that reaches beyond its interval's end, over a gap and into the next interval,
        covers bins of both: the tiles of the next one start behind it.

        Parameters
        ----------
        chromosome
            Name.
        tiling
            What the windows are like.
        avoided
            Regions that no window, moved by up to the tiling's margin, may touch. Where one cuts a
            row of tiles off, a last window ends at it. None for no such regions.

        Returns
        -------
        ndarray, int, shape (windows,)
            First bin of each target part, ascending; each holds a bin of an interval.
        """
        tiles = [np.empty(0, dtype=np.int64)]
        pairs = zip(self._starts.get(chromosome, ()), self._ends.get(chromosome, ()), strict=True)
        beside = tiling.margin + tiling.crop
        step = min(tiling.stride, tiling.target)
        reached = -np.inf
        for start, end in pairs:
            low, high = (-np.inf, np.inf) if avoided is None else avoided._around(chromosome, start)
            earliest, latest = low + beside, high - beside - tiling.target
            begin = max(start, reached)
            first = np.arange(max(begin, earliest), end, tiling.stride).astype(np.int64)
            allowed = first[first <= latest]
            if len(allowed) < len(first) and latest >= max(begin - tiling.target + 1, earliest):
                allowed = np.union1d(allowed, int(latest))
            if allowed.size:
                reached = allowed[-1] + step
            tiles.append(allowed)
        return np.concatenate(tiles)

    def _around(self, chromosome: str, bin_: int) -> tuple[float, float]:
        """Find where the interval before a bin ends and the one behind it starts."""
        starts, ends = self._starts.get(chromosome, ()), self._ends.get(chromosome, ())
        return (
            max((end for end in ends if end <= bin_), default=-np.inf),
            min((start for start in starts if start > bin_), default=np.inf),
        )
