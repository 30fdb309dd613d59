"""Scores of the alleles of one part of a file: what all ways to score have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from basenji_kipoi.genome.variant_checks import Status
from basenji_kipoi.scoring.tables import ALLELE_COLUMNS, ScoreTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from basenji_kipoi.genome.variant_checks import AlleleChecks, Checked
    from basenji_kipoi.genome.vcf import Variant
    from basenji_kipoi.scoring.background import Background

__all__ = ["PART_ALLELES", "GeneRow", "PartScoring"]

#: A part has at most so many alleles.
PART_ALLELES = 1024


class GeneRow(NamedTuple):
    """A gene of an allele.

    Attributes
    ----------
    described : tuple
        The columns that describe the gene, behind those of the allele.
    values : ndarray, float32, shape (scores, tracks)
        Its scores.
    """

    described: tuple
    values: np.ndarray


class PartScoring(ABC):
    """Scores alleles, a part of a file at a time.

    Parameters
    ----------
    checks
        The checks that alleles must pass.
    scores, gene_scores
        The scores of alleles, and those of genes, each with name and definition.
    columns
        Names of what is scored: tracks, or activities.
    gene_columns
        What describes a gene's row; None without genes.
    background
        What scores are ranked among.
    """

    #: What a run's metadata say of the symbols of its formulas.
    symbols: str

    def __init__(
        self,
        checks: AlleleChecks,
        *,
        scores: Sequence[Any],
        gene_scores: Sequence[Any],
        columns: Sequence[str],
        gene_columns: Any,  # noqa: ANN401 - pyarrow has no type hints
        background: Background | None,
    ) -> None:
        self.scores, self.gene_scores = list(scores), list(gene_scores)
        self.columns = list(columns)
        self._checks, self._gene_columns, self._background = checks, gene_columns, background

    @property
    @abstractmethod
    def part_size(self) -> int:
        """Alleles that are best computed and saved together."""

    @abstractmethod
    def _request(self, variant: Variant, check: Checked) -> Any:  # noqa: ANN401 - its own kind
        """Say what is to be computed of an allele; its ``start`` is that of its window."""

    @abstractmethod
    def _compute(
        self, requests: Sequence[Any], repeats: np.ndarray, advance: Callable[[int], object]
    ) -> tuple[np.ndarray, list[list[GeneRow]]]:
        """Compute scores, float32 (requests, scores, columns), and the genes of each request.

        ``repeats`` says how many alleles each request stands for, of which ``advance`` is told.
        """

    def _checked(self, variant: Variant) -> Checked:
        """Check an allele."""
        return self._checks(variant)

    @property
    def defined(self) -> list[Any]:
        """All scores that the tables have."""
        return [*self.scores, *(self.gene_scores if self._gene_columns is not None else ())]

    def tables(self, metadata: Mapping[str, Any]) -> dict[str, ScoreTable]:
        """Describe the tables: ``alleles`` and, with genes, ``genes``."""
        names = [score.name for score in self.scores]
        if self._background is not None:
            names += [f"{name}_quantile" for name in names]
        columns = tuple(self.columns)
        tables = {"alleles": ScoreTable(ALLELE_COLUMNS, tuple(names), columns, metadata)}
        if self._gene_columns is not None:
            named = tuple(score.name for score in self.gene_scores)
            tables["genes"] = ScoreTable(self._gene_columns, named, columns, metadata)
        return tables

    def score(
        self, variants: Sequence[Variant], advance: Callable[[int], object]
    ) -> dict[str, Any]:
        """Score the alleles of a part.

        Parameters
        ----------
        variants
            The alleles. Those that stand there twice are computed once.
        advance
            Called with a number of alleles that are done.

        Returns
        -------
        dict of str to pyarrow.RecordBatch
            The rows of each of `tables`.
        """
        checked = [self._checked(variant) for variant in variants]
        places: dict[tuple, int] = {}
        requests: list[Any] = []
        #: For each allele, its place among the different ones; -1 for one that cannot be scored.
        unique = np.full(len(variants), -1)
        for row, (variant, check) in enumerate(zip(variants, checked)):
            if check.status is not Status.ok:
                continue
            key = check.contig, variant.pos, variant.ref.upper(), variant.alt.upper()
            unique[row] = places.setdefault(key, len(places))
            if unique[row] == len(requests):
                requests.append(self._request(variant, check))
        has = unique >= 0
        advance(int(np.sum(~has)))
        scored, genes = self._compute(requests, np.bincount(unique[has]), advance)
        values = scored.reshape(len(requests), len(self.scores) * len(self.columns))
        if self._background is not None:
            shape = len(requests), len(self.scores), len(self.columns)
            ranked = self._background.quantiles(values.reshape(shape))
            values = np.concatenate([values, ranked.reshape(values.shape)], axis=1)
        starts = [requests[place].start if place >= 0 else None for place in unique.tolist()]
        rows = np.full((len(variants), values.shape[1]), np.nan, dtype=np.float32)
        rows[has] = values[unique[has]]
        tables = self.tables({})
        batches = {
            "alleles": tables["alleles"].batch(
                [
                    *zip(*variants),
                    [check.status.value for check in checked],
                    [check.ref_match for check in checked],
                    starts,
                ],
                rows,
                has,
            )
        }
        if self._gene_columns is not None:
            batches["genes"] = _gene_rows(tables["genes"], variants, unique, genes)
        return batches


def _gene_rows(
    table: ScoreTable,
    variants: Sequence[Variant],
    unique: np.ndarray,
    genes: Sequence[Sequence[GeneRow]],
) -> Any:  # noqa: ANN401 - pyarrow has no type hints
    """Make the rows of the genes' table, in the order of the alleles."""
    found = [
        (variant, gene)
        for variant, place in zip(variants, unique.tolist())
        if place >= 0
        for gene in genes[place]
    ]
    columns = list(zip(*((*variant[1:], *gene.described) for variant, gene in found)))
    rows = np.array([gene.values for _, gene in found], dtype=np.float32)
    rows = rows.reshape(len(found), table.values)
    described = columns or [()] * len(table.columns)
    return table.batch(described, rows, np.ones(len(rows), dtype=bool))
