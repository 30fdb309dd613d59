"""Where rows count: from reads and fragments to intervals, and from these to coverage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d

from basenji_training.coverage.multimapping import TRUNCATE, reach
from basenji_training.reads.rows import MINUS, REVERSE, fragment_starts

if TYPE_CHECKING:
    from pathlib import Path

    from basenji_training.reads.settings import Settings

__all__ = ["EVENT", "coverage", "intervals", "minus", "places", "runs", "write_events"]

#: An interval (0-based, half-open) and what it adds to the coverage of its bases.
EVENT = np.dtype([("start", "i4"), ("end", "i4"), ("weight", "f4")])

# Tails of Gaussians and rounding errors would make files large, and say nothing.
_DECIMALS = 4


def minus(rows: np.ndarray) -> np.ndarray:
    """Tell which rows count on the minus strand."""
    return rows["flags"] & MINUS > 0


def intervals(
    rows: np.ndarray, lengths: np.ndarray, settings: Settings
) -> tuple[np.ndarray, np.ndarray]:
    """Find the bases at which rows count.

    Parameters
    ----------
    rows : ndarray of `ROW` or `SHARED`
        Rows.
    lengths : ndarray, int64, same shape
        Lengths of their fragments (bp).
    settings
        What counts.

    Returns
    -------
    start, end : ndarray, int64, same shape
        Intervals (0-based, half-open); they may reach beyond the contig.
    """
    if settings.mode == "read":
        return rows["start"].astype(np.int64), rows["end"].astype(np.int64)
    if settings.whole_fragments:
        start = fragment_starts(rows, lengths)
        if settings.mode == "fragment":
            return start, start + lengths
        # Of an even number of bases the one left of the middle, whichever the strand.
        place = start + (lengths - 1) // 2
    else:
        reverse = rows["flags"] & REVERSE > 0
        shift = np.where(reverse, settings.shift_reverse, settings.shift_forward)
        place = rows["five"] + shift.astype(np.int64)
    return place, place + 1


def places(rows: np.ndarray, lengths: np.ndarray, settings: Settings) -> np.ndarray:
    """Find the one base that stands for each row when multi-mapping reads are shared.

    Parameters and units as in `intervals`; the middle of a fragment, the 5' end of a read whose
    bases count, else where the row counts.
    """
    if settings.mode == "read":
        return rows["five"].astype(np.int64)
    start, end = intervals(rows, lengths, settings)
    return start + (end - start - 1) // 2


def write_events(
    path: Path, start: np.ndarray, end: np.ndarray, weight: np.ndarray, length: int
) -> None:
    """Write events, sorted by start, those within a contig of ``length`` bp."""
    start, end = np.maximum(start, 0), np.minimum(end, length)
    inside = start < end
    events = np.zeros(int(inside.sum()), EVENT)
    events["start"], events["end"] = start[inside], end[inside]
    events["weight"] = weight[inside]
    # A stable sort by radix of integers is the quickest.
    events[np.argsort(events["start"], kind="stable")].tofile(path)


def coverage(
    unique: np.ndarray,
    shared: np.ndarray,
    start: int,
    end: int,
    *,
    settings: Settings,
    longest: int,
) -> np.ndarray:
    """Compute the coverage of a part of a contig.

    Parameters
    ----------
    unique, shared : ndarray of `EVENT`
        Events of the contig by reads with one alignment and with several, sorted by start.
    start, end
        The part (0-based, half-open, bp).
    settings
        Limits and smoothing.
    longest
        No event is longer (bp).

    Returns
    -------
    ndarray, float32, shape (end - start,)
        Coverage.
    """
    margin = reach(settings.smooth_sd)
    several = _depth(shared, start - margin, end + margin, longest)
    if settings.clip is not None:
        several = np.minimum(several, settings.clip)
    values = _depth(unique, start - margin, end + margin, longest) + several
    if settings.smooth_sd > 0:
        values = gaussian_filter1d(values, settings.smooth_sd, mode="constant", truncate=TRUNCATE)
    values = values[margin : len(values) - margin] if margin else values
    return values.round(_DECIMALS).astype(np.float32)


def _depth(events: np.ndarray, start: int, end: int, longest: int) -> np.ndarray:
    first, last = np.searchsorted(events["start"], [start - longest + 1, end])
    mine = events[first:last]
    size = end - start
    if longest == 1:
        return np.bincount(mine["start"] - start, mine["weight"], minlength=size)
    left = np.clip(mine["start"] - start, 0, size)
    right = np.clip(mine["end"] - start, 0, size)
    change = np.bincount(left, mine["weight"], minlength=size + 1)
    change -= np.bincount(right, mine["weight"], minlength=size + 1)
    return np.cumsum(change[:size])


def runs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Join neighbouring bases of equal coverage.

    Parameters
    ----------
    values : ndarray, shape (bases,)
        Coverage.

    Returns
    -------
    start, end, value : ndarray
        Intervals (half-open) of the bases whose coverage is not zero.
    """
    edges = np.concatenate([[0], np.flatnonzero(np.diff(values)) + 1, [len(values)]])
    heights = values[edges[:-1]]
    covered = heights != 0
    return edges[:-1][covered], edges[1:][covered], heights[covered]
