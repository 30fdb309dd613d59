"""Genes of two haplotypes: what a model predicts of each."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from basenji_kipoi.base.sequence import reverse_complement
from basenji_kipoi.effects.reporters.engine import ReporterEngine
from basenji_kipoi.effects.reporters.oligos import OligoPair, strands_of
from basenji_kipoi.effects.reporters.scores import REPORTER_GENE_SCORES, ReporterScore
from basenji_kipoi.effects.scores import GENE_SCORES, in_counts
from basenji_kipoi.models.targets import counts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.effects.reporters.oligos import OligoRule, Oligos
    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.genes import Gene
    from basenji_kipoi.genome.haplotypes import Haplotype, Stretch
    from basenji_kipoi.models.model import Model, Strands

__all__ = ["Compared", "GeneComparison", "ReporterComparison", "TrackComparison"]

#: Oligos that hold a base of a promoter.
_COVERAGE = 4
#: Genes whose windows are predicted together, and the most values of these windows.
_GENES, _VALUES = 32, 1 << 25
#: Genes whose promoters, which are short, are predicted together.
_PROMOTERS = 512


class Compared(NamedTuple):
    """A gene of two haplotypes.

    Attributes
    ----------
    interval : tuple of int
        Bases of the reference that were looked at, [start, end).
    applied : tuple of int
        Variants of each haplotype in them.
    values : ndarray, float64, shape (scores, columns)
        The gene's scores.
    """

    interval: tuple[int, int]
    applied: tuple[int, int]
    values: np.ndarray


class GeneComparison(ABC):
    """Compares genes of two haplotypes, some at a time.

    Attributes
    ----------
    scores : list
        Scores, with their definitions.
    columns : list of str
        Tracks or activities.
    piece : int
        Genes that are best compared and saved together.
    """

    scores: list[Any]
    columns: list[str]
    piece: int

    @abstractmethod
    def __call__(
        self, genes: Sequence[Gene], pair: tuple[Haplotype, Haplotype], genome: Genome
    ) -> list[Compared]:
        """Compare genes."""


def middle_start(gene: Gene) -> int:
    """Choose the start of transcription that stays in its place: the middle one."""
    return gene.tss[len(gene.tss) // 2]


class TrackComparison(GeneComparison):
    """Compares the bins of genes' starts, each haplotype in a window of its own.

    The gene's start stands at the same base of both windows, the one left of the middle, so that
    insertions and deletions move what lies beyond them away from the gene.

    Parameters
    ----------
    model
        The model.
    tracks
        Indices of the tracks.
    both_strands
        Whether predictions are averaged over the strands.
    counts
        Whether scores are of counts of the coverage.
    """

    def __init__(
        self, model: Model, tracks: Sequence[int], both_strands: Strands, *, counts: bool = False
    ) -> None:
        self.scores = [in_counts(each) if counts else each for each in GENE_SCORES.values()]
        self._counted = [model.targets[track] for track in tracks] if counts else None
        self._model, self._tracks, self._both_strands = model, list(tracks), both_strands
        self.columns = [model.targets[track].identifier for track in tracks]
        values = 2 * model.architecture.bins * len(model.targets)
        self.piece = max(1, min(_GENES, _VALUES // values))

    def __call__(
        self, genes: Sequence[Gene], pair: tuple[Haplotype, Haplotype], genome: Genome
    ) -> list[Compared]:
        """Compare genes."""
        window = self._model.architecture.window
        before = window // 2 - 1
        stretches = [
            [
                each.around(genome, gene.contig, middle_start(gene), before, window - before)
                for each in pair
            ]
            for gene in genes
        ]
        # Windows that are equal are predicted once, and not at all where both haplotypes agree.
        differ = [not np.array_equal(a.codes, b.codes) for a, b in stretches]
        rows = [
            each.codes for both, is_needed in zip(stretches, differ) if is_needed for each in both
        ]
        predicted = iter(())
        if rows:
            values = self._model.predict(
                np.stack(rows), tracks=self._tracks, both_strands=self._both_strands
            )
            if self._counted is not None:
                values = counts_of(self._counted, values)
            predicted = iter(values.reshape(-1, 2, *values.shape[1:]))
        shape = len(self.scores), len(self.columns)
        found = []
        for gene, both, is_needed in zip(genes, stretches, differ):
            scores = np.zeros(shape)
            if is_needed:
                totals = [
                    values[self._bins(gene, stretch)].sum(axis=0, dtype=np.float64)
                    for values, stretch in zip(next(predicted), both)
                ]
                change = totals[1] - totals[0]
                scores = np.stack([change, np.log1p(change / (1 + totals[0])) / math.log(2)])
            found.append(_compared(both, scores))
        return found

    def _bins(self, gene: Gene, stretch: Stretch) -> np.ndarray:
        """Find the predicted bins that hold a start of the gene, each once."""
        architecture = self._model.architecture
        inside = [p for p in gene.tss if stretch.origin[0] <= p <= stretch.origin[-1]]
        bins = stretch.place(np.array(inside)) // architecture.bin - architecture.crop
        return np.unique(bins[(bins >= 0) & (bins < architecture.bins)])


class ReporterComparison(GeneComparison):
    """Compares the oligos that cover genes' promoters.

    Parameters
    ----------
    model, reporter
        The model and the name of one of its reporters.
    oligos, rule
        Promoters and activities, and what an oligo is.
    """

    def __init__(self, model: Model, reporter: str, oligos: Oligos, rule: OligoRule) -> None:
        assay = model.assays[reporter]
        self._activities = assay.columns_of(oligos.activities)
        self.columns = [assay.identifiers[column] for column in self._activities]
        formula = "sum (a - r) / (oligos that hold a base)"
        of_alleles = REPORTER_GENE_SCORES["SED"]
        self.scores = [
            ReporterScore(
                of_alleles.name,
                formula,
                "change of the activity, over oligos that cover the promoter",
                of_alleles.units,
                of_alleles.signed,
                of_alleles.source,
                of_alleles.compute,
            )
        ]
        self.piece = _PROMOTERS
        self._promoter, self._rule = oligos.promoter, rule
        self._engine = ReporterEngine(model, reporter, rule)

    def __call__(
        self, genes: Sequence[Gene], pair: tuple[Haplotype, Haplotype], genome: Genome
    ) -> list[Compared]:
        """Compare genes."""
        insert, step = self._rule.insert, max(self._rule.insert // _COVERAGE, 1)
        upstream, downstream = self._promoter
        pairs: list[OligoPair] = []
        owners: list[int] = []
        stretches = []
        for number, gene in enumerate(genes):
            anchor = middle_start(gene)
            for strand in strands_of(gene.strand):
                ahead, behind = (upstream, downstream) if strand == "+" else (
                    downstream - 1, upstream + 1,
                )  # fmt: skip
                first, last = anchor - ahead, anchor + behind
                both = [
                    self._stretch(each, gene.contig, anchor, (first, last), genome) for each in pair
                ]
                cuts = [
                    _tiles(each, first, last, insert, step, is_reverse=strand == "-")
                    for each in both
                ]
                differ = (cuts[0] != cuts[1]).any(axis=1)
                if differ.any():
                    pairs += [
                        OligoPair(a[None], b[None], first)
                        for a, b in zip(cuts[0][differ], cuts[1][differ])
                    ]
                    owners += [number] * int(differ.sum())
            stretches.append((both, (first, last)))
        scores = np.zeros((len(genes), len(self.columns)))
        if pairs:
            reference, alternative = self._engine.activities(pairs, lambda _: None)
            change = (alternative - reference)[:, self._activities]
            np.add.at(scores, owners, change * step / insert)
        strands = np.array([len(strands_of(gene.strand)) for gene in genes])[:, None]
        return [
            Compared(
                interval,
                tuple(len(each.within(gene.contig, *interval)) for each in pair),
                row[None],
            )
            for gene, (_, interval), row in zip(genes, stretches, scores / strands)
        ]

    def _stretch(
        self,
        haplotype: Haplotype,
        contig: str,
        anchor: int,
        promoter: tuple[int, int],
        genome: Genome,
    ) -> Stretch:
        """Read a promoter, whose variants alone are applied, and an insert on both sides."""
        first, last = promoter
        more = self._rule.insert + haplotype.longer(contig, first, last)
        before, behind = anchor - first + more, last - anchor + more
        return haplotype.around(genome, contig, anchor, before, behind, only=promoter)


def _tiles(
    stretch: Stretch, first: int, last: int, insert: int, step: int, *, is_reverse: bool
) -> np.ndarray:
    """Cut inserts, uint8 (oligos, insert), that hold each base of an interval equally often.

    An insert begins, in the direction of reading, at the same base of the reference in every
    haplotype.
    """
    # The first of them hold the first base with their last ``step`` bases.
    begins = np.arange(first - insert + step, last, step)
    if not is_reverse:
        starts = stretch.place(begins)
        return stretch.codes[starts[:, None] + np.arange(insert)]
    # Read backwards, they begin at bases that lie as far from the other end.
    ends = stretch.place(first + last - begins)
    return reverse_complement(stretch.codes[ends[:, None] - insert + np.arange(insert)])


def _compared(both: Sequence[Stretch], values: np.ndarray) -> Compared:
    origins = [each.origin for each in both]
    interval = int(min(o[0] for o in origins)), int(max(o[-1] for o in origins)) + 1
    return Compared(interval, tuple(each.applied for each in both), values)
