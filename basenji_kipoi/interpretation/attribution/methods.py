"""What each base contributes to a prediction.

Each method gives **hypothetical** contributions: of every base that could stand at a position, in
the context that is there. The **contribution** of a position is that of the base that does stand
there.

- `GradientMethod`: gradient times input, minus its mean over the four letters. That is how the
  prediction would change from an unknown base (0.25 of each) if it were linear.
- `ExpectedGradients`: the same against shuffled backgrounds that keep dinucleotides, with the
  gradient averaged along the straight way from each background to the sequence.
- `MutationMethod` (in the file ``mutation``): how the prediction changes with each letter, exactly,
  minus its mean over the four letters.

Of a linear network they agree. **Completeness** is measured: the sum of contributions beside the
difference between the prediction and that of the background, in which the bases that are explained
(and nothing else) are replaced.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from basenji_kipoi.base.sequence import ALPHABET, UNKNOWN, one_hot
from basenji_kipoi.interpretation.attribution.outputs import weights_of
from basenji_kipoi.interpretation.shuffling import shuffled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Callable, Optional

    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.interpretation.attribution.outputs import Output, Weights
    from basenji_kipoi.interpretation.attribution.questions import Question
    from basenji_kipoi.models.bundle import Bundle
    from basenji_kipoi.models.networks.operations import Span

__all__ = ["Attribution", "Contributions", "ExpectedGradients", "GradientMethod"]


class Contributions(NamedTuple):
    """What the bases of an interval contribute.

    Attributes
    ----------
    codes : ndarray, uint8, shape (bases,)
        The bases.
    hypothetical : ndarray, float32, shape (bases, 4, outputs)
        What each base would contribute; 0 where the sequence's base is unknown.
    values : ndarray, float64, shape (outputs,)
        The outputs of the sequence.
    background : ndarray, float64, shape (outputs,)
        The mean outputs of the backgrounds; NaN where completeness was not asked for.
    """

    codes: np.ndarray
    hypothetical: np.ndarray
    values: np.ndarray
    background: np.ndarray

    @property
    def contributions(self) -> np.ndarray:
        """What the sequence's bases contribute, float32 (bases, outputs)."""
        known = np.minimum(self.codes, UNKNOWN - 1)[:, None, None]
        return np.take_along_axis(self.hypothetical, known, axis=1)[:, 0]

    @property
    def sums(self) -> np.ndarray:
        """Sums of the contributions, float64 (outputs,)."""
        return self.contributions.sum(axis=0, dtype=np.float64)


class _Asked(NamedTuple):
    """A question as the methods read it.

    Attributes
    ----------
    weights : Weights
        Its outputs.
    span : tuple of int
        Bases of the window that its bins depend on.
    codes : ndarray, uint8, shape (bases,)
        Codes of these.
    inside : slice
        Which of these contribute.
    part : slice
        Which of the question's bases these are.
    """

    weights: Weights
    span: Span
    codes: np.ndarray
    inside: slice
    part: slice


class Attribution(ABC):
    """Answers questions by one method.

    Parameters
    ----------
    bundles
        The models, of one network each, whose predictions are averaged.
    genome
        The reference.
    outputs
        What is explained.
    both_strands
        As `basenji_kipoi.effects.passes.passes_of` takes it.
    completeness
        Whether the outputs of the backgrounds are computed, which only completeness needs.
    """

    #: The method's name, and what one step of `advance` is.
    name: str
    unit: str

    def __init__(
        self,
        bundles: Sequence[Bundle],
        genome: Genome,
        outputs: Sequence[Output],
        *,
        both_strands: Optional[bool] = None,
        completeness: bool = True,
    ) -> None:
        self.architecture, self.targets = bundles[0].architecture, bundles[0].targets
        self.genome, self.outputs, self.completeness = genome, outputs, completeness
        named = {track for each in outputs for track in (*each.tracks, *each.against)}
        # Questions may read either strand's track of a pair.
        self.tracks = np.array(sorted(named | {self.targets[t].strand_pair for t in named}))

    @abstractmethod
    def steps(self, question: Question) -> int:
        """Return how often `explain` moves a progress bar on, all in all."""

    @abstractmethod
    def explain(self, question: Question, number: int, advance: Callable) -> Contributions:
        """Answer a question.

        Parameters
        ----------
        question, number
            The question, and its number among those that are asked.
        advance
            Called with numbers of steps as they are done.
        """

    def weights(self, question: Question) -> Weights:
        """Write a question's outputs as weighted sums."""
        bins = self.architecture.bins
        return weights_of(question, self.outputs, self.targets, self.tracks, bins)

    def codes(self, question: Question) -> np.ndarray:
        """Read the bases of a question."""
        place = question.interval
        return self.genome.codes(place.chrom, place.start, place.end)


