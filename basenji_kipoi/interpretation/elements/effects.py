"""What elements do to a gene: by knock-out, exactly, and by the gradient of the bins' features.

**Knock-out**: an element is replaced by its own bases in another order that keeps neighbours
(`basenji_kipoi.interpretation.shuffling`), several times, and the gene is predicted again. What a
network keeps of the window as it stands is computed once; of each shuffled element only what it
changes, exactly (`basenji_kipoi.models.incremental`).

**Moves** (in the file ``moves``): the element at other distances from the gene, or turned.

**Gradient**: of the gene's prediction with respect to the features of each position in front of the
dilated layers, times these features, as Kelley et al. (Genome Research 28:739, 2018) found
elements.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from basenji_kipoi.base.sequence import one_hot
from basenji_kipoi.interpretation.attribution.outputs import weights_of
from basenji_kipoi.interpretation.elements.moves import WHOLE, Moved, move, whole_changes
from basenji_kipoi.interpretation.shuffling import shuffled
from basenji_kipoi.interpretation.weighted_sums import WeightedSums

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.interpretation.attribution.outputs import Output, Weights
    from basenji_kipoi.interpretation.elements.asking import Asked
    from basenji_kipoi.interpretation.elements.options import ElementOptions
    from basenji_kipoi.models.bundle import Bundle
    from basenji_kipoi.models.networks.operations import Span

__all__ = ["ElementEffects", "Found"]


class Found(NamedTuple):
    """What the elements of a gene do to it.

    Attributes
    ----------
    values : ndarray, float64, shape (outputs,)
        The outputs of the window as it stands.
    changes : ndarray, float64, shape (elements, draws, outputs)
        The outputs with a shuffled element minus `values`; no draws without knock-outs.
    is_reached : ndarray, bool, shape (elements,)
        Whether the gene's bins can depend on the element; otherwise changes are 0.
    gradient : ndarray, float64, shape (elements, outputs)
        Gradient times features, summed over the element's bases; NaN without gradients.
    profile : ndarray, float64, shape (positions, outputs)
        The same of each position; none without gradients.
    first, stride : ndarray, int, shape ()
        The first base of the first position (0-based), and bases of each.
    moved : ndarray, float64, shape (elements, places, orientations, draws, outputs)
        The outputs with the element at another place minus those with it shuffled there; NaN where
        it does not fit into the window.
    moved_without : ndarray, float64, shape (elements, places, draws, outputs)
        The latter.
    """

    values: np.ndarray
    changes: np.ndarray
    is_reached: np.ndarray
    gradient: np.ndarray
    profile: np.ndarray
    first: np.ndarray
    stride: np.ndarray
    moved: np.ndarray
    moved_without: np.ndarray

    @property
    def effects(self) -> np.ndarray:
        """Mean change over the draws: float64 (elements, outputs), NaN without knock-outs."""
        if not self.changes.shape[1]:
            return np.full(self.gradient.shape, np.nan)
        return self.changes.mean(axis=1)

    @property
    def spread(self) -> np.ndarray:
        """Standard deviation of the draws' changes: float64 (elements, outputs)."""
        if self.changes.shape[1] < 2:
            return np.full(self.gradient.shape, np.nan)
        return self.changes.std(axis=1, ddof=1)


