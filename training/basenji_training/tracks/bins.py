"""Arithmetic of bins: sums and other statistics, scaling and clipping, joining."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.targets import SQUASHED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.models.targets import Targets

__all__ = ["STATISTICS", "bin_values", "coarsen", "join_bins", "thresholds", "transform"]


def _squashed_sum(values: np.ndarray, axis: int) -> np.ndarray:
    return np.sum(values, axis=axis) ** SQUASHED


#: How the bases of a bin become one number, by the name used in the targets table.
STATISTICS = {"sum": np.sum, "mean": np.mean, "max": np.max, "sum_sqrt": _squashed_sum}


def bin_values(values: np.ndarray, width: int, sum_stat: str = "sum") -> np.ndarray:
    """Reduce values of bases to values of bins.

    Parameters
    ----------
    values : ndarray, shape (bins * width,)
        One value a base.
    width
        Bases in a bin.
    sum_stat
        A key of `STATISTICS`.

    Returns
    -------
    ndarray, float64, shape (bins,)
        The statistic of each bin.
    """
    return STATISTICS[sum_stat](np.asarray(values, np.float64).reshape(-1, width), axis=1)


def transform(
    values: np.ndarray,
    *,
    clip_soft: float | np.ndarray,
    clip: float | np.ndarray,
    scale: float | np.ndarray,
) -> np.ndarray:
    """Clip softly, clip, scale, and only then narrow.

    Parameters
    ----------
    values : ndarray, float64
        Statistics of bins; not negative.
    clip_soft
        Threshold above which the excess is replaced by its square root; a number or, like the
        other two, one for each column of `values`.
    clip
        Largest value after that.
    scale
        Factor applied last.

    Returns
    -------
    ndarray, float32, same shape
        ``scale * min(soft_clip(values), clip)``.
    """
    values = np.asarray(values, np.float64)
    if np.isfinite(clip_soft).any():
        # An excess below 1 would grow under the root; the formula is kept as published.
        excess = np.sqrt(np.maximum(values - clip_soft, 0.0))
        values = np.where(values > clip_soft, clip_soft + excess, values)
    return (scale * np.minimum(values, clip)).astype(np.float32)


def join_bins(values: np.ndarray, factor: int, sum_stats: Sequence[str]) -> np.ndarray:
    """Join neighbouring bins into wider ones, as tracks sum up coverage.

    Parameters
    ----------
    values : ndarray, float64, shape (..., bins, tracks)
        Counts, as `basenji_kipoi.models.targets.Targets.counts` gives them.
    factor
        Bins that become one.
    sum_stats
        A key of `STATISTICS` for each track. The counts of ``sum`` and of ``sum_sqrt``, whose power
        is undone, are added; of ``mean`` and ``max`` it is the mean and the maximum.

    Returns
    -------
    ndarray, float64, shape (..., bins // factor, tracks)
        Counts; NaN where one of the parts is.

    Raises
    ------
    InputError
        If `factor` does not divide the number of bins.
    """
    *batch, bins, tracks = values.shape
    if bins % factor:
        raise InputError(f"{bins} bins cannot be joined in groups of {factor} without a rest")
    parts = values.reshape(*batch, bins // factor, factor, tracks)
    joins = np.array([name if name in {"mean", "max"} else "sum" for name in sum_stats])
    if (joins == "sum").all():
        return parts.sum(axis=-2)
    joined = np.empty((*batch, bins // factor, tracks))
    for name in dict.fromkeys(joins.tolist()):
        joined[..., joins == name] = STATISTICS[name](parts[..., joins == name], axis=-2)
    return joined


def coarsen(values: np.ndarray, targets: Targets, factor: int) -> np.ndarray:
    """Join neighbouring bins of a store into wider ones.

    Scale, clipping and power are undone, bins joined, and all of it applied again. What a hard
    ``clip`` cut off is lost, so a wide bin whose narrow ones were clipped is too low.

    Parameters
    ----------
    values : ndarray, shape (bins, tracks)
        Values of bins, as the table scales and clips them.
    targets
        The tracks.
    factor
        Bins that become one.

    Returns
    -------
    ndarray, float32, shape (bins // factor, tracks)
        NaN where one of the parts is.
    """
    joined = join_bins(targets.counts(values), factor, targets.sum_stats)
    squashed = [name == "sum_sqrt" for name in targets.sum_stats]
    joined[:, squashed] **= SQUASHED
    return transform(joined, **thresholds(targets))


def thresholds(targets: Targets) -> dict[str, np.ndarray]:
    """List the arguments of `transform` for all tracks: clip_soft, clip and scale, (tracks,)."""
    return {
        "clip_soft": np.array([np.inf if t.clip_soft is None else t.clip_soft for t in targets]),
        "clip": np.array([np.inf if t.clip is None else t.clip for t in targets]),
        "scale": np.array([t.scale for t in targets]),
    }
