"""Figures of genes' windows: what each part does to the gene, and arcs from elements to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.atomic import file_names
from basenji_kipoi.figures.sequence_map import DOTS_PER_INCH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from basenji_kipoi.interpretation.attribution.outputs import Output
    from basenji_kipoi.interpretation.elements.asking import Asked
    from basenji_kipoi.interpretation.elements.effects import Found
    from basenji_kipoi.interpretation.elements.options import ElementOptions

__all__ = ["draw_element_figure", "draw_elements"]

_INK, _GREY, _RAISES, _LOWERS = "#303030", "#b8b8b8", "#b2182b", "#2166ac"
#: Arcs that are drawn at most, and the share of the largest effect outside of the promoter from
#: which on there is one.
_MOST_ARCS, _LEAST_SHARE = 30, 0.15
_WIDEST = 3.5  # points
#: An axis is cut where the promoter's value is so many times the largest one outside of it.
_LEAST_CUT = 3.0
#: Distance of the values of cut bars, one above the other (points).
_LINE = 8


def draw_elements(
    folder: Path,
    asked: Sequence[Asked],
    found: Iterable[Found],
    outputs: Sequence[Output],
    options: ElementOptions,
) -> list[Path]:
    """Draw every gene and output.

    Parameters
    ----------
    folder
        Directory to be made.
    asked, found
        The genes, and what was found of each.
    outputs, options
        What was read of a gene, and what was asked.

    Returns
    -------
    list of Path
        The figures, ``<gene>.<output>.png``.
    """
    folder.mkdir()
    drawn = []
    genes = file_names([each.gene.name or each.gene.gene_id for each in asked])
    names = file_names([output.name for output in outputs])
    for gene, one, effects in zip(genes, asked, found):
        for output, name in enumerate(names):
            path = folder / f"{gene}.{name}.png"
            figure = draw_element_figure(one, effects, output, outputs[output].name, options)
            figure.savefig(path, dpi=DOTS_PER_INCH)
            drawn.append(path)
    return drawn


def draw_element_figure(
    asked: Asked, found: Found, output: int, name: str, options: ElementOptions
) -> Figure:
    """Draw the window of one gene for one output.

    Parameters
    ----------
    asked, found
        The gene and its elements, and what was found of them.
    output, name
        Which output, and its name.
    options
        What was asked.

    Returns
    -------
    matplotlib.figure.Figure
        Above, arcs from elements to the gene's start, as wide as the effect is large; below, as far
        as they were computed, effects of knock-outs, and gradient times features.
    """
    # Takes seconds to import.
    from matplotlib.figure import Figure  # noqa: PLC0415

    heights = [1.0, *[1.2] * (options.has_knock_out + options.has_gradient)]
    figure = Figure(figsize=(11, 1.2 + 1.6 * sum(heights)), layout="constrained")
    axes = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    gene = asked.gene
    raising = -found.effects if options.has_knock_out else found.gradient
    arcs, panels = axes[0], list(axes[1:])
    _draw_arcs(arcs, asked, raising[:, output], asked.classes(options))
    begin, end = asked.question.interval.start, asked.question.interval.end
    arcs.set_title(
        f"{gene.name or gene.gene_id} ({gene.strand})   {name}   {gene.contig}:{begin + 1:,}-"
        f"{end:,}   predicted: {found.values[output]:.4g}",
        fontsize=11, color=_INK, loc="left",
    )  # fmt: skip
    if options.has_knock_out:
        _draw_knock_outs(panels.pop(0), asked, found, output, options)
    if options.has_gradient:
        _draw_gradient(panels.pop(0), asked, found, output, options)
    for ax in axes:
        for site in gene.tss:
            ax.axvline(site / 1000, color=_INK, linewidth=0.8, linestyle=":", zorder=0)
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8, colors=_INK)
    axes[-1].set_xlim(begin / 1000, end / 1000)
    axes[-1].set_xlabel(f"{gene.contig} (kb)", fontsize=9, color=_INK)
    return figure


def _draw_arcs(ax: Axes, asked: Asked, raising: np.ndarray, classes: np.ndarray) -> None:
    """Draw arcs from the elements that matter outside of the promoter."""
    # Takes seconds to import.
    from matplotlib.patches import Arc  # noqa: PLC0415

    sizes = np.where(classes == "promoter", 0, np.abs(np.nan_to_num(raising)))
    largest = sizes.max(initial=0)
    chosen = np.argsort(-sizes)[:_MOST_ARCS]
    chosen = chosen[sizes[chosen] > _LEAST_SHARE * largest]
    middles = (asked.starts + asked.ends) / 2000
    sites = np.array(asked.gene.tss) / 1000
    highest = 0.0
    for row in chosen.tolist():
        site = sites[np.abs(sites - middles[row]).argmin()]
        width = abs(site - middles[row])
        colour = _RAISES if raising[row] > 0 else _LOWERS
        ax.add_patch(
            Arc(
                ((site + middles[row]) / 2, 0), width, 2 * width, theta1=0, theta2=180,
                color=colour, linewidth=_WIDEST * sizes[row] / largest,
            )
        )  # fmt: skip
        highest = max(highest, width)
    ax.set_ylim(0, 1.1 * highest or 1)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    handles = [
        ax.plot([], [], color=colour, linewidth=2, label=label)[0]
        for colour, label in ((_RAISES, "raises the gene"), (_LOWERS, "lowers it"))
    ]
    ax.legend(handles=handles, fontsize=8, frameon=False, loc="upper right", labelcolor=_INK)


def _cut(ax: Axes, places: np.ndarray, values: np.ndarray, is_outside: np.ndarray) -> None:
    """End an axis at the largest value outside of the promoter; write what is cut beside it."""
    ax.axhline(0, color=_GREY, linewidth=0.8)
    largest = np.abs(values[is_outside]).max(initial=0)
    if not largest or np.abs(values).max() < _LEAST_CUT * largest:
        return
    low, high = (1.3 * bound(values[is_outside]) for bound in (np.min, np.max))
    low, high = min(low, -0.1 * high), max(high, -0.1 * low)
    ax.set_ylim(low, high)
    for is_cut, end, inwards in ((values > high, high, -1), (values < low, low, 1)):
        rows = np.flatnonzero(is_cut)
        rows = rows[np.argsort(places[rows])]
        # Bars of a promoter stand too close for values side by side: these stand one above the
        # other, on the left of the left half of the bars and on the right of the right half.
        left, right = rows[: len(rows) // 2], rows[len(rows) // 2 :]
        for side, edge, direction in ((left, rows[:1], -1), (right[::-1], rows[-1:], 1)):
            for level, row in enumerate(side.tolist()):
                ax.annotate(
                    f"{values[row]:.3g}", (places[edge[0]], end),
                    xytext=(3 * direction, inwards * (2 + _LINE * level)),
                    textcoords="offset points", va="top" if inwards < 0 else "bottom",
                    ha="left" if direction > 0 else "right", fontsize=7, color=_INK,
                    bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5},
                )  # fmt: skip


def _draw_knock_outs(
    ax: Axes, asked: Asked, found: Found, output: int, options: ElementOptions
) -> None:
    effects, spread = found.effects[:, output], found.spread[:, output]
    middles, widths = (asked.starts + asked.ends) / 2000, (asked.ends - asked.starts) / 1000
    # A short element of a long window is seen, too.
    least = len(asked.question.interval) / 1000 / 400
    colours = np.where(effects < 0, _RAISES, _LOWERS)
    ax.bar(middles, effects, width=np.maximum(widths, least), color=colours, linewidth=0)
    if options.draws > 1:
        known = np.flatnonzero(spread > 0)
        ax.errorbar(
            middles[known], effects[known], yerr=spread[known], fmt="none", ecolor=_INK,
            elinewidth=0.5, alpha=0.6,
        )  # fmt: skip
    _cut(ax, middles, effects, asked.classes(options) != "promoter")
    ax.set_ylabel("change when\nknocked out", fontsize=9, color=_INK)


def _draw_gradient(
    ax: Axes, asked: Asked, found: Found, output: int, options: ElementOptions
) -> None:
    profile, stride = found.profile[:, output], int(found.stride)
    edges = (int(found.first) + stride * np.arange(len(profile) + 1)) / 1000
    for sign, colour in ((1, _RAISES), (-1, _LOWERS)):
        ax.stairs(
            np.where(sign * profile > 0, profile, 0), edges, fill=True, color=colour, linewidth=0
        )
    middles = (edges[1:] + edges[:-1]) / 2
    apart = np.abs(1000 * middles[:, None] - np.array(asked.gene.tss)).min(axis=1)
    _cut(ax, middles, profile, apart > options.promoter + stride)
    ax.set_ylabel("gradient\nx features", fontsize=9, color=_INK)
