"""Statistics of predicted and measured effects, with bootstrap confidence intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import stats
from sklearn.metrics import average_precision_score

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "DRAWS",
    "LEAST_BLOCKS",
    "Estimate",
    "as_json",
    "auprc",
    "auroc",
    "estimate",
    "pearson",
    "same_sign",
    "spearman",
]

DRAWS = 1000
#: An interval from fewer blocks would be too narrow.
LEAST_BLOCKS = 10


class Estimate(NamedTuple):
    """A statistic with its 95 % confidence interval, and the rows that it comes from."""

    value: float
    low: float
    high: float
    rows: int

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def estimate(
    statistic: Callable[..., float],
    *columns: np.ndarray,
    blocks: np.ndarray | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Estimate:
    """Compute a statistic, and again of rows drawn with replacement.

    Parameters
    ----------
    statistic
        Takes the columns.
    *columns : ndarray, shape (rows,)
        Rows are drawn together.
    blocks : ndarray, shape (rows,), or None
        What each row belongs to, a gene for instance: rows of a block are drawn together, as many
        blocks as there are; None: each row by itself.
    draws, seed
        Number of draws, and their seed.

    Returns
    -------
    Estimate
        The percentile interval. All is NaN with fewer than three rows, the interval is with fewer
        than `LEAST_BLOCKS` blocks.
    """
    rows = len(columns[0])
    if rows < 3:
        return Estimate(np.nan, np.nan, np.nan, rows)
    value = float(statistic(*columns))
    if np.isnan(value):
        return Estimate(np.nan, np.nan, np.nan, rows)
    if all(np.ptp(column) == 0 for column in columns):
        return Estimate(value, value, value, rows)  # every draw is the same
    names, block = (rows, np.arange(rows)) if blocks is None else _numbered(blocks)
    if blocks is not None and names < LEAST_BLOCKS:
        return Estimate(value, np.nan, np.nan, rows)
    random = np.random.default_rng(seed)
    found = np.empty(draws)
    for draw in range(draws):
        # How often each block is drawn.
        times = np.bincount(random.integers(names, size=names), minlength=names)
        drawn = np.repeat(np.arange(rows), times[block])
        found[draw] = statistic(*(column[drawn] for column in columns)) if len(drawn) else np.nan
    # A draw of one value only has no correlation.
    known = found[np.isfinite(found)]
    if not len(known):
        return Estimate(value, np.nan, np.nan, rows)
    low, high = np.quantile(known, [0.025, 0.975])
    return Estimate(value, float(low), float(high), rows)


def _numbered(blocks: np.ndarray) -> tuple[int, np.ndarray]:
    names, block = np.unique(blocks, return_inverse=True)
    return len(names), block


def as_json(value: object) -> object:
    """Turn nested figures into what JSON can hold: estimates by name, NaN as null."""
    if isinstance(value, Estimate):
        return as_json(value._asdict())
    if isinstance(value, dict):
        return {name: as_json(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(each) for each in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def auroc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Chance that a positive is larger than a negative, a tie counting half; NaN without either."""
    if not len(positive) or not len(negative):
        return np.nan
    ranks = stats.rankdata(np.concatenate([positive, negative]))[: len(positive)]
    wins = ranks.sum() - len(positive) * (len(positive) + 1) / 2
    return float(wins) / (len(positive) * len(negative))


def auprc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Area under the precision-recall curve, as average precision; NaN without either."""
    if not len(positive) or not len(negative):
        return np.nan
    is_positive = np.repeat([True, False], [len(positive), len(negative)])
    return float(average_precision_score(is_positive, np.concatenate([positive, negative])))


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's correlation; NaN if one of the two is constant."""
    return float(np.corrcoef(x, y)[0, 1]) if np.ptp(x) and np.ptp(y) else np.nan


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's rank correlation; NaN if one of the two is constant."""
    return pearson(stats.rankdata(x), stats.rankdata(y))


def same_sign(x: np.ndarray, y: np.ndarray) -> float:
    """Share of equal signs among rows where neither is zero; NaN if there is none."""
    product = np.sign(x) * np.sign(y)
    return float((product[product != 0] > 0).mean()) if product.any() else np.nan
