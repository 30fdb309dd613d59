"""Files of predictions: HDF5, Zarr, and a directory of one bigWig a track.

HDF5 and Zarr have the same layout, whose attribute ``layout`` explains it to who opens the file:

- ``predictions``: float32 (bins of all intervals, tracks), the intervals one after another;
- ``intervals/chrom``, ``start``, ``end``, ``name``, ``strand``: one entry an interval, in the order
  of the BED file; ``intervals/offset`` (intervals + 1): interval i has the rows
  ``offset[i]:offset[i + 1]``, and its row k is the bin
  ``[start + k * bin, start + (k + 1) * bin)``;
- ``tracks/index``, ``identifier``, ``description``: one entry a column;
- attributes: ``bin`` (bp), the model, the genome, the command.

A bigWig holds the value of a bin at each of its bases, and nothing outside the intervals: where the
last bin reaches beyond an interval, it is cut at the interval's end.
"""

from __future__ import annotations

import contextlib
import json
from abc import abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.array_files import Hdf5File, NewHdf5, ZarrFile, import_zarr
from basenji_kipoi.base.atomic import Folder, Writer, file_names
from basenji_kipoi.base.bigwig.blocks import ALIGNMENT, encode
from basenji_kipoi.base.bigwig.file import write_bigwig
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.prediction.tiles import bins_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    from basenji_kipoi.base.array_files import ArrayFile
    from basenji_kipoi.genome.intervals import Interval
    from basenji_kipoi.models.targets import Target

__all__ = ["FORMATS", "PredictionTable", "PredictionWriter", "columns_of", "format_of"]


def columns_of(intervals: Sequence[Interval], tracks: Sequence[Target]) -> dict[str, np.ndarray]:
    """Turn intervals and tracks into arrays, by their path in a file.

    Parameters
    ----------
    intervals
        The intervals in the order of their values.
    tracks
        The tracks in the order of their values.

    Returns
    -------
    dict of str to ndarray
        Attributes of the intervals, (intervals,), and of the tracks, (tracks,).
    """
    text = np.dtype(object)
    return {
        "intervals/chrom": np.array([i.chrom for i in intervals], dtype=text),
        "intervals/start": np.array([i.start for i in intervals], dtype=np.int64),
        "intervals/end": np.array([i.end for i in intervals], dtype=np.int64),
        "intervals/name": np.array([i.name for i in intervals], dtype=text),
        "intervals/strand": np.array([i.strand for i in intervals], dtype=text),
        "tracks/index": np.array([t.index for t in tracks], dtype=np.int64),
        "tracks/identifier": np.array([t.identifier for t in tracks], dtype=text),
        "tracks/description": np.array([t.description for t in tracks], dtype=text),
    }


_FORMAT = "basenji-predictions"
#: Bases of a contig that are written to a bigWig at once (bp).
_PART = 4 * ALIGNMENT
_LAYOUT = (
    "Interval i of the group 'intervals' has the rows offset[i]:offset[i+1] of 'predictions'; its "
    "row k is the bin [start + k*bin, start + (k+1)*bin), 0-based half-open. Column j is entry j "
    "of the group 'tracks'. The attribute 'unit' names the unit of the values."
)


@dataclass(frozen=True)
class PredictionTable:
    """What a file of predictions says about its rows and columns.

    Attributes
    ----------
    intervals : sequence of Interval
        The intervals in the order of their predictions.
    tracks : sequence of Target
        The tracks in the order of the columns.
    bin : int
        Length of a bin (bp).
    lengths : mapping of str to int
        Length of each contig of the genome (bp).
    attributes : mapping
        The model, the genome, the command: text and numbers.
    """

    intervals: Sequence[Interval]
    tracks: Sequence[Target]
    bin: int
    lengths: Mapping[str, int]
    attributes: Mapping[str, str | int] = field(default_factory=dict)

    @cached_property
    def offsets(self) -> np.ndarray:
        """First row of each interval, and the number of rows: int64, (intervals + 1,)."""
        counts = [bins_of(len(interval), self.bin) for interval in self.intervals]
        return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)

    @property
    def rows(self) -> int:
        """Bins of all intervals."""
        return int(self.offsets[-1])

    @cached_property
    def columns(self) -> dict[str, np.ndarray]:
        """The entries of the groups ``intervals`` and ``tracks`` by their path."""
        return {
            **columns_of(self.intervals, self.tracks),
            "intervals/offset": self.offsets,
        }

    def all_attributes(self) -> dict[str, str | int]:
        """Return the attributes of a file: its own and the given ones."""
        return {
            "format": _FORMAT,
            "format_version": 1,
            "layout": _LAYOUT,
            "bin": self.bin,
            **self.attributes,
        }


