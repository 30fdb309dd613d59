"""Sites of known motifs that an allele makes or takes away.

A site's score is the sum over its bases of log2(p / q): p is the motif's probability of the base, q
the base's share of the window. Its p-value is the probability of that score or a better one where
bases are drawn from these shares, by the exact distribution of scores (Staden 1989).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.sequence import ALPHABET, UNKNOWN
from basenji_kipoi.locus.mechanisms.record import MotifChange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.interpretation.motif_matrices import Motif

__all__ = ["Stretch", "background_of", "motif_changes"]

#: A site has a p-value no larger than this in one allele, and alleles differ by two bits at least.
_SITE, _LEAST_BITS = 1e-4, 2.0
#: Scores are rounded to such parts of a bit, so that their distribution can be computed.
_PARTS = 20
#: Share of the window's bases that is mixed into a motif's probabilities, which may be 0.
_MIXED = 0.01


@dataclass(frozen=True)
class Stretch:
    """The bases around an allele.

    Attributes
    ----------
    start : int
        Place of the first base (0-based).
    codes : ndarray, uint8, shape (bases,)
        Bases.
    contributions : ndarray, float32, shape (bases,)
        What each contributes.
    allele : tuple of int
        First base of the allele in the stretch, and its length.
    """

    start: int
    codes: np.ndarray
    contributions: np.ndarray
    allele: tuple[int, int]


@dataclass(frozen=True)
class _Site:
    """The best site that overlaps an allele: its first base in the stretch."""

    score: int
    start: int
    is_reverse: bool


def background_of(codes: np.ndarray) -> np.ndarray:
    """Count the bases of a window, on both strands: shares of A, C, G, T, float64 (4,)."""
    counts = np.bincount(codes[codes < UNKNOWN], minlength=len(ALPHABET)) + 1.0
    counts = counts + counts[::-1]
    return counts / counts.sum()


def motif_changes(
    motifs: Sequence[Motif],
    reference: Stretch,
    alternative: Stretch,
    background: np.ndarray,
    *,
    most: int = 10,
) -> list[MotifChange]:
    """Find the motifs whose sites an allele changes.

    Parameters
    ----------
    motifs
        Known motifs.
    reference, alternative
        The bases around either allele; both start at the same place.
    background : ndarray, float64, shape (4,)
        Shares of the bases.
    most
        How many are returned at most.

    Returns
    -------
    list of MotifChange
        Those whose site the network reads come first, and of these the rarest.
    """
    found = [
        change
        for motif in motifs
        if (change := _change(motif, reference, alternative, background)) is not None
    ]
    found.sort(key=lambda each: (not each.agrees, min(each.reference_p, each.alternative_p)))
    return found[:most]


def _change(
    motif: Motif, reference: Stretch, alternative: Stretch, background: np.ndarray
) -> MotifChange | None:
    mixed = (1 - _MIXED) * motif.probabilities + _MIXED * background
    scores = np.round(np.log2(mixed / background) * _PARTS).astype(int)
    sites = [_best(scores, each) for each in (reference, alternative)]
    if None in sites:
        return None
    before, after = sites
    if abs(after.score - before.score) < _LEAST_BITS * _PARTS:
        return None
    tail = _Tail(scores, background)
    p = [tail.above(site.score) for site in sites]
    if min(p) > _SITE:
        return None
    is_better = after.score > before.score
    better = after if is_better else before
    sums = [
        float(each.contributions[better.start : better.start + len(motif)].sum())
        for each in (reference, alternative)
    ]
    if is_better:
        kind = "strengthened" if p[0] <= _SITE else "gained"
    else:
        kind = "weakened" if p[1] <= _SITE else "lost"
    start = reference.start + better.start
    return MotifChange(
        name=f"{motif.name} {motif.other_name}".strip(),
        kind=kind,
        start=start,
        end=start + len(motif),
        strand="-" if better.is_reverse else "+",
        reference_bits=before.score / _PARTS,
        alternative_bits=after.score / _PARTS,
        reference_p=p[0],
        alternative_p=p[1],
        reference_contribution=float(f"{sums[0]:.6g}"),
        alternative_contribution=float(f"{sums[1]:.6g}"),
        agrees=(abs(sums[1]) > abs(sums[0])) == is_better,
    )


def _best(scores: np.ndarray, stretch: Stretch) -> _Site | None:
    """Find the best site, on either strand, that overlaps the allele; None if none fits in."""
    width, (place, length) = len(scores), stretch.allele
    first = max(place - width + 1, 0)
    last = min(place + length, len(stretch.codes) - width + 1)
    best = None
    # The last column is for unknown bases, which no site has: no other base makes up for one.
    never = np.full((width, 1), (scores.min() - scores.max()) * width)
    for is_reverse in (False, True):
        table = np.hstack([scores[::-1, ::-1] if is_reverse else scores, never])
        for start in range(first, last):
            total = int(table[np.arange(width), stretch.codes[start : start + width]].sum())
            if best is None or total > best.score:
                best = _Site(total, start, is_reverse)
    return best


class _Tail:
    """The distribution of the scores of random bases."""

    def __init__(self, scores: np.ndarray, background: np.ndarray) -> None:
        self._lowest = int(scores.min(axis=1).sum())
        chances = np.ones(1)
        for row in scores - scores.min(axis=1, keepdims=True):
            longer = np.zeros(len(chances) + row.max())
            for step, share in zip(row.tolist(), background.tolist()):
                longer[step : step + len(chances)] += share * chances
            chances = longer
        self._above = chances[::-1].cumsum()[::-1]

    def above(self, score: int) -> float:
        """Return the probability of a score or a better one."""
        place = score - self._lowest
        return float(f"{self._above[place]:.6g}") if place > 0 else 1.0
