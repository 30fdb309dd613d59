"""What each base contributes to a prediction, by what its mutations change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.sequence import ALPHABET, UNKNOWN
from basenji_kipoi.interpretation.attribution.methods import Attribution, Contributions
from basenji_kipoi.interpretation.weighted_sums import WeightedSums

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Callable, Optional

    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.interpretation.attribution.outputs import Output
    from basenji_kipoi.interpretation.attribution.questions import Question
    from basenji_kipoi.models.bundle import Bundle

__all__ = ["MutationMethod"]


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
        completeness: bool = True,
        dtype: str = "float32",
    ) -> None:
        super().__init__(
            bundles, genome, outputs, both_strands=both_strands, completeness=completeness
        )
        self._sums = WeightedSums(bundles, self.tracks, both_strands=both_strands, dtype=dtype)

    def steps(self, question: Question) -> int:
        """Return how often `explain` moves a progress bar on."""
        return (len(ALPHABET) - 1) * len(question.interval)

    def explain(self, question: Question, number: int, advance: Callable) -> Contributions:
        """Answer a question."""
        weights, codes = self.weights(question), self.codes(question)
        window = self.architecture.window
        sequence = self.genome.codes(
            question.interval.chrom, question.window, question.window + window
        )
        start = question.interval.start - question.window
        region = start, start + len(codes)
        rows = np.flatnonzero(codes != UNKNOWN)
        others = (codes[rows, None] + np.arange(1, len(ALPHABET), dtype=np.uint8)) % len(ALPHABET)
        advance(others.shape[1] * (len(codes) - len(rows)))
        rows, others = np.repeat(rows, others.shape[1]), others.ravel()
        windows = [sequence]
        if self.completeness:
            windows.append(sequence.copy())
            windows[1][slice(*region)] = UNKNOWN
        sums = self._sums.whole(np.stack(windows), weights.sums)
        changes = self._sums.changes(
            sequence, region, start + rows, others[:, None], weights.sums, advance
        )
        outputs = weights.outputs(sums.T)
        values = outputs[:, 0]
        background = outputs[:, 1] if self.completeness else np.full_like(values, np.nan)
        effects = np.zeros((len(codes), len(ALPHABET), len(self.outputs)))
        effects[rows, others] = weights.changes(sums[0], changes).T
        effects -= effects.mean(axis=1, keepdims=True)
        return Contributions(codes, effects.astype(np.float32), values, background)
