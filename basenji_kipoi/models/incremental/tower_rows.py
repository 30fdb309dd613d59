"""Features of bins by the sequence that they depend on: computed once, found again by content.

What the tower of a network computes for a bin depends on the bases of the bin and its flanks, and
at a window's end on where the window ends. These bases, with a code of their own for positions
outside the window, are the key under which the features are kept. Two bins of any windows that
have the same key have the same features, wherever the windows lie.
"""

from __future__ import annotations

from collections import deque
from functools import cache
from itertools import repeat
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

import numpy as np
from keras import ops

from basenji_kipoi.base.sequence import UNKNOWN, one_hot
from basenji_kipoi.models.incremental.patches import patch_pass, tower_pass
from basenji_kipoi.models.networks.backend import compiled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from basenji_kipoi.models.incremental.cuts import Split
    from basenji_kipoi.models.incremental.reference import Tensor
    from basenji_kipoi.models.incremental.steps import Lowered

__all__ = ["Placed", "TowerRows", "batches", "compiled_by_shape", "filled"]

#: Code of positions outside the window, in keys.
_OUTSIDE = UNKNOWN + 1
#: Bytes that a key and its entries in tables take beside the key's own.
_OVERHEAD = 160
#: Memory of a layer's values that are computed at a time (bytes), which limits batches.
_WORKING_BYTES = 1 << 28


class Placed(NamedTuple):
    """Where the features of windows' bins are.

    Attributes
    ----------
    slots : ndarray, int64, shape (windows, bins)
        Rows of `TowerRows.values`, until windows are placed again.
    serials : ndarray, int64, shape (windows, bins)
        Numbers that are never given twice: bins of the same number have the same features.
    computed : int
        Bins whose features had to be computed.
    """

    slots: np.ndarray
    serials: np.ndarray
    computed: int


