"""Figures of saturation mutagenesis: how much each base matters, and what each mutation does.

The **importance** of a base is minus the mean effect of its three substitutions, or minus the mean
effect of the deletions that take it away: positive where the base keeps the signal up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from basenji_kipoi.base.array_files import import_zarr
from basenji_kipoi.base.atomic import file_names
from basenji_kipoi.base.sequence import ALPHABET
from basenji_kipoi.figures.sequence_map import DOTS_PER_INCH, SequenceMap, draw_sequence_map
from basenji_kipoi.mutagenesis.scores import Mutations

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

__all__ = ["Map", "draw_map", "draw_mutations", "importance_of"]


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
    shown = dict(zip(tracks, file_names([labels[track] for track in tracks], tracks)))
    intervals = list(zip(chroms, starts.tolist(), offsets, offsets[1:]))
    places = file_names([f"{chrom}_{start}_{start + b - a}" for chrom, start, a, b in intervals])
    for (chrom, start, first, last), place in zip(intervals, places):
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
                drawn.append(folder / f"{place}.{shown[track]}.{score}.png")
                draw_map(found).savefig(drawn[-1], dpi=DOTS_PER_INCH)
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
    deleted = found.mutations.deleted
    every = "substitution" if deleted is None else f"deletion of {deleted} bp"
    return draw_sequence_map(
        SequenceMap(
            chrom=found.chrom,
            start=found.start,
            codes=found.codes,
            heights=importance_of(found.effects, found.mutations, signed=found.signed),
            cells=found.effects.reshape(len(found), -1),
            rows=tuple(ALPHABET) if deleted is None else ("deletion\nfrom here",),
            title=f"{found.title}   {found.chrom}:{found.start + 1:,}-"
            f"{found.start + len(found):,}   {found.score} of every {every}",
            height_label="importance",
            cell_label=f"{found.score}: red raises, blue lowers" if found.signed else found.score,
            signed=found.signed,
            opposed=found.signed,
        )
    )
