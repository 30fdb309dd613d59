"""Predictions in memory, with the names of their intervals, bins and tracks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from basenji_kipoi.faces import html_table, library
from basenji_kipoi.genome.intervals import Interval
from basenji_kipoi.models.targets import columns_named

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from basenji_kipoi.models.targets import Target
    from basenji_kipoi.prediction.writers import PredictionTable

__all__ = ["Predictions", "chosen_intervals", "chosen_tracks", "split_key"]

#: What names intervals of a result: a number, a slice, or the interval itself.
IntervalKey = Union[int, slice, Interval, "tuple[str, int, int]"]
#: What names tracks of a result: an identifier or pattern, or several.
TrackKey = Union[str, "Sequence[str | int]"]


def split_key(key: object) -> tuple[object, object]:
    """Tell what a key of a result says of intervals and of tracks: one, the other, or both.

    Text names tracks, everything else intervals; a pair has first intervals, then tracks.
    """
    if isinstance(key, tuple) and len(key) == 2:
        return key
    return (slice(None), key) if isinstance(key, str) else (key, None)


def chosen_intervals(intervals: Sequence[Interval], key: object) -> list[int]:
    """Find the numbers of the intervals that a key names, in the order of the result.

    Raises
    ------
    IndexError, KeyError, TypeError
        If there is no such interval, or the key is none.
    """
    numbers = range(len(intervals))
    if isinstance(key, Interval):
        key = (key.chrom, key.start, key.end)
    if isinstance(key, tuple):
        places = [(each.chrom, each.start, each.end) for each in intervals]
        found = [number for number in numbers if places[number] == key]
        if not found:
            raise KeyError(f"no interval {key}")
        return found
    chosen = numbers[key]  # an IndexError or TypeError says what was wrong
    return [chosen] if isinstance(chosen, int) else list(chosen)


def chosen_tracks(tracks: Sequence[Target], key: object) -> list[int]:
    """Find the columns of the tracks that a key names.

    Raises
    ------
    InputError
        If there is no such track.
    """
    if isinstance(key, slice):
        return list(range(len(tracks))[key])
    key = [key] if isinstance(key, (int, np.integer)) else key
    return columns_named([track.identifier for track in tracks], key, option="tracks")


class Predictions:
    """Predictions of intervals, bin by bin and track by track. Made by `basenji_kipoi.predict`.

    Intervals lie one after another. ``predictions[i]`` has the bins of interval i alone,
    ``predictions["tif_*"]`` tracks by identifier or pattern, ``predictions[i, "tif_*"]`` both; an
    `Interval`, (contig, start, end) or a slice may stand for i. A loop goes over the intervals.

    Parameters
    ----------
    table
        What rows and columns are.
    values : ndarray, float32, shape (bins, tracks)
        The predictions.

    Attributes
    ----------
    values : ndarray, float32, shape (bins, tracks)
        Predictions in the units of the targets table.
    intervals : list of Interval
        The intervals, 0-based and half-open (bp).
    tracks : list of Target
        The tracks in the order of the columns.
    bin : int
        Length of a bin (bp).
    offsets : ndarray, int64, shape (intervals + 1,)
        Interval i has the rows ``offsets[i]:offsets[i + 1]``.
    attributes : dict
        The model, the genome, and how it was predicted.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> model, genome = bk.load("model_files"), bk.Genome("genome.fa")
    >>> predictions = bk.predict(model, genome, ["chrA:20,001-20,320", "chrB:1-64"])
    >>> predictions
    <Predictions of basenji-yeast: 2 intervals, 12 bins of 32 bp, 18 tracks>
    >>> predictions[0, "stripe_wt_*"].values.shape
    (10, 2)
    >>> predictions[1].starts, predictions[1].ends
    (array([ 0, 32]), array([32, 64]))
    """

    def __init__(self, table: PredictionTable, values: np.ndarray) -> None:
        if values.shape != (table.rows, len(table.tracks)):
            raise ValueError(f"values of {table.rows, len(table.tracks)} expected: {values.shape}")
        self._table = table
        self.values = values
        self.intervals: list[Interval] = list(table.intervals)
        self.tracks: list[Target] = list(table.tracks)
        self.bin = table.bin
        self.offsets = table.offsets
        self.attributes: Mapping[str, str | int] = table.attributes

    @property
    def labels(self) -> list[str]:
        """Identifiers of the tracks, one a column."""
        return [track.identifier for track in self.tracks]

    @property
    def numbers(self) -> np.ndarray:
        """Number of each bin's interval: int64, shape (bins,)."""
        return np.repeat(np.arange(len(self.intervals)), np.diff(self.offsets))

    @property
    def chroms(self) -> np.ndarray:
        """Contig of each bin: str, shape (bins,)."""
        names = np.array([interval.chrom for interval in self.intervals], dtype=object)
        return names[self.numbers]

    @property
    def starts(self) -> np.ndarray:
        """First base of each bin (bp, 0-based): int64, shape (bins,)."""
        first = np.array([interval.start for interval in self.intervals], dtype=np.int64)
        numbers = self.numbers
        return first[numbers] + (np.arange(len(numbers)) - self.offsets[numbers]) * self.bin

    @property
    def ends(self) -> np.ndarray:
        """End of each bin (bp, 0-based, excluded); the last may lie behind its interval's."""
        return self.starts + self.bin

    def __len__(self) -> int:
        return len(self.intervals)

    def __iter__(self) -> Iterator[Predictions]:
        return (self[number] for number in range(len(self)))

    def __getitem__(
        self, key: IntervalKey | TrackKey | tuple[IntervalKey, TrackKey]
    ) -> Predictions:
        intervals, tracks = split_key(key)
        numbers = chosen_intervals(self.intervals, intervals)
        columns = chosen_tracks(self.tracks, tracks)
        table = replace(
            self._table,
            intervals=[self.intervals[number] for number in numbers],
            tracks=[self.tracks[column] for column in columns],
        )
        rows = [np.arange(self.offsets[n], self.offsets[n + 1]) for n in numbers]
        rows = np.concatenate([np.empty(0, dtype=np.int64), *rows])
        return Predictions(table, self.values[np.ix_(rows, columns)])

    def to_dataframe(self) -> Any:  # noqa: ANN401 - pandas is not in every environment
        """Make a table with a row a bin.

        Returns
        -------
        pandas.DataFrame
            Columns ``chrom``, ``start``, ``end`` (0-based, half-open, bp), ``interval`` (its
            number), and one a track.

        Raises
        ------
        InputError
            If pandas is not installed.

        Examples
        --------
        >>> import basenji_kipoi as bk
        >>> predictions = bk.predict(bk.load("model_files"), "genome.fa", "chrB:1-64")
        >>> predictions["atac"].to_dataframe().drop(columns="atac")
          chrom  start  end  interval
        0  chrB      0   32         0
        1  chrB     32   64         0
        """
        pandas = library("pandas", "to_dataframe()")
        places = pandas.DataFrame(
            {
                "chrom": self.chroms,
                "start": self.starts,
                "end": self.ends,
                "interval": self.numbers,
            }
        )
        return pandas.concat([places, pandas.DataFrame(self.values, columns=self.labels)], axis=1)

    def to_xarray(self) -> Any:  # noqa: ANN401 - xarray is not in every environment
        """Make a labelled array.

        Returns
        -------
        xarray.DataArray
            Dimensions ``bin`` and ``track``. Coordinates of bins: ``chrom``, ``start``, ``end``
            (0-based, half-open, bp), ``interval`` (its number); of tracks: ``track`` (the
            identifier) and ``description``.

        Raises
        ------
        InputError
            If xarray is not installed.
        """
        xarray = library("xarray", "to_xarray()")
        return xarray.DataArray(
            self.values,
            dims=("bin", "track"),
            coords={
                "chrom": ("bin", self.chroms),
                "start": ("bin", self.starts),
                "end": ("bin", self.ends),
                "interval": ("bin", self.numbers),
                "track": self.labels,
                "description": ("track", [track.description for track in self.tracks]),
            },
            attrs=dict(self.attributes),
            name="prediction",
        )

    def __repr__(self) -> str:
        intervals = "1 interval" if len(self) == 1 else f"{len(self):,} intervals"
        tracks = "1 track" if len(self.tracks) == 1 else f"{len(self.tracks):,} tracks"
        return (
            f"<Predictions of {self.attributes['model']}: {intervals}, "
            f"{len(self.values):,} bins of {self.bin} bp, {tracks}>"
        )

    def _repr_html_(self) -> str:
        shown = [f"{i.chrom} [{i.start:,}, {i.end:,})" for i in self.intervals[:3]]
        more = ["…"] if len(self) > len(shown) else []
        return html_table(
            f"Predictions of {self.attributes['model']}",
            [
                (f"intervals ({len(self):,})", ", ".join(shown + more)),
                ("bins", f"{len(self.values):,} of {self.bin} bp"),
                (
                    f"tracks ({len(self.tracks):,})",
                    ", ".join(self.labels[:6] + (["…"] if len(self.labels) > 6 else [])),
                ),
            ],
        )
