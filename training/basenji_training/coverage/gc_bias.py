"""Corrects coverage for the GC content of fragments.

After Benjamini & Speed 2012 (Nucleic Acids Res 40:e72): the rate of fragments with a GC content is
their number over the number of places in the genome where such a fragment can lie. A smooth curve,
a Poisson regression with a logarithmic link on a cubic spline, is fitted to the rates, and each
fragment counts by what its own GC content predicts: the same curve in the same scale. Stretches
with far more fragments than others (peaks, ribosomal DNA) say more about biology than about bias
and take no part in the fit. Lower-case (soft-masked) bases count like upper-case ones; fragments
with an unknown base take no part and are left as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import BSpline
from scipy.optimize import minimize

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from basenji_kipoi.genome.fasta import Genome

__all__ = [
    "LARGEST_FACTOR",
    "STEPS",
    "TILE",
    "GcCurve",
    "between_steps",
    "busy_tiles",
    "fit_gc_curve",
    "fragment_gc",
    "genome_gc",
    "steps",
]

#: GC content is counted in so many steps from 0 to 1.
STEPS = 101
#: Stretches of the genome that are left out as a whole (bp).
TILE = 1000
# A tile with so many times the fragments of a usual one is a peak.
_BUSY = 10
_PIECE = 1 << 22  # bp of sequence at once
# Every so many bases one place stands for its neighbours.
_STRIDE = 2
_KNOTS = 6
# Share of the places at either end that have too little GC, or too much, to tell.
_RAREST = 0.005
# Keeps weights finite where there are no fragments at all.
_RIDGE = 1e-6
_LEAST_FRAGMENTS = 1000
#: Factors by which rates are corrected are at most so large, and at least its inverse.
LARGEST_FACTOR = 10.0


@dataclass(frozen=True)
class GcCurve:
    """How the rate of fragments depends on their GC content.

    Attributes
    ----------
    observed : ndarray, float64, shape (STEPS,)
        Fragments of each GC content.
    expected : ndarray, float64, shape (STEPS,)
        Places of the genome for fragments of each GC content.
    rate : ndarray, float64, shape (STEPS,)
        The fitted rate, relative to the mean over places.
    factor : ndarray, float64, shape (STEPS,)
        What a fragment counts; such that all together count as many as before.
    """

    observed: np.ndarray
    expected: np.ndarray
    rate: np.ndarray
    factor: np.ndarray

    @property
    def fitted_range(self) -> tuple[int, int]:
        """First and last GC content that the fit tells apart (%); beyond both the rate is level."""
        return _usual_steps(self.expected)

    def factors(self, gc: np.ndarray) -> np.ndarray:
        """Tell what fragments count.

        Parameters
        ----------
        gc : ndarray, float
            Their GC contents (0 to 1); NaN where it is unknown.

        Returns
        -------
        ndarray, float64, same shape
            Factors, interpolated; 1 where the GC content is unknown.
        """
        place = np.nan_to_num(gc).astype(np.float64) * (STEPS - 1)
        factors = np.interp(place, np.arange(STEPS), self.factor)
        return np.where(np.isnan(gc), 1.0, factors)


def fit_gc_curve(observed: np.ndarray, expected: np.ndarray, every: np.ndarray) -> GcCurve:
    """Fit the rate of fragments as a function of their GC content.

    Parameters
    ----------
    observed, expected : ndarray, float64, shape (STEPS,)
        Fragments and places of each GC content, outside of `busy_tiles`.
    every : ndarray, float64, shape (STEPS,)
        Fragments of each GC content in the whole genome, as `between_steps` counts them; their
        total is kept.

    Raises
    ------
    InputError
        If there are too few fragments to tell.
    """
    if observed.sum() < _LEAST_FRAGMENTS:
        raise InputError(
            f"{observed.sum():.0f} fragments are too few to fit how coverage depends on GC content "
            f"({_LEAST_FRAGMENTS} are needed): pass --no-gc"
        )
    possible = expected > 0
    mean = observed.sum() / expected.sum()
    basis = _spline_basis(expected)
    count, places = observed[possible] / mean, expected[possible]
    columns = basis[possible]

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        """Negative logarithm of the Poisson likelihood, divided by the number of places."""
        rate = np.exp(columns @ weights)
        value = (places * rate - count * (columns @ weights)).sum() / places.sum()
        gradient = columns.T @ (places * rate - count) / places.sum()
        return value + _RIDGE * (weights @ weights), gradient + 2 * _RIDGE * weights

    weights = minimize(loss, np.zeros(basis.shape[1]), jac=True, method="BFGS").x
    fitted = np.exp(basis @ weights)
    factor = np.clip(1 / fitted, 1 / LARGEST_FACTOR, LARGEST_FACTOR)
    factor *= every.sum() / (every * factor).sum()
    return GcCurve(observed, expected, fitted, factor)


def _usual_steps(expected: np.ndarray) -> tuple[int, int]:
    """Find the steps between the rarest at both ends."""
    share = np.cumsum(expected) / expected.sum()
    low, high = np.searchsorted(share, [_RAREST, 1 - _RAREST]).tolist()
    return low, max(high, low + 1)


def _spline_basis(expected: np.ndarray) -> np.ndarray:
    """Cubic B-splines over all steps but the rarest at both ends, beyond which they are constant.

    Returns an array of shape (STEPS, splines).
    """
    knots = np.linspace(*_usual_steps(expected), _KNOTS)
    padded = np.concatenate([[knots[0]] * 3, knots, [knots[-1]] * 3])
    level = np.clip(np.arange(STEPS), knots[0], knots[-1])
    return BSpline.design_matrix(level, padded, 3).toarray()


def busy_tiles(counts: np.ndarray) -> np.ndarray:
    """Find tiles with so many fragments that they are peaks.

    Parameters
    ----------
    counts : ndarray, shape (tiles,)
        Fragments of each tile of the genome.

    Returns
    -------
    ndarray, bool, shape (tiles,)
        Those with more than ten times the median of the tiles that have any.
    """
    some = counts[counts > 0]
    return counts > _BUSY * np.median(some) if len(some) else np.zeros(len(counts), bool)


def _pieces(
    genome: Genome, contig: str, longest: int
) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
    """Yield start and end of a piece, and sums of its GC and unknown bases up to each base.

    The sums go on for ``longest`` bases behind the piece.
    """
    length = genome.lengths[contig]
    for start in range(0, length, _PIECE):
        end = min(start + _PIECE, length)
        codes = genome.codes(contig, start, end + longest)
        strong = np.concatenate([[0], np.cumsum((codes == 1) | (codes == 2), dtype=np.int32)])
        unknown = np.concatenate([[0], np.cumsum(codes == UNKNOWN, dtype=np.int32)])
        yield start, end, strong, unknown


def fragment_gc(genome: Genome, contig: str, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Compute the GC content of fragments.

    Parameters
    ----------
    genome
        The genome.
    contig
        Contig.
    starts, lengths : ndarray, int64, shape (fragments,)
        First base (0-based) and length (bp, above 0) of each.

    Returns
    -------
    ndarray, float32, shape (fragments,)
        Share of G and C; NaN if a base is unknown or beyond the contig.
    """
    gc = np.full(len(starts), np.nan, np.float32)
    if not len(starts):
        return gc
    order = np.argsort(starts, kind="stable")
    place = starts[order]
    for start, end, strong, unknown in _pieces(genome, contig, int(lengths.max())):
        first, last = np.searchsorted(place, [start, end])
        mine = order[first:last]
        left = starts[mine] - start
        right = left + lengths[mine]
        content = (strong[right] - strong[left]) / lengths[mine]
        gc[mine] = np.where(unknown[right] > unknown[left], np.nan, content)
    return gc


