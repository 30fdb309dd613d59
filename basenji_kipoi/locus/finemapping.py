"""From association to probability: Bayes factors of z-scores, and the sum of single effects.

With one causal variant in a locus, z of that variant is N(0, 1 + w) and what the others show
follows from it, so that a variant's Bayes factor is

    BF = exp(z^2 / 2 * w / (1 + w)) / sqrt(1 + w)

and its posterior is proportional to prior times BF. w, the variance of the causal z that the
effect adds, is the one that makes the data of the locus most likely. With several signals and
linkage R, each is such a single effect of what the others leave of z (Wang et al. 2020, J R Stat
Soc B 82:1273; Zou et al. 2022, PLoS Genet 18:e1010299).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from basenji_kipoi.faces import library

__all__ = ["Signals", "credible_set", "single_effect", "sum_of_single_effects", "z_of_log10_p"]

#: Values of log(w) that are tried; z of 50 has w of about 2,500.
_LOG_W = np.linspace(-4.0, 12.0, 129)
_STEPS, _TOLERANCE = 200, 1e-4
#: A signal without any variant above this correlation with all others of its set is none.
PURITY = 0.5


def z_of_log10_p(log10_p: float) -> float:
    """Return the absolute z of a two-sided P-value, given as -log10 of it, however small."""
    special = library("scipy.special", "P-values without effects")
    log_half = -log10_p * math.log(10) - math.log(2)
    return max(0.0, -float(special.ndtri_exp(log_half)))


def _log_bayes_factors(z: np.ndarray, variance: np.ndarray | float) -> np.ndarray:
    return 0.5 * (z**2 * variance / (1 + variance) - np.log1p(variance))


def _log_sum(values: np.ndarray, axis: int = -1) -> np.ndarray:
    largest = values.max(axis=axis, keepdims=True)
    total = np.log(np.exp(values - largest).sum(axis=axis, keepdims=True)) + largest
    return np.squeeze(total, axis=axis)


def single_effect(z: np.ndarray, log_prior: np.ndarray | None = None) -> tuple[np.ndarray, float]:
    """Compute the posterior of each variant to be the causal one, where there is one.

    Parameters
    ----------
    z : ndarray, float, shape (variants,)
        z-scores.
    log_prior : ndarray, float, shape (variants,), or None
        Logarithms of what priors are proportional to; None: all the same.

    Returns
    -------
    posterior : ndarray, float64, shape (variants,)
        Sums to 1.
    variance : float
        w; 0 where no effect makes the data more likely.
    """
    z = np.asarray(z, dtype=float)
    prior = np.zeros(len(z)) if log_prior is None else np.asarray(log_prior, dtype=float)
    prior = prior - _log_sum(prior)
    variances = np.exp(_LOG_W)
    likelihood = _log_sum(_log_bayes_factors(z[None], variances[:, None]) + prior[None])
    best = int(likelihood.argmax())
    variance = float(variances[best]) if likelihood[best] > 0 else 0.0
    log_posterior = _log_bayes_factors(z, variance) + prior
    return np.exp(log_posterior - _log_sum(log_posterior)), variance


class Signals(NamedTuple):
    """The signals of a locus.

    Attributes
    ----------
    alpha : ndarray, float64, shape (signals, variants)
        Posterior of each variant within each signal; a row sums to 1.
    variances : ndarray, float64, shape (signals,)
        w of each; 0 for one that is none.
    pip : ndarray, float64, shape (variants,)
        Probability to be causal for any signal.
    sets : tuple of ndarray
        Variants of each signal's 95 % credible set, of signals whose sets are pure.
    set_signals : tuple of int
        The signal of each set.
    """

    alpha: np.ndarray
    variances: np.ndarray
    pip: np.ndarray
    sets: tuple[np.ndarray, ...]
    set_signals: tuple[int, ...]


def credible_set(posterior: np.ndarray, coverage: float = 0.95) -> np.ndarray:
    """List the fewest variants, most probable first, that hold so much of a posterior."""
    order = np.argsort(-posterior, kind="stable")
    number = int(np.searchsorted(np.cumsum(posterior[order]), coverage)) + 1
    return order[:number]


def sum_of_single_effects(
    z: np.ndarray,
    correlation: np.ndarray,
    *,
    signals: int = 5,
    log_prior: np.ndarray | None = None,
) -> Signals:
    """Find the signals of a locus from z-scores and linkage.

    Parameters
    ----------
    z : ndarray, float, shape (variants,)
        z-scores.
    correlation : ndarray, float, shape (variants, variants)
        Linkage: r of the ALT alleles, of the people that z comes from.
    signals
        Most signals.
    log_prior : ndarray, float, shape (variants,), or None
        As `single_effect` takes it.

    Returns
    -------
    Signals
        What was found.
    """
    z = np.asarray(z, dtype=float)
    number = len(z)
    alpha = np.full((signals, number), 1 / number)
    mean = np.zeros((signals, number))
    variances = np.zeros(signals)
    for _ in range(_STEPS):
        before = alpha.copy()
        for signal in range(signals):
            others = mean.sum(axis=0) - mean[signal]
            alpha[signal], variances[signal] = single_effect(z - correlation @ others, log_prior)
            left = z - correlation @ others
            shrink = variances[signal] / (1 + variances[signal])
            mean[signal] = alpha[signal] * shrink * left
        if np.abs(alpha - before).max() < _TOLERANCE:
            break
    real = variances > 0
    pip = 1 - np.prod(1 - alpha[real], axis=0) if real.any() else np.zeros(number)
    sets, numbers = [], []
    for signal in np.flatnonzero(real):
        members = credible_set(alpha[signal])
        pure = np.abs(correlation[np.ix_(members, members)]).min() >= PURITY
        known = any(set(members) == set(each) for each in sets)
        if pure and not known:
            sets.append(members)
            numbers.append(int(signal))
    return Signals(alpha, variances, pip, tuple(sets), tuple(numbers))