class _ByGradients(Attribution):
    """What methods share that derive predictions."""

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
        # Imports Keras, which takes seconds: not before there is something to compute.
        from basenji_kipoi.interpretation.gradients import Gradients  # noqa: PLC0415

        super().__init__(
            bundles, genome, outputs, both_strands=both_strands, completeness=completeness
        )
        self._dtype = dtype
        self._gradients = Gradients(
            bundles, tracks=self.tracks, both_strands=both_strands, dtype=dtype
        )

    def _ask(self, question: Question) -> _Asked:
        place, window = question.interval, question.window
        span = self._gradients.span_of(min(question.bins), max(question.bins) + 1)
        codes = self.genome.codes(place.chrom, window + span[0], window + span[1])
        start, end = place.start - window, place.end - window
        begin, behind = max(start, span[0]), min(end, span[1])
        behind = max(behind, begin)
        inside = slice(begin - span[0], behind - span[0])
        part = slice(begin - start, behind - start)
        return _Asked(self.weights(question), span, codes, inside, part)

    def _outputs(self, asked: _Asked, windows: np.ndarray) -> np.ndarray:
        """Compute the outputs of a window, (outputs,)."""
        values = self._gradients.values(windows, asked.weights.sums, asked.span)
        return asked.weights.outputs(values)[:, 0]

    def _background(self, asked: _Asked, windows: np.ndarray) -> np.ndarray:
        """Compute the outputs of a background, (outputs,): NaN where nobody asks for them."""
        if not self.completeness:
            return np.full(len(self.outputs), np.nan)
        return self._outputs(asked, windows)

    def _placed(self, question: Question, asked: _Asked, found: np.ndarray) -> np.ndarray:
        """Put (outputs, bases inside, 4) among the question's bases: (bases, 4, outputs)."""
        shape = len(question.interval), len(ALPHABET), len(self.outputs)
        placed = np.zeros(shape, dtype=np.float32)
        placed[asked.part] = np.moveaxis(found, 0, 2)
        placed[self.codes(question) == UNKNOWN] = 0
        return placed


class GradientMethod(_ByGradients):
    """Gradient times input, minus its mean over the four letters."""

    name, unit = "gradient", "windows"

    def steps(self, question: Question) -> int:
        """Return how often `explain` moves a progress bar on."""
        return 1

    def explain(self, question: Question, number: int, advance: Callable) -> Contributions:
        """Answer a question."""
        asked = self._ask(question)
        windows = one_hot(asked.codes, self._dtype)[None]
        found = self._gradients.gradients(windows, asked.weights.sums, asked.span)
        gradients = asked.weights.derived(found.values, found.gradients)[:, 0, asked.inside]
        values = asked.weights.outputs(found.values)[:, 0]
        windows[:, asked.inside] = 1 / len(ALPHABET)
        background = self._background(asked, windows)
        hypothetical = gradients - gradients.mean(axis=-1, keepdims=True)
        advance(1)
        placed = self._placed(question, asked, hypothetical)
        return Contributions(self.codes(question), placed, values, background)


class ExpectedGradients(_ByGradients):
    """Gradients along the ways from shuffled backgrounds to the sequence.

    Parameters
    ----------
    bundles, genome, outputs, both_strands, completeness, dtype
        As the other methods take them.
    backgrounds
        Shuffled sequences.
    points
        Points on each way at which gradients are taken, in the middles of equal parts of it.
    seed
        Of the shuffles: those of a question depend on it and on the question's number alone.
    """

    name, unit = "expected-gradients", "backgrounds"

    def __init__(
        self,
        bundles: Sequence[Bundle],
        genome: Genome,
        outputs: Sequence[Output],
        *,
        both_strands: Optional[bool] = None,
        completeness: bool = True,
        dtype: str = "float32",
        backgrounds: int = 10,
        points: int = 10,
        seed: int = 0,
    ) -> None:
        super().__init__(
            bundles, genome, outputs,
            both_strands=both_strands, completeness=completeness, dtype=dtype,
        )  # fmt: skip
        self._backgrounds, self._points, self._seed = backgrounds, points, seed

    def steps(self, question: Question) -> int:
        """Return how often `explain` moves a progress bar on."""
        return self._backgrounds

    def explain(self, question: Question, number: int, advance: Callable) -> Contributions:
        """Answer a question."""
        asked = self._ask(question)
        codes, random = self.codes(question), np.random.default_rng([self._seed, number])
        sequence = one_hot(asked.codes, self._dtype)[None]
        values = self._outputs(asked, sequence)
        total, background = 0.0, 0.0
        share = (np.arange(self._points) + 0.5) / self._points
        share = share.astype(self._dtype)[:, None, None]
        for _ in range(self._backgrounds):
            drawn = sequence.copy()
            drawn[:, asked.inside] = one_hot(shuffled(codes, random)[asked.part], self._dtype)
            background = background + self._background(asked, drawn)
            found = self._gradients.gradients(
                drawn + share * (sequence - drawn), asked.weights.sums, asked.span
            )
            gradients = asked.weights.derived(found.values, found.gradients)
            gradients = gradients[:, :, asked.inside].mean(axis=1)
            own = (gradients * drawn[:, asked.inside]).sum(axis=-1, keepdims=True)
            total = total + gradients - own
            advance(1)
        placed = self._placed(question, asked, total / self._backgrounds)
        return Contributions(codes, placed, values, background / self._backgrounds)
