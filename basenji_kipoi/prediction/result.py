"""Predictions in memory, with the names of their intervals, bins and tracks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from basenji_kipoi.faces import library
from basenji_kipoi.prediction.interval_results import IntervalResult

if TYPE_CHECKING:
    from basenji_kipoi.models.targets import Target
    from basenji_kipoi.prediction.writers import PredictionTable

__all__ = ["Predictions"]


class Predictions(IntervalResult):
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
        Predictions in the unit that ``attributes["unit"]`` names: those of the targets table, or
        counts of the coverage.
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

    _title = "Predictions"

    def __init__(self, table: PredictionTable, values: np.ndarray) -> None:
        if values.shape != (table.rows, len(table.tracks)):
            raise ValueError(f"values of {table.rows, len(table.tracks)} expected: {values.shape}")
        self.tracks: list[Target] = list(table.tracks)
        labels = [track.identifier for track in self.tracks]
        super().__init__(table.intervals, labels, table.offsets, table.attributes)
        self._table = table
        self.values = values
        self.bin = table.bin

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

    def _of(self, numbers: list[int], columns: list[int]) -> Predictions:
        table = replace(
            self._table,
            intervals=[self.intervals[number] for number in numbers],
            tracks=[self.tracks[column] for column in columns],
        )
        return Predictions(table, self.values[np.ix_(self._rows(numbers), columns)])

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

    @property
    def _origin(self) -> str:
        return f"of {self.attributes['model']}"

    def _facts(self) -> dict[str, str]:
        return {"bins": f"{len(self.values):,} of {self.bin} bp"}

    def __repr__(self) -> str:
        intervals, tracks = self._counted()
        return self._shown(intervals, f"{len(self.values):,} bins of {self.bin} bp", tracks)
