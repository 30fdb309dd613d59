"""Scores of the alleles of one part of a file: from variants to rows of the tables."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from basenji_kipoi.base.sequence import Allele, encode
from basenji_kipoi.effects.gene_scores import gene_scores
from basenji_kipoi.effects.passes import passes_of
from basenji_kipoi.effects.scorer import CountedBins, Scorer
from basenji_kipoi.effects.scores import GENE_SCORES
from basenji_kipoi.effects.windows import WindowPlacement
from basenji_kipoi.genome.alleles import AlleleWindow
from basenji_kipoi.genome.variant_checks import Status
from basenji_kipoi.scoring.tables import ALLELE_COLUMNS, GENE_COLUMNS, ScoreTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from basenji_kipoi.effects.engine import EffectEngine
    from basenji_kipoi.effects.passes import IndelMode
    from basenji_kipoi.effects.scores import Score
    from basenji_kipoi.effects.windows import WindowRule
    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.genes import GeneBins, Genes
    from basenji_kipoi.genome.variant_checks import AlleleChecks, Checked
    from basenji_kipoi.genome.vcf import Variant
    from basenji_kipoi.models.bundle import Bundle
    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.scoring.background import Background

__all__ = ["Scoring", "longest_allele"]

#: A part has at most so many alleles, ...
_PART_ALLELES = 1024
#: ... so many bases in their windows, so that an interruption costs minutes and not hours, ...
_PART_BASES = 1 << 28
#: ... and so many values, which wait in memory (64 MiB).
_PART_VALUES = 1 << 24


def longest_allele(architecture: Architecture) -> int:
    """Return the length of the longest REF or ALT that is scored where none is said (bp)."""
    return max(architecture.bins * architecture.bin // 4, 1)


class Scoring:
    """Scores alleles, a part of a file at a time.

    Parameters
    ----------
    bundles
        The models, whose predictions are averaged.
    genome
        The reference.
    checks
        The checks that alleles must pass.
    scores
        The scores.
    tracks
        Indices of the tracks, in the order of the columns.
    bins
        Bins around the variant's that count; None for all.
    window
        Where windows lie.
    both_strands, shifts, indels
        As `basenji_kipoi.effects.engine` takes them.
    genes
        Genes to be scored too.
    memory_bytes
        Memory that the engine may use (bytes).

    Raises
    ------
    InputError
        If the models do not fit each other, or ``bins`` or ``window`` does not fit them.
    """

    def __init__(
        self,
        bundles: Sequence[Bundle],
        genome: Genome,
        checks: AlleleChecks,
        *,
        scores: Sequence[Score],
        tracks: Sequence[int],
        bins: int | None,
        window: WindowRule,
        both_strands: bool | None,
        shifts: Sequence[int],
        indels: IndelMode,
        genes: Genes | None = None,
        background: Background | None = None,
        memory_bytes: int,
    ) -> None:
        targets = [bundles[0].targets[track] for track in tracks]
        self._architecture = bundles[0].architecture
        passes = passes_of(bundles, both_strands=both_strands, shifts=shifts)
        self._placement = WindowPlacement.of(window, self._architecture, passes)
        counted = CountedBins.around(bins, self._architecture)
        self._scorer = Scorer(scores, targets, self._architecture, counted)
        self._scores, self._tracks = scores, [target.identifier for target in targets]
        self._bundles, self._genome, self._checks = bundles, genome, checks
        self._genes, self._background = genes, background
        self._engine_options = {
            "tracks": list(tracks),
            "both_strands": both_strands,
            "shifts": tuple(shifts),
            "indels": indels,
            "whole": genes is not None or self._scorer.needs_whole_windows(passes),
            "memory_bytes": memory_bytes,
        }

    def tables(self, metadata: Mapping[str, Any]) -> dict[str, ScoreTable]:
        """Describe the tables: ``alleles`` and, with genes, ``genes``."""
        names = [score.name for score in self._scores]
        if self._background is not None:
            names += [f"{name}_quantile" for name in names]
        tracks = tuple(self._tracks)
        tables = {"alleles": ScoreTable(ALLELE_COLUMNS, tuple(names), tracks, metadata)}
        if self._genes is not None:
            tables["genes"] = ScoreTable(GENE_COLUMNS, tuple(GENE_SCORES), tracks, metadata)
        return tables

    @property
    def part_size(self) -> int:
        """Alleles that are best computed and saved together."""
        values = sum(table.values for table in self.tables({}).values())
        if self._genes is not None:
            predicted = self._architecture.bins * self._architecture.bin
            length = sum(self._genome.lengths.values())
            per_window = len(self._genes) * predicted / length
            values += int(len(GENE_SCORES) * len(self._tracks) * per_window)
        return max(
            1,
            min(_PART_ALLELES, _PART_BASES // self._architecture.window, _PART_VALUES // values),
        )

    @cached_property
    def _engine(self) -> EffectEngine:
        # Engines import Keras, which takes seconds, and a run without scorable alleles needs none.
        from basenji_kipoi.effects.choice import effect_engine  # noqa: PLC0415

        return effect_engine(self._bundles, self._genome, **self._engine_options)

    def score(self, variants: Sequence[Variant], advance: Callable[[int], None]) -> dict[str, Any]:
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
        checked = [self._checks(variant) for variant in variants]
        places: dict[tuple, int] = {}
        requests: list[AlleleWindow] = []
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
        values, genes = self._compute(requests, np.bincount(unique[has]), advance)
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
        if self._genes is not None:
            batches["genes"] = _gene_rows(tables["genes"], variants, unique, genes)
        return batches

    def _request(self, variant: Variant, check: Checked) -> AlleleWindow:
        position = variant.pos - 1
        start = self._placement.start(position)
        allele = Allele(position - start, len(variant.ref), encode(variant.alt))
        return AlleleWindow(check.contig, start, allele)

    def _compute(
        self,
        requests: Sequence[AlleleWindow],
        repeats: np.ndarray,
        advance: Callable[[int], None],
    ) -> tuple[np.ndarray, list[tuple[list[GeneBins], np.ndarray]]]:
        """Compute (requests, values), and the genes of each request with their values."""
        per_score = len(self._tracks) * len(self._scores)
        ranks = 1 if self._background is None else 2
        values = np.empty((len(requests), per_score * ranks), dtype=np.float32)
        genes: list = [None] * len(requests)
        if requests:
            # A part must not depend on those before it, which a run that goes on does not compute.
            self._engine.forget()
        for group in self._engine.groups(requests) if requests else ():
            asked = [requests[place] for place in group]
            effects = self._engine.effects(asked)
            found = self._scorer(effects, np.array([each.allele.position for each in asked]))
            values[group, :per_score] = found.reshape(len(group), -1)
            if self._genes is not None:
                rows = [self._genes_of(each) for each in asked]
                ends = np.cumsum([len(row) for row in rows])[:-1]
                split = np.split(gene_scores(effects, rows), ends)
                for place, row, scored in zip(group, rows, split):
                    genes[place] = row, scored
            advance(int(repeats[group].sum()))
        if self._background is not None:
            shape = (len(requests), len(self._scores), len(self._tracks))
            ranked = self._background.quantiles(values[:, :per_score].reshape(shape))
            values[:, per_score:] = ranked.reshape(len(requests), -1)
        return values, genes

    def _genes_of(self, request: AlleleWindow) -> list[GeneBins]:
        architecture = self._architecture
        return self._genes.within(
            request.chrom,
            request.start + architecture.crop * architecture.bin,
            architecture.bins,
            architecture.bin,
            request.start + request.allele.position,
        )


def _gene_rows(
    table: ScoreTable,
    variants: Sequence[Variant],
    unique: np.ndarray,
    genes: Sequence[tuple[list[GeneBins], np.ndarray]],
) -> Any:  # noqa: ANN401 - pyarrow has no type hints
    """Make the rows of the genes' table, in the order of the alleles."""
    columns: list[tuple] = []
    values: list[np.ndarray] = []
    for variant, place in zip(variants, unique.tolist()):
        if place < 0:
            continue
        found, scored = genes[place]
        for each in found:
            gene = each.gene
            described = gene.gene_id, gene.name, gene.strand, len(each.bins), each.distance
            columns.append((*variant[1:], *described))
        values.append(scored.reshape(len(found), table.values))
    rows = np.concatenate(values) if values else np.zeros((0, table.values), dtype=np.float32)
    described = list(zip(*columns)) or [()] * len(table.columns)
    return table.batch(described, rows, np.ones(len(rows), dtype=bool))
