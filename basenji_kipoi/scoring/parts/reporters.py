"""Scores of reporters: what alleles change in what an assay would measure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from basenji_kipoi.base.sequence import Allele, encode
from basenji_kipoi.effects.reporters.engine import ReporterEngine
from basenji_kipoi.effects.reporters.oligos import strands_of
from basenji_kipoi.effects.reporters.scores import REPORTER_GENE_SCORES
from basenji_kipoi.genome.variant_checks import Checked, Status
from basenji_kipoi.scoring.parts.part import PART_ALLELES, GeneRow, PartScoring
from basenji_kipoi.scoring.tables import REPORTER_GENE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from basenji_kipoi.effects.reporters.oligos import OligoPair, OligoRule, Oligos
    from basenji_kipoi.effects.reporters.scores import ReporterScore
    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.genes import Gene, Genes
    from basenji_kipoi.genome.variant_checks import AlleleChecks
    from basenji_kipoi.genome.vcf import Variant
    from basenji_kipoi.models.model import Model
    from basenji_kipoi.scoring.background import Background

__all__ = ["ReporterScoring"]


class _Request(NamedTuple):
    """An allele: its genes, and its oligos in every direction that is needed."""

    start: int
    strands: str
    genes: list[tuple[Gene, int]]
    pairs: dict[str, OligoPair]


class ReporterScoring(PartScoring):
    """Scores what alleles change in the activities of a reporter.

    Parameters
    ----------
    model, reporter
        The model and the name of one of its reporters.
    genome
        The reference.
    checks
        The checks that alleles must pass.
    scores
        The scores.
    oligos
        Directions, promoters and activities.
    rule
        What an oligo is.
    genes
        Genes, of whose promoters the variants get rows of their own.
    background
        What scores are ranked among.
    """

    symbols = (
        "r, a: activities of the oligos of reference and alternative; means are over the places of "
        "an oligo, and the directions where both are read"
    )

    def __init__(
        self,
        model: Model,
        reporter: str,
        genome: Genome,
        checks: AlleleChecks,
        *,
        scores: Sequence[ReporterScore],
        oligos: Oligos,
        rule: OligoRule,
        genes: Genes | None = None,
        background: Background | None = None,
    ) -> None:
        assay = model.assays[reporter]
        self._activities = assay.columns_of(oligos.activities)
        super().__init__(
            checks,
            scores=scores,
            gene_scores=list(REPORTER_GENE_SCORES.values()),
            columns=[assay.identifiers[column] for column in self._activities],
            gene_columns=None if genes is None else REPORTER_GENE_COLUMNS,
            background=background,
        )
        self._genome, self._genes = genome, genes
        self._oligos, self._rule = oligos, rule
        self._engine = ReporterEngine(model, reporter, rule)

    @property
    def part_size(self) -> int:
        """Alleles that are best computed and saved together."""
        return PART_ALLELES

    def _checked(self, variant: Variant) -> Checked:
        check = super()._checked(variant)
        if check.status is not Status.ok:
            return check
        if not self._rule.fits(_allele(variant), self._genome.lengths[check.contig]):
            return check._replace(status=Status.short_contig)
        if self._oligos.strand == "gene" and not self._genes_of(variant, check):
            return check._replace(status=Status.no_promoter)
        return check

    def _genes_of(self, variant: Variant, check: Checked) -> list[tuple[Gene, int]]:
        """Find the genes whose promoter holds an allele, and its distance to a start of each."""
        if self._genes is None:
            return []
        return self._genes.with_promoter(check.contig, variant.pos - 1, *self._oligos.promoter)

    def _request(self, variant: Variant, check: Checked) -> _Request:
        genes = self._genes_of(variant, check)
        own = self._oligos.strands([gene.strand for gene, _ in genes])
        needed = sorted({*own, *"".join(strands_of(gene.strand) for gene, _ in genes)})
        pairs = self._rule.cut(self._genome, check.contig, _allele(variant), needed)
        start = min(pair.start for pair in pairs)
        return _Request(start, own, genes, dict(zip(needed, pairs)))

    def _compute(
        self,
        requests: Sequence[_Request],
        repeats: np.ndarray,
        advance: Callable[[int], object],
    ) -> tuple[np.ndarray, list[list[GeneRow]]]:
        shape = len(requests), len(self.scores), len(self.columns)
        values = np.empty(shape, dtype=np.float32)
        if not requests:
            return values, []
        place_of = {}
        pairs: list[OligoPair] = []
        for number, request in enumerate(requests):
            for strand, pair in request.pairs.items():
                place_of[number, strand] = len(pairs)
                pairs.append(pair)
        # An allele is done with its last direction.
        told = np.zeros(len(pairs), dtype=int)
        told[np.cumsum([len(request.pairs) for request in requests]) - 1] = repeats
        ends = np.concatenate([[0], np.cumsum(told)])
        done = 0

        def tell(number: int) -> None:
            nonlocal done
            advance(int(ends[done + number] - ends[done]))
            done += number

        both = self._engine.activities(pairs, tell)
        reference, alternative = (each[:, self._activities] for each in both)

        def scored(number: int, strands: str, scores: Sequence[ReporterScore]) -> np.ndarray:
            rows = [place_of[number, strand] for strand in strands]
            means = reference[rows].mean(axis=0), alternative[rows].mean(axis=0)
            return np.stack([score.compute(*means) for score in scores]).astype(np.float32)

        genes = []
        for number, request in enumerate(requests):
            values[number] = scored(number, request.strands, self.scores)
            genes.append(
                [
                    GeneRow(
                        (gene.gene_id, gene.name, gene.strand, distance),
                        scored(number, strands_of(gene.strand), self.gene_scores),
                    )
                    for gene, distance in request.genes
                ]
            )
        return values, genes


def _allele(variant: Variant) -> Allele:
    """Return an allele whose position counts from its contig's start."""
    return Allele(variant.pos - 1, len(variant.ref), encode(variant.alt))
