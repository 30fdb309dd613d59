"""Estimates how long the fragments of single-end reads were.

Reads of the two strands start at the two ends of fragments: the distance at which forward starts
most often have a reverse start is the fragments' usual length (Kharchenko et al. 2008, Nat
Biotechnol 26:1351).
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from basenji_kipoi.base.errors import InputError
from basenji_training.reads.rows import REVERSE

__all__ = ["estimate_fragment_length"]

# Lengths (bp) that are tried; the smallest is above what a bias of single sites brings about.
_SHORTEST, _LONGEST = 50, 600
_SMOOTH_SD = 12
# Starts that are looked at.
_MOST = 200_000
_LEAST = 1000
# So many of them are counted in a byte.
_AT_ONCE = 255


def estimate_fragment_length(rows: np.ndarray, length: int) -> int:
    """Find the usual length of fragments from where reads of the two strands start.

    Parameters
    ----------
    rows : ndarray of `ROW`
        Uniquely mapped single-end reads of a contig; each place counts once.
    length
        The contig's length (bp).

    Returns
    -------
    int
        The length (bp).

    Raises
    ------
    InputError
        If there are too few reads to tell.
    """
    backward = rows["flags"] & REVERSE > 0
    starts = np.zeros(length + _LONGEST, np.uint8)
    starts[rows["five"][~backward]] = 1
    forward = np.flatnonzero(starts)
    starts[:] = 0
    starts[rows["five"][backward]] = 1
    if min(len(forward), np.count_nonzero(starts)) < _LEAST:
        raise InputError(
            f"the reads are too few to estimate the length of their fragments ({_LEAST} places of "
            "each strand are needed on the contig with most reads): pass --fragment-length"
        )
    if len(forward) > _MOST:
        forward = np.random.default_rng(0).choice(forward, _MOST, replace=False)
    tried = np.arange(_SHORTEST, _LONGEST + 1)
    behind = np.lib.stride_tricks.sliding_window_view(starts, len(tried))
    together = np.zeros(len(tried), np.int64)
    for first in range(0, len(forward), _AT_ONCE):
        mine = behind[forward[first : first + _AT_ONCE] + _SHORTEST - 1]
        together += mine.sum(axis=0, dtype=np.uint8)
    smooth = gaussian_filter1d(together.astype(float), _SMOOTH_SD, mode="nearest")
    return int(tried[np.argmax(smooth)])
