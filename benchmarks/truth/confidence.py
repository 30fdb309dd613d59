"""Statistics of scored variants with bootstrap confidence intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Estimate", "as_json", "auroc", "estimate", "pearson", "spearman"]

DRAWS = 1000


class Estimate(NamedTuple):
    """A statistic with its 95 % confidence interval, and the rows that it comes from."""

    value: float
    low: float
    high: float
    rows: int

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def estimate(statistic: Callable[..., float], *columns: np.ndarray) -> Estimate:
    """Compute a statistic, and again of rows drawn with replacement.

    Parameters
    ----------
    statistic
        Takes the columns.
    *columns : ndarray, shape (rows,)
        Rows are drawn together.

    Returns
    -------
    Estimate
        The percentile interval of 1,000 draws; NaN with fewer than three rows.
    """
    rows = len(columns[0])
    if rows < 3:
        return Estimate(np.nan, np.nan, np.nan, rows)
    value = float(statistic(*columns))
    if all(np.ptp(column) == 0 for column in columns):
        return Estimate(value, value, value, rows)  # every draw is the same
    found = stats.bootstrap(
        columns, statistic, paired=True, vectorized=False, n_resamples=DRAWS,
        method="percentile", rng=np.random.default_rng(0),
    )  # fmt: skip
    interval = found.confidence_interval
    return Estimate(value, float(interval.low), float(interval.high), rows)


def as_json(value: object) -> object:
    """Turn nested figures into what JSON can hold: estimates by name, NaN as null."""
    if isinstance(value, Estimate):
        return as_json(value._asdict())
    if isinstance(value, dict):
        return {name: as_json(each) for name, each in value.items()}
    if isinstance(value, list):
        return [as_json(each) for each in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def auroc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Chance that a positive is larger than a negative, a tie counting half."""
    wins = stats.mannwhitneyu(positive, negative).statistic
    return float(wins) / (len(positive) * len(negative))


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's correlation; NaN if one of the two is constant."""
    return float(np.corrcoef(x, y)[0, 1]) if np.ptp(x) and np.ptp(y) else np.nan


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's rank correlation; NaN if one of the two is constant."""
    return pearson(stats.rankdata(x), stats.rankdata(y))
