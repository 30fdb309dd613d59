"""Exact predictions of alleles, computing only what an allele changes.

    network = IncrementalNetwork(lower(bundle.architecture, bundle.network(both_strands=False)))
    reference = network.reference(codes)
    changes = network.substitutions(reference, positions, alternatives)
    whole = changes.expand(reference)

See ``docs/concepts/incremental.md``: how it works, what is exact, and which alleles share what.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from keras import ops

from basenji_kipoi.base.sequence import Allele, one_hot
from basenji_kipoi.models.incremental.changes import change_pass
from basenji_kipoi.models.incremental.cuts import kept_spans
from basenji_kipoi.models.incremental.reference import Changes, Kept, Reference, reference_pass
from basenji_kipoi.models.networks.backend import compiled
from basenji_kipoi.models.networks.operations import affected_by

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Callable

    from basenji_kipoi.models.incremental.reference import Tensor
    from basenji_kipoi.models.incremental.steps import Lowered

__all__ = [
    "Allele",
    "Changes",
    "IncrementalNetwork",
    "Reference",
]


class IncrementalNetwork:
    """A trained network that predicts what alleles change.

    Parameters
    ----------
    network
        The network, lowered for the wanted tracks and dtype
        (`basenji_kipoi.models.incremental.steps`).
    batch_size
        Alleles computed at a time. Memory grows with it; the last batch is filled up, so that the
        backend compiles once for alleles of the same length.
    """

    def __init__(self, network: Lowered, *, batch_size: int = 8) -> None:
        if batch_size < 1:
            raise ValueError(f"a batch needs at least one allele, not {batch_size}")
        self.architecture = network.architecture
        self.dtype = network.dtype
        self.batch_size = batch_size
        self._network, self._weights = network, network.weights
        passes = {"steps": network.steps, "heads": network.heads}
        self._predict = compiled(reference_pass, keep=False, **passes)
        self._refer = compiled(reference_pass, keep=True, **passes)
        geometry = {"window": self.architecture.window, "period": self.architecture.bin}

        # One function for each length of alleles: TensorFlow warns of one that is compiled often.
        @cache
        def change(_bases: int, *, totals: bool) -> Callable:
            return compiled(change_pass, totals=totals, **geometry, **passes)

        self._change = change

    @property
    def tracks(self) -> int:
        """Number of the predicted tracks."""
        return self._network.tracks

    def predict(self, codes: np.ndarray) -> np.ndarray:
        """Predict whole windows.

        Parameters
        ----------
        codes : ndarray, uint8, shape (batch, window)
            Sequences.

        Returns
        -------
        ndarray, shape (batch, bins, tracks)
            Predictions.
        """
        codes = np.asarray(codes)
        if codes.ndim != 2 or codes.shape[1] != self.architecture.window:
            raise ValueError(
                f"expected codes of shape (batch, {self.architecture.window}), not {codes.shape}"
            )
        values, _ = self._predict(self._weights, ops.convert_to_tensor(one_hot(codes, self.dtype)))
        return self._ordered(values)

    def reference(self, codes: np.ndarray, *, region: tuple[int, int] | None = None) -> Reference:
        """Predict a window and keep what alleles of it will need.

        Parameters
        ----------
        codes : ndarray, uint8, shape (window,)
            The sequence.
        region
            Bases [start, end) of the window in which alleles will differ; all by default. Less is
            kept for a smaller region.

        Returns
        -------
        Reference
            For `substitutions` and `totals`.
        """
        codes = np.array(codes, dtype=np.uint8)
        window = self.architecture.window
        if codes.shape != (window,):
            raise ValueError(f"expected codes of shape ({window},), not {codes.shape}")
        start, end = (0, window) if region is None else region
        if not 0 <= start < end <= window:
            raise ValueError(f"no region [{start}, {end}) in a window of {window} bases")
        x = ops.convert_to_tensor(one_hot(codes[None], self.dtype))
        values, kept = self._refer(self._weights, x)
        spans, output = kept_spans(self._network.steps, start, end)
        rows, first = {}, {}
        for key, table in kept.items():
            begin, behind = spans.get(key, output)
            length = table.shape[0]
            begin = min(max(begin, 0), length - 1)
            behind = min(max(behind, begin + 1), length)
            # A copy of the few rows, so that the rest of the table can be freed.
            rows[key] = table[begin:behind] if behind - begin < length else table
            first[key] = ops.convert_to_tensor(np.int32(begin))
        return Reference(codes, self._ordered(values)[0], (start, end), Kept(rows, first))

    def substitutions(
        self, reference: Reference, positions: np.ndarray, alternatives: np.ndarray
    ) -> Changes:
        """Predict alleles that replace bases by as many others.

        Parameters
        ----------
        reference
            The window's reference pass.
        positions : ndarray, int, shape (alleles,)
            First replaced base of each allele in the window, 0-based.
        alternatives : ndarray, uint8, shape (alleles, bases) or (alleles,)
            Codes of the bases there: one base for an SNV, several for an MNV or for neighbouring
            variants of one haplotype. A shorter allele is filled up with the reference's bases.

        Returns
        -------
        Changes
            Predictions of the bins that change.
        """
        positions, alternatives = self._checked(reference, positions, alternatives)
        trunk, bins = self.architecture.trunk, self.architecture.bins
        length = alternatives.shape[1]
        spans = np.array([affected_by(trunk, p, p + length) for p in positions.tolist()], dtype=int)
        spans = spans.reshape(-1, 2)
        first, last = np.clip(spans, 0, bins).T
        blocks = [
            self._ordered(values)
            for values in self._batches(reference, positions, alternatives, totals=False)
        ]
        if not blocks:
            return Changes(first, last, np.zeros((0, 0, self.tracks), dtype=self.dtype))
        values = np.concatenate(blocks)[: len(positions)]
        for row in np.flatnonzero(spans[:, 0] < 0):
            # Rows before the first predicted bin go: rows count from the first one that exists.
            values[row] = np.roll(values[row], spans[row, 0], axis=0)
        return Changes(first, last, values)

    def totals(
        self, reference: Reference, positions: np.ndarray, alternatives: np.ndarray
    ) -> np.ndarray:
        """Sum the differences, allele minus reference, over all predicted bins.

        Cheaper than `substitutions`, and more exact than a difference of sums.

        Parameters
        ----------
        reference, positions, alternatives
            As `substitutions` takes them.

        Returns
        -------
        ndarray, shape (alleles, tracks)
            Sums of differences.
        """
        positions, alternatives = self._checked(reference, positions, alternatives)
        blocks = [
            self._ordered(values)
            for values in self._batches(reference, positions, alternatives, totals=True)
        ]
        if not blocks:
            return np.zeros((0, self.tracks), dtype=self.dtype)
        return np.concatenate(blocks)[: len(positions)]

    def _checked(
        self, reference: Reference, positions: np.ndarray, alternatives: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        positions = np.asarray(positions, dtype=np.int64)
        alternatives = np.asarray(alternatives, dtype=np.uint8)
        if alternatives.ndim == 1:
            alternatives = alternatives[:, None]
        if positions.ndim != 1 or alternatives.shape[:1] != positions.shape:
            raise ValueError(
                f"{positions.shape} positions do not fit alternatives of {alternatives.shape}"
            )
        if alternatives.ndim != 2 or not alternatives.shape[1]:
            raise ValueError("an alternative needs at least one base")
        start, end = reference.region
        outside = (positions < start) | (positions + alternatives.shape[1] > end)
        if outside.any():
            raise ValueError(
                f"allele {int(outside.argmax())} at {positions[outside][0]} lies outside of the "
                f"reference's region [{start}, {end})"
            )
        return positions, alternatives

    def _batches(
        self,
        reference: Reference,
        positions: np.ndarray,
        alternatives: np.ndarray,
        *,
        totals: bool,
    ) -> Iterator[Tensor]:
        bases = alternatives.shape[1]
        # Lengths are powers of two, where the window allows it, so that few are compiled.
        rounded = 1 << (bases - 1).bit_length()
        if (positions + rounded <= reference.region[1]).all():
            behind = positions[:, None] + np.arange(bases, rounded)
            alternatives = np.concatenate([alternatives, reference.codes[behind]], axis=1)
        run = self._change(alternatives.shape[1], totals=totals)
        places = positions[:, None] + np.arange(alternatives.shape[1])
        change = one_hot(alternatives, self.dtype) - one_hot(reference.codes[places], self.dtype)
        rows, first = reference.kept.rows, reference.kept.first
        for begin in range(0, len(positions), self.batch_size):
            batch = slice(begin, begin + self.batch_size)
            starts, block = positions[batch].astype(np.int32), change[batch]
            if missing := self.batch_size - len(starts):
                starts = np.pad(starts, (0, missing), mode="edge")
                block = np.pad(block, ((0, missing), (0, 0), (0, 0)))
            yield run(
                self._weights,
                rows,
                first,
                ops.convert_to_tensor(starts),
                ops.convert_to_tensor(block),
            )

    def _ordered(self, values: Tensor) -> np.ndarray:
        return self._network.ordered(ops.convert_to_numpy(values))
