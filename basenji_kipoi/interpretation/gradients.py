"""Gradients of predictions with respect to the sequence, and to the features of bins.

`Gradients` derives weighted sums of a model's predictions, averaged over both strands and over the
members of an ensemble as the predictions are. It reads no more of a window than these predictions
depend on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from keras import ops

from basenji_kipoi.effects.lowered import LoweredModels
from basenji_kipoi.effects.passes import passes_of
from basenji_kipoi.models.incremental.reference import run_steps, window_pass
from basenji_kipoi.models.incremental.steps import Crop, Join, Pool
from basenji_kipoi.models.networks.backend import compiled, pulled_back
from basenji_kipoi.models.targets import StrandColumns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from basenji_kipoi.effects.passes import Pass
    from basenji_kipoi.models.bundle import Bundle
    from basenji_kipoi.models.incremental.reference import Tensor, Weights
    from basenji_kipoi.models.incremental.steps import Head, Lowered, Step
    from basenji_kipoi.models.networks.operations import Span

__all__ = ["Gradients", "NetworkGradients", "WeightedSums", "turned_weights"]

#: Weighted sums that are derived at a time: they share one forward pass, and each needs memory.
_MOST_SUMS = 4
#: Bases that are derived at a time: one window of the networks of 2018 and 2020.
_BATCH_BASES = 131_072
#: Lengths that windows are shortened to, at most: each is compiled.
_LENGTHS = 16


class WeightedSums(NamedTuple):
    """Weighted sums of predictions, and what was derived from them.

    Attributes
    ----------
    values : ndarray, float64, shape (sums, windows)
        The sums.
    gradients : ndarray, shape (sums, windows, ...)
        For each of them the gradient.
    """

    values: np.ndarray
    gradients: np.ndarray


class NetworkGradients:
    """Derives predictions of one network for the sequence as it stands.

    Dropout is left out and normalisations are part of the convolutions before them, as in
    incremental inference; so gradients need little more memory than the inputs of activations and
    maxima.

    Parameters
    ----------
    lowered
        The network, as `basenji_kipoi.models.incremental.steps.lower` has it, with the wanted
        tracks and the dtype of arithmetic and results.
    """

    def __init__(self, lowered: Lowered) -> None:
        self.architecture, self.dtype = lowered.architecture, lowered.dtype
        self._order, self._tracks = lowered.order, len(np.unique(lowered.order))
        self._weights = lowered.weights
        # A part of a window has other bins at its ends: whoever asks gives weights to all of them.
        steps = tuple(step for step in lowered.steps if not isinstance(step, Crop))
        below, above = steps[: _trunk_begin(steps)], steps[_trunk_begin(steps) :]
        #: Bases of a position in front of the trunk's joins (bp).
        self.trunk_stride = int(np.prod([s.size for s in below if isinstance(s, Pool)]))
        self._sums = compiled(_weighted_sums, steps=steps, heads=lowered.heads)
        self._derive = compiled(_derive, steps=steps, heads=lowered.heads)
        self._below = compiled(run_steps, steps=below)
        self._derive_above = compiled(_derive, steps=above, heads=lowered.heads)

    def values(self, windows: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Compute weighted sums of predictions.

        Parameters
        ----------
        windows : ndarray, shape (windows, bases, 4)
            Channels of sequences, of a whole number of bins each.
        weights : ndarray, shape (sums, bins, tracks)
            Weights of all their bins, those that the network crops included.

        Returns
        -------
        ndarray, float64, shape (sums, windows)
        """
        x, weights = self._tensors(windows, weights)
        return ops.convert_to_numpy(self._sums(self._weights, x, weights)).astype(np.float64)

    def gradients(self, windows: np.ndarray, weights: np.ndarray) -> WeightedSums:
        """Derive weighted sums of predictions with respect to the channels of the sequence.

        Parameters
        ----------
        windows, weights
            As `values` takes them.

        Returns
        -------
        WeightedSums
            Gradients (sums, windows, bases, 4).
        """
        x, weights = self._tensors(windows, weights)
        return self._parts(self._derive, x, weights)

    def trunk_gradients(
        self, windows: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, WeightedSums]:
        """Derive weighted sums with respect to the features in front of the trunk's joins.

        That is behind the last pool (and what follows it up to the first residual or concatenated
        branch): for the networks of 2018 and 2020, one position a bin in front of the dilated
        layers.

        Parameters
        ----------
        windows, weights
            As `values` takes them.

        Returns
        -------
        features : ndarray, shape (windows, positions, channels)
            The features; a position has `trunk_stride` bases.
        sums : WeightedSums
            Gradients (sums, windows, positions, channels).
        """
        x, weights = self._tensors(windows, weights)
        features = self._below(self._weights, x)
        return ops.convert_to_numpy(features), self._parts(self._derive_above, features, weights)

    def _parts(self, derive: Any, x: Tensor, weights: Tensor) -> WeightedSums:  # noqa: ANN401
        values, gradients = [], []
        for begin in range(0, weights.shape[0], _MOST_SUMS):
            found = derive(self._weights, x, weights[begin : begin + _MOST_SUMS])
            values.append(ops.convert_to_numpy(found[0]).astype(np.float64))
            gradients += [ops.convert_to_numpy(each) for each in found[1]]
        return WeightedSums(np.concatenate(values), np.stack(gradients))

    def _tensors(self, windows: np.ndarray, weights: np.ndarray) -> tuple[Tensor, Tensor]:
        ordered = np.zeros((*weights.shape[:2], self._tracks), dtype=self.dtype)
        np.add.at(ordered, (slice(None), slice(None), self._order), weights)
        x = np.ascontiguousarray(windows, dtype=self.dtype)
        return ops.convert_to_tensor(x), ops.convert_to_tensor(ordered)


