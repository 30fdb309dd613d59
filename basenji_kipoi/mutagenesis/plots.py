"""Figures of saturation mutagenesis: how much each base matters, and what each mutation does.

The **importance** of a base is minus the mean effect of its three substitutions, or minus the mean
effect of the deletions that take it away: positive where the base keeps the signal up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from basenji_kipoi.base.array_files import import_zarr
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import ALPHABET, UNKNOWN, one_hot
from basenji_kipoi.mutagenesis.scores import Mutations

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

__all__ = ["Map", "check_plotting", "draw_map", "draw_mutations", "importance_of"]

#: Bases of a row of letters, and rows at most: letters of more would be too small to be read.
_ROW, _MOST_ROWS = 100, 10
#: Share of the effects whose colours are told apart; the few largest ones have the same colour.
_TOLD_APART = 0.995
_DOTS_PER_INCH = 130
_INK, _GREY, _GAIN, _LOSS = "#303030", "#d9d9d9", "#b2182b", "#2166ac"


@dataclass(frozen=True)
class Map:
    """One interval's effects on one track.

    Attributes
    ----------
    chrom : str
        Contig.
    start : int
        First position (0-based).
    codes : ndarray, uint8, shape (positions,)
        Reference bases.
    effects : ndarray, float32, shape (positions, 4) or (positions,)
        Effects of substitutions, or of deletions from each position on; NaN where there is none.
    mutations : Mutations
        Which of the two.
    title, score : str
        What it is, and the score's name.
    signed : bool
        Whether the score's sign tells an increase from a decrease.
    """

    chrom: str
    start: int
    codes: np.ndarray
    effects: np.ndarray
    mutations: Mutations
    title: str
    score: str
    signed: bool = True

    def __len__(self) -> int:
        return len(self.codes)


def importance_of(effects: np.ndarray, mutations: Mutations, *, signed: bool = True) -> np.ndarray:
    """Compute how much each base matters: by the mean effect of what takes it away.

    Parameters
    ----------
    effects : ndarray, shape (positions, 4) or (positions,)
        As `Map` has them.
    mutations
        Which mutations.
    signed
        Whether the effects are signed; then a base that keeps the signal up is positive.

    Returns
    -------
    ndarray, float64, shape (positions,)
        Importance; NaN where no mutation of the base was scored.
    """
    effects = -effects if signed else effects
    if mutations.deleted is None:
        # The reference's own base, the fourth, is 0.
        return effects.sum(axis=1, dtype=np.float64) / mutations.each
    # Deletions that begin at the base, or up to so many before it, take it away.
    known = np.isfinite(effects)
    ones = np.ones(mutations.deleted)
    sums = np.convolve(np.where(known, effects, 0), ones)[: len(effects)]
    counts = np.convolve(known, ones)[: len(effects)].round()
    return np.divide(sums, counts, out=np.full(len(effects), np.nan), where=counts > 0)


def check_plotting() -> None:
    """Raise InputError where the libraries that draw are missing."""
    try:
        import logomaker  # noqa: F401, PLC0415 - takes seconds
    except ImportError:
        raise InputError(
            "drawing needs matplotlib and logomaker (pip install matplotlib logomaker); "
            "or leave out --plots"
        ) from None


def draw_mutations(path: Path, folder: Path, *, tracks: Sequence[int]) -> list[Path]:
    """Draw every interval, score and wanted track of a file.

    Parameters
    ----------
    path
        A file that `basenji mutate` wrote, HDF5 or Zarr.
    folder
        Directory to be made.
    tracks
        Which of the file's tracks, counted from 0.

    Returns
    -------
    list of Path
        The figures, ``<contig>_<start>_<end>.<track>.<score>.png``.
    """
    folder.mkdir()
    content = h5py.File(path) if path.is_file() else import_zarr().open_group(str(path), mode="r")
    chroms, labels = (_text(content[name]) for name in ("intervals/chrom", "tracks/identifier"))
    starts, offsets = content["intervals/start"][:], content["intervals/offset"][:]
    mutations = Mutations.parse(content.attrs["mutations"])
    drawn = []
    for chrom, start, first, last in zip(chroms, starts.tolist(), offsets, offsets[1:]):
        place = f"{chrom}_{start}_{start + last - first}"
        for score in sorted(content["scores"]):
            values = content[f"scores/{score}"]
            for track in tracks:
                found = Map(
                    chrom=chrom,
                    start=start,
                    codes=content["codes"][first:last],
                    effects=values[first:last, ..., track],
                    mutations=mutations,
                    title=labels[track],
                    score=score,
                    signed=bool(values.attrs["signed"]),
                )
                # Other tracks may differ in letters that names of files do not have.
                label = re.sub(r"[^\w.+-]", "_", labels[track])
                label = f"{track}.{label}" if label != labels[track] else label
                drawn.append(folder / f"{place}.{label}.{score}.png")
                draw_map(found).savefig(drawn[-1], dpi=_DOTS_PER_INCH)
    if isinstance(content, h5py.File):
        content.close()
    return drawn


def _text(array: Any) -> list[str]:  # noqa: ANN401 - of h5py or zarr
    return list(array.asstr()[:] if isinstance(array, h5py.Dataset) else array[:])


def draw_map(found: Map) -> Figure:
    """Draw one map: the whole interval, and its letters with the effects below them.

    Intervals of more letters than can be read show those around the largest importance.

    Parameters
    ----------
    found
        The interval's effects on a track.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes seconds

    importance = importance_of(found.effects, found.mutations, signed=found.signed)
    first, last = _shown(np.nan_to_num(importance))
    rows = -(-(last - first) // _ROW)
    overview = len(found) > _ROW
    heights = [1.4] * overview + [1.2, 0.16 * (found.mutations.axes or (2,))[0]] * rows
    figure = Figure(figsize=(15, 1.1 + 1.12 * sum(heights)), layout="constrained")
    axes = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    figure.get_layout_engine().set(hspace=0.02, h_pad=0.03)
    deleted = found.mutations.deleted
    every = "substitution" if deleted is None else f"deletion of {deleted} bp"
    figure.suptitle(
        f"{found.title}   {found.chrom}:{found.start + 1:,}-{found.start + len(found):,}   "
        f"{found.score} of every {every}",
        fontsize=13,
        color=_INK,
    )
    if overview:
        _draw_overview(axes[0], found, importance, (first, last))
    shown = np.nan_to_num(importance[first:last])
    low, high = min(shown.min(), 0), max(shown.max(), 0)
    margin = 0.06 * (high - low) or 1.0
    effects = np.abs(found.effects[np.isfinite(found.effects)])
    limit = float(np.quantile(effects, _TOLD_APART)) if len(effects) else 0.0
    limit = limit or float(effects.max(initial=0)) or 1.0
    for row in range(rows):
        begin = first + row * _ROW
        end = min(begin + _ROW, last)
        letters, cells = axes[overview + 2 * row : overview + 2 * row + 2]
        _draw_letters(letters, found, importance, begin, end)
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
    what = f"{found.score}, mutated - reference" if found.signed else found.score
    bar.set_label(what, fontsize=9, color=_INK)
    bar.ax.tick_params(labelsize=8, colors=_INK, length=2)
    bar.outline.set_visible(False)
    return figure


def _shown(importance: np.ndarray) -> tuple[int, int]:
    """Find the stretch of readable length with the largest sum of importance, up or down."""
    length = min(len(importance), _ROW * _MOST_ROWS)
    sums = np.convolve(np.abs(importance), np.ones(length), mode="valid")
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


def _draw_overview(ax: Axes, found: Map, importance: np.ndarray, shown: tuple[int, int]) -> None:
    places = found.start + 1 + np.arange(len(found))
    values = np.nan_to_num(importance)
    ax.bar(places, values, width=1.0, color=np.where(values > 0, _GAIN, _LOSS))
    if shown != (0, len(found)):
        ax.axvspan(places[shown[0]], places[shown[1] - 1], color=_GREY, alpha=0.5, zorder=0)
    ax.set_xlim(places[0] - 0.5, places[-1] + 0.5)
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.set_ylabel("importance", fontsize=9, color=_INK)
    _plain(ax)


def _draw_letters(ax: Axes, found: Map, importance: np.ndarray, first: int, last: int) -> None:
    import logomaker  # noqa: PLC0415 - takes seconds
    import pandas as pd  # noqa: PLC0415 - what logomaker takes

    codes = found.codes[first:last]
    known = (codes != UNKNOWN)[:, None]
    heights = one_hot(codes) * known * np.nan_to_num(importance[first:last])[:, None]
    table = pd.DataFrame(heights, columns=list(ALPHABET), index=np.arange(first, last))
    logomaker.Logo(table, ax=ax, color_scheme="classic", show_spines=False, baseline_width=0)
    ax.set_xticks([])
    ax.set_ylabel("importance", fontsize=9, color=_INK)
    _plain(ax)


def _draw_cells(ax: Axes, found: Map, first: int, last: int, limit: float) -> AxesImage:
    from matplotlib import colormaps  # noqa: PLC0415 - takes seconds

    cells = found.effects[first:last].reshape(last - first, -1).T
    image = ax.imshow(
        cells,
        cmap=colormaps["RdBu_r" if found.signed else "Reds"].with_extremes(bad=_GREY),
        vmin=-limit if found.signed else 0,
        vmax=limit,
        aspect="auto",
        interpolation="nearest",
        extent=(first - 0.5, last - 0.5, len(cells) - 0.5, -0.5),
    )
    if found.mutations.deleted is None:
        codes = found.codes[first:last]
        known = np.flatnonzero(codes != UNKNOWN)
        ax.scatter(first + known, codes[known], s=2.5, color="#777777", linewidths=0)
        ax.set_yticks(range(len(ALPHABET)), list(ALPHABET))
    else:
        ax.set_yticks([0], ["deletion\nfrom here"])
    ax.tick_params(labelsize=8, colors=_INK, length=2)
    for spine in ax.spines.values():
        spine.set_color("#bbbbbb")
    return image
