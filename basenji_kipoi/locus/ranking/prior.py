"""The prior of predicted effects, and its weight.

The prior of a variant to be the causal one of its set is proportional to p^-w: p is the share of
random variants with at least such an effect, w the weight. With w = 0 predictions say nothing; a
variant whose effect one of a hundred random ones has, has 100^w times the prior of one with the
least. PIPs that were made with equal priors are proportional to Bayes factors, so that the joint
posterior of a set is

    posterior_i = S * PIP_i * p_i^-w / sum_j PIP_j * p_j^-w

with S, the sum of its PIPs. The weight is the one under which the data of all sets are most likely:

    log L(w) = sum over sets of log( sum_i PIP_i p_i^-w / sum_i PIP_i  /  mean_i p_i^-w )

Its 95 % interval holds the weights whose log L lies within 1.92 of the largest one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LEAST_SETS", "Weight", "estimate_weight", "joined", "log_prior", "too_few_sets"]

#: Fewer sets do not tell a weight.
LEAST_SETS = 10
#: Weights that are tried.
_WEIGHTS = np.round(np.arange(-100, 301) / 100, 2)
_DROP = 1.92


class Weight(NamedTuple):
    """The weight of predicted effects.

    Attributes
    ----------
    value : float
        The weight.
    low, high : float or None
        Ends of its 95 % interval; None where it was given.
    sets : int
        Sets that it was estimated from; 0 where it was given.
    """

    value: float
    low: float | None
    high: float | None
    sets: int

    def __str__(self) -> str:
        if self.low is None:
            return f"{self.value:g} (given)"
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f}, from {self.sets:,} sets)"


def log_prior(p: np.ndarray, weight: float | np.ndarray) -> np.ndarray:
    """Compute the logarithm of a set's prior.

    Parameters
    ----------
    p : ndarray, float, shape (variants,)
        Shares of random variants with at least such an effect; NaN for one without a prediction,
        which gets the mean prior of the others.
    weight : float, or ndarray of shape (weights, 1)
        The weight, or several.

    Returns
    -------
    ndarray, float64, shape (variants,) or (weights, variants)
        Up to a constant.
    """
    known = np.isfinite(p)
    values = -weight * np.log(np.where(known, p, 1.0))
    if not known.any():
        return values
    largest = values[..., known].max(axis=-1, keepdims=True)
    mean = np.log(np.exp(values[..., known] - largest).mean(axis=-1, keepdims=True)) + largest
    return np.where(known, values, mean)


def joined(pip: np.ndarray, log_priors: np.ndarray) -> np.ndarray:
    """Join the PIPs of a set with a prior, as the module says; their sum stays."""
    total = pip.sum()
    if not total:
        return pip.copy()
    weights = pip * np.exp(log_priors - log_priors.max())
    # Where only variants of no PIP have a prior worth mentioning, PIPs say all there is.
    return total * weights / weights.sum() if weights.sum() else pip.copy()


def too_few_sets(number: int) -> InputError:
    """Say that no weight can be estimated from so many sets."""
    return InputError(
        f"a weight is estimated from {LEAST_SETS} sets or more whose variants differ in their "
        f"predicted effects, and there are {number}: give one with --weight, such as one that a "
        "larger table gave"
    )


def estimate_weight(sets: Sequence[tuple[np.ndarray, np.ndarray]]) -> Weight:
    """Estimate the weight.

    Parameters
    ----------
    sets
        PIP and p of the variants of each set.

    Returns
    -------
    Weight
        Most likely weight, from -1 to 3.

    Raises
    ------
    InputError
        If there are too few sets in which predictions could say something.
    """
    used = [
        (pip / pip.sum(), p)
        for pip, p in sets
        if pip.sum() > 0 and len(set(p[np.isfinite(p)].tolist())) > 1
    ]
    if len(used) < LEAST_SETS:
        raise too_few_sets(len(used))
    likelihood = np.zeros(len(_WEIGHTS))
    for pip, p in used:
        prior = log_prior(p, _WEIGHTS[:, None])
        prior = np.exp(prior - prior.max(axis=1, keepdims=True))
        likelihood += np.log(prior @ pip / prior.mean(axis=1))
    best = int(likelihood.argmax())
    inside = _WEIGHTS[likelihood >= likelihood[best] - _DROP]
    return Weight(float(_WEIGHTS[best]), float(inside[0]), float(inside[-1]), len(used))