def _trunk_begin(steps: Sequence[Step]) -> int:
    """Return the place of the first join behind the last pool; without one, behind that pool."""
    place = max((i + 1 for i, step in enumerate(steps) if isinstance(step, Pool)), default=0)
    joins = (i for i in range(place, len(steps)) if isinstance(steps[i], Join))
    return next(joins, place)


def _weighted_sums(
    weights: Weights, x: Tensor, sums: Tensor, *, steps: Sequence[Step], heads: Sequence[Head]
) -> Tensor:
    """Sum predictions (windows, bins, tracks) by weights (sums, bins, tracks): (sums, windows)."""
    values, _ = window_pass(weights, x, steps=steps, heads=heads, keep=False)
    flat = ops.reshape(values, (x.shape[0], -1)), ops.reshape(sums, (sums.shape[0], -1))
    return ops.matmul(flat[1], ops.transpose(flat[0]))


def _derive(
    weights: Weights, x: Tensor, sums: Tensor, *, steps: Sequence[Step], heads: Sequence[Head]
) -> tuple[Tensor, list[Tensor]]:
    """Derive each sum; windows do not see each other, so one gradient serves all of them."""
    number, windows = sums.shape[0], x.shape[0]
    chosen = np.repeat(np.eye(number)[:, :, None], windows, axis=2)
    return pulled_back(
        lambda place: _weighted_sums(weights, place, sums, steps=steps, heads=heads),
        x,
        [ops.convert_to_tensor(each, dtype=sums.dtype) for each in chosen],
    )


