"""How well anything could agree with a measurement that is not exact.

A measured effect is the true one plus noise. Its reliability is the share of its variance that is
the true effects'. A prediction that is the true effect correlates with the measured one by the
square root of that.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

from basenji_kipoi.comparison.statistics import same_sign, spearman

__all__ = [
    "Ceilings",
    "from_errors",
    "reliability_of_errors",
    "reliability_of_replicates",
]

#: Draws of true effects, over which the largest rank correlation is averaged.
_DRAWS = 100


class Ceilings(NamedTuple):
    """The agreement with measured effects that the true ones have.

    Attributes
    ----------
    reliability : float
        Share of the measured variance that is not noise.
    pearson, spearman, same_sign : float
        Correlations, and share of equal signs.
    """

    reliability: float
    pearson: float
    spearman: float
    same_sign: float


def reliability_of_errors(effect: np.ndarray, error: np.ndarray) -> float:
    """Compute the reliability from standard errors: 1 - mean(error^2) / var(effect), at least 0."""
    variance = np.var(effect, ddof=1)
    return float(max(1 - np.mean(error**2) / variance, 0)) if variance > 0 else np.nan


def from_errors(effect: np.ndarray, error: np.ndarray, *, seed: int = 0) -> Ceilings:
    """Compute ceilings from standard errors.

    True effects are taken to be normal: given what was measured, each then is so, too, and
    correlation of ranks and agreement of signs are means over draws of them.

    Parameters
    ----------
    effect, error : ndarray, shape (rows,)
        Measured effects and their standard errors.
    seed
        Seed of the draws.

    Returns
    -------
    Ceilings
        NaN with fewer than three rows.
    """
    if len(effect) < 3:
        return Ceilings(*[np.nan] * 4)
    reliability = reliability_of_errors(effect, error)
    if not reliability > 0:
        return Ceilings(reliability, *[reliability] * 2, 0.5)
    centre, variance = effect.mean(), reliability * np.var(effect, ddof=1)
    share = variance / (variance + error**2)
    spread = np.sqrt(share) * error
    true = stats.norm.rvs(
        centre + share * (effect - centre),
        spread,
        size=(_DRAWS, len(effect)),
        random_state=np.random.default_rng(seed),
    )
    return Ceilings(
        reliability,
        float(np.sqrt(reliability)),
        float(np.mean([spearman(each, effect) for each in true])),
        float(np.mean([same_sign(each, effect) for each in true])),
    )


def reliability_of_replicates(replicates: np.ndarray) -> float:
    """Compute the reliability of the mean of replicates, from how they agree.

    Parameters
    ----------
    replicates : ndarray, shape (rows, replicates)
        Effects in each replicate; rows with a NaN are left out.

    Returns
    -------
    float
        k r / (1 + (k - 1) r) for k replicates whose correlations are r in the mean (Spearman and
        Brown 1910), at least 0; NaN with fewer than three rows.
    """
    known = replicates[np.isfinite(replicates).all(axis=1)]
    number = known.shape[1]
    if len(known) < 3 or (np.ptp(known, axis=0) == 0).any():
        return np.nan
    pairs = np.corrcoef(known.T)[np.triu_indices(number, 1)]
    agreement = max(float(pairs.mean()), 0)
    return number * agreement / (1 + (number - 1) * agreement)
