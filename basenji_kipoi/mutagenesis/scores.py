"""Saturation mutagenesis: what each mutation of an interval's bases does to a model's predictions.

See `basenji_kipoi.mutagenesis.windows` for the windows in which that is predicted.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import ALPHABET, UNKNOWN, Allele, complement, reverse_complement
from basenji_kipoi.effects.passes import columns_of, passes_of
from basenji_kipoi.genome.alleles import AlleleWindow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Callable

    from basenji_kipoi.effects.engine import EffectEngine
    from basenji_kipoi.effects.reporters.oligos import OligoRule, Oligos
    from basenji_kipoi.effects.scorer import Scorer
    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.models.bundle import Bundle
    from basenji_kipoi.models.model import Model
    from basenji_kipoi.models.targets import Target
    from basenji_kipoi.mutagenesis.windows import Block

__all__ = [
    "STATUSES",
    "AlleleScores",
    "Mutagenesis",
    "Mutations",
    "ReporterMutations",
    "SubstitutionTotals",
]

#: Alleles between two moves of a progress bar.
_STEP = 256

SCORED, UNKNOWN_BASE, BEYOND = range(3)
#: What became of a position, by its number.
STATUSES = (
    "scored",
    "not scored: a reference base is unknown (N)",
    "not scored: the deletion passes the contig's end",
)


@dataclass(frozen=True)
class Mutations:
    """The mutations that are made at each position.

    Attributes
    ----------
    deleted : int or None
        Bases that are deleted from each position on (bp); None for all substitutions of the base.
    """

    deleted: Optional[int] = None

    @classmethod
    def parse(cls, text: str) -> Mutations:
        """Read ``snv`` or ``deletion:K``; raise InputError if it is neither."""
        if text == "snv":
            return cls()
        if found := re.fullmatch(r"deletion:([1-9][0-9]*)", text, re.ASCII):
            return cls(int(found[1]))
        raise InputError(f"no mutations {text!r}: expected snv or deletion:K, K bases from 1 on")

    def __str__(self) -> str:
        return "snv" if self.deleted is None else f"deletion:{self.deleted}"

    @property
    def axes(self) -> tuple[int, ...]:
        """Lengths of the axes between positions and tracks; that of bases, for substitutions."""
        return (len(ALPHABET),) if self.deleted is None else ()

    @property
    def each(self) -> int:
        """Mutations of a position."""
        return len(ALPHABET) - 1 if self.deleted is None else 1

    def statuses(self, genome: Genome, chrom: str, start: int, end: int) -> np.ndarray:
        """Find out which positions can be mutated.

        Parameters
        ----------
        genome
            The reference.
        chrom, start, end
            Positions [start, end) of a contig, 0-based.

        Returns
        -------
        ndarray, uint8, shape (end - start,)
            Indices of `STATUSES`.
        """
        length = self.deleted or 1
        codes = genome.codes(chrom, start, end + length - 1)
        unknown = np.lib.stride_tricks.sliding_window_view(codes == UNKNOWN, length).any(axis=1)
        found = np.where(unknown, UNKNOWN_BASE, SCORED).astype(np.uint8)
        found[np.arange(start, end) + length > genome.lengths[chrom]] = BEYOND
        return found


class Mutagenesis(ABC):
    """Scores the mutations of blocks of positions.

    Parameters
    ----------
    genome
        The reference.
    mutations
        Which mutations.
    tracks
        Number of tracks.
    """

    def __init__(self, genome: Genome, mutations: Mutations, tracks: int) -> None:
        self.genome, self.mutations, self.tracks = genome, mutations, tracks

    def scores(self, block: Block, advance: Callable[[float], object]) -> dict[str, np.ndarray]:
        """Score the mutations of a block.

        Parameters
        ----------
        block
            Positions and their window.
        advance
            Called with numbers of mutations as they are done, `Mutations.each` a position in all.

        Returns
        -------
        dict of str to ndarray
            By score, float32 (positions, 4, tracks) for substitutions, whose reference base is 0,
            and (positions, tracks) for deletions; NaN where a position is not scored.
        """
        statuses = self.mutations.statuses(self.genome, block.chrom, block.start, block.end)
        rows = np.flatnonzero(statuses == SCORED)
        advance(self.mutations.each * (len(statuses) - len(rows)))
        shape = (len(statuses), *self.mutations.axes, self.tracks)
        if self.mutations.deleted is not None:
            where, values = (rows,), self._score(block, rows, None, advance)
        else:
            codes = self.genome.codes(block.chrom, block.start, block.end)[rows]
            bases = ((codes[:, None] + np.arange(1, len(ALPHABET))) % len(ALPHABET)).ravel()
            rows = np.repeat(rows, self.mutations.each)
            bases = bases.astype(np.uint8)
            where, values = (rows, bases), self._score(block, rows, bases, advance)
        results = {}
        for name, scored in values.items():
            results[name] = np.zeros(shape, dtype=np.float32)
            results[name][statuses != SCORED] = np.nan
            results[name][where] = scored
        return results

    def _alleles(self, places: Sequence[int], bases: Optional[np.ndarray]) -> list[Allele]:
        """List the mutations at places, which count from wherever the alleles are to count."""
        removed = self.mutations.deleted or 1
        inserted = np.empty((len(places), 0), dtype=np.uint8) if bases is None else bases[:, None]
        return [Allele(place, removed, letters) for place, letters in zip(places, inserted)]

    @abstractmethod
    def _score(
        self,
        block: Block,
        rows: np.ndarray,
        bases: Optional[np.ndarray],
        advance: Callable[[float], object],
    ) -> Mapping[str, np.ndarray]:
        """Score mutations (mutations, tracks) at rows of a block; bases are None for deletions."""


class SubstitutionTotals(Mutagenesis):
    """Scores SAD of substitutions, from one reference pass for each block, strand and model.

    Parameters
    ----------
    bundles
        The models, whose scores are averaged.
    genome
        The reference.
    columns
        Indices of the wanted tracks, in the wanted order.
    both_strands
        As `basenji_kipoi.effects.passes.passes_of` takes it.

    Raises
    ------
    NotIncrementalError
        If an operation of a network is not known to keep changes local.
    """

    def __init__(
        self,
        bundles: Sequence[Bundle],
        genome: Genome,
        *,
        columns: Sequence[int],
        both_strands: Optional[bool] = None,
    ) -> None:
        # Imports TensorFlow, which takes seconds: not before there is something to compute.
        from basenji_kipoi.effects.lowered import LoweredModels  # noqa: PLC0415
        from basenji_kipoi.models.incremental.window import IncrementalNetwork  # noqa: PLC0415

        super().__init__(genome, Mutations(), len(columns))
        self._passes = passes_of(bundles, both_strands=both_strands, shifts=(0,))
        self._columns = columns_of(bundles[0], columns)
        lowered = LoweredModels(self._columns.computed)
        self._networks = [IncrementalNetwork(lowered.of(bundle)) for bundle in bundles]

    def _score(
        self,
        block: Block,
        rows: np.ndarray,
        bases: Optional[np.ndarray],
        advance: Callable[[float], object],
    ) -> Mapping[str, np.ndarray]:
        window = self._networks[0].architecture.window
        codes = self.genome.codes(block.chrom, block.window, block.window + window)
        region = (block.start - block.window, block.end - block.window)
        sums = np.zeros((len(rows), self.tracks))
        for each in self._passes if len(rows) else ():
            network = self._networks[each.model]
            columns = self._columns.reverse if each.reverse else self._columns.forward
            if each.reverse:
                flipped = (window - region[1], window - region[0])
                reference = network.reference(reverse_complement(codes), region=flipped)
                positions, alternatives = window - 1 - (region[0] + rows), complement(bases)
            else:
                reference = network.reference(codes, region=region)
                positions, alternatives = region[0] + rows, bases
            for begin in range(0, len(rows), _STEP):
                step = slice(begin, begin + _STEP)
                totals = network.totals(reference, positions[step], alternatives[step])
                sums[step] += totals[:, columns]
                advance(len(totals) / len(self._passes))
        return {"SAD": sums / len(self._passes)}


class AlleleScores(Mutagenesis):
    """Scores any mutations from what an engine says of their alleles.

    Parameters
    ----------
    engine
        Predicts reference and alternative of alleles; whole windows if a score needs them.
    genome
        The reference.
    mutations
        Which mutations.
    scorer
        Computes the scores.
    names
        Their names.
    counted
        The tracks, if scores are of counts of the coverage.
    """

    def __init__(
        self,
        engine: EffectEngine,
        genome: Genome,
        mutations: Mutations,
        scorer: Scorer,
        names: Sequence[str],
        *,
        counted: Optional[Sequence[Target]] = None,
    ) -> None:
        super().__init__(genome, mutations, engine.tracks)
        self._engine, self._scorer, self._names = engine, scorer, names
        self._counted = counted

    def _score(
        self,
        block: Block,
        rows: np.ndarray,
        bases: Optional[np.ndarray],
        advance: Callable[[float], object],
    ) -> Mapping[str, np.ndarray]:
        places = (block.start - block.window + rows).tolist()
        requests = [
            AlleleWindow(block.chrom, block.window, allele)
            for allele in self._alleles(places, bases)
        ]
        values = np.zeros((len(self._names), len(rows), self.tracks), dtype=np.float32)
        for group in self._engine.groups(requests) if requests else ():
            effects = self._engine.effects([requests[index] for index in group])
            if self._counted is not None:
                effects = effects.in_counts(self._counted)
            found = self._scorer(effects, np.array([places[index] for index in group]))
            values[:, group] = np.moveaxis(found, 1, 0)
            advance(len(group))
        return dict(zip(self._names, values))


class ReporterMutations(Mutagenesis):
    """Scores what mutations change in the activities of a reporter: SAD.

    Parameters
    ----------
    model, reporter
        The model and the name of one of its reporters.
    genome
        The reference.
    mutations
        Which mutations.
    rule, oligos
        What an oligo is; directions and activities.
    """

    def __init__(
        self,
        model: Model,
        reporter: str,
        genome: Genome,
        mutations: Mutations,
        rule: OligoRule,
        oligos: Oligos,
    ) -> None:
        # Imports Keras, which takes seconds: not before there is something to compute.
        from basenji_kipoi.effects.reporters.engine import ReporterEngine  # noqa: PLC0415

        self._columns = list(model.assays[reporter].columns_of(oligos.activities))
        super().__init__(genome, mutations, len(self._columns))
        self._engine = ReporterEngine(model, reporter, rule)
        self._rule, self._strands = rule, oligos.strands([])

    def _score(
        self,
        block: Block,
        rows: np.ndarray,
        bases: Optional[np.ndarray],
        advance: Callable[[float], object],
    ) -> Mapping[str, np.ndarray]:
        pairs = [
            pair
            for allele in self._alleles((block.start + rows).tolist(), bases)
            for pair in self._rule.cut(self.genome, block.chrom, allele, self._strands)
        ]
        each = len(self._strands)
        reference, alternative = self._engine.activities(
            pairs, lambda number: advance(number / each)
        )
        shape = (len(rows), each, len(self._columns))
        change = (alternative - reference)[:, self._columns].reshape(shape)
        return {"SAD": change.mean(axis=1)}