class Gradients:
    """Derives predictions of a model: the mean over its strands and members.

    Parameters
    ----------
    bundles
        The models, of one network each (`basenji_kipoi.models.model.Model.members`).
    tracks
        Indices of the wanted tracks, in the wanted order.
    both_strands
        As `basenji_kipoi.effects.passes.passes_of` takes it.
    dtype
        "float32" or "float64": arithmetic and results.

    Raises
    ------
    NotIncrementalError, InputError
        As `basenji_kipoi.models.incremental.steps.lower` raises them; the latter too if the models
        cannot be averaged.
    """

    def __init__(
        self,
        bundles: Sequence[Bundle],
        *,
        tracks: Sequence[int],
        both_strands: bool | None = None,
        dtype: str = "float32",
    ) -> None:
        self.architecture = bundles[0].architecture
        self.passes = passes_of(bundles, both_strands=both_strands, shifts=(0,))
        permutation = bundles[0].targets.strand_permutation
        self._columns = StrandColumns.of(np.asarray(tracks), permutation)
        lowered = LoweredModels(self._columns.computed, dtype=dtype)
        self._networks = [NetworkGradients(lowered.of(bundle)) for bundle in bundles]

    @property
    def trunk_stride(self) -> int:
        """Bases of a position that `trunk_contributions` answers for (bp)."""
        return self._networks[0].trunk_stride

    def span_of(self, first: int, last: int) -> Span:
        """Find the part of a window that predicted bins [first, last) depend on.

        Returns
        -------
        tuple of int
            Bases [start, end) of the window, of whole bins; for either strand.
        """
        architecture = self.architecture
        window, bins = architecture.window, architecture.bins
        spans = [architecture.needed_input(first, last)]
        if any(each.reverse for each in self.passes):
            start, end = architecture.needed_input(bins - last, bins - first)
            spans.append((window - end, window - start))
        start = max(min(start for start, _ in spans), 0) // architecture.bin
        end = -(-min(max(end for _, end in spans), window) // architecture.bin)
        # Few lengths, because each is compiled; what a part holds in excess changes nothing.
        whole = window // architecture.bin
        step = -(-whole // _LENGTHS)
        length = min(-(-(end - start) // step) * step, whole)
        start = max(min(start, whole - length), 0)
        return start * architecture.bin, (start + length) * architecture.bin

    def values(self, windows: np.ndarray, weights: np.ndarray, span: Span) -> np.ndarray:
        """Compute weighted sums of predictions.

        Parameters
        ----------
        windows : ndarray, shape (windows, bases, 4)
            Channels of the bases of ``span``.
        weights : ndarray, shape (sums, bins, tracks)
            Weights of the window's predicted bins.
        span
            What `span_of` finds for the bins that have weights.

        Returns
        -------
        ndarray, float64, shape (sums, windows)
        """
        sums = np.zeros((len(weights), len(windows)))
        for each in self.passes:
            oriented = self._oriented(each, windows, weights, span)
            for part in self._batches(len(windows), span):
                sums[:, part] += self._networks[each.model].values(oriented[0][part], oriented[1])
        return sums / len(self.passes)

    def gradients(self, windows: np.ndarray, weights: np.ndarray, span: Span) -> WeightedSums:
        """Derive weighted sums of predictions with respect to the channels of the sequence.

        Parameters
        ----------
        windows, weights, span
            As `values` takes them.

        Returns
        -------
        WeightedSums
            Gradients (sums, windows, bases, 4), float64, of the bases of ``span``.
        """
        sums = np.zeros((len(weights), len(windows)))
        total = np.zeros((len(weights), *windows.shape))
        for each in self.passes:
            oriented = self._oriented(each, windows, weights, span)
            for part in self._batches(len(windows), span):
                network = self._networks[each.model]
                found = network.gradients(oriented[0][part], oriented[1])
                sums[:, part] += found.values
                turned = found.gradients[:, :, ::-1, ::-1] if each.reverse else found.gradients
                total[:, part] += turned
        return WeightedSums(sums / len(self.passes), total / len(self.passes))

    def trunk_contributions(
        self, window: np.ndarray, weights: np.ndarray, span: Span
    ) -> WeightedSums:
        """Multiply the features in front of the trunk's joins by their gradients.

        Parameters
        ----------
        window : ndarray, shape (1, bases, 4)
            Channels of the bases of ``span``.
        weights, span
            As `values` takes them.

        Returns
        -------
        WeightedSums
            Sums over the features (sums, 1, positions), `trunk_stride` bases each.
        """
        sums, total = 0.0, 0.0
        for each in self.passes:
            oriented = self._oriented(each, window, weights, span)
            features, found = self._networks[each.model].trunk_gradients(*oriented)
            products = (found.gradients * features).sum(axis=-1, dtype=np.float64)
            sums = sums + found.values
            total = total + (products[:, :, ::-1] if each.reverse else products)
        return WeightedSums(sums / len(self.passes), total / len(self.passes))

    def _oriented(
        self, each: Pass, windows: np.ndarray, weights: np.ndarray, span: Span
    ) -> tuple[np.ndarray, np.ndarray]:
        """Turn windows and weights as a pass reads them; weights get the bins of the span."""
        architecture = self.architecture
        bin_, bins = architecture.bin, (span[1] - span[0]) // architecture.bin
        turned = turned_weights(weights, self._columns, reverse=each.reverse)
        start = architecture.window - span[1] if each.reverse else span[0]
        used = np.flatnonzero(turned.any(axis=(0, 2)))
        rows = used + architecture.crop - start // bin_
        if len(rows) and not (rows[0] >= 0 and rows[-1] < bins):
            raise ValueError(f"the bases {span} do not hold the bins that have weights")
        placed = np.zeros((len(weights), bins, turned.shape[2]))
        placed[:, rows] = turned[:, used]
        return windows[:, ::-1, ::-1] if each.reverse else windows, placed

    @staticmethod
    def _batches(windows: int, span: Span) -> list[slice]:
        size = max(1, _BATCH_BASES // (span[1] - span[0]))
        return [slice(begin, begin + size) for begin in range(0, windows, size)]


def turned_weights(weights: np.ndarray, columns: StrandColumns, *, reverse: bool) -> np.ndarray:
    """Turn weights of a model's predictions into those of what one pass predicts.

    Parameters
    ----------
    weights : ndarray, shape (sums, bins, tracks)
        Weights of the predicted bins, of the wanted tracks.
    columns
        The wanted tracks among those that a network predicts.
    reverse
        Whether the network reads the reverse complement.

    Returns
    -------
    ndarray, float64, shape (sums, bins, computed)
        Weights of the tracks that a network predicts.
    """
    turned = np.zeros((*weights.shape[:2], len(columns.computed)))
    places = columns.reverse if reverse else columns.forward
    np.add.at(turned, (slice(None), slice(None), places), weights)
    return turned[:, ::-1] if reverse else turned
