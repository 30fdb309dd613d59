"""Figures of predicted tracks and of a variant's effect on them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import matplotlib as mpl
import numpy as np

mpl.use("Agg")  # no display needed
import matplotlib.pyplot as plt

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from basenji_kipoi.models.targets import Targets

__all__ = ["Panel", "draw_tracks", "draw_variant", "panels_of"]

INK = "#303030"
GAIN, LOSS = "#c0392b", "#2c6fbb"
DOTS_PER_INCH = 150
# Distinct, also for most colour-blind readers; assays take them in order of appearance.
PALETTE = ("#1b7f79", "#c8641b", "#5b4fa2", "#b0307a", "#5f7f1c", "#8a6d1d", "#3b6ea5", "#666666")


class Panel(NamedTuple):
    """One experiment: a track, or two that are each other's strands.

    Attributes
    ----------
    label
        What the experiment is.
    colour
        That of its assay.
    forward, reverse
        Indices of the tracks; `reverse` is None for an unstranded one.
    """

    label: str
    colour: str
    forward: int
    reverse: int | None


def panels_of(targets: Targets) -> list[Panel]:
    """Pair the strands of each experiment, in the order of the targets table."""
    colours: dict[str, str] = {}
    panels = []
    for target in targets:
        colour = colours.setdefault(target.assay, PALETTE[len(colours) % len(PALETTE)])
        partner = targets[target.strand_pair]
        if partner.index == target.index:
            panels.append(Panel(target.identifier, colour, target.index, None))
        elif partner.index > target.index:
            label = _shared_start(target.identifier, partner.identifier) or target.identifier
            panels.append(Panel(label, colour, target.index, partner.index))
    return panels


def _shared_start(first: str, second: str) -> str:
    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, second))
    return "".join(letter for letter, _ in same).rstrip("_.+-")


def draw_tracks(
    path: Path,
    *,
    chrom: str,
    starts: np.ndarray,
    bin_width: int,
    predictions: np.ndarray,
    targets: Targets,
) -> None:
    """Draw every experiment in a panel of its own, minus strands below the axis.

    Parameters
    ----------
    path
        The PNG file.
    chrom
        Contig of the window.
    starts
        First base of each bin, 0-based (bp), shape (bins,).
    bin_width
        Bases of a bin (bp).
    predictions
        Predicted coverage, summed over each bin, shape (bins, tracks).
    targets
        The tracks.
    """
    panels = panels_of(targets)
    figure, axes = plt.subplots(
        len(panels),
        sharex=True,
        figsize=(11, 1.6 + 0.62 * len(panels)),
        squeeze=False,
        layout="constrained",
    )
    edges = np.append(starts, starts[-1] + bin_width) / 1000
    for panel, ax in zip(panels, axes[:, 0]):
        ax.stairs(predictions[:, panel.forward], edges, fill=True, color=panel.colour)
        highest = predictions[:, panel.forward].max()
        if panel.reverse is None:
            ax.set_ylim(0, 1.1 * highest)
        else:
            reverse = predictions[:, panel.reverse]
            ax.stairs(-reverse, edges, fill=True, color=panel.colour, alpha=0.55)
            highest = max(highest, reverse.max())
            ax.set_ylim(-1.1 * highest, 1.1 * highest)
            ax.axhline(0, color=INK, linewidth=0.6)
        _annotate(ax, panel.label, highest)
    axes[-1, 0].set_xlim(edges[0], edges[-1])
    axes[-1, 0].set_xlabel(f"position on {chrom} (kb)")
    figure.supylabel(f"predicted coverage (sum over each {bin_width}-bp bin)", fontsize=10)
    axes[0, 0].set_title(
        f"{chrom}:{starts[0]:,}-{starts[-1] + bin_width:,}   "
        "plus strand above the line, minus strand below",
        fontsize=11,
    )
    figure.savefig(path, dpi=DOTS_PER_INCH)
    plt.close(figure)


def draw_variant(
    path: Path,
    *,
    title: str,
    chrom: str,
    position: int,
    starts: np.ndarray,
    bin_width: int,
    reference: np.ndarray,
    alternative: np.ndarray,
    labels: Sequence[str],
    tracks: Sequence[int],
    flank: int = 1500,
) -> None:
    """Draw tracks for both alleles of a variant, and the difference below each.

    Parameters
    ----------
    path
        The PNG file.
    title
        What the variant is.
    chrom, position
        Contig and 0-based position of the variant's first base.
    starts
        First base of each bin, 0-based (bp), shape (bins,).
    bin_width
        Bases of a bin (bp).
    reference, alternative
        Predicted coverage of the two alleles, shape (bins, tracks).
    labels
        One a track.
    tracks
        Indices of those to draw.
    flank
        Bases to draw on each side of the variant (bp).
    """
    near = (starts + bin_width > position - flank) & (starts < position + flank)
    starts, reference, alternative = starts[near], reference[near], alternative[near]
    difference = alternative - reference
    edges = np.append(starts, starts[-1] + bin_width) / 1000
    figure, axes = plt.subplots(
        2 * len(tracks),
        sharex=True,
        figsize=(11, 1.4 + 1.9 * len(tracks)),
        height_ratios=[2, 1] * len(tracks),
        squeeze=False,
        layout="constrained",
    )
    for row, track in enumerate(tracks):
        above, below = axes[2 * row, 0], axes[2 * row + 1, 0]
        above.stairs(
            reference[:, track], edges, fill=True, color="#c9c9c9", label="reference allele"
        )
        above.stairs(
            alternative[:, track], edges, color=INK, linewidth=1.3, label="alternative allele"
        )
        highest = max(reference[:, track].max(), alternative[:, track].max())
        above.set_ylim(0, 1.1 * highest)
        _annotate(above, labels[track], highest)
        change = difference[:, track]
        below.stairs(np.maximum(change, 0), edges, fill=True, color=GAIN)
        below.stairs(np.minimum(change, 0), edges, fill=True, color=LOSS)
        below.axhline(0, color=INK, linewidth=0.6)
        limit = np.abs(change).max()
        below.set_ylim(-1.2 * limit, 1.2 * limit)
        _annotate(below, "alt - ref", limit, signed=True)
        for ax in (above, below):
            ax.axvline((position + 0.5) / 1000, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    axes[0, 0].legend(loc="upper right", frameon=False, fontsize=9, ncols=2)
    axes[-1, 0].set_xlim(edges[0], edges[-1])
    axes[-1, 0].set_xlabel(f"position on {chrom} (kb); the dashed line is the variant")
    figure.supylabel(f"predicted coverage (sum over each {bin_width}-bp bin)", fontsize=10)
    axes[0, 0].set_title(title, fontsize=11)
    figure.savefig(path, dpi=DOTS_PER_INCH)
    plt.close(figure)


def _annotate(ax: Axes, label: str, highest: float, *, signed: bool = False) -> None:
    """Label a panel on its left; its only tick labels are zero and the highest value."""
    ax.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9, color=INK)
    ax.yaxis.set_label_coords(-0.045, 0.5)  # in line, however wide the numbers are
    low, _ = ax.get_ylim()
    number = _short(highest)
    if low < 0:
        lowest = f"-{number}" if signed else number  # a strand below the line is no negative value
        ax.set_yticks([-highest, 0, highest], [lowest, "0", number], fontsize=7)
    else:
        ax.set_yticks([0, highest], ["0", number], fontsize=7)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.spines["left"].set_color("#aaaaaa")
    ax.spines["bottom"].set_visible(False)
    ax.tick_params(axis="y", length=2, color="#aaaaaa")
    ax.tick_params(axis="x", length=3 if ax.get_subplotspec().is_last_row() else 0)


def _short(value: float) -> str:
    """Two or three figures and k or M, for the little room beside a panel."""
    for least, scale, letter in ((1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if value >= least:
            return f"{value / scale:.3g}{letter}"
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}"
