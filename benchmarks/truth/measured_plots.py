"""The figure of `measured_variants.py` that is not one of `basenji compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["draw_enrichment"]

INK = "#303030"
COLOURS = ("#5b4fa2", "#1b7f79", "#c8641b")


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
