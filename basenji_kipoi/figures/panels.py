"""Figures of values along a genome: a panel a track, genes below them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "GAIN",
    "GREY",
    "INK",
    "LOSS",
    "PALETTE",
    "GeneMark",
    "Panel",
    "draw_genes",
    "draw_panels",
    "gene_rows",
    "label_panel",
]

INK, GREY = "#303030", "#c4c4c4"
#: What raises and what lowers; also most colour-blind readers tell them apart.
GAIN, LOSS = "#b2182b", "#2166ac"
#: The first six differ most for colour-blind readers, too; assays take them in turn.
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#661100", "#56b4e9", "#8a6d1d", "#cc79a7", "#666666")
#: Share of a panel's largest value that either strand has room for.
_LEAST_ROOM = 0.15
#: Rows of genes at most, and characters of a name that are as wide as a whole figure.
_MOST_ROWS, _CHARACTERS = 4, 150
#: Genes that are drawn with their names: more of them would cover each other.
_NAMED = 60


class Panel(NamedTuple):
    """One experiment: a track, or two that are each other's strands.

    Attributes
    ----------
    label, colour : str
        What it is, and the colour of its assay.
    above : ndarray, shape (bins,)
        Predicted values, not negative; NaN where there is none.
    below : ndarray, shape (bins,), or None
        Those of the minus strand, drawn below the line.
    observed_above, observed_below : ndarray, shape (bins,), or None
        The same as measured.
    """

    label: str
    colour: str
    above: np.ndarray
    below: np.ndarray | None = None
    observed_above: np.ndarray | None = None
    observed_below: np.ndarray | None = None


class GeneMark(NamedTuple):
    """A gene as it is drawn: [start, end) in bp, 0-based."""

    name: str
    strand: str
    start: int
    end: int


def draw_panels(
    panels: Sequence[Panel],
    edges: np.ndarray,
    *,
    chrom: str,
    title: str,
    unit: str,
    genes: Sequence[GeneMark] = (),
) -> Figure:
    """Draw a panel an experiment, minus strands below the line, and genes at the bottom.

    Parameters
    ----------
    panels
        The experiments, at least one.
    edges : ndarray, int, shape (bins + 1,)
        Where bins begin and end (bp, 0-based).
    chrom, title, unit
        Contig, what the figure is, and what the values are.
    genes
        Genes to be drawn.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes seconds

    rows = gene_rows(genes, int(edges[0]), int(edges[-1]))
    number = len(panels)
    heights = [0.62 if number > 4 else 0.95] * number + [0.24 * max(len(rows), 1)] * bool(genes)
    figure = Figure(figsize=(11, 1.3 + sum(heights)), layout="constrained")
    axes = figure.subplots(len(heights), sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    kilobases = edges / 1000
    for panel, ax in zip(panels, axes):
        _draw_panel(ax, panel, kilobases)
    if genes:
        draw_genes(axes[-1], rows)
    axes[0].set_title(title, fontsize=11, color=INK)
    _add_legend(axes[0], panels)
    axes[-1].set_xlim(kilobases[0], kilobases[-1])
    axes[-1].set_xlabel(f"position on {chrom} (kb)", color=INK)
    figure.supylabel(unit, fontsize=10, color=INK)
    return figure


def _draw_panel(ax: Axes, panel: Panel, edges: np.ndarray) -> None:
    has_observed = panel.observed_above is not None or panel.observed_below is not None
    style = {"color": panel.colour, "fill": not has_observed, "linewidth": 1.2}
    highest = {1: 0.0, -1: 0.0}
    strands = ((1, panel.above, panel.observed_above), (-1, panel.below, panel.observed_below))
    for sign, predicted, observed in strands:
        for values, how in ((observed, {"color": GREY, "fill": True}), (predicted, style)):
            if values is not None:
                # No outline: a bin's colour ends where the bin does.
                outline = {"linewidth": 0} if how["fill"] else {}
                ax.stairs(sign * values, edges, **{**how, **outline}, baseline=0)
                highest[sign] = max(highest[sign], float(np.nanmax(values, initial=0)))
    above, below = highest[1], highest[-1]
    if panel.below is None:
        above = above or 1.0
        ax.set_ylim(0, 1.1 * above)
    else:
        # A strand without signal needs no room, but shows that it is there.
        largest = max(above, below) or 1.0
        above, below = max(above, _LEAST_ROOM * largest), max(below, _LEAST_ROOM * largest)
        ax.set_ylim(-1.1 * below, 1.1 * above)
        ax.axhline(0, color=INK, linewidth=0.6)
    label_panel(ax, panel.label, above, below)


def _add_legend(ax: Axes, panels: Sequence[Panel]) -> None:
    """Say what is measured and what is predicted, where both are drawn."""
    if all(p.observed_above is None and p.observed_below is None for p in panels):
        return
    handles = [
        ax.plot([], [], color=GREY, linewidth=5, label="measured")[0],
        ax.plot([], [], color=INK, linewidth=1.2, label="predicted (line)")[0],
    ]
    ax.legend(handles=handles, loc="upper right", frameon=False, fontsize=8, ncols=2)


def label_panel(
    ax: Axes, label: str, highest: float, lowest: float | None = None, *, signed: bool = False
) -> None:
    """Label a panel on its left; its only tick labels are zero and the highest value.

    Parameters
    ----------
    ax
        The panel, whose limits are set.
    label
        What it shows.
    highest, lowest
        The highest value above the line and below it, as positive numbers; the same by default.
    signed
        Whether values below the line are negative; otherwise they are those of the minus strand.
    """
    ax.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9, color=INK)
    ax.yaxis.set_label_coords(-0.045, 0.5)  # in line, however wide the numbers are
    low, high = ax.get_ylim()
    ticks = {highest: _short(highest), 0.0: "0"}
    lowest = highest if lowest is None else lowest
    if low < 0 < lowest:
        ticks[-lowest] = f"-{_short(lowest)}" if signed else _short(lowest)
    # Numbers so near to the line would cover its own.
    ticks = {at: text for at, text in ticks.items() if not 0 < abs(at) < 0.15 * (high - low)}
    ax.set_yticks(list(ticks), list(ticks.values()), fontsize=7)
    for side in ("top", "right", "bottom"):
        ax.spines[side].set_visible(False)
    ax.spines["left"].set_color("#aaaaaa")
    ax.tick_params(axis="y", length=2, color="#aaaaaa")
    ax.tick_params(axis="x", length=3 if ax.get_subplotspec().is_last_row() else 0)


