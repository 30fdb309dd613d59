"""The part of a network above its tower: whole passes, and changes against windows seen lately."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Optional

import numpy as np
from keras import ops

from basenji_kipoi.models.incremental.changes import change_pass
from basenji_kipoi.models.incremental.cuts import kept_spans
from basenji_kipoi.models.incremental.reference import window_pass
from basenji_kipoi.models.incremental.tower_rows import batches, compiled_by_shape, filled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.models.incremental.steps import Lowered, Step

__all__ = ["Match", "Upper", "Window", "Windows", "nearest"]

#: Memory of the values that are computed at a time (bytes), which limits batches.
_WORKING_BYTES = 1 << 26


@dataclass(eq=False)
class Window:
    """What is kept of a window for alleles of it.

    Attributes
    ----------
    serials : ndarray, int64, shape (bins,)
        What the features of its bins are (`basenji_kipoi.models.incremental.tower_rows.Placed`).
    rows : ndarray, shape (bins, channels)
        The features.
    tables : dict of str to ndarray, shape (length, channels)
        What the change pass looks up.
    predictions : ndarray or None, shape (predicted bins, tracks)
        Its predictions, if they were asked for.
    sums : ndarray or None, float64, shape (tracks,)
        Sums of the predictions over the bins, if they were asked for.
    used : int
        When it was used last.
    """

    serials: np.ndarray
    rows: np.ndarray
    tables: dict[str, np.ndarray]
    predictions: Optional[np.ndarray]
    sums: Optional[np.ndarray]
    used: int = 0

    def answer(self, *, totals: bool) -> Optional[np.ndarray]:
        """Return the sums or the predictions; None if these predictions were not kept."""
        if totals and self.sums is None:
            self.sums = self.predictions.sum(axis=0, dtype=np.float64)
        return self.sums if totals else self.predictions

    @property
    def nbytes(self) -> int:
        """Memory (bytes)."""
        arrays = (self.serials, self.rows, self.predictions, self.sums, *self.tables.values())
        return sum(array.nbytes for array in arrays if array is not None)


class Match(NamedTuple):
    """A window that another one equals outside of bins [first, first + bins)."""

    window: Window
    first: int
    bins: int


def nearest(windows: Sequence[Window], stack: np.ndarray, serials: np.ndarray) -> Match:
    """Find the window that differs from another one in the shortest run of bins.

    Parameters
    ----------
    windows
        At least one window.
    stack : ndarray, int64, shape (windows, bins)
        Their ``serials``.
    serials : ndarray, int64, shape (bins,)
        Those of the other one.
    """
    differs = stack != serials
    first = differs.argmax(axis=1)
    behind = len(serials) - differs[:, ::-1].argmax(axis=1)
    bins = np.where(differs.any(axis=1), behind - first, 0)
    best = int(bins.argmin())
    return Match(windows[best], int(first[best]), int(bins[best]))


class Windows:
    """The windows that were used last, within a budget of memory (bytes)."""

    def __init__(self, nbytes: int) -> None:
        self._budget = nbytes
        self._windows: list[Window] = []
        self._stack: Optional[np.ndarray] = None

    def find(self, serials: np.ndarray) -> Optional[Match]:
        """Find the window that is most like one; None if there is none at all."""
        if not self._windows:
            return None
        if self._stack is None:
            self._stack = np.stack([window.serials for window in self._windows])
        return nearest(self._windows, self._stack, serials)

    def add(self, window: Window) -> None:
        """Keep a window in the place of its like and of those that were used the longest time ago.

        Where there is no room beside those that are in use at the same time, it is not kept: if
        more windows are asked for in turn than fit, some of them are found again instead of none.
        """
        kept = [w for w in self._windows if not np.array_equal(w.serials, window.serials)]
        kept.sort(key=lambda w: w.used, reverse=True)
        room = self._budget - sum(w.nbytes for w in kept)
        while room < window.nbytes and kept and kept[-1].used < window.used:
            room += kept.pop().nbytes
        if room < window.nbytes:
            return
        self._windows = [*kept, window]
        self._stack = None

    @property
    def nbytes(self) -> int:
        """Memory that is in use (bytes)."""
        return sum(window.nbytes for window in self._windows)


class Upper:
    """Compiled passes of the upper part.

    Parameters
    ----------
    network
        The network.
    steps
        Those of the upper part.
    bins
        Bins of a window, the cropped ones included.
    shortest
        Bins that an SNV changes at most.

    Attributes
    ----------
    longest : int
        The longest run of changed bins that `changes` takes.
    """

    def __init__(
        self,
        network: Lowered,
        steps: Sequence[Step],
        *,
        bins: int,
        shortest: int,
    ) -> None:
        self._network, self._weights = network, network.weights
        self._steps, self._bins = steps, bins
        passes = {"steps": steps, "heads": network.heads}
        self._whole = compiled_by_shape(window_pass, keep=True, **passes)
        self._change, self._total = (
            compiled_by_shape(change_pass, totals=totals, window=bins, period=1, **passes)
            for totals in (False, True)
        )
        # A longer run costs nearly as much as the whole window.
        lengths = [shortest, 4 * shortest, 16 * shortest]
        self._lengths = [min(shortest, bins), *(n for n in lengths[1:] if n <= bins // 8)]
        self.longest = self._lengths[-1]
        widest = max(w.shape[-1] for name, w in self._weights.items() if name.endswith("/bias"))
        self._per_row = 2 * widest * np.dtype(network.dtype).itemsize

    def batch(self, count: int) -> int:
        """How many of so many windows `windows` should be given first."""
        _, size = next(batches(count, self._sizes(self._bins)))
        return min(size, count)

    def windows(
        self, rows: np.ndarray, serials: np.ndarray, *, now: int, totals: bool
    ) -> list[Window]:
        """Run whole windows at once.

        Parameters
        ----------
        rows : ndarray, shape (windows, bins, channels)
            Features of as many windows as `batch` says.
        serials : ndarray, int64, shape (windows, bins)
            What they are.
        now
            Time of use.
        totals
            Whether to keep sums instead of predictions.
        """
        _, size = next(batches(len(rows), self._sizes(self._bins)))
        values, kept = self._whole(size)(self._weights, ops.convert_to_tensor(filled(rows, size)))
        values = self._network.ordered(np.asarray(values))
        tables = {key: np.asarray(table) for key, table in kept.items()}

        def own(batch: np.ndarray, row: int) -> np.ndarray:
            # Of a batch of several, a view would hold all of it.
            return batch[row] if size == 1 else batch[row].copy()

        return [
            Window(
                serials=serials[row].copy(),
                rows=own(rows, row),
                tables={key: own(table, row) for key, table in tables.items()},
                predictions=None if totals else own(values, row),
                sums=values[row].sum(axis=0, dtype=np.float64) if totals else None,
                used=now,
            )
            for row in range(len(rows))
        ]

    def changes(
        self,
        matches: Sequence[Match],
        slots: np.ndarray,
        features: np.ndarray,
        out: Sequence[np.ndarray],
    ) -> None:
        """Predict windows by what they differ in from others.

        Parameters
        ----------
        matches
            What each is compared with; no run of bins may be longer than `longest`.
        slots : ndarray, int, shape (windows, bins)
            Rows of ``features`` that belong to their bins.
        features : ndarray, shape (capacity, channels)
            Features of bins.
        out : sequence of ndarray
            Where each window's answer goes: (predicted bins, tracks) for predictions, or float64
            (tracks,) for sums over the bins. The match has to have the same.
        """
        lengths = np.array([self._length(match) for match in matches])
        for length in np.unique(lengths).tolist():
            same = np.flatnonzero(lengths == length)
            for begin, size in batches(len(same), self._sizes(self._widest(length))):
                batch = same[begin : begin + size].tolist()
                self._batch(
                    [matches[i] for i in batch],
                    slots[batch],
                    features,
                    size,
                    length,
                    [out[i] for i in batch],
                )

    def _length(self, match: Match) -> int:
        return next(length for length in self._lengths if length >= match.bins)

    def _widest(self, length: int) -> int:
        _, (begin, end) = kept_spans(self._steps, 0, length)
        return end - begin

    def _sizes(self, rows: int) -> list[int]:
        sizes = [size for size in (1, 4, 16) if size * rows * self._per_row <= _WORKING_BYTES]
        return sizes or [1]

    def _batch(
        self,
        matches: Sequence[Match],
        slots: np.ndarray,
        features: np.ndarray,
        size: int,
        length: int,
        out: Sequence[np.ndarray],
    ) -> None:
        starts = np.array([min(match.first, self._bins - length) for match in matches])
        here = starts[:, None] + np.arange(length)
        change = features[np.take_along_axis(slots, here, axis=1)]
        change -= np.stack([m.window.rows[rows] for m, rows in zip(matches, here)])
        spans, output = kept_spans(self._steps, 0, length)
        rows, begins = {}, {}
        for key, like in matches[0].window.tables.items():
            begin, behind = spans.get(key, output)
            table = np.empty((size, behind - begin, like.shape[1]), dtype=like.dtype)
            for row, (match, start) in enumerate(zip(matches, starts.tolist())):
                _cut(match.window.tables[key], start + begin, table[row])
            table[len(matches) :] = table[0]
            rows[key] = ops.convert_to_tensor(table)
            begins[key] = ops.convert_to_tensor(filled(starts + begin, size).astype(np.int32))
        totals = out[0].ndim == 1
        values = (self._total if totals else self._change)(size, length)(
            self._weights,
            rows,
            begins,
            ops.convert_to_tensor(filled(starts, size).astype(np.int32)),
            ops.convert_to_tensor(filled(change, size)),
        )
        values = self._network.ordered(np.asarray(values))
        for match, start, answer, value in zip(matches, starts.tolist(), out, values):
            if totals:
                np.add(match.window.answer(totals=True), value, out=answer)
                continue
            answer[:] = match.window.predictions
            begin, end = start + output[0], start + output[1]
            first, last = max(begin, 0), min(end, len(answer))
            # All that changes may be cropped.
            if first < last:
                answer[first:last] = value[first - begin : last - begin]


def _cut(table: np.ndarray, begin: int, out: np.ndarray) -> None:
    """Copy rows from ``begin`` on; what lies outside of the table is filled with zeros."""
    first, last = max(begin, 0), min(begin + len(out), len(table))
    if (first, last) != (begin, begin + len(out)):
        out[:] = 0
    if first < last:
        out[first - begin : last - begin] = table[first:last]