def genome_gc(genome: Genome, contig: str, lengths: np.ndarray, left_out: np.ndarray) -> np.ndarray:
    """Count the places of a contig where fragments of each GC content can lie.

    Parameters
    ----------
    genome
        The genome.
    contig
        Contig.
    lengths : ndarray, int64
        Lengths of fragments (bp), each of which stands for as large a share of all; places take
        turns with them. Few lengths have few GC contents, so that steps between them would be
        empty.
    left_out : ndarray, bool, shape (tiles,)
        The contig's tiles whose fragments take no part.

    Returns
    -------
    ndarray, float64, shape (STEPS,)
        Places; their sum is the number of bases where a fragment can begin.
    """
    places = np.zeros(STEPS)
    for start, end, strong, unknown in _pieces(genome, contig, int(lengths.max())):
        left = np.arange(0, end - start, _STRIDE)
        length = lengths[(start + left) % len(lengths)]
        right = left + length
        tile = (start + left + length // 2) // TILE
        known = unknown[right] == unknown[left]
        known &= ~left_out[np.minimum(tile, len(left_out) - 1)]
        content = (strong[right] - strong[left])[known] / length[known]
        places += np.bincount(steps(content), minlength=STEPS)
    return places * _STRIDE


def steps(gc: np.ndarray) -> np.ndarray:
    """Turn GC contents (0 to 1) into indices of `STEPS`."""
    return np.rint(gc * (STEPS - 1)).astype(np.int64)


def between_steps(gc: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Count fragments by GC content, each shared between the two steps beside it.

    Factors are interpolated between steps: the sum of these counts, each times its step's factor,
    is that of the fragments, each times its own.

    Parameters
    ----------
    gc, weights : ndarray, float, shape (fragments,)
        GC content (0 to 1) of each, and what it counts.

    Returns
    -------
    ndarray, float64, shape (STEPS,)
        Counts.
    """
    place = gc.astype(np.float64) * (STEPS - 1)
    below = np.minimum(place.astype(np.int64), STEPS - 2)
    share = place - below
    counts = np.bincount(below, weights * (1 - share), minlength=STEPS)
    return counts + np.bincount(below + 1, weights * share, minlength=STEPS)
