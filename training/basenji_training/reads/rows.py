"""The tables into which alignments and fragments are read, one row for each."""

from __future__ import annotations

import numpy as np

__all__ = [
    "CONTINUED",
    "MINUS",
    "REVERSE",
    "ROW",
    "SECOND",
    "SHARED",
    "empty",
    "first_of_each",
    "fragment_lengths",
    "fragment_starts",
]

#: A place that counts. ``five``: the 5' end (0-based); ``length``: of the fragment that starts
#: there (bp), 0 if unknown; ``start``, ``end``: the aligned block (half-open); ``count``: how
#: often it was seen.
ROW = np.dtype(
    [
        ("five", "i4"),
        ("length", "i4"),
        ("start", "i4"),
        ("end", "i4"),
        ("count", "f4"),
        ("flags", "u1"),
    ]
)
#: The same for one of a read's several alignments. ``contig``: index; ``unit``: what the
#: alignments of one read have in common; ``hits``: how many there are, 0 if the file does not say.
SHARED = np.dtype([*ROW.descr, ("contig", "i4"), ("unit", "u8"), ("hits", "i4")])

#: Flags: the fragment lies to the left of ``five``; it counts on the minus strand; read 2 of a
#: pair; a further block of the alignment in the row before.
REVERSE, MINUS, SECOND, CONTINUED = 1, 2, 4, 8


def empty(dtype: np.dtype) -> np.ndarray:
    """Return a table without rows."""
    return np.zeros(0, dtype)


def first_of_each(rows: np.ndarray) -> np.ndarray:
    """Find one row for each combination of ends and strand, in order: indices."""
    keys = np.zeros(len(rows), [("ends", "i8"), ("flags", "u1")])
    keys["ends"] = (rows["five"].astype(np.int64) << 32) | rows["length"]
    keys["flags"] = rows["flags"]
    return np.sort(np.unique(keys, return_index=True)[1])


def fragment_lengths(rows: np.ndarray, usual: int) -> np.ndarray:
    """Tell the lengths of fragments (int64, bp): those of the rows, ``usual`` if not known."""
    return np.where(rows["length"] > 0, rows["length"], usual).astype(np.int64)


def fragment_starts(rows: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Find the leftmost base of fragments.

    Parameters
    ----------
    rows : ndarray of `ROW` or `SHARED`
        Rows.
    lengths : ndarray, int, same shape
        Lengths of their fragments (bp).

    Returns
    -------
    ndarray, int64, same shape
        0-based positions.
    """
    five = rows["five"].astype(np.int64)
    return np.where(rows["flags"] & REVERSE, five - lengths + 1, five)
