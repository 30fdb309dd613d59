"""Predictions of windows, computing only what recent windows do not share with them.

    network = shared_windows(bundle.architecture, bundle.network(both_strands=False))
    predictions = network.predict(codes)

Whoever asks for windows that overlap by whole bins, or that differ from a recent one in a few
bases, gets the answers of the whole network for a part of its work, without having to say how the
windows are related. See ``docs/concepts/shared-windows.md``.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, Optional

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.resources import MEMORY_BYTES
from basenji_kipoi.base.sequence import one_hot, reverse_complement
from basenji_kipoi.models.incremental.cuts import split
from basenji_kipoi.models.incremental.steps import NotIncrementalError, lower
from basenji_kipoi.models.incremental.tower_rows import TowerRows
from basenji_kipoi.models.incremental.upper import Upper, Windows, nearest
from basenji_kipoi.models.targets import StrandColumns

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras

    from basenji_kipoi.models.incremental.steps import Lowered
    from basenji_kipoi.models.incremental.tower_rows import Placed
    from basenji_kipoi.models.incremental.upper import Match
    from basenji_kipoi.models.networks.architecture import Architecture

__all__ = ["AnsweredWindows", "SharedWindows", "SharedWork", "WholeWindows", "shared_windows"]

logger = logging.getLogger(__name__)

#: Share of the memory for the features of bins; the rest is for windows.
_ROWS_SHARE = 0.25


class SharedWork(NamedTuple):
    """What was computed and what was found so far.

    Attributes
    ----------
    windows : int
        Windows that were asked for; with both strands each counts twice.
    bins_computed, bins_found : int
        Bins of different windows whose features were computed, and the others.
    passes : int
        Windows that went through the part above the tower as a whole.
    changes : int
        Windows of which only a run of bins that differs from another window went through it.
    repeats : int
        Windows that equal another one.
    whole : int
        Windows that the whole network ran for, because it cannot be split.
    """

    windows: int = 0
    bins_computed: int = 0
    bins_found: int = 0
    passes: int = 0
    changes: int = 0
    repeats: int = 0
    whole: int = 0


class AnsweredWindows(ABC):
    """A trained network that answers for windows. It may be called from several threads.

    Attributes
    ----------
    architecture : Architecture
        The description of the network.
    reason : str or None
        Why the network cannot be split, so that it runs whole windows; None if it can.
    work : SharedWork
        What was computed and what was found so far.
    """

    reason: Optional[str] = None

    def __init__(self, architecture: Architecture, strands: StrandColumns | None) -> None:
        self.architecture = architecture
        self.work = SharedWork()
        self._strands, self._lock = strands, Lock()

    @abstractmethod
    def forget(self) -> None:
        """Hold nothing of the windows that were asked for.

        What comes then is computed as it would be at first, to the last bit, which depends on what
        windows are found to share.
        """

    @abstractmethod
    def _answer(self, codes: np.ndarray, *, totals: bool) -> np.ndarray:
        """Answer windows of one strand: all tracks that are computed."""

    def predict(self, codes: np.ndarray) -> np.ndarray:
        """Predict windows.

        Parameters
        ----------
        codes : ndarray, uint8, shape (batch, window)
            Sequences, as `basenji_kipoi.base.sequence.encode` makes them; any number of them.

        Returns
        -------
        ndarray, shape (batch, bins, tracks)
            Predictions.
        """
        return self._both_strands(self._checked(codes), totals=False)

    def totals(self, codes: np.ndarray) -> np.ndarray:
        """Predict the sums over the bins of windows.

        Needs less memory and time than `predict`. Of windows that differ in few bins, differences
        of the sums are more exact than those of sums of predictions.

        Parameters
        ----------
        codes : ndarray, uint8, shape (batch, window)
            As `predict` takes them.

        Returns
        -------
        ndarray, float64, shape (batch, tracks)
            Sums of the predictions over the bins.
        """
        return self._both_strands(self._checked(codes), totals=True)

    def _checked(self, codes: np.ndarray) -> np.ndarray:
        codes = np.asarray(codes, dtype=np.uint8)
        if codes.ndim != 2 or codes.shape[1] != self.architecture.window:
            raise ValueError(
                f"expected codes of shape (batch, {self.architecture.window}), not {codes.shape}"
            )
        return codes

    def _both_strands(self, codes: np.ndarray, *, totals: bool) -> np.ndarray:
        with self._lock:
            if self._strands is None:
                return self._answer(codes, totals=totals)
            values = self._answer(np.concatenate([codes, reverse_complement(codes)]), totals=totals)
        forward, reverse = values[: len(codes)], values[len(codes) :]
        if not totals:
            reverse = reverse[:, ::-1]
        strands = self._strands
        return (forward[..., strands.forward] + reverse[..., strands.reverse]) / 2

    def _count(self, **added: int) -> None:
        counts = self.work._asdict()
        self.work = SharedWork(**{**counts, **{n: counts[n] + more for n, more in added.items()}})


class WholeWindows(AnsweredWindows):
    """A trained network that runs for every window as a whole.

    Parameters
    ----------
    architecture, network, tracks, dtype
        As `shared_windows` takes them; the tracks of both strands, if there are ``strands``.
    strands
        As `SharedWindows` takes them.
    reason
        Why.
    """

    def __init__(
        self,
        architecture: Architecture,
        network: keras.Model,
        *,
        reason: str,
        tracks: Sequence[int] | None = None,
        strands: StrandColumns | None = None,
        dtype: str = "float32",
    ) -> None:
        super().__init__(architecture, strands)
        self.reason = reason
        self._network, self._tracks, self._dtype = network, tracks, dtype
        logger.warning("every window is computed as a whole: %s", reason)

    def forget(self) -> None:
        """Do nothing, as nothing is held."""

    def _answer(self, codes: np.ndarray, *, totals: bool) -> np.ndarray:
        self._count(windows=len(codes), whole=len(codes))
        values = self._network.predict_on_batch(one_hot(codes, self._dtype))
        values = self.architecture.side_by_side(values)
        if self._tracks is not None:
            values = values[..., self._tracks]
        return values.sum(axis=1, dtype=np.float64) if totals else values.astype(self._dtype)


class SharedWindows(AnsweredWindows):
    """A trained network that answers from what recent windows share with the ones at hand.

    Predictions are those of the network up to rounding, whatever came before. Threads take turns.

    Parameters
    ----------
    network
        The network, lowered for the wanted tracks and dtype; for all tracks that both strands need,
        if there are ``strands``.
    strands
        Where the wanted tracks are among the network's. If given, predictions are the mean of both
        strands, as `basenji_kipoi.models.networks.building.average_strands` has it.
    cache_bytes
        Memory for what windows share (bytes). Beside it, the features of one window are always
        held.

    Raises
    ------
    NotIncrementalError
        If the network has no pool.
    """

    def __init__(
        self,
        network: Lowered,
        *,
        strands: StrandColumns | None = None,
        cache_bytes: int,
    ) -> None:
        if cache_bytes < 0:
            raise InputError(f"the cache cannot have {cache_bytes} bytes")
        super().__init__(network.architecture, strands)
        parts = split(network.steps)
        rows_bytes = int(cache_bytes * _ROWS_SHARE)
        self._rows = TowerRows(network, parts, nbytes=rows_bytes)
        self._upper = Upper(network, parts.upper, bins=self._rows.bins, shortest=parts.reached(1))
        self._windows_bytes = cache_bytes - rows_bytes
        self._windows = Windows(self._windows_bytes)
        self._tracks, self._dtype, self._now = network.tracks, network.dtype, 0

    def forget(self) -> None:
        """Hold nothing of the windows that were asked for."""
        with self._lock:
            self._rows.forget()
            self._windows = Windows(self._windows_bytes)

    def _answer(self, codes: np.ndarray, *, totals: bool) -> np.ndarray:
        shape = (self._tracks,) if totals else (self.architecture.bins, self._tracks)
        out = np.empty((len(codes), *shape), dtype=np.float64 if totals else self._dtype)
        self._now += 1
        for begin in range(0, len(codes), self._rows.windows):
            some = slice(begin, begin + self._rows.windows)
            self._answer_some(codes[some], out[some])
        return out

    def _answer_some(self, codes: np.ndarray, out: np.ndarray) -> None:
        totals = out.ndim == 2
        placed = self._rows.place(codes)
        self._count(
            windows=len(codes),
            bins_computed=placed.computed,
            bins_found=placed.slots.size - placed.computed,
        )
        # Equal windows are answered once.
        _, first, same = np.unique(placed.serials, axis=0, return_index=True, return_inverse=True)
        first_of = first[same.ravel()]
        left: list[int] = []
        matches: dict[int, Match] = {}
        for window in np.sort(first).tolist():
            match = self._windows.find(placed.serials[window])
            if match is not None and self._fits(match, totals):
                matches[window] = match
            else:
                left.append(window)
        self._follow(matches, placed, out)
        while left:
            left = self._lead(left, placed, out)
        repeats = np.flatnonzero(first_of != np.arange(len(codes)))
        out[repeats] = out[first_of[repeats]]
        self._count(repeats=len(repeats))

    def _fits(self, match: Match, totals: bool) -> bool:
        answer = match.window.answer(totals=totals)
        return answer is not None and match.bins <= self._upper.longest

    def _lead(self, left: list[int], placed: Placed, out: np.ndarray) -> list[int]:
        """Run some windows as a whole, and those that are like them; return what is left."""
        leaders: list[int] = []
        most = self._upper.batch(len(left))
        for window in left:
            bins = placed.serials[window]
            # What is like another one follows it.
            if not leaders or self._apart(placed.serials[leaders], bins):
                leaders.append(window)
            if len(leaders) == most:
                break
        leaders = leaders[: self._upper.batch(len(leaders))]
        windows = self._upper.windows(
            self._rows.values[placed.slots[leaders]],
            placed.serials[leaders],
            now=self._now,
            totals=out.ndim == 2,
        )
        for row, window in zip(leaders, windows):
            out[row] = window.answer(totals=out.ndim == 2)
            self._windows.add(window)
        self._count(passes=len(leaders))
        stack = placed.serials[leaders]
        matches = {
            row: nearest(windows, stack, placed.serials[row]) for row in left if row not in leaders
        }
        near = {row: match for row, match in matches.items() if self._fits(match, out.ndim == 2)}
        self._follow(near, placed, out)
        return [row for row in matches if row not in near]

    def _apart(self, stack: np.ndarray, bins: np.ndarray) -> bool:
        return nearest(stack, stack, bins).bins > self._upper.longest

    def _follow(self, matches: dict[int, Match], placed: Placed, out: np.ndarray) -> None:
        """Predict windows by what they are like."""
        for row, match in matches.items():
            match.window.used = self._now
            if not match.bins:
                out[row] = match.window.answer(totals=out.ndim == 2)
        changed = [row for row, match in matches.items() if match.bins]
        if changed:
            self._upper.changes(
                [matches[row] for row in changed],
                placed.slots[changed],
                self._rows.values,
                [out[row] for row in changed],
            )
        self._count(changes=len(changed), repeats=len(matches) - len(changed))


def shared_windows(
    architecture: Architecture,
    network: keras.Model,
    *,
    tracks: Sequence[int] | None = None,
    strand_permutation: np.ndarray | None = None,
    dtype: str = "float32",
    cache_bytes: int = MEMORY_BYTES,
) -> AnsweredWindows:
    """Let windows share work where a network allows it.

    Parameters
    ----------
    architecture
        The description of the network.
    network
        The network that was built from it, of one strand, with one head or several.
    tracks
        Indices of the wanted tracks, in the wanted order; all by default. The tracks of several
        heads are counted side by side.
    strand_permutation : ndarray, int, shape (all tracks,), optional
        Order of the tracks under reverse complement. If given, predictions are the mean of both
        strands.
    dtype
        "float32" or "float64": arithmetic and predictions.
    cache_bytes
        Memory for what windows share (bytes).

    Returns
    -------
    SharedWindows or WholeWindows
        The latter, which logs why, for a network that cannot be split.

    Raises
    ------
    InputError
        If the network was not built from the architecture, or lacks a track.
    """
    strands = None
    if strand_permutation is not None:
        wanted = np.arange(len(strand_permutation)) if tracks is None else np.asarray(tracks)
        strands = StrandColumns.of(wanted, strand_permutation)
        tracks = strands.computed
    try:
        lowered = lower(architecture, network, tracks=tracks, dtype=dtype)
        return SharedWindows(lowered, strands=strands, cache_bytes=cache_bytes)
    except NotIncrementalError as error:
        return WholeWindows(
            architecture,
            network,
            tracks=tracks,
            strands=strands,
            dtype=dtype,
            reason=str(error),
        )
