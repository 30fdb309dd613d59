"""Figures of insertions: effects by place, and co-operation by distance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.atomic import file_names
from basenji_kipoi.figures.sequence_map import DOTS_PER_INCH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from basenji_kipoi.interpretation.insertion.result import Insertions

__all__ = ["draw_insertion", "draw_insertions"]

#: One for each orientation (Okabe and Ito 2008), and the zero line.
_COLOURS = {"+": "#0072b2", "-": "#d55e00"}
_PAIR_COLOURS = {"++": "#0072b2", "+-": "#d55e00", "-+": "#009e73", "--": "#cc79a7"}
_GREY = "#9a9a9a"


def draw_insertions(result: Insertions, folder: Path) -> list[Path]:
    """Draw every insert or pair, and output.

    Parameters
    ----------
    result
        What was found.
    folder
        Directory to be made.

    Returns
    -------
    list of Path
        The figures, ``<inserts>.<output>.png``; of pairs at several positions one for each of
        these.
    """
    folder.mkdir()
    groups = list(_groups(result))
    names = file_names([title.replace(" ", "_") for title, _ in groups])
    outputs = file_names(result.labels)
    drawn = []
    for name, (title, rows) in zip(names, groups):
        for output, label in enumerate(outputs):
            drawn.append(folder / f"{name}.{label}.png")
            draw_insertion(result, title, rows, output).savefig(drawn[-1], dpi=DOTS_PER_INCH)
    return drawn


def draw_insertion(result: Insertions, title: str, rows: Sequence[int], output: int) -> Figure:
    """Draw some arrangements of the same inserts.

    Parameters
    ----------
    result
        What was found.
    title
        What is inserted.
    rows
        Numbers of the arrangements.
    output
        Number of the output.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    # Draws with matplotlib, which takes seconds to import.
    from matplotlib.figure import Figure  # noqa: PLC0415

    places = [result.arrangements[row] for row in rows]
    is_pair = places[0].is_pair
    figure = Figure(figsize=(7, 5.6 if is_pair else 3.4), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1 + is_pair, sharex=True))
    backgrounds = f"{len(result.backgrounds):,} backgrounds"
    figure.suptitle(f"{title}   {result.labels[output]}   mean and spread of {backgrounds}", size=9)
    colours = _PAIR_COLOURS if is_pair else _COLOURS
    for orientation, colour in colours.items():
        chosen = [row for row, place in zip(rows, places) if place.orientation == orientation]
        if not chosen:
            continue
        x = np.array(
            [
                result.arrangements[row].spacing
                if is_pair
                else result.arrangements[row].placed[0].position
                for row in chosen
            ]
        )
        _band(axes[0], x, result.effects[:, chosen, output], colour, orientation)
        if is_pair:
            cooperation = result.cooperation[:, chosen, output]
            additive = (result.effects[:, chosen, output] - cooperation).mean(axis=0)
            order = np.argsort(x)
            axes[0].plot(x[order], additive[order], color=colour, linestyle=":", linewidth=1.2)
            _band(axes[1], x, cooperation, colour, orientation)
    scale = result.attributes["scale"]
    axes[0].set_ylabel(f"effect ({scale})")
    if is_pair:
        axes[0].plot([], [], color=_GREY, linestyle=":", label="sum of both alone")
        axes[1].set_ylabel(f"co-operation ({scale})")
    what = "distance of the middles (bp)" if is_pair else "position from the middle (bp)"
    axes[-1].set_xlabel(what)
    for each in axes:
        each.axhline(0, color=_GREY, linewidth=0.8, zorder=0)
        each.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False, fontsize=8, title="orientation", title_fontsize=8)
    return figure


def _groups(result: Insertions) -> Iterator[tuple[str, list[int]]]:
    """Group arrangements by what is drawn together: a title, and their numbers."""
    found: dict[tuple[object, ...], list[int]] = {}
    for row, each in enumerate(result.arrangements):
        inserts = tuple(placed.insert for placed in each.placed)
        position = each.placed[0].position if each.is_pair else None
        found.setdefault((inserts, position), []).append(row)
    several = len({position for _, position in found}) > 1
    for (inserts, position), rows in found.items():
        title = " and ".join(result.inserts[number] for number in inserts)
        yield f"{title} at {position:+}" if several and position is not None else title, rows


def _band(axes: Axes, x: np.ndarray, values: np.ndarray, colour: str, label: str) -> None:
    """Draw means over backgrounds (rows), and one standard deviation around them."""
    order = np.argsort(x)
    x, values = x[order], values[:, order]
    mean = values.mean(axis=0)
    axes.plot(x, mean, color=colour, marker="o", markersize=3, linewidth=1.4, label=label)
    if len(values) > 1:
        spread = values.std(axis=0, ddof=1)
        axes.fill_between(x, mean - spread, mean + spread, color=colour, alpha=0.15, linewidth=0)
