"""Figures of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from basenji_kipoi.comparison.matching import Matched

__all__ = ["DRAWN", "calibration_figure", "estimates_figure", "matching_figure", "scatter_figure"]

_INK, _GREY, _POINTS = "#2b3440", "#c4cbd3", "#0072b2"
#: Colours that differ for people who see red and green alike (Okabe and Ito 2008).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
#: Scores that are drawn at most; the tables have them all.
DRAWN = len(_COLOURS)
#: Share of the predictions within the axis; those beyond it are drawn at its ends.
_SHOWN = 0.99
_PARTS = 10


def _styled(ax: Any, x: str, y: str, title: str = "") -> None:  # noqa: ANN401 - matplotlib's axes
    ax.set_xlabel(x, fontsize=9, color=_INK)
    ax.set_ylabel(y, fontsize=9, color=_INK)
    ax.set_title(title, fontsize=9, color=_INK, loc="left")
    ax.tick_params(labelsize=8, colors=_INK)
    ax.spines[["top", "right"]].set_visible(False)


def estimates_figure(parts: Sequence[Mapping[str, Any]], statistic: str, label: str) -> Figure:
    """Draw a statistic of each score with its interval, a column a part, beside the ceiling."""
    scores = [each["name"] for each in parts[0]["scores"]]
    height = 1.2 + 0.24 * len(scores)
    figure = Figure(figsize=(2.4 + 3.2 * len(parts), height), layout="constrained")
    axes = figure.subplots(1, len(parts), squeeze=False, sharey=True, sharex=True)[0]
    rows = np.arange(len(scores))[::-1]
    for ax, part in zip(axes, parts):
        for row, each in zip(rows, part["scores"]):
            found = each[statistic]
            colour = _COLOURS[1] if each["calibrated"] else _POINTS
            ax.plot([found.low, found.high], [row, row], color=colour, linewidth=1.6)
            ax.plot(found.value, row, "o", color=colour, markersize=4.5)
        chance = 0.5 if statistic == "same_sign" else 0
        ax.axvline(chance, color=_GREY, linewidth=0.9, zorder=0)
        ceiling = part["ceilings"].get(statistic, np.nan)
        if np.isfinite(ceiling):
            ax.axvline(ceiling, color=_INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
        _styled(ax, label, "", f"{part['name']} ({part['rows']:,})")
        ax.set_yticks(rows, scores)
    return figure


def scatter_figure(
    scores: Sequence[Mapping[str, Any]], values: Sequence[np.ndarray], effect: np.ndarray
) -> Figure:
    """Draw measured against predicted effects, a panel a score."""
    columns = min(3, len(scores))
    rows = -(-len(scores) // columns)
    figure = Figure(figsize=(3.7 * columns, 3.2 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes[len(scores) :]:
        ax.set_visible(False)
    for ax, each, predicted in zip(axes, scores, values):
        limit = float(np.quantile(np.abs(predicted), _SHOWN)) or 1.0
        ax.axhline(0, color=_GREY, linewidth=0.8, zorder=0)
        ax.axvline(0, color=_GREY, linewidth=0.8, zorder=0)
        ax.scatter(predicted.clip(-limit, limit), effect, s=8, color=_POINTS, alpha=0.5, lw=0)
        _styled(ax, each["name"], "measured", f"rho {each['spearman']}")
        ax.locator_params(axis="x", nbins=5)
    return figure


def matching_figure(matched: Matched, names: Sequence[str]) -> Figure:
    """Draw how scores tell variants with an effect from their negatives, and all distances."""
    figure = Figure(figsize=(12, 3.8), layout="constrained")
    roc, precision, distance = figure.subplots(1, 3)
    number = matched.negative_scores.shape[1]
    is_positive = np.repeat([True, False], len(matched.positives) * np.array([1, number]))
    for column, (name, colour) in enumerate(zip(names, _COLOURS)):
        size = np.abs(
            np.concatenate(
                [matched.positive_scores[:, column], matched.negative_scores[:, :, column].ravel()]
            )
        )
        wrong, right, _ = roc_curve(is_positive, size)
        roc.plot(wrong, right, color=colour, label=name, linewidth=1.4)
        share, recall, _ = precision_recall_curve(is_positive, size)
        precision.plot(recall, share, color=colour, linewidth=1.4)
    roc.plot([0, 1], [0, 1], color=_GREY, linewidth=0.9, zorder=0)
    precision.axhline(1 / (1 + number), color=_GREY, linewidth=0.9, zorder=0)
    precision.set_ylim(0, 1.02)
    _styled(roc, "negatives above the threshold", "variants with an effect above it")
    _styled(precision, "variants with an effect found (recall)", "share of those found (precision)")
    roc.legend(fontsize=7, frameon=False, loc="lower right")
    places = np.concatenate([matched.positive_distances, matched.negative_distances.ravel()])
    edges = np.linspace(*np.quantile(places, [0.01, 0.99]), 31)
    if edges[0] < edges[-1]:
        for each, colour, label in (
            (matched.positive_distances, _COLOURS[1], "with an effect"),
            (matched.negative_distances.ravel(), _INK, "negatives"),
        ):
            share = np.histogram(each, edges)[0] / max(len(each), 1)
            distance.stairs(share, edges, color=colour, label=label, linewidth=1.4)
        distance.legend(fontsize=8, frameon=False)
    _styled(distance, "distance to the start of a gene (bp)", "share of the variants")
    return figure


def calibration_figure(
    names: Sequence[str], values: Sequence[np.ndarray], effect: np.ndarray
) -> Figure:
    """Draw mean measured effects of tenths of the rows, by their calibrated effects."""
    figure = Figure(figsize=(5.6, 4.2), layout="constrained")
    ax = figure.subplots()
    ends = []
    for name, predicted, colour in zip(names, values, _COLOURS):
        tenths = np.array_split(np.argsort(predicted, kind="stable"), min(_PARTS, len(effect)))
        means = [(predicted[rows].mean(), effect[rows].mean()) for rows in tenths]
        x, y = np.array(means).T
        ax.plot(x, y, "o-", color=colour, label=name, markersize=4, linewidth=1.2)
        ends += [x.min(), x.max()]
    line = [min(ends), max(ends)]
    ax.plot(line, line, color=_INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
    ax.legend(fontsize=8, frameon=False)
    _styled(ax, "calibrated effect, chromosome left out", "measured effect, mean of a tenth")
    return figure
