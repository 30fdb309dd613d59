"""Figures of `measured_variants.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from confidence import estimate, spearman
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from yeast_measurements import Measurement

__all__ = ["draw_enrichment", "draw_scatter"]

INK, SEEN, UNSEEN = "#303030", "#9aa5b1", "#c0392b"
COLOURS = ("#5b4fa2", "#1b7f79", "#c8641b")
#: The predictions that are drawn.
DRAWN = ("STRIPE-seq logFC", "TIF-seq starts logFC", "ATAC-seq logFC")
LABELS = {"MPRA": "measured logFC", "eQTL, marker": "lm.coeff", "eQTL, promoter": "lm.coeff"}
#: Share of the predictions within the axis; those beyond it are drawn at its ends.
SHOWN = 0.99


def draw_scatter(
    path: Path,
    datasets: Mapping[str, Sequence[Measurement]],
    predicted: Mapping[str, Mapping[str, np.ndarray]],
    held_out: Collection[str],
) -> None:
    """Draw measured against predicted effects, a row a dataset and a column an experiment."""
    figure = Figure(figsize=(4.1 * len(DRAWN), 3.6 * len(datasets)), layout="constrained")
    axes = figure.subplots(len(datasets), len(DRAWN), squeeze=False)
    for row, (dataset, measured) in zip(axes, datasets.items()):
        effect = np.array([each.effect for each in measured])
        unseen = np.array([each.gene.contig in held_out for each in measured])
        for ax, name in zip(row, DRAWN):
            values = predicted[dataset][name]
            limit = float(np.quantile(np.abs(values), SHOWN)) or 1.0
            shown = values.clip(-limit, limit)
            ax.axhline(0, color="#cccccc", linewidth=0.8)
            ax.axvline(0, color="#cccccc", linewidth=0.8)
            for mine, colour, label in (
                (~unseen, SEEN, "trained on"),
                (unseen, UNSEEN, "held out"),
            ):
                ax.scatter(
                    shown[mine], effect[mine], s=9, color=colour, alpha=0.6, linewidths=0,
                    label=f"{label} ({mine.sum():,})",
                )  # fmt: skip
            found = estimate(spearman, values, effect)
            ax.set_title(f"{dataset}: Spearman {found}", fontsize=9, color=INK)
            ax.set_xlabel(f"predicted {name}", fontsize=9, color=INK)
            ax.set_ylabel(LABELS[dataset], fontsize=9, color=INK)
            ax.locator_params(axis="x", nbins=5)
            ax.tick_params(labelsize=8, colors=INK)
            ax.spines[["top", "right"]].set_visible(False)
        row[0].legend(fontsize=8, frameon=False, markerscale=1.6, loc="upper left")
    figure.savefig(path, dpi=130)


def draw_enrichment(
    path: Path, enrichment: Mapping[str, Sequence[Mapping[str, Any]]], large: float
) -> None:
    """Draw how much more often large effects are at each distance from genes' first bases."""
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    ax = figure.subplots()
    for colour, (experiment, rows) in zip(COLOURS, enrichment.items()):
        near = [row for row in rows if row["from"] is not None]
        middle = [(row["from"] + row["to"]) / 2 for row in near]
        found = [row["enrichment"] for row in near]
        ax.plot(middle, [each.value for each in found], color=colour, label=experiment)
        low, high = ([getattr(each, end) for each in found] for end in ("low", "high"))
        ax.fill_between(middle, low, high, color=colour, alpha=0.18, linewidth=0)
    ax.axhline(1, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    ax.axvline(0, color="#cccccc", linewidth=0.8, zorder=0)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("distance from the nearest gene's first base (bp; before the gene: negative)")
    ax.set_ylabel(f"share of the largest {large:.0%} of |SAD|\nover that of all variants")
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)
