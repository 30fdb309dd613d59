"""What results of intervals have in common: names of rows and columns, and how they show."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Union

import numpy as np

from basenji_kipoi.faces import html_table
from basenji_kipoi.genome.intervals import Interval
from basenji_kipoi.models.targets import columns_named

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from typing_extensions import Self

    from basenji_kipoi.models.model import Model, Strands

__all__ = ["IntervalKey", "IntervalResult", "TrackKey", "origin_of"]

#: What names intervals of a result: a number, a slice, or the interval itself.
IntervalKey = Union[int, slice, Interval, "tuple[str, int, int]"]
#: What names tracks of a result: an identifier or pattern, or several.
TrackKey = Union[str, "Sequence[str | int]"]

#: Intervals and columns that are named where a result shows itself.
_SHOWN_INTERVALS, _SHOWN_COLUMNS = 3, 6


class IntervalResult(ABC):
    """Values of intervals, whose rows lie one after another, in named columns.

    ``result[i]`` has the rows of interval i alone, ``result["tif_*"]`` columns by name or pattern,
    ``result[i, "tif_*"]`` both; an `Interval`, (contig, start, end) or a slice may stand for i. A
    loop goes over the intervals.

    Attributes
    ----------
    intervals : list of Interval
        The intervals, 0-based and half-open (bp).
    labels : list of str
        Names of the columns.
    offsets : ndarray, int64, shape (intervals + 1,)
        Interval i has the rows ``offsets[i]:offsets[i + 1]``.
    attributes : dict
        The model, the genome, and how it was computed.
    """

    #: What it is, and what a column of it is.
    _title: str
    _column = "track"

    def __init__(
        self,
        intervals: Sequence[Interval],
        labels: Sequence[str],
        offsets: np.ndarray,
        attributes: Mapping[str, str | int],
    ) -> None:
        self.intervals: list[Interval] = list(intervals)
        self.labels: list[str] = list(labels)
        self.offsets = offsets
        self.attributes = attributes

    @property
    def numbers(self) -> np.ndarray:
        """Number of each row's interval: int64, shape (rows,)."""
        return np.repeat(np.arange(len(self.intervals)), np.diff(self.offsets))

    @property
    def chroms(self) -> np.ndarray:
        """Contig of each row: str, shape (rows,)."""
        names = np.array([interval.chrom for interval in self.intervals], dtype=object)
        return names[self.numbers]

    def __len__(self) -> int:
        return len(self.intervals)

    def __iter__(self) -> Iterator[Self]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, key: IntervalKey | TrackKey | tuple[IntervalKey, TrackKey]) -> Self:
        intervals, columns = _split_key(key)
        return self._of(
            _chosen_intervals(self.intervals, intervals), _chosen_columns(self.labels, columns)
        )

    @abstractmethod
    def _of(self, numbers: list[int], columns: list[int]) -> Self:
        """Return what it has of some intervals and columns."""

    def _rows(self, numbers: Sequence[int]) -> np.ndarray:
        """Return the numbers of the rows of some intervals."""
        rows = (np.arange(self.offsets[n], self.offsets[n + 1]) for n in numbers)
        return np.concatenate([np.empty(0, dtype=np.int64), *rows])

    # ---- how it shows itself ----

    @property
    @abstractmethod
    def _origin(self) -> str:
        """What it is of, or was made by."""

    @abstractmethod
    def _facts(self) -> dict[str, str]:
        """Say what it has beside intervals and columns."""

    @abstractmethod
    def __repr__(self) -> str: ...

    def _shown(self, *facts: str) -> str:
        """Say in one line what it is, with some facts."""
        return f"<{type(self).__name__} {self._origin}: {', '.join(facts)}>"

    def _counted(self) -> tuple[str, str]:
        """Say how many intervals and how many columns it has."""
        return tuple(
            f"{number:,} {name}{'' if number == 1 else 's'}"
            for number, name in ((len(self), "interval"), (len(self.labels), self._column))
        )

    def _repr_html_(self) -> str:
        intervals = [f"{i.chrom} [{i.start:,}, {i.end:,})" for i in self.intervals]
        return html_table(
            f"{self._title} {self._origin}",
            [
                (f"intervals ({len(self):,})", _some(intervals, _SHOWN_INTERVALS)),
                *self._facts().items(),
                (f"{self._column}s ({len(self.labels):,})", _some(self.labels, _SHOWN_COLUMNS)),
            ],
        )


def origin_of(model: Model, both_strands: Strands) -> dict[str, str | int]:
    """Say which models a result is of, and how they were read, for its `attributes`."""
    return {
        "models": ", ".join(member.metadata.name for member in model.members),
        "model_sha256": ", ".join(model.weights_sha256),
        "assembly": model.assembly,
        "window": model.architecture.window,
        "bin": model.architecture.bin,
        "both_strands": any(model.averages_strands(both_strands)),
    }


def _some(names: Sequence[str], most: int) -> str:
    """Join names, of which there may be many."""
    return ", ".join([*names[:most], *(["…"] if len(names) > most else [])])


def _split_key(key: object) -> tuple[object, object]:
    """Tell what a key of a result says of intervals and of tracks: one, the other, or both.

    Text names tracks, everything else intervals; a pair has first intervals, then tracks.
    """
    if isinstance(key, tuple) and len(key) == 2:
        return key
    return (slice(None), key) if isinstance(key, str) else (key, None)


def _chosen_intervals(intervals: Sequence[Interval], key: object) -> list[int]:
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


def _chosen_columns(labels: Sequence[str], key: object) -> list[int]:
    """Find the columns that a key names.

    Raises
    ------
    InputError
        If there is no such track.
    """
    if isinstance(key, slice):
        return list(range(len(labels))[key])
    key = [key] if isinstance(key, (int, np.integer)) else key
    return columns_named(labels, key, option="tracks")
