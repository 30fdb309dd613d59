"""What each base contributes to a prediction, by what its mutations change."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from basenji_kipoi.base.sequence import ALPHABET, UNKNOWN, complement, reverse_complement
from basenji_kipoi.effects.passes import passes_of
from basenji_kipoi.interpretation.attribution.methods import Attribution, Contributions
from basenji_kipoi.models.targets import StrandColumns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Callable, Optional

    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.incremental.reference import Reference
    from basenji_kipoi.incremental.window import IncrementalNetwork
    from basenji_kipoi.interpretation.attribution.outputs import Output
    from basenji_kipoi.interpretation.attribution.questions import Question
    from basenji_kipoi.models.bundle import Bundle

__all__ = ["MutationMethod"]

#: Mutations between two moves of a progress bar.
_STEP = 256


class MutationMethod(Attribution):
    """Exact changes with each letter, by incremental inference.

    Raises
    ------
    NotIncrementalError
        If an operation of a network is not known to keep changes local; names it.
    """

    name, unit = "mutation", "mutations"

    def __init__(
        self,
        bundles: Sequence[Bundle],
        genome: Genome,
        outputs: Sequence[Output],
        *,
        both_strands: Optional[bool] = None,
        dtype: str = "float32",
    ) -> None:
        # Imports Keras, which takes seconds: not before there is something to compute.
        from basenji_kipoi.effects.lowered import LoweredModels  # noqa: PLC0415
        from basenji_kipoi.incremental.window import IncrementalNetwork  # noqa: PLC0415

        super().__init__(bundles, genome, outputs, both_strands=both_strands)
        self._passes = passes_of(bundles, both_strands=both_strands, shifts=(0,))
        permutation = self.targets.strand_permutation
        self._columns = StrandColumns.of(self.tracks, permutation)
        lowered = LoweredModels(self._columns.computed, dtype=dtype)
        self._networks = [IncrementalNetwork(lowered.of(bundle)) for bundle in bundles]

    def steps(self, question: Question) -> int:
        """Return how often `explain` moves a progress bar on."""
        return (len(ALPHABET) - 1) * len(question.interval)

    def explain(self, question: Question, number: int, advance: Callable) -> Contributions:
        """Answer a question."""
        # Imports Keras, which takes seconds: not before there is something to compute.
        from basenji_kipoi.interpretation.gradients import turned_weights  # noqa: PLC0415

        weights, codes = self.weights(question), self.codes(question)
        window = self.architecture.window
        sequence = self.genome.codes(
            question.interval.chrom, question.window, question.window + window
        )
        start = question.interval.start - question.window
        rows = np.flatnonzero(codes != UNKNOWN)
        others = (codes[rows, None] + np.arange(1, len(ALPHABET), dtype=np.uint8)) % len(ALPHABET)
        advance(others.shape[1] * (len(codes) - len(rows)))
        rows, others = np.repeat(rows, others.shape[1]), others.ravel()
        blank = sequence.copy()
        blank[start : start + len(codes)] = UNKNOWN
        sums = np.zeros((2, len(weights.sums)))
        changes = np.zeros((len(weights.sums), len(rows)))
        for each in self._passes:
            network = self._networks[each.model]
            own = _PassWeights.of(turned_weights(weights.sums, self._columns, reverse=each.reverse))
            turn = reverse_complement if each.reverse else np.asarray
            sums[0] += own.sums(network.predict(turn(sequence)[None])[0])
            sums[1] += own.sums(network.predict(turn(blank)[None])[0])
            if not len(rows):
                continue
            region, places, bases = (start, start + len(codes)), start + rows, others
            if each.reverse:
                region = window - region[1], window - region[0]
                places, bases = window - 1 - places, complement(bases)
            reference = network.reference(turn(sequence), region=region)
            for begin in range(0, len(rows), _STEP):
                step = slice(begin, begin + _STEP)
                changes[:, step] += own.changes(network, reference, places[step], bases[step])
                advance(len(rows[step]) / len(self._passes))
        sums, changes = sums / len(self._passes), changes / len(self._passes)
        values, background = weights.outputs(sums.T).T
        effects = np.zeros((len(codes), len(ALPHABET), len(self.outputs)))
        effects[rows, others] = weights.changes(sums[0], changes).T
        effects -= effects.mean(axis=1, keepdims=True)
        return Contributions(codes, effects.astype(np.float32), values, background)


class _PassWeights(NamedTuple):
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
    def of(cls, weights: np.ndarray) -> _PassWeights:
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
