"""Figures of values along a stretch of sequence: its letters, and cells of colour below them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import ALPHABET, UNKNOWN
from basenji_kipoi.figures.letters import draw_letters

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

__all__ = ["DOTS_PER_INCH", "SequenceMap", "check_plotting", "draw_sequence_map"]

#: Bases of a row of letters, and rows at most: letters of more would be too small to be read.
_ROW, _MOST_ROWS = 100, 10
#: Share of the cells whose colours are told apart; the few largest ones have the same colour.
_TOLD_APART = 0.995
DOTS_PER_INCH = 130
_INK, _GREY, _GAIN, _LOSS = "#303030", "#d9d9d9", "#b2182b", "#2166ac"


@dataclass(frozen=True)
class SequenceMap:
    """What is drawn of one stretch of sequence.

    Attributes
    ----------
    chrom : str
        Contig.
    start : int
        First position (0-based).
    codes : ndarray, uint8, shape (positions,)
        Bases.
    heights : ndarray, shape (positions,)
        Heights of the letters; those that are not finite are not drawn.
    cells : ndarray, float32, shape (positions, rows)
        Values of the cells; NaN where there is none.
    rows : tuple of str
        Names of the rows of cells. Four are the letters' own, and a dot marks the sequence's.
    title, height_label, cell_label : str
        What it is, what the heights are, and what the cells are.
    signed : bool
        Whether cells have a sign: red ones raise, blue ones lower.
    opposed : bool
        Whether a positive height belongs to a base whose cells lower. Bars have the colours of
        cells, so that one colour has one meaning in the figure.
    """

    chrom: str
    start: int
    codes: np.ndarray
    heights: np.ndarray
    cells: np.ndarray
    rows: tuple[str, ...]
    title: str
    height_label: str
    cell_label: str
    signed: bool = True
    opposed: bool = False

    def __len__(self) -> int:
        return len(self.codes)


def check_plotting() -> None:
    """Raise InputError where the libraries that draw are missing."""
    try:
        import logomaker  # noqa: F401, PLC0415 - takes seconds
    except ImportError:
        raise InputError(
            "drawing needs matplotlib and logomaker (pip install matplotlib logomaker); "
            "or leave out --plots"
        ) from None


def draw_sequence_map(found: SequenceMap) -> Figure:
    """Draw a whole stretch, and its letters with the cells below them.

    Stretches of more letters than can be read show those around the largest heights.

    Parameters
    ----------
    found
        What is drawn.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes seconds

    first, last = _shown(np.nan_to_num(found.heights))
    rows = -(-(last - first) // _ROW)
    overview = len(found) > _ROW
    heights = [1.4] * overview + [1.2, 0.16 * max(len(found.rows), 2)] * rows
    figure = Figure(figsize=(15, 1.1 + 1.12 * sum(heights)), layout="constrained")
    axes = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    figure.get_layout_engine().set(hspace=0.02, h_pad=0.03)
    figure.suptitle(found.title, fontsize=13, color=_INK)
    if overview:
        _draw_overview(axes[0], found, (first, last))
    shown = np.nan_to_num(found.heights[first:last])
    low, high = min(shown.min(), 0), max(shown.max(), 0)
    margin = 0.06 * (high - low) or 1.0
    sizes = np.abs(found.cells[np.isfinite(found.cells)])
    limit = float(np.quantile(sizes, _TOLD_APART)) if len(sizes) else 0.0
    limit = limit or float(sizes.max(initial=0)) or 1.0
    for row in range(rows):
        begin = first + row * _ROW
        end = min(begin + _ROW, last)
        letters, cells = axes[overview + 2 * row : overview + 2 * row + 2]
        _draw_letters(letters, found, begin, end)
        letters.set_ylim(low - margin, high + margin)
        image = _draw_cells(cells, found, begin, end, limit)
        for ax in (letters, cells):
            ax.set_xlim(begin - 0.5, begin + (_ROW if overview else end - begin) - 0.5)
        cells.set_xticks(*_ticks(found.start, begin, end))
    axes[-1].set_xlabel(f"position on {found.chrom} (bp, counted from 1)", color=_INK)
    bar = figure.colorbar(
        image,
        ax=list(axes[overview:]),
        extend="both" if found.signed else "max",
        fraction=0.012,
        pad=0.008,
        aspect=30,
    )
    bar.set_label(found.cell_label, fontsize=9, color=_INK)
    bar.ax.tick_params(labelsize=8, colors=_INK, length=2)
    bar.outline.set_visible(False)
    return figure


def _shown(heights: np.ndarray) -> tuple[int, int]:
    """Find the stretch of readable length with the largest sum of heights, up or down."""
    length = min(len(heights), _ROW * _MOST_ROWS)
    sums = np.convolve(np.abs(heights), np.ones(length), mode="valid")
    first = int(sums.argmax())
    return first, first + length


def _ticks(start: int, first: int, last: int) -> tuple[list[int], list[str]]:
    """Places of a row at which its axis has numbers: every tenth base, counted from 1."""
    places = [place for place in range(first, last) if (start + place + 1) % 10 == 0]
    return places, [f"{start + place + 1:,}" for place in places]


def _plain(ax: Axes) -> None:
    for side in ("top", "right", "bottom"):
        ax.spines[side].set_visible(False)
    ax.spines["left"].set_color("#aaaaaa")
    ax.tick_params(labelsize=8, colors=_INK, length=2)
    ax.axhline(0, color="#888888", linewidth=0.6)


def _draw_overview(ax: Axes, found: SequenceMap, shown: tuple[int, int]) -> None:
    places = found.start + 1 + np.arange(len(found))
    values = np.nan_to_num(found.heights)
    raises = values < 0 if found.opposed else values > 0
    ax.bar(places, values, width=1.0, color=np.where(raises, _GAIN, _LOSS))
    if shown != (0, len(found)):
        ax.axvspan(places[shown[0]], places[shown[1] - 1], color=_GREY, alpha=0.5, zorder=0)
    ax.set_xlim(places[0] - 0.5, places[-1] + 0.5)
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.set_ylabel(found.height_label, fontsize=9, color=_INK)
    _plain(ax)


def _draw_letters(ax: Axes, found: SequenceMap, first: int, last: int) -> None:
    draw_letters(ax, found.codes[first:last], found.heights[first:last], first)
    ax.set_ylabel(found.height_label, fontsize=9, color=_INK)
    _plain(ax)


def _draw_cells(ax: Axes, found: SequenceMap, first: int, last: int, limit: float) -> AxesImage:
    from matplotlib import colormaps  # noqa: PLC0415 - takes seconds

    cells = found.cells[first:last].T
    image = ax.imshow(
        cells,
        cmap=colormaps["RdBu_r" if found.signed else "Reds"].with_extremes(bad=_GREY),
        vmin=-limit if found.signed else 0,
        vmax=limit,
        aspect="auto",
        interpolation="nearest",
        extent=(first - 0.5, last - 0.5, len(cells) - 0.5, -0.5),
    )
    if len(found.rows) == len(ALPHABET):
        codes = found.codes[first:last]
        known = np.flatnonzero(codes != UNKNOWN)
        ax.scatter(first + known, codes[known], s=2.5, color="#777777", linewidths=0)
    ax.set_yticks(range(len(found.rows)), found.rows)
    ax.tick_params(labelsize=8, colors=_INK, length=2)
    for spine in ax.spines.values():
        spine.set_color("#bbbbbb")
    return image
