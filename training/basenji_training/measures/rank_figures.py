"""Figures of kept bins: ranks, peaks, calibration, specificity of tracks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.stats import false_discovery_control, poisson, rankdata
from sklearn.metrics import average_precision_score, roc_auc_score

from basenji_kipoi.models.strands import strands_of
from basenji_training.measures.metrics import LEAST_BLOCKS, Correlation, block_draws

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from basenji_kipoi.genome.intervals import Interval
    from basenji_kipoi.models.targets import Targets
    from basenji_training.measures.held_out import Bins

__all__ = [
    "PEAK_RULE",
    "PeakFigures",
    "area_intervals",
    "calibration",
    "call_peaks",
    "correlation_of",
    "overlapped",
    "peak_figures",
    "spearman",
    "specificity",
]

#: How peaks are called, in words.
PEAK_RULE = (
    "a bin whose observed count is above the track's mean by a Poisson test, at a false discovery "
    "rate (Benjamini-Hochberg) of 0.01"
)
_FALSE_DISCOVERIES = 0.01

#: Heights of prediction that intervals of areas tell apart; neighbouring ones are put together.
_HEIGHTS = 4096

#: Values that are ranked at once: they take about 200 MB.
_RANKED_VALUES = 1 << 22


def correlation_of(predicted: np.ndarray, observed: np.ndarray, block: np.ndarray) -> Correlation:
    """Accumulate values whose blocks are known.

    Parameters
    ----------
    predicted, observed : ndarray, shape (values, tracks)
        Pairs; those with a NaN are left out.
    block : ndarray, int, shape (values,)
        Block of each.

    Returns
    -------
    Correlation
        Of all of them.
    """
    names, block = np.unique(block, return_inverse=True)
    order = np.argsort(block, kind="stable")
    ends = np.searchsorted(block[order], np.arange(1, len(names)))
    correlation = Correlation(predicted.shape[1], max(len(names), 1))
    for number, rows in enumerate(np.split(order, ends)):
        correlation.add(predicted[rows], observed[rows], number)
    return correlation


def spearman(
    predicted: np.ndarray, observed: np.ndarray, block: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Correlate ranks; ties have their mean rank.

    Parameters
    ----------
    predicted, observed, block
        As `correlation_of` takes them.

    Returns
    -------
    result : ndarray, float64, shape (tracks,)
        Spearman's correlation; NaN as in `Correlation.result`.
    interval : ndarray, float64, shape (2, tracks)
        Its interval. Draws keep the ranks among all values instead of ranking anew.
    """
    tracks = predicted.shape[1]
    result, interval = np.full(tracks, np.nan), np.full((2, tracks), np.nan)
    at_once = max(_RANKED_VALUES // max(len(predicted), 1), 1)
    for first in range(0, tracks, at_once):
        some = slice(first, first + at_once)
        pair = np.stack([predicted[:, some], observed[:, some]]).astype(np.float64)
        pair[:, ~np.isfinite(pair).all(axis=0)] = np.nan
        ranks = rankdata(pair, axis=1, nan_policy="omit")
        correlation = correlation_of(*ranks, block)
        result[some], interval[:, some] = correlation.result(), correlation.interval()
    return result, interval


def call_peaks(observed: np.ndarray) -> np.ndarray:
    """Call peaks of one track (`PEAK_RULE`), as the original program's test does.

    Parameters
    ----------
    observed : ndarray, shape (bins,)
        Counts, without missing values.

    Returns
    -------
    ndarray, bool, shape (bins,)
        Whether a bin is a peak.
    """
    if not len(observed):
        return np.zeros(0, dtype=bool)
    chance = poisson.sf(np.round(observed) - 1, observed.mean(dtype=np.float64))
    return false_discovery_control(chance) < _FALSE_DISCOVERIES


def overlapped(bins: Bins, resolution: int, intervals: Sequence[Interval]) -> np.ndarray:
    """Find the bins of which an interval covers at least one base: bool (bins,)."""
    found = np.zeros(len(bins.start), dtype=bool)
    spans: dict[str, list[tuple[int, int]]] = {}
    for interval in intervals:
        spans.setdefault(interval.chrom, []).append((interval.start, interval.end))
    for chromosome in np.unique(bins.chromosome):
        here = bins.chromosome == chromosome
        if chromosome in spans:
            starts, ends = np.array(sorted(spans[chromosome])).T
            # The furthest end of all intervals that start before the bin's end.
            furthest = np.append(-1, np.maximum.accumulate(ends))
            before = np.searchsorted(starts, bins.start[here] + resolution)
            found[here] = furthest[before] > bins.start[here]
    return found


class PeakFigures(NamedTuple):
    """How well predictions tell peaks from other bins.

    Attributes
    ----------
    peaks : int
        Bins that are peaks.
    share : float
        Their share: the area under the precision-recall curve of predictions at random.
    auroc, auprc : float
        Areas under the receiver operating characteristic and under the precision-recall curve (as
        average precision); NaN if all bins are peaks or none is.
    auroc_interval, auprc_interval : tuple of float
        Lower and upper end of the areas' intervals (`peak_figures`).
    """

    peaks: int
    share: float
    auroc: float
    auprc: float
    auroc_interval: tuple[float, float]
    auprc_interval: tuple[float, float]


def peak_figures(bins: Bins, peaks: Mapping[int, np.ndarray] | None = None) -> list[PeakFigures]:
    """Measure how well predictions find the peaks of each track.

    Parameters
    ----------
    bins
        The bins.
    peaks
        Track -> bool (bins,), for tracks whose peaks are known; those of others are called.

    Returns
    -------
    list of PeakFigures
        One a track. Intervals hold 95 % of the draws of the block bootstrap, as those of
        `basenji_training.measures.metrics.Correlation`; peaks are not called anew in each draw. NaN
        with fewer than `basenji_training.measures.metrics.LEAST_BLOCKS` blocks.
    """
    found = []
    for track in range(bins.observed.shape[1]):
        exists = np.isfinite(bins.observed[:, track])
        known = (peaks or {}).get(track)
        is_peak = call_peaks(bins.observed[exists, track]) if known is None else known[exists]
        share = is_peak.mean() if len(is_peak) else np.nan
        areas, intervals = (np.nan, np.nan), np.full((2, 2), np.nan)
        if 0 < share < 1:
            predicted = bins.predicted[exists, track]
            areas = roc_auc_score(is_peak, predicted), average_precision_score(is_peak, predicted)
            intervals = area_intervals(is_peak, predicted, bins.block[exists])
        found.append(
            PeakFigures(
                int(is_peak.sum()),
                float(share),
                *map(float, areas),
                *(tuple(map(float, interval)) for interval in intervals),
            )
        )
    return found


def _areas(peaks: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Compute areas under the ROC curve and the precision-recall curve (average precision).

    Parameters
    ----------
    peaks, others : ndarray, float64, shape (draws, heights)
        How many bins of either kind have each height of prediction, from the highest on.

    Returns
    -------
    ndarray, float64, shape (draws, 2)
        NaN for a draw without one of both.
    """
    true, false = np.cumsum(peaks, axis=1), np.cumsum(others, axis=1)
    found, wrong = true[:, -1], false[:, -1]
    below = wrong[:, None] - false + others / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        roc = (peaks * below).sum(axis=1) / (found * wrong)
        precision = np.where(true + false > 0, true / (true + false), 0)
        return np.stack([roc, (peaks * precision).sum(axis=1) / found], axis=1)


def area_intervals(is_peak: np.ndarray, predicted: np.ndarray, block: np.ndarray) -> np.ndarray:
    """Estimate how far the areas under both curves vary, by the block bootstrap.

    A draw of blocks is a weighted sum of the blocks' counts at each height of prediction, so that
    all draws are one matrix product.

    Parameters
    ----------
    is_peak : ndarray, bool, shape (bins,)
        Whether a bin is a peak.
    predicted : ndarray, shape (bins,)
        Predictions.
    block : ndarray, int, shape (bins,)
        Block of each bin.

    Returns
    -------
    ndarray, float64, shape (2, 2)
        Lower and upper end for the ROC curve, then for the precision-recall curve.
    """
    names, block = np.unique(block, return_inverse=True)
    if len(names) < LEAST_BLOCKS:
        return np.full((2, 2), np.nan)
    different, height = np.unique(-predicted, return_inverse=True)
    heights = min(len(different), _HEIGHTS)
    # Equal parts of the different predictions, the highest first.
    cell = block * heights + height * heights // len(different)
    weights = block_draws(len(names)).astype(np.float32)
    peaks, others = (
        (
            weights
            @ np.bincount(cell[which], minlength=len(names) * heights)
            .reshape(-1, heights)
            .astype(np.float32)
        ).astype(np.float64)
        for which in (is_peak, ~is_peak)
    )
    return np.nanquantile(_areas(peaks, others), [0.025, 0.975], axis=0).T


def calibration(bins: Bins, parts: int = 10) -> np.ndarray:
    """Compare means of bins of similar prediction.

    Parameters
    ----------
    bins
        The bins.
    parts
        Equal parts of the bins, by ascending prediction: 10 for deciles.

    Returns
    -------
    ndarray, float64, shape (tracks, parts, 2)
        Mean prediction and mean observation of each part (counts); NaN for a track with fewer bins
        than parts. Where both are equal, predictions are right on average at every height.
    """
    tracks = bins.observed.shape[1]
    means = np.full((tracks, parts, 2), np.nan)
    for track in range(tracks):
        exists = np.isfinite(bins.observed[:, track])
        if exists.sum() < parts:
            continue
        pair = np.stack([bins.predicted[exists, track], bins.observed[exists, track]], axis=1)
        ordered = np.argsort(pair[:, 0], kind="stable")
        means[track] = [
            pair[rows].mean(axis=0, dtype=np.float64) for rows in np.array_split(ordered, parts)
        ]
    return means


def specificity(bins: Bins, targets: Targets) -> np.ndarray:
    """Correlate what a track has more or less than the other tracks of its assay.

    Tracks of an assay that read the same strand are compared. Predictions and observations, as
    log(1 + counts), are each quantile normalised over the tracks, so that depth and distribution do
    not count; then the mean over the tracks is taken off each bin, and what is left is correlated.
    Of more than four million values of an assay, every second or third bin (and so on) counts.

    Parameters
    ----------
    bins
        The bins.
    targets
        The tracks.

    Returns
    -------
    ndarray, float64, shape (tracks,)
        Pearson's correlation; NaN for a track without another one to compare with.
    """
    result = np.full(len(targets), np.nan)
    varies = np.nanmax(bins.observed, axis=0, initial=-np.inf) > np.nanmin(
        bins.observed, axis=0, initial=np.inf
    )
    groups: dict[tuple[str, str], list[int]] = {}
    for target, strand in zip(targets, strands_of(targets), strict=True):
        if varies[target.index]:
            groups.setdefault((target.assay, strand), []).append(target.index)
    for members in groups.values():
        exists = np.flatnonzero(np.isfinite(bins.observed[:, members]).all(axis=1))
        exists = exists[:: 1 + len(exists) * len(members) // _RANKED_VALUES]
        if len(members) < 2 or len(exists) < 2:
            continue
        pair = [
            _quantile_normalised(np.log1p(values[exists][:, members].astype(np.float64)))
            for values in (bins.predicted, bins.observed)
        ]
        special = Correlation(len(members))
        special.add(*(values - values.mean(axis=1, keepdims=True) for values in pair))
        result[members] = special.result()
    return result


def _quantile_normalised(values: np.ndarray) -> np.ndarray:
    """Give all columns of (values, tracks) the mean of their distributions; ties stay ties."""
    reference = np.sort(values, axis=0).mean(axis=1)
    ranks = rankdata(values, axis=0) - 1
    return np.interp(ranks, np.arange(len(reference)), reference)
