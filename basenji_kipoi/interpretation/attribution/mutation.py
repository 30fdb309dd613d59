"""What each base contributes to a prediction, by what its mutations change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.sequence import ALPHABET, UNKNOWN, complement, reverse_complement
from basenji_kipoi.effects.passes import passes_of
from basenji_kipoi.interpretation.attribution.methods import Attribution, Contributions
from basenji_kipoi.interpretation.pass_weights import PassWeights
from basenji_kipoi.models.targets import StrandColumns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Callable, Optional

    from basenji_kipoi.genome.fasta import Genome
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
            own = PassWeights.of(turned_weights(weights.sums, self._columns, reverse=each.reverse))
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
