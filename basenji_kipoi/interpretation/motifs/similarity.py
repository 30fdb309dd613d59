"""How alike two motifs are, at their best offset and on either strand."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Match", "same_motif", "similarity"]

#: From here on two motifs are one, and the share of the shorter one that must lie beside the other.
_SAME, _OVERLAP = 0.9, 0.7


class Match(NamedTuple):
    """How one motif lies beside another.

    Attributes
    ----------
    value : float
        Pearson's correlation of their probabilities where they overlap, weighted by the share of
        information that overlaps.
    offset : int
        Where the first base of the (turned) first one lies in the second one.
    is_reverse : bool
        Whether the first one is turned.
    """

    value: float
    offset: int
    is_reverse: bool


def same_motif(match: Match) -> bool:
    """Tell whether two motifs are so alike that they count as one."""
    return match.value >= _SAME


def similarity(one: np.ndarray, other: np.ndarray) -> Match:
    """Align two motifs.

    Parameters
    ----------
    one, other : ndarray, float64, shape (positions, 4)
        Letter probabilities.

    Returns
    -------
    Match
        The best of all offsets at which at least 70 % of the shorter one overlap. The value is the
        correlation of probabilities minus 1/4 over the overlap, positions outside of which count as
        equal bases: so what overhangs with information lowers it.
    """
    least = max(1, int(np.ceil(_OVERLAP * min(len(one), len(other)))))
    best = Match(-1.0, 0, False)
    for is_reverse in (False, True):
        turned = (one[::-1, ::-1] if is_reverse else one) - 0.25
        fixed = other - 0.25
        norm = np.sqrt((turned**2).sum() * (fixed**2).sum())
        if not norm:
            continue
        for offset in range(least - len(one), len(other) - least + 1):
            first, last = max(offset, 0), min(offset + len(one), len(other))
            value = (turned[first - offset : last - offset] * fixed[first:last]).sum() / norm
            if value > best.value:
                best = Match(float(value), offset, is_reverse)
    return best