def batches(count: int, sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Cut things into batches of few sizes, for which a backend compiles once each.

    Parameters
    ----------
    count
        Number of things.
    sizes
        Sizes in ascending order, from 1 on.

    Yields
    ------
    begin : int
        The first thing of a batch.
    size : int
        Its size. The last batch may be larger than what is left, by less than twice.
    """
    begin = 0
    while begin < count:
        left = count - begin
        fitting = [size for size in sizes if size < 2 * left]
        size = next((size for size in fitting if size >= left), fitting[-1])
        yield begin, size
        begin += size


def filled(batch: np.ndarray, size: int) -> np.ndarray:
    """Fill a batch (things, ...) up to a size with repetitions."""
    return batch if len(batch) == size else np.resize(batch, (size, *batch.shape[1:]))


def compiled_by_shape(function: Callable, **fixed: Any) -> Callable[..., Callable]:  # noqa: ANN401 - whatever it takes
    """Compile a function of tensors separately for each shape of its arguments.

    TensorFlow takes a function that it has to compile again and again for a mistake, and warns.

    Returns
    -------
    callable
        What names a shape (numbers) to the compiled function for it.
    """

    @cache
    def of_shape(*_: int) -> Callable:
        return compiled(function, **fixed)

    return of_shape


class TowerRows:
    """Features of bins, in memory that is allotted once.

    Parameters
    ----------
    network
        The network.
    parts
        Its two parts.
    nbytes
        Memory for the features and their keys (bytes). At least one window's are kept.

    Attributes
    ----------
    values : ndarray, shape (capacity, channels)
        The features.
    """

    def __init__(self, network: Lowered, parts: Split, *, nbytes: int) -> None:
        window, dtype = network.architecture.window, network.dtype
        self.parts = parts
        self.bins = window // parts.bin
        self._weights, self._window, self._dtype = network.weights, window, dtype
        self._span = parts.before + parts.bin + parts.behind
        third = -(-self._span // 3)
        row = parts.channels * np.dtype(dtype).itemsize + third + _OVERHEAD
        capacity = max(nbytes // row, self.bins)
        self.values = np.empty((capacity, parts.channels), dtype=dtype)
        self.forget()
        # As many bins as an SNV reaches, and as many that flanks do not count much.
        short = min(parts.reached(1), self.bins)
        long = min(max(8 * (self._span - parts.bin) // parts.bin, 2 * short), self.bins)
        self._patch_bins = sorted({short, long})
        self._patches = {
            bins: compiled_by_shape(patch_pass, parts=parts, bins=bins, window=window)
            for bins in self._patch_bins
        }
        self._tower = compiled_by_shape(tower_pass, tower=parts.tower)
        per_base = parts.widest * np.dtype(dtype).itemsize
        self._sizes = {
            bases: [size for size in (1, 4, 16) if size * bases * per_base <= _WORKING_BYTES] or [1]
            for bases in (window, *map(self._bases, self._patch_bins))
        }

    def forget(self) -> None:
        """Hold no features any more."""
        capacity = len(self.values)
        self._slot_of: dict[bytes, int] = {}
        self._keys = np.empty(capacity, dtype=object)
        self._serials = np.zeros(capacity, dtype=np.int64)
        # When each slot was used last; -1 where nothing is.
        self._used = np.full(capacity, -1, dtype=np.int64)
        self._now = self._given = 0

    @property
    def windows(self) -> int:
        """Windows that can be placed at a time."""
        return len(self.values) // self.bins

    def place(self, codes: np.ndarray) -> Placed:
        """Find the features of all bins, and compute those that are not there.

        Parameters
        ----------
        codes : ndarray, uint8, shape (windows, window)
            No more than `windows` sequences.

        Returns
        -------
        Placed
            Where the features are.
        """
        self._now += 1
        padded = np.pad(
            codes, ((0, 0), (self.parts.before, self.parts.behind)), constant_values=_OUTSIDE
        )
        keys = self._content(padded)
        slots = self._look_up(keys)
        missing = np.flatnonzero(slots < 0)
        self._used[slots[slots >= 0]] = self._now
        if missing.size:
            absent = [keys[place] for place in missing.tolist()]
            new = dict.fromkeys(absent)
            taken = self._take(len(new))
            self._slot_of.update(zip(new, taken.tolist()))
            self._keys[taken] = np.fromiter(new, dtype=object, count=len(new))
            self._serials[taken] = np.arange(self._given, self._given + len(new))
            self._given += len(new)
            slots[missing] = self._look_up(absent)
            # Of bins with the same content the first is computed.
            _, first = np.unique(slots[missing], return_index=True)
            self._compute(codes, padded, missing[np.sort(first)], slots)
        slots = slots.reshape(len(codes), self.bins)
        return Placed(slots, self._serials[slots], len(new) if missing.size else 0)

    def _content(self, padded: np.ndarray) -> list[bytes]:
        """Return the bases that each bin depends on, three in a byte."""
        step = self.parts.bin
        rows = np.lib.stride_tricks.sliding_window_view(padded, self._span, axis=1)[:, ::step]
        third = -(-self._span // 3)
        whole = np.zeros((len(padded) * self.bins, 3 * third), dtype=np.uint8)
        whole[:, : self._span].reshape(len(padded), self.bins, self._span)[:] = rows
        base = _OUTSIDE + 1
        packed = whole[:, :third] * np.uint8(base * base)
        packed += whole[:, third : 2 * third] * np.uint8(base)
        packed += whole[:, 2 * third :]
        return packed.view(f"V{third}").ravel().tolist()

    def _look_up(self, keys: list[bytes]) -> np.ndarray:
        slots = map(self._slot_of.get, keys, repeat(-1))
        return np.fromiter(slots, dtype=np.int64, count=len(keys))

    def _take(self, count: int) -> np.ndarray:
        """Take slots, of those that were not used for the longest time."""
        free = np.flatnonzero(self._used < 0)
        if len(free) < count:
            # More than are needed now, for finding them takes a look at all.
            wanted = max(count, len(self._used) // 16)
            oldest = np.argsort(self._used, kind="stable")[:wanted]
            oldest = oldest[self._used[oldest] < self._now]
            full = oldest[self._used[oldest] >= 0]
            deque(map(self._slot_of.pop, self._keys[full].tolist()), maxlen=0)
            self._used[full] = -1
            self._keys[full] = None
            free = oldest
        taken = free[:count]
        self._used[taken] = self._now
        return taken

    # ---- what is missing ----

    def _bases(self, bins: int) -> int:
        return self._span + (bins - 1) * self.parts.bin

    def _compute(
        self, codes: np.ndarray, padded: np.ndarray, missing: np.ndarray, slots: np.ndarray
    ) -> None:
        """Compute bins, given by their number among those of all windows."""
        whole: list[int] = []
        starts: dict[int, list[tuple[int, int]]] = {bins: [] for bins in self._patch_bins}
        windows, places = np.divmod(missing, self.bins)
        for window in np.unique(windows).tolist():
            patches = self._cover(places[windows == window])
            if sum(self._bases(bins) for _, bins in patches) >= self._window:
                whole.append(window)
            else:
                for start, bins in patches:
                    starts[bins].append((window, start))
        wanted = np.zeros(len(slots), dtype=bool)
        wanted[missing] = True
        if whole:
            self._compute_windows(codes, np.array(whole), wanted, slots)
        for bins, found in starts.items():
            if found:
                self._compute_patches(padded, np.array(found), bins, wanted, slots)

    def _cover(self, places: np.ndarray) -> list[tuple[int, int]]:
        """Lay patches (first bin, bins) over bins of a window, in ascending order."""
        patches = []
        while places.size:
            # A long patch where so many short ones would cost more.
            for bins in reversed(self._patch_bins):
                inside = np.searchsorted(places, places[0] + bins)
                short = self._patch_bins[0]
                needed = len(np.unique((places[:inside] - places[0]) // short))
                if bins == short or needed * self._bases(short) > self._bases(bins):
                    break
            patches.append((min(int(places[0]), self.bins - bins), bins))
            places = places[inside:]
        return patches

    def _compute_windows(
        self, codes: np.ndarray, windows: np.ndarray, wanted: np.ndarray, slots: np.ndarray
    ) -> None:
        for begin, size in batches(len(windows), self._sizes[self._window]):
            batch = windows[begin : begin + size]
            x = one_hot(filled(codes[batch], size), self._dtype)
            values = self._tower(size)(self._weights, ops.convert_to_tensor(x))
            rows = batch[:, None] * self.bins + np.arange(self.bins)
            self._store(values, rows, wanted, slots)

    def _compute_patches(
        self,
        padded: np.ndarray,
        patches: np.ndarray,
        bins: int,
        wanted: np.ndarray,
        slots: np.ndarray,
    ) -> None:
        bases = self._bases(bins)
        for begin, size in batches(len(patches), self._sizes[bases]):
            windows, starts = patches[begin : begin + size].T
            places = starts[:, None] * self.parts.bin + np.arange(bases)
            cut = filled(padded[windows[:, None], places], size)
            x = one_hot(np.minimum(cut, UNKNOWN), self._dtype)
            x *= (cut != _OUTSIDE)[:, :, None]
            values = self._patches[bins](size)(
                self._weights,
                ops.convert_to_tensor(x),
                ops.convert_to_tensor(filled(starts, size).astype(np.int32)),
            )
            rows = (windows * self.bins + starts)[:, None] + np.arange(bins)
            self._store(values, rows, wanted, slots)

    def _store(
        self, values: Tensor, rows: np.ndarray, wanted: np.ndarray, slots: np.ndarray
    ) -> None:
        values = np.asarray(values)
        here = wanted[rows]
        self.values[slots[rows[here]]] = values[: len(rows)][here]
        # Patches may overlap: a bin that was stored keeps its value.
        wanted[rows] = False
