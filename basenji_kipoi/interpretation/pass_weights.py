"""Weighted sums of what one pass of a network predicts, and what alleles change of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from basenji_kipoi.incremental.reference import Reference
    from basenji_kipoi.incremental.window import IncrementalNetwork

__all__ = ["PassWeights"]


class PassWeights(NamedTuple):
    """Weights of what one pass predicts.

    Attributes
    ----------
    weights : ndarray, float64, shape (sums, bins, tracks)
        The weights of the used bins.
    used : ndarray, int, shape (bins,)
        The bins that have weights.
    is_even : bool
        Whether all predicted bins have the same weights.
    """

    weights: np.ndarray
    used: np.ndarray
    is_even: bool

    @classmethod
    def of(cls, weights: np.ndarray) -> PassWeights:
        """Take weights of all predicted bins."""
        used = np.flatnonzero(weights.any(axis=(0, 2)))
        return cls(weights[:, used], used, bool((weights == weights[:, :1]).all()))

    def sums(self, predictions: np.ndarray) -> np.ndarray:
        """Sum predictions (bins, tracks) by the weights: (sums,)."""
        return np.tensordot(self.weights, predictions[self.used].astype(np.float64), axes=2)

    def changes(
        self,
        network: IncrementalNetwork,
        reference: Reference,
        positions: np.ndarray,
        alternatives: np.ndarray,
    ) -> np.ndarray:
        """Compute what mutations change of the sums: (sums, mutations)."""
        if self.is_even:
            return self.weights[:, 0] @ network.totals(reference, positions, alternatives).T
        found = network.substitutions(reference, positions, alternatives)
        rows = self.used - found.first[:, None]
        is_changed = (rows >= 0) & (self.used < found.last[:, None])
        rows = np.clip(rows, 0, found.values.shape[1] - 1)
        differences = np.take_along_axis(found.values, rows[:, :, None], axis=1)
        differences = differences.astype(np.float64) - reference.values[self.used]
        differences *= is_changed[:, :, None]
        flat = differences.reshape(len(positions), -1)
        return self.weights.reshape(len(self.weights), -1) @ flat.T