def _short(value: float) -> str:
    """Two or three figures and k or M, for the little room beside a panel."""
    for least, scale, letter in ((1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if value >= least:
            return f"{value / scale:.3g}{letter}"
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}"


def gene_rows(genes: Sequence[GeneMark], start: int, end: int) -> list[list[GeneMark]]:
    """Deal genes to rows in which neither they nor their names cover each other.

    Parameters
    ----------
    genes
        The genes.
    start, end
        What is drawn of the contig, [start, end) in bp.

    Returns
    -------
    list of list of GeneMark
        Rows from the top; what finds no place stands in the last one, without its name.
    """
    inside = sorted(
        (each for each in genes if each.start < end and each.end > start),
        key=lambda gene: (gene.start, gene.end),
    )
    width = (end - start) / _CHARACTERS if len(inside) <= _NAMED else 0
    rows: list[list[GeneMark]] = []
    ends: list[float] = []
    for gene in inside:
        middle = (max(gene.start, start) + min(gene.end, end)) / 2
        half = width * (len(gene.name) + 2) / 2
        first = min(gene.start, middle - half)
        place = next((n for n, last in enumerate(ends) if last < first), len(rows))
        if place == len(rows) == _MOST_ROWS:
            # Its name would cover another one's.
            gene, place = gene._replace(name=""), _MOST_ROWS - 1
        if place == len(rows):
            rows.append([])
            ends.append(0.0)
        rows[place].append(gene)
        ends[place] = max(gene.end, middle + half)
    return rows


def draw_genes(ax: Axes, rows: Sequence[Sequence[GeneMark]], scale: float = 1000) -> None:
    """Draw genes as bars with their names, which say by an arrow where a gene goes.

    Parameters
    ----------
    ax
        The panel.
    rows
        What `gene_rows` made.
    scale
        Bases of a unit of the axis.
    """
    is_named = sum(map(len, rows)) <= _NAMED
    for row, genes in enumerate(rows):
        for gene in genes:
            bar = (gene.start / scale, (gene.end - gene.start) / scale)
            ax.broken_barh([bar], (-row - 0.28, 0.16), color="#8c8c8c", linewidth=0)
            if is_named:
                arrow = gene.name and gene.strand
                name = {"+": f"{gene.name} ›", "-": f"‹ {gene.name}"}.get(arrow, gene.name)  # noqa: RUF001 - arrows
                ax.annotate(
                    name, (bar[0] + bar[1] / 2, -row + 0.12), ha="center", va="center", fontsize=7,
                    color=INK, annotation_clip=True, clip_on=True,
                )  # fmt: skip
    ax.set_ylim(-len(rows) + 0.5, 0.5)
    ax.set_yticks([])
    ax.set_ylabel("genes", rotation=0, ha="right", va="center", fontsize=9, color=INK)
    ax.yaxis.set_label_coords(-0.045, 0.5)
    ax.spines[["top", "right", "left", "bottom"]].set_visible(False)
