"""The picture of a store of reporters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from basenji_training.splits.folds import SPLITS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from basenji_training.store.reporters import Measurements

__all__ = ["plot_reporters"]

#: Activities and sets that are drawn; more would hide each other.
_DRAWN = 8
_BINS = 60


def plot_reporters(content: Measurements, replicates: Sequence[np.ndarray], path: Path) -> None:
    """Draw activities, counts, splits, pairs, and what was measured again.

    Parameters
    ----------
    content
        The store's content.
    replicates : sequence of ndarray, shape (sequences, 2)
        Of each activity, two values of every sequence that was measured more than once; a store
        keeps their means alone, and is drawn without.
    path
        PNG file to be written.
    """
    figure = Figure(figsize=(15, 8.5), layout="constrained", dpi=100)
    (values, counts, splits), (pairs, again, both) = figure.subplots(2, 3)
    names = [activity.identifier for activity in content.activities][:_DRAWN]
    unit = content.activities[0].unit
    _histograms(values, content.values.T, names)
    values.set(title="Activities", xlabel=unit, ylabel="sequences")
    known = [column[column > 0] for column in content.counts.T]
    _histograms(counts, [np.log10(column) for column in known], names)
    counts.set(title="Counts of cells or reads", xlabel="log10", ylabel="sequences")
    _plot_splits(splits, content)
    differences = content.values[content.pairs[:, 1]] - content.values[content.pairs[:, 0]]
    _histograms(pairs, differences.T, names)
    pairs.set(
        title=f"{len(content.pairs):,} pairs: alternative - reference", xlabel=unit, ylabel="pairs"
    )
    if replicates:
        for name, two in zip(names, replicates, strict=False):
            again.plot(*two.T, ".", markersize=3, label=f"{name}: {len(two):,}")
        again.set(title="Sequences measured again", xlabel="one value", ylabel="another")
        _legend(again, any(map(len, replicates)))
    else:
        again.axis("off")
    if len(names) > 1:
        both.plot(content.values[:, 0], content.values[:, 1], ".", markersize=2, alpha=0.3)
        both.set(title="Two activities", xlabel=names[0], ylabel=names[1])
    else:
        both.axis("off")
    figure.savefig(path, format="png")


def _histograms(axes: Axes, columns: Sequence[np.ndarray], names: Sequence[str]) -> None:
    drawn = False
    for name, column in zip(names, columns, strict=False):
        there = column[np.isfinite(column)]
        if len(there):
            axes.hist(there, bins=_BINS, histtype="step", label=f"{name}: {len(there):,}")
            drawn = True
    _legend(axes, drawn)


def _legend(axes: Axes, drawn: bool) -> None:
    if drawn:
        axes.legend(frameon=False, fontsize=8)
    else:
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "none", ha="center", transform=axes.transAxes)


def _plot_splits(axes: Axes, content: Measurements) -> None:
    sets, sizes = np.unique(content.sets, return_counts=True)
    sets = sets[np.argsort(-sizes, kind="stable")][:_DRAWN]
    below = np.zeros(len(SPLITS))
    for name in sets:
        height = np.array([(content.sets[content.rows_of(s)] == name).sum() for s in SPLITS])
        axes.bar(SPLITS, height, bottom=below, label=name or "no set")
        below += height
    rest = np.array([len(content.rows_of(s)) for s in SPLITS]) - below
    if rest.any():
        axes.bar(SPLITS, rest, bottom=below, label="other sets", color="0.7")
    axes.set(title="Sequences by split and set", ylabel="sequences")
    axes.legend(frameon=False, fontsize=8)
