"""Panels of a variant: tracks of both its alleles, and letters of the bases around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.figures.letters import draw_letters
from basenji_kipoi.figures.panels import GREY, INK, label_panel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

__all__ = ["Logo", "draw_alleles", "draw_logos", "join_panels"]


@dataclass(frozen=True)
class Logo:
    """What the bases around a variant contribute in one of its alleles.

    Attributes
    ----------
    start : int
        First base (0-based).
    codes : ndarray, uint8, shape (bases,)
        The bases of the allele's sequence.
    contributions : ndarray, shape (bases,)
        What each contributes, in units of the targets table.
    own : tuple of int
        Which of these bases are the allele's: [first, last).
    """

    start: int
    codes: np.ndarray
    contributions: np.ndarray
    own: tuple[int, int]


def draw_alleles(
    ax: Axes, label: str, reference: np.ndarray, alternative: np.ndarray, edges: np.ndarray
) -> None:
    """Draw a track of both alleles: the reference as an area, the alternative as a line.

    Parameters
    ----------
    ax
        The panel.
    label
        What stands on its left.
    reference, alternative : ndarray, shape (bins,)
        Predictions, not negative.
    edges : ndarray, int, shape (bins + 1,)
        Where bins begin and end (bp, 0-based).
    """
    kilobases = edges / 1000
    ax.stairs(reference, kilobases, fill=True, color=GREY, linewidth=0, label="reference allele")
    ax.stairs(alternative, kilobases, color=INK, linewidth=1.2, label="alternative allele")
    highest = float(max(reference.max(), alternative.max())) or 1.0
    ax.set_ylim(0, 1.1 * highest)
    label_panel(ax, label, highest)


def join_panels(axes: Sequence[Axes], edges: np.ndarray, chrom: str, pos: int) -> None:
    """Join panels below each other: one axis, and a line at the variant.

    Parameters
    ----------
    axes
        The panels, from above.
    edges : ndarray, int, shape (bins + 1,)
        As `draw_alleles` takes them.
    chrom, pos
        Contig, and position of the variant (from 1).
    """
    kilobases = edges / 1000
    for ax in axes:
        ax.set_xlim(kilobases[0], kilobases[-1])
        ax.axvline((pos - 0.5) / 1000, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        ax.tick_params(
            axis="x", labelsize=8, labelbottom=ax is axes[-1], length=3 if ax is axes[-1] else 0
        )
    axes[-1].set_xlabel(
        f"position on {chrom} (kb); the dashed line is the variant", fontsize=9, color=INK
    )


def draw_logos(axes: Sequence[Axes], logos: Sequence[Logo], title: str) -> None:
    """Draw the letters of both alleles on one scale.

    Parameters
    ----------
    axes
        Two panels, that of REF first.
    logos
        Of REF and of ALT.
    title
        What bases contribute to.
    """
    values = np.concatenate([logo.contributions for logo in logos])
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    margin = 0.06 * (high - low) or 1.0
    longest = max(len(logo.codes) for logo in logos)
    for ax, logo, name in zip(axes, logos, ("REF", "ALT")):
        draw_letters(ax, logo.codes, logo.contributions, logo.start)
        ax.axvspan(
            logo.start + logo.own[0] - 0.5, logo.start + logo.own[1] - 0.5, color=GREY, alpha=0.5,
            zorder=-2, linewidth=0,
        )  # fmt: skip
        ax.axhline(0, color=INK, linewidth=0.6)
        ax.set_xlim(logo.start - 0.5, logo.start + longest - 0.5)
        ax.set_ylim(low - margin, high + margin)
        label_panel(ax, name, high, -low, signed=True)
    first = logos[0].start
    axes[0].set_title(title, fontsize=9, color=INK)
    ticks = [p for p in range(first, first + longest) if (p + 1) % 10 == 0]
    axes[0].tick_params(axis="x", length=0)
    axes[1].set_xticks(ticks, [f"{p + 1:,}" for p in ticks], fontsize=8)
    moved = len(logos[0].codes) != len(logos[1].codes)
    where = "position in the reference (bp, from 1); ALT is moved behind the variant"
    axes[1].set_xlabel(where if moved else "position (bp, from 1)", fontsize=9, color=INK)
