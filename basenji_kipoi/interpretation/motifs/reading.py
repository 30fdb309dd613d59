"""Contributions as motif discovery reads them: of `basenji attribute`'s files, or in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.array_files import open_hdf5
from basenji_kipoi.base.containers.npz import read_npz
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import ALPHABET, UNKNOWN
from basenji_kipoi.genome.intervals import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    import h5py

    from basenji_kipoi.interpretation.attribution.result import Attributions

__all__ = ["AttributedSequences", "of_attributions", "read_attributions"]

_FORMAT = "basenji-attributions"


@dataclass(frozen=True)
class AttributedSequences:
    """Sequences and what their bases contribute, filled up to one length.

    Attributes
    ----------
    intervals : list of Interval
        Where they are; of files without places, contig ``sequenceN`` from 0 on.
    codes : ndarray, uint8, shape (sequences, longest)
        Bases; 4 for unknown ones and behind the end.
    hypothetical : ndarray, float32, shape (sequences, longest, 4, outputs)
        What each base would contribute.
    values : ndarray, float64, shape (sequences, outputs)
        Predictions that are explained; NaN where the file does not say.
    labels : list of str
        Names of the outputs.
    """

    intervals: list[Interval]
    codes: np.ndarray
    hypothetical: np.ndarray
    values: np.ndarray
    labels: list[str]

    @property
    def contributions(self) -> np.ndarray:
        """What the sequences' own bases contribute: float32 (sequences, longest, outputs)."""
        known = np.minimum(self.codes, UNKNOWN - 1)[:, :, None, None]
        own = np.take_along_axis(self.hypothetical, known, axis=2)[:, :, 0]
        return own * (self.codes != UNKNOWN)[:, :, None]

    def relative(self) -> AttributedSequences:
        """Divide contributions by the predictions: those to their natural logarithm.

        A base that multiplies a prediction counts the same in a weak place as in a strong one,
        and one that lowers it as much as one that raises it.

        Raises
        ------
        InputError
            If the file does not hold the predictions, or one is not positive.
        """
        if not np.isfinite(self.values).all():
            raise InputError(
                "contributions relative to predictions need these, which only .h5 files of "
                "`basenji attribute` have: pass --scale plain"
            )
        if self.values.min(initial=1) <= 0:
            raise InputError(
                "contributions relative to predictions need positive ones, and one is "
                f"{self.values.min():.3g}: pass --scale plain"
            )
        scaled = self.hypothetical / self.values[:, None, None, :].astype(np.float32)
        return AttributedSequences(self.intervals, self.codes, scaled, self.values, self.labels)


def read_attributions(paths: Sequence[Path]) -> AttributedSequences:
    """Read what `basenji attribute` wrote.

    Parameters
    ----------
    paths
        ``x.h5``, or ``x.ohe.npz`` and one ``x.shap.npz`` or more.

    Raises
    ------
    InputError
        If they are no such files; names the file.
    """
    if len(paths) == 1 and paths[0].suffix.lower() == ".h5":
        return _of_hdf5(paths[0])
    letters = [path for path in paths if path.name.endswith(".ohe.npz")]
    values = [path for path in paths if path not in letters]
    if len(letters) != 1 or not values or any(path.suffix != ".npz" for path in values):
        raise InputError(
            "--attributions: expected one .h5 of `basenji attribute`, or its x.ohe.npz and "
            f"x.shap.npz, not {', '.join(path.name for path in paths)}"
        )
    return _of_arrays(letters[0], values)


def _of_hdf5(path: Path) -> AttributedSequences:
    with open_hdf5(path) as file:
        if file.attrs.get("format") != _FORMAT:
            raise InputError(
                f"{path} holds no contributions: expected a .h5 of `basenji attribute`"
            )
        columns = {
            name: file[f"intervals/{name}"].asstr()[:] for name in ("chrom", "name", "strand")
        }
        starts, ends = file["intervals/start"][:], file["intervals/end"][:]
        offsets, codes = file["intervals/offset"][:], file["codes"][:]
        labels = list(file["tracks/identifier"].asstr()[:])
        values = file["values"][:]
        intervals = [
            Interval(chrom, int(start), int(end), name, strand)
            for chrom, start, end, name, strand in zip(
                columns["chrom"], starts, ends, columns["name"], columns["strand"]
            )
        ]
        filled, hypothetical = _filled(codes, file["hypothetical"], offsets, len(labels))
    if not intervals:
        raise InputError(f"{path} has no intervals")
    return AttributedSequences(intervals, filled, hypothetical, values, labels)


def of_attributions(found: Attributions) -> AttributedSequences:
    """Take contributions that are in memory.

    Raises
    ------
    InputError
        If there are no intervals.
    """
    if not found.intervals:
        raise InputError("the contributions have no intervals")
    codes, hypothetical = _filled(found.codes, found.hypothetical, found.offsets, len(found.labels))
    return AttributedSequences(found.intervals, codes, hypothetical, found.values, found.labels)


def _filled(
    codes: np.ndarray, hypothetical: np.ndarray | h5py.Dataset, offsets: np.ndarray, outputs: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fill sequences that lie one after another up to one length, by rows."""
    rows, longest = len(offsets) - 1, int(np.diff(offsets).max(initial=0))
    filled = np.full((rows, longest), UNKNOWN, dtype=np.uint8)
    values = np.zeros((rows, longest, len(ALPHABET), outputs), dtype=np.float32)
    for row, (first, last) in enumerate(zip(offsets[:-1], offsets[1:])):
        filled[row, : last - first] = codes[first:last]
        values[row, : last - first] = hypothetical[first:last]
    return filled, values


def _of_arrays(letters: Path, values: Sequence[Path]) -> AttributedSequences:
    channels = _array(letters)
    if channels.ndim != 3 or channels.shape[1] != len(ALPHABET) or not len(channels):
        raise InputError(f"{letters}: an array {channels.shape}: expected (sequences, 4, bases)")
    codes = np.where(channels.sum(axis=1) == 1, channels.argmax(axis=1), UNKNOWN).astype(np.uint8)
    found = []
    for path in values:
        array = _array(path)
        if array.shape != channels.shape:
            raise InputError(
                f"{path}: an array {array.shape}, and that of {letters.name} is {channels.shape}"
            )
        found.append(array.transpose(0, 2, 1))
    names = [path.name.removesuffix(".npz").partition(".shap")[2].lstrip(".") for path in values]
    intervals = [Interval(f"sequence{n}", 0, codes.shape[1]) for n in range(len(codes))]
    missing = np.full((len(codes), len(values)), np.nan)
    labels = [name or f"output{number}" for number, name in enumerate(names)]
    hypothetical = np.stack(found, axis=-1).astype(np.float32)
    return AttributedSequences(intervals, codes, hypothetical, missing, labels)


def _array(path: Path) -> np.ndarray:
    arrays = list(read_npz(path, "contributions").values())
    if len(arrays) != 1 or arrays[0].dtype.kind not in "fiub":
        raise InputError(f"{path} is no .npz of one array of numbers")
    return arrays[0]
