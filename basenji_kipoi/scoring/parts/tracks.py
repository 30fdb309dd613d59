"""Scores of tracks: what alleles change in the bins of a window."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.sequence import Allele, encode
from basenji_kipoi.effects.gene_scores import gene_scores
from basenji_kipoi.effects.passes import passes_of
from basenji_kipoi.effects.scorer import CountedBins, Scorer
from basenji_kipoi.effects.scores import GENE_SCORES, in_counts
from basenji_kipoi.effects.windows import WindowPlacement
from basenji_kipoi.genome.alleles import AlleleWindow
from basenji_kipoi.scoring.parts.part import PART_ALLELES, GeneRow, PartScoring
from basenji_kipoi.scoring.tables import GENE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from basenji_kipoi.effects.engine import EffectEngine
    from basenji_kipoi.effects.passes import IndelMode
    from basenji_kipoi.effects.scores import Score
    from basenji_kipoi.effects.windows import WindowRule
    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.genes import GeneBins, Genes
    from basenji_kipoi.genome.variant_checks import AlleleChecks, Checked
    from basenji_kipoi.genome.vcf import Variant
    from basenji_kipoi.models.bundle import Bundle
    from basenji_kipoi.scoring.background import Background

__all__ = ["TrackScoring"]

#: Windows of a part have so many bases, so that an interruption costs minutes and not hours, ...
_PART_BASES = 1 << 28
#: ... and a part so many values, which wait in memory (64 MiB).
_PART_VALUES = 1 << 24


class TrackScoring(PartScoring):
    """Scores what alleles change in tracks.

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
    counts
        Whether scores are of counts of the coverage (`basenji_kipoi.models.targets.counts_of`).
    genes
        Genes to be scored too.
    background
        What scores are ranked among.
    memory_bytes
        Memory that the engine may use (bytes).

    Raises
    ------
    InputError
        If the models do not fit each other, or ``bins`` or ``window`` does not fit them.
    """

    symbols = "r, a: predictions of reference and alternative in a bin; sums are over bins"

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
        counts: bool = False,
        genes: Genes | None = None,
        background: Background | None = None,
        memory_bytes: int,
    ) -> None:
        self._targets = [bundles[0].targets[track] for track in tracks]
        self._counts = counts
        gene_scores = list(GENE_SCORES.values())
        if counts:
            scores, gene_scores = list(map(in_counts, scores)), list(map(in_counts, gene_scores))
        super().__init__(
            checks,
            scores=scores,
            gene_scores=gene_scores,
            columns=[target.identifier for target in self._targets],
            gene_columns=None if genes is None else GENE_COLUMNS,
            background=background,
        )
        self._architecture = bundles[0].architecture
        passes = passes_of(bundles, both_strands=both_strands, shifts=shifts)
        self._placement = WindowPlacement.of(window, self._architecture, passes)
        counted = CountedBins.around(bins, self._architecture)
        self._scorer = Scorer(scores, self._targets, self._architecture, counted)
        self._bundles, self._genome, self._genes = bundles, genome, genes
        self._engine_options = {
            "tracks": list(tracks),
            "both_strands": both_strands,
            "shifts": tuple(shifts),
            "indels": indels,
            "whole": genes is not None or self._scorer.needs_whole_windows(passes),
            "memory_bytes": memory_bytes,
        }

    @property
    def part_size(self) -> int:
        """Alleles that are best computed and saved together."""
        values = sum(table.values for table in self.tables({}).values())
        if self._genes is not None:
            predicted = self._architecture.bins * self._architecture.bin
            length = sum(self._genome.lengths.values())
            per_window = len(self._genes) * predicted / length
            values += int(len(GENE_SCORES) * len(self.columns) * per_window)
        return max(
            1,
            min(PART_ALLELES, _PART_BASES // self._architecture.window, _PART_VALUES // values),
        )

    @cached_property
    def _engine(self) -> EffectEngine:
        # Engines import Keras, which takes seconds, and a run without scorable alleles needs none.
        from basenji_kipoi.effects.choice import effect_engine  # noqa: PLC0415

        return effect_engine(self._bundles, self._genome, **self._engine_options)

    def _request(self, variant: Variant, check: Checked) -> AlleleWindow:
        position = variant.pos - 1
        start = self._placement.start(position)
        allele = Allele(position - start, len(variant.ref), encode(variant.alt))
        return AlleleWindow(check.contig, start, allele)

    def _compute(
        self,
        requests: Sequence[AlleleWindow],
        repeats: np.ndarray,
        advance: Callable[[int], object],
    ) -> tuple[np.ndarray, list[list[GeneRow]]]:
        shape = len(requests), len(self.scores), len(self.columns)
        values = np.empty(shape, dtype=np.float32)
        genes: list[list[GeneRow]] = [[] for _ in requests]
        if requests:
            # A part must not depend on those before it, which a run that goes on does not compute.
            self._engine.forget()
        for group in self._engine.groups(requests) if requests else ():
            asked = [requests[place] for place in group]
            effects = self._engine.effects(asked)
            if self._counts:
                effects = effects.in_counts(self._targets)
            values[group] = self._scorer(effects, np.array([e.allele.position for e in asked]))
            if self._genes is not None:
                found = [self._genes_of(each) for each in asked]
                scored = iter(gene_scores(effects, found))
                for place, row in zip(group, found):
                    genes[place] = [GeneRow(_described(each), next(scored)) for each in row]
            advance(int(repeats[group].sum()))
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


def _described(found: GeneBins) -> tuple:
    gene = found.gene
    return gene.gene_id, gene.name, gene.strand, len(found.bins), found.distance
