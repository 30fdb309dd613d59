"""Weighted sums of predictions, and what substitutions change of them, exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from basenji_kipoi.base.sequence import reverse_complement
from basenji_kipoi.effects.passes import passes_of
from basenji_kipoi.models.targets import StrandColumns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Callable, Optional

    from basenji_kipoi.models.bundle import Bundle
    from basenji_kipoi.models.incremental.reference import Reference
    from basenji_kipoi.models.incremental.window import IncrementalNetwork

__all__ = ["WeightedSums"]

#: Alleles between two moves of a progress bar.
_STEP = 256


class WeightedSums:
    """Weighted sums of predictions, averaged over strands and models.

    Parameters
    ----------
    bundles
        The models, of one network each.
    tracks : ndarray, int, shape (tracks,)
        Indices of the tracks that have weights.
    both_strands
        As `basenji_kipoi.effects.passes.passes_of` takes it.
    dtype
        As `basenji_kipoi.models.incremental.steps.lower` takes it.

    Raises
    ------
    NotIncrementalError
        If an operation of a network is not known to keep changes local; names it.
    """

    def __init__(
        self,
        bundles: Sequence[Bundle],
        tracks: np.ndarray,
        *,
        both_strands: Optional[bool] = None,
        dtype: str = "float32",
    ) -> None:
        # Imports Keras, which takes seconds: not before there is something to compute.
        from basenji_kipoi.effects.lowered import LoweredModels  # noqa: PLC0415
        from basenji_kipoi.models.incremental.window import IncrementalNetwork  # noqa: PLC0415

        self._window = bundles[0].architecture.window
        self._passes = passes_of(bundles, both_strands=both_strands, shifts=(0,))
        self._columns = StrandColumns.of(tracks, bundles[0].targets.strand_permutation)
        lowered = LoweredModels(self._columns.computed, dtype=dtype)
        self._networks = [IncrementalNetwork(lowered.of(bundle)) for bundle in bundles]

    def whole(self, sequences: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Compute the sums of whole windows, one after another.

        Parameters
        ----------
        sequences : ndarray, uint8, shape (windows, window)
            Codes.
        weights : ndarray, float64, shape (sums, bins, tracks)
            Weights of the predicted bins.

        Returns
        -------
        ndarray, float64, shape (windows, sums)
            The sums.
        """
        found = np.zeros((len(sequences), len(weights)))
        for network, own, reverse in self._each_pass(weights):
            for row, codes in enumerate(sequences):
                codes = reverse_complement(codes) if reverse else codes
                found[row] += own.sums(network.predict(codes[None])[0])
        return found / len(self._passes)

    def changes(
        self,
        sequence: np.ndarray,
        region: tuple[int, int],
        positions: np.ndarray,
        alternatives: np.ndarray,
        weights: np.ndarray,
        advance: Callable = lambda _: None,
    ) -> np.ndarray:
        """Compute what alleles of a window change of the sums, by incremental inference.

        Parameters
        ----------
        sequence : ndarray, uint8, shape (window,)
            The window.
        region
            Bases [start, end) in which the alleles lie.
        positions : ndarray, int, shape (alleles,)
            First replaced base of each allele.
        alternatives : ndarray, uint8, shape (alleles, bases)
            The bases there.
        weights : ndarray, float64, shape (sums, bins, tracks)
            Weights of the predicted bins.
        advance
            Called with numbers of alleles as they are done.

        Returns
        -------
        ndarray, float64, shape (sums, alleles)
            Sums of the alleles minus those of the window.
        """
        found = np.zeros((len(weights), len(positions)))
        if not len(positions):
            return found
        bases = alternatives.shape[1]
        for network, own, reverse in self._each_pass(weights):
            codes, places, inserted, inside = sequence, positions, alternatives, region
            if reverse:
                codes, inserted = reverse_complement(codes), reverse_complement(inserted)
                places = self._window - bases - places
                inside = self._window - region[1], self._window - region[0]
            reference = network.reference(codes, region=inside)
            for begin in range(0, len(positions), _STEP):
                step = slice(begin, begin + _STEP)
                found[:, step] += own.changes(network, reference, places[step], inserted[step])
                advance(len(positions[step]) / len(self._passes))
        return found / len(self._passes)

    def _each_pass(self, weights: np.ndarray) -> list[tuple[IncrementalNetwork, _Weights, bool]]:
        # Imports Keras, which takes seconds: not before there is something to compute.
        from basenji_kipoi.interpretation.gradients import turned_weights  # noqa: PLC0415

        return [
            (
                self._networks[each.model],
                _Weights.of(turned_weights(weights, self._columns, reverse=each.reverse)),
                each.reverse,
            )
            for each in self._passes
        ]


class _Weights(NamedTuple):
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
    def of(cls, weights: np.ndarray) -> _Weights:
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
        """Compute what alleles change of the sums: (sums, alleles)."""
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