class ElementEffects:
    """Computes what elements do to genes.

    Parameters
    ----------
    bundles
        The models, of one network each, whose predictions are averaged.
    genome
        The reference.
    outputs
        What is read of a gene.
    options
        What is computed.
    dtype
        "float32" or "float64": arithmetic.

    Raises
    ------
    NotIncrementalError, InputError
        As `basenji_kipoi.models.incremental.steps.lower` raises them; the latter too if the models
        cannot be averaged.
    """

    unit = "changes"

    def __init__(
        self,
        bundles: Sequence[Bundle],
        genome: Genome,
        outputs: Sequence[Output],
        options: ElementOptions,
        *,
        dtype: str = "float32",
    ) -> None:
        # Imports Keras, which takes seconds: not before there is something to compute.
        from basenji_kipoi.interpretation.gradients import Gradients  # noqa: PLC0415

        self.architecture, self.targets = bundles[0].architecture, bundles[0].targets
        self.genome, self.outputs, self.options = genome, outputs, options
        named = {track for each in outputs for track in (*each.tracks, *each.against)}
        # Genes on either strand read either track of a pair.
        self.tracks = np.array(sorted(named | {self.targets[t].strand_pair for t in named}))
        self._gradients = Gradients(
            bundles, tracks=self.tracks, both_strands=options.both_strands, dtype=dtype
        )
        self._sums = WeightedSums(
            bundles, self.tracks, both_strands=options.both_strands, dtype=dtype
        )
        self._dtype = dtype

    def steps(self, asked: Asked) -> int:
        """Return how often `find` moves a progress bar on."""
        each = self.options.draws if self.options.has_knock_out else 0
        if self.options.distances:
            ways = 1 + len(self.options.orientations)
            each += self.options.draws * len(self.options.distances) * ways
        return len(asked) * each or 1

    def find(self, asked: Asked, advance: Callable[[float], object]) -> Found:
        """Compute what the elements of a gene do to it.

        Parameters
        ----------
        asked
            The gene and its elements.
        advance
            Called with numbers of steps as they are done.
        """
        question, architecture = asked.question, self.architecture
        weights = weights_of(question, self.outputs, self.targets, self.tracks, architecture.bins)
        span = self._gradients.span_of(min(question.bins), max(question.bins) + 1)
        starts, ends = asked.starts - question.window, asked.ends - question.window
        needed = self._needed(question.bins)
        is_reached = (starts < needed[1]) & (ends > needed[0])
        codes = self.genome.codes(
            question.interval.chrom, question.window, question.window + architecture.window
        )
        outputs = len(self.outputs)
        gradient = np.full((len(asked), outputs), np.nan)
        profile = np.zeros((0, outputs))
        stride = self._gradients.trunk_stride
        if self.options.has_gradient:
            x = one_hot(codes[slice(*span)], self._dtype)[None]
            found = self._gradients.trunk_contributions(x, weights.sums, span)
            values = weights.outputs(found.values)[:, 0]
            profile = weights.derived(found.values, found.gradients)[:, 0].T
            gradient = _summed(profile, starts - span[0], ends - span[0], stride)
        changes = np.zeros((len(asked), 0, outputs))
        if self.options.has_knock_out:
            values, changes = self._knocked_out(asked, codes, weights, is_reached, advance)
        elif not self.options.distances:
            advance(1)
        moved = self._moved(asked, codes, weights, needed, advance)
        return Found(
            values, changes, is_reached, gradient, profile,
            np.array(question.window + span[0]), np.array(stride), moved.effects, moved.without,
        )  # fmt: skip

    def _moved(
        self,
        asked: Asked,
        codes: np.ndarray,
        weights: Weights,
        needed: Span,
        advance: Callable[[float], object],
    ) -> Moved:
        """Move each element: none where no distances are asked for."""
        options, places = self.options, asked.places(self.options.distances)
        shape = len(asked), len(options.distances)
        effects = np.full(
            (*shape, len(options.orientations), options.draws, len(self.outputs)), np.nan
        )
        without = np.full((*shape, options.draws, len(self.outputs)), np.nan)
        if not options.distances:
            return Moved(effects, without)
        for row in range(len(asked)):
            found = move(
                self._sums, codes, int(asked.starts[row] - asked.question.window),
                self.shuffles(asked, codes, row), places[row] - asked.question.window,
                options.orientations, weights, needed, advance,
            )  # fmt: skip
            effects[row], without[row] = found.effects, found.without
        return Moved(effects, without)

    def _needed(self, bins: Sequence[int]) -> Span:
        """Find the bases of a window that predicted bins depend on, in either direction."""
        architecture = self.architecture
        spans = [architecture.needed_input(min(bins), max(bins) + 1)]
        if any(each.reverse for each in self._gradients.passes):
            turned = [architecture.bins - 1 - place for place in bins]
            start, end = architecture.needed_input(min(turned), max(turned) + 1)
            spans.append((architecture.window - end, architecture.window - start))
        return min(start for start, _ in spans), max(end for _, end in spans)

    def shuffles(self, asked: Asked, codes: np.ndarray, row: int) -> np.ndarray:
        """Shuffle an element, the same way whatever else is asked.

        Parameters
        ----------
        asked
            The gene and its elements.
        codes : ndarray, uint8, shape (window,)
            The gene's window.
        row
            Which of the elements.

        Returns
        -------
        ndarray, uint8, shape (draws, bases)
        """
        start, end = int(asked.starts[row]), int(asked.ends[row])
        contig = zlib.crc32(asked.gene.contig.encode())
        random = np.random.default_rng([self.options.seed, contig, start, end])
        window = asked.question.window
        own = codes[start - window : end - window]
        return np.stack([shuffled(own, random) for _ in range(self.options.draws)])

    def _knocked_out(
        self,
        asked: Asked,
        codes: np.ndarray,
        weights: Weights,
        is_reached: np.ndarray,
        advance: Callable[[float], object],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Predict a window with each element shuffled: outputs, and their changes."""
        draws, window = self.options.draws, self.architecture.window
        rows = np.flatnonzero(is_reached)
        advance(draws * (len(asked) - len(rows)))
        (values,) = self._sums.whole(codes[None], weights.sums)
        changes = np.zeros((len(weights.sums), len(asked), draws))
        for group in self._groups(asked, codes, rows):
            if group.alternatives.shape[1] > WHOLE * window:
                found = whole_changes(
                    self._sums, codes, group.positions, group.alternatives, weights, advance
                )
            else:
                # All of the window is kept: another part for each gene would be compiled for each.
                found = self._sums.changes(
                    codes, (0, window), group.positions, group.alternatives, weights.sums, advance
                )
            changes[:, group.rows, group.draws] = found
        outputs = weights.outputs(values[:, None])[:, 0]
        return outputs, np.moveaxis(weights.changes(values, changes), 0, 2)

    def _groups(self, asked: Asked, codes: np.ndarray, rows: np.ndarray) -> Iterator[_Group]:
        """Group shuffled elements by length, which is rounded up so that few are compiled."""
        lengths = (asked.ends - asked.starts)[rows]
        window = self.architecture.window
        rounded = np.minimum(1 << np.ceil(np.log2(lengths)).astype(int), window)
        for bases in np.unique(rounded):
            mine = rows[rounded == bases]
            starts = asked.starts[mine] - asked.question.window
            positions = np.minimum(starts, window - bases)
            alternatives = codes[positions[:, None] + np.arange(bases)]
            alternatives = np.repeat(alternatives[:, None], self.options.draws, axis=1)
            for place, row in enumerate(mine.tolist()):
                inside = slice(starts[place] - positions[place], None)
                found = self.shuffles(asked, codes, row)
                alternatives[place, :, inside][:, : found.shape[1]] = found
            draws = self.options.draws
            yield _Group(
                np.repeat(positions, draws),
                alternatives.reshape(-1, bases),
                np.repeat(mine, draws),
                np.tile(np.arange(draws), len(mine)),
            )


class _Group(NamedTuple):
    """Shuffled elements of one length.

    Attributes
    ----------
    positions : ndarray, int64, shape (knock-outs,)
        First base of each in the window.
    alternatives : ndarray, uint8, shape (knock-outs, bases)
        The bases there.
    rows, draws : ndarray, int64, shape (knock-outs,)
        Which element each is of, and which draw it is.
    """

    positions: np.ndarray
    alternatives: np.ndarray
    rows: np.ndarray
    draws: np.ndarray


def _summed(profile: np.ndarray, starts: np.ndarray, ends: np.ndarray, stride: int) -> np.ndarray:
    """Sum a profile (positions, outputs) over [start, end): parts of a position count as such."""
    cumulative = np.concatenate([np.zeros((1, profile.shape[1])), np.cumsum(profile, axis=0)])
    edges = np.arange(len(cumulative)) * stride
    sums = [
        [np.interp(places, edges, column) for column in cumulative.T] for places in (starts, ends)
    ]
    return (np.array(sums[1]) - np.array(sums[0])).T