class PredictionWriter(Writer):
    """Takes the rows of a table in order and writes them in blocks of whole chunks.

    Parameters
    ----------
    path
        A path that does not exist yet.
    table
        What the rows and columns are.
    """

    #: What kind of folder it writes; None for a file.
    folder: Folder | None = None
    #: Values that are written at a time: 1 MiB, whatever the number of tracks.
    _block_values = 1 << 18

    def __init__(self, path: Path, table: PredictionTable) -> None:
        self.path = path
        self.table = table
        self._chunk_rows = max(1, min(table.rows, self._block_values // len(table.tracks)))
        self._pending = np.empty((self._chunk_rows, len(table.tracks)), dtype=np.float32)
        self._filled = 0
        self._written = 0

    @classmethod
    def prepare(cls, intervals: Sequence[Interval]) -> list[Interval]:
        """Return the intervals in the order in which the format needs their predictions.

        Raises InputError if the format cannot hold them or its library is missing.
        """
        return list(intervals)

    def append(self, values: np.ndarray) -> None:
        """Append rows: float32, shape (bins, tracks)."""
        while len(values):
            taken = values[: self._chunk_rows - self._filled]
            self._pending[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            values = values[len(taken) :]
            if self._filled == self._chunk_rows:
                self._flush()

    def _flush(self) -> None:
        if self._filled:
            self._write(self._written, self._pending[: self._filled])
            self._written += self._filled
            self._filled = 0

    @abstractmethod
    def _write(self, first: int, values: np.ndarray) -> None:
        """Write the rows that begin at number ``first``, a multiple of the chunk's rows."""

    @abstractmethod
    def _finish(self) -> None:
        """Finish the file, all rows being written."""

    def _complete(self) -> None:
        self._flush()
        if self._written != self.table.rows:
            raise ValueError(f"{self._written} rows were given of {self.table.rows}")
        self._finish()


class ArrayWriter(PredictionWriter):
    """Writes a file of arrays in the layout that the top of this module describes."""

    _file_of: type[ArrayFile]

    def __init__(self, path: Path, table: PredictionTable) -> None:
        super().__init__(path, table)
        self._file = self._file_of(path, table.all_attributes())
        for name, values in table.columns.items():
            self._file.add(name, values)
        self._predictions = self._file.create(
            "predictions",
            (table.rows, len(table.tracks)),
            chunk_rows=self._chunk_rows,
            dimensions=("bin", "track"),
        )

    def _write(self, first: int, values: np.ndarray) -> None:
        self._predictions[first : first + len(values)] = values

    def _finish(self) -> None:
        """Nothing is left to write."""

    def _release(self) -> None:
        self._file.close()


class Hdf5Writer(ArrayWriter):
    """Writes an HDF5 file."""

    _file_of = Hdf5File


class ZarrWriter(ArrayWriter):
    """Writes a directory in the Zarr format."""

    _file_of = ZarrFile
    folder = Folder("a Zarr folder of predictions", zarr_format=_FORMAT)

    @classmethod
    def prepare(cls, intervals: Sequence[Interval]) -> list[Interval]:
        import_zarr()
        return list(intervals)


class BigWigWriter(PredictionWriter):
    """Writes a directory: one bigWig a track, ``tracks.tsv`` of them, and ``metadata.json``.

    A bigWig is written in one go, but predictions come with all tracks at a time: they wait in a
    file within the directory, which needs as much space as they do. A bigWig cannot be empty:
    without intervals there are no bigWigs and ``tracks.tsv`` names none.
    """

    folder = Folder("a folder of bigWigs", holds=("tracks.tsv", "metadata.json"))
    #: A block is one chunk a track in the waiting file, so chunks of many tracks are not small.
    _block_values = 1 << 22

    def __init__(self, path: Path, table: PredictionTable) -> None:
        super().__init__(path, table)
        path.mkdir()
        self._waiting = NewHdf5(path / ".waiting.h5")
        self._values = self._waiting.file.create_dataset(
            "values",
            shape=(table.rows, len(table.tracks)),
            maxshape=(None, len(table.tracks)),
            dtype=np.float32,
            chunks=(self._chunk_rows, 1),
        )

    @classmethod
    def prepare(cls, intervals: Sequence[Interval]) -> list[Interval]:
        by_place = sorted(intervals, key=lambda interval: (interval.chrom, interval.start))
        for left, right in zip(by_place, by_place[1:]):
            if left.chrom == right.chrom and right.start < left.end:
                raise InputError(
                    f"intervals {left} and {right} overlap, and a bigWig holds one value a base: "
                    "merge them (bedtools merge), or write .h5 or .zarr"
                )
        return by_place

    def _write(self, first: int, values: np.ndarray) -> None:
        self._values[first : first + len(values)] = values
        self._waiting.check()

    def _finish(self) -> None:
        names = _file_names(self.table.tracks) if self.table.rows else [""] * len(self.table.tracks)
        lines = ["file\tindex\tidentifier\tdescription"]
        for column, (name, track) in enumerate(zip(names, self.table.tracks)):
            if name:
                self._write_track(column, self.path / name)
            lines.append(f"{name}\t{track.index}\t{track.identifier}\t{track.description}")
        (self.path / "tracks.tsv").write_text("\n".join([*lines, ""]), encoding="utf-8")
        attributes = {"bin": self.table.bin, **self.table.attributes}
        (self.path / "metadata.json").write_text(
            json.dumps(attributes, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )

    def _write_track(self, column: int, path: Path) -> None:
        lengths = dict(self.table.lengths)
        pieces = (
            encode(rank, lengths[name], *self._bins(name, first, column))
            for rank, name in enumerate(sorted(lengths))
            for first in self._parts(name, lengths[name])
        )
        write_bigwig(path, lengths, pieces)

    def _parts(self, contig: str, length: int) -> Iterator[int]:
        """Yield the first base of each part of a contig that holds a bin."""
        starts, ends, _ = self._intervals(contig)
        for first in range(0, length, _PART):
            if (np.maximum(starts, first) < np.minimum(ends, first + _PART)).any():
                yield first

    def _intervals(self, contig: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return starts, ends and first rows of a contig's intervals."""
        table = self.table.columns
        here = np.flatnonzero(table["intervals/chrom"] == contig)
        return (
            table["intervals/start"][here],
            table["intervals/end"][here],
            table["intervals/offset"][here],
        )

    def _bins(
        self, contig: str, first: int, column: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Read the bins of a part: where they start and end, cut to the part, and their values."""
        starts, ends, offsets = self._intervals(contig)
        last, width = first + _PART, self.table.bin
        here = (starts < last) & (ends > first)
        starts, ends, offsets = starts[here], ends[here], offsets[here]
        skipped = np.maximum(first - starts, 0) // width
        counts = -(-(np.minimum(ends, last) - starts) // width) - skipped
        # Rows of a part are consecutive, as its intervals are sorted.
        rows = slice(offsets[0] + skipped[0], offsets[0] + skipped[0] + counts.sum())
        number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        begin = np.repeat(starts + skipped * width, counts) + number * width
        end = np.minimum(begin + width, np.repeat(np.minimum(ends, last), counts))
        return np.maximum(begin, first), end, self._values[rows, column]

    def _release(self) -> None:
        with contextlib.suppress(OSError):  # of what nobody reads any more
            self._waiting.close()
        (self.path / ".waiting.h5").unlink()


def _file_names(tracks: Sequence[Target]) -> list[str]:
    """Name a file after each track, with its index where two names would be the same."""
    names = file_names([track.identifier for track in tracks], [track.index for track in tracks])
    return [f"{name}.bw" for name in names]


#: Writer of each format.
FORMATS: dict[str, type[PredictionWriter]] = {
    "hdf5": Hdf5Writer,
    "zarr": ZarrWriter,
    "bigwig": BigWigWriter,
}


def format_of(path: str | os.PathLike[str]) -> str:
    """Find the format that an output's name asks for.

    Parameters
    ----------
    path
        The output: ``.h5`` or ``.hdf5``, ``.zarr``, or the name of a directory of bigWigs, which
        has no suffix or one that begins with ``.bw`` or ``.bigwig``.

    Returns
    -------
    str
        A key of `FORMATS`.

    Raises
    ------
    InputError
        If the suffix is another one.
    """
    suffix = Path(path).suffix.lower()
    if suffix in (".h5", ".hdf5"):
        return "hdf5"
    if suffix == ".zarr":
        return "zarr"
    if not suffix or suffix.startswith((".bw", ".bigwig")):
        return "bigwig"
    raise InputError(
        f"the output {path} names no known format: use .h5, .zarr, or a directory without a "
        "suffix for bigWigs, or say --format"
    )
