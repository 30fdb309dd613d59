"""What the options of a run name, opened and checked: in the command's process and its workers."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from basenji_kipoi.base.resources import bytes_of
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.genes import read_genes
from basenji_kipoi.genome.variant_checks import AlleleChecks, CheckRef
from basenji_kipoi.genome.vcf import VariantFile
from basenji_kipoi.models.model import load
from basenji_kipoi.scoring.background import Background
from basenji_kipoi.scoring.parts.choice import choose

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from basenji_kipoi.genome.genes import Genes
    from basenji_kipoi.models.bundle import Bundle
    from basenji_kipoi.models.model import Model
    from basenji_kipoi.scoring.options import ScoreOptions
    from basenji_kipoi.scoring.parts.choice import Choice
    from basenji_kipoi.scoring.parts.part import PartScoring

__all__ = ["Opened", "opened", "opened_with_variants"]


@dataclass(frozen=True)
class Opened:
    """What scores alleles.

    Attributes
    ----------
    bundles
        The models.
    checks
        The checks that alleles must pass; they know the genome.
    scoring
        Scores the alleles of a part.
    chosen
        What the options chose.
    """

    bundles: Sequence[Bundle]
    checks: AlleleChecks
    scoring: PartScoring
    chosen: Choice


@contextlib.contextmanager
def opened_with_variants(
    options: ScoreOptions, genes: Genes | None = None
) -> Iterator[tuple[VariantFile, Opened]]:
    """Open what the options name.

    Parameters
    ----------
    options
        The options.
    genes
        The genes of their file, if somebody has read them already.

    Yields
    ------
    tuple of VariantFile and Opened
        The variants, and what scores them.

    Raises
    ------
    InputError
        If something of it cannot be used; names it.
    """
    with contextlib.ExitStack() as stack:
        model, chosen, background = _chosen(options)
        genome = stack.enter_context(Genome(options.fasta))
        variants = stack.enter_context(VariantFile(options.vcf))
        yield variants, _opened(options, model, chosen, background, genome, variants.name, genes)


@contextlib.contextmanager
def opened(options: ScoreOptions, name: str) -> Iterator[Opened]:
    """Open the same without the variants, whose file another process reads.

    Parameters
    ----------
    options
        The options.
    name
        What messages call the file of variants.
    """
    model, chosen, background = _chosen(options)
    with Genome(options.fasta) as genome:
        yield _opened(options, model, chosen, background, genome, name)


def _chosen(options: ScoreOptions) -> tuple[Model, Choice, Background | None]:
    model = load(options.model)
    chosen = choose(
        model,
        scores=options.scores,
        tracks=options.tracks,
        bins=options.bins,
        window=options.window,
        both_strands=options.both_strands,
        shifts=options.shifts,
        indels=options.indels,
        reporter=options.reporter,
        oligos=options.oligos,
        has_genes=options.genes is not None,
        counts=options.counts,
    )
    background = None
    if options.background:
        background = Background(options.background, chosen.scores, chosen.columns, chosen.placed)
    return model, chosen, background


def _opened(
    options: ScoreOptions,
    model: Model,
    chosen: Choice,
    background: Background | None,
    genome: Genome,
    name: str,
    genes: Genes | None = None,
) -> Opened:
    check_ref = CheckRef(options.check_ref or CheckRef.warn)
    checks = AlleleChecks(genome, name, check_ref, options.max_allele or chosen.longest)
    if genes is None and options.genes:
        genes = read_genes(options.genes, genome)
    scoring = chosen.make(
        genome,
        checks,
        genes=genes,
        background=background,
        memory_bytes=bytes_of(options.memory),
    )
    return Opened(model.members, checks, scoring, chosen)
