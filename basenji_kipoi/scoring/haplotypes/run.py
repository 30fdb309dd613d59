"""A run that compares the genes of two haplotypes: its inputs, its pieces, its output."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from basenji_kipoi.base import __version__
from basenji_kipoi.base.atomic import check_output
from basenji_kipoi.base.checksum import check_unchanged, fingerprint
from basenji_kipoi.base.errors import InputError, full_disk_named
from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.base.unfinished import UnfinishedRun
from basenji_kipoi.effects.reporters.oligos import OligoRule
from basenji_kipoi.effects.windows import WindowRule
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.genes import read_genes
from basenji_kipoi.genome.haplotypes import Copy, read_haplotypes
from basenji_kipoi.genome.variant_checks import AlleleChecks, CheckRef
from basenji_kipoi.genome.vcf import STANDARD_INPUT, VariantFile
from basenji_kipoi.models.model import load, paths_of
from basenji_kipoi.scoring.haplotypes.comparing import (
    ReporterComparison,
    TrackComparison,
    middle_start,
)
from basenji_kipoi.scoring.metadata import definitions_of
from basenji_kipoi.scoring.parts.choice import choose
from basenji_kipoi.scoring.tables import (
    ScoreTable,
    output_schema,
    output_tables,
    read_batches,
    save_batches,
)
from basenji_kipoi.scoring.writers import suffix_of, table_writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.effects.reporters.oligos import Oligos
    from basenji_kipoi.genome.genes import Gene
    from basenji_kipoi.genome.haplotypes import Haplotype
    from basenji_kipoi.models.model import Model, Strands
    from basenji_kipoi.scoring.haplotypes.comparing import Compared, GeneComparison
    from basenji_kipoi.scoring.haplotypes.options import HaplotypeOptions

__all__ = ["COLUMNS", "comparison_of", "haplotype_file", "rows_of"]

#: What describes a gene. ``pos`` is the start of transcription in the middle, counted from 1.
COLUMNS = pa.schema(
    [
        ("gene_id", pa.string()),
        ("gene_name", pa.string()),
        ("chrom", pa.string()),
        ("pos", pa.int64()),
        ("strand", pa.string()),
        ("first_variants", pa.int64()),
        ("second_variants", pa.int64()),
        ("status", pa.string()),
        ("reason", pa.string()),
    ]
)


def haplotype_file(
    options: HaplotypeOptions,
    *,
    command: str,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool,
) -> Counter[str]:
    """Compare the genes of two haplotypes.

    Parameters
    ----------
    options
        What is compared.
    command
        The command, which the output will name.
    resume
        Whether to go on with what an interrupted run left.
    overwrite
        Whether to replace an output, and to delete what an interrupted run left.
    quiet
        Whether to show no progress bar.

    Returns
    -------
    Counter
        How many genes there are of each status.

    Raises
    ------
    InputError
        If something of the input cannot be used; names it.
    """
    if ".vcf" in suffix_of(options.out):
        raise InputError(f"{options.out}: a gene has no record: write .parquet or .tsv")
    is_pipe = str(options.vcf) == STANDARD_INPUT
    vcf = None if is_pipe else options.vcf
    inputs = [*paths_of(options.model), options.fasta, vcf, options.genes]
    check_output(options.out, overwrite=overwrite or resume, inputs=inputs)
    model = load(options.model)
    comparison, placed, longest = comparison_of(
        model,
        tracks=options.tracks,
        both_strands=options.both_strands,
        counts=options.counts,
        reporter=options.reporter,
        oligos=options.oligos,
    )
    longest = options.max_allele or longest
    with Genome(options.fasta) as genome, VariantFile(options.vcf) as variants:
        copies = [
            Copy.named(n, variants.samples, variants.name) for n in (options.first, options.second)
        ]
        watched = {path: fingerprint(path) for path in (options.fasta, options.genes)}
        settings = {
            "version": __version__,
            **placed,
            "first": options.first,
            "second": options.second,
            "columns": comparison.columns,
            "max_allele": longest,
            "vcf": fingerprint(variants.path),
            **{name: watched[getattr(options, name)] for name in ("fasta", "genes")},
        }
        run = UnfinishedRun(
            [options.out],
            "basenji haplotypes",
            settings,
            command=command,
            resume=resume,
            overwrite=overwrite,
        )
        with full_disk_named(options.out), run:
            genes = list(read_genes(options.genes, genome))
            checks = AlleleChecks(genome, variants.name, CheckRef.skip, longest)
            with progress_bar(
                "" if quiet else "reading the variants", total=None, unit="records"
            ) as advance:
                pair = tuple(read_haplotypes(variants, checks, copies, advance))
            definitions = definitions_of(comparison.scores)
            metadata = {**settings, "commands": [run.command], "definitions": definitions}
            names = tuple(score.name for score in comparison.scores)
            table = ScoreTable(COLUMNS, names, tuple(comparison.columns), metadata)
            _compute(run, genes, comparison, pair, genome, table, quiet=quiet)
            counts = _write(run, options, table)
            variants.check_unchanged()
            check_unchanged(watched)
            run.place()
    return counts


def comparison_of(
    model: Model,
    *,
    tracks: str | Sequence[str | int] | None,
    both_strands: Strands,
    counts: bool,
    reporter: str | None,
    oligos: Oligos,
    option: str = "--tracks",
) -> tuple[GeneComparison, dict[str, Any], int]:
    """Choose what compares genes.

    Parameters
    ----------
    model
        The model.
    tracks, both_strands, counts, reporter, oligos
        As `HaplotypeOptions` has them.
    option
        What messages call ``tracks``.

    Returns
    -------
    comparison : GeneComparison
        What compares.
    placed : dict
        What it depends on, as metadata hold it.
    longest : int
        Longest allele that is applied where none is said (bp).

    Raises
    ------
    InputError
        If there is no such track, reporter or activity, or options do not go together.
    """
    chosen = choose(
        model,
        scores=("SAD",),
        tracks=tracks,
        bins=None,
        window=WindowRule(),
        both_strands=both_strands,
        shifts=(0,),
        indels="stitch",
        counts=counts,
        reporter=reporter,
        oligos=oligos,
        has_genes=True,
        option=option,
    )
    if reporter is None:
        columns = model.targets.columns_of(tracks, option=option)
        placed = {name: chosen.placed[name] for name in ("model", "both_strands", "unit")}
        compared = TrackComparison(model, columns, both_strands, counts=counts)
        return compared, placed, chosen.longest
    name, assay = model.assay_of(reporter)
    if oligos._replace(places=None, strand="both") != oligos:
        raise InputError(
            "--places and --strand are of single alleles: oligos cover a promoter in the "
            "direction of its gene"
        )
    rule = OligoRule.of(oligos, assay, model.architecture.reporters[name].window)
    used = ("model", "reporter", "insert", "ends", "promoter")
    placed = {name: chosen.placed[name] for name in used}
    return ReporterComparison(model, name, oligos, rule), placed, chosen.longest


def _compute(
    run: UnfinishedRun,
    genes: Sequence[Gene],
    comparison: GeneComparison,
    pair: tuple[Haplotype, Haplotype],
    genome: Genome,
    table: ScoreTable,
    *,
    quiet: bool,
) -> None:
    """Compare the genes, piece by piece; those that are there already are not compared again."""
    size = comparison.piece
    firsts = range(0, len(genes), size)
    pieces = [(f"genes-{first:09d}", genes[first : first + size]) for first in firsts]
    done = sum(len(part) for name, part in pieces if run.has(name))
    label = "" if quiet else "comparing"
    with progress_bar(label, total=len(genes), unit="genes", done=done) as advance:
        for name, part in pieces:
            if run.has(name):
                continue
            found = comparison(part, pair, genome)
            batch = rows_of(part, found, pair, table)
            with run.piece(name) as folder:
                save_batches(folder, {"genes": batch})
            advance(len(part))


def rows_of(
    genes: Sequence[Gene],
    found: Sequence[Compared],
    pair: tuple[Haplotype, Haplotype],
    table: ScoreTable,
) -> Any:  # noqa: ANN401 - pyarrow has no type hints
    """Make a record batch: a row a gene, with what kept variants out of it."""
    rows = []
    for gene, compared in zip(genes, found):
        reasons = sum((each.reasons(gene.contig, *compared.interval) for each in pair), Counter())
        sets = max(len(each.sets_within(gene.contig, *compared.interval)) for each in pair)
        if sets > 1:
            reasons["phase_sets"] = sets
        rows.append(
            (
                gene.gene_id,
                gene.name,
                gene.contig,
                middle_start(gene) + 1,
                gene.strand,
                *compared.applied,
                "incomplete" if reasons else "ok",
                "; ".join(f"{count} {reason}" for reason, count in sorted(reasons.items())) or None,
            )
        )
    values = np.array([each.values for each in found], dtype=np.float32)
    return table.batch(list(zip(*rows)), values, np.ones(len(rows), dtype=bool))


def _write(run: UnfinishedRun, options: HaplotypeOptions, table: ScoreTable) -> Counter[str]:
    counts: Counter[str] = Counter()
    writer = table_writer(run.output(options.out), output_schema(table, is_long=False))
    with writer:
        for folder in sorted(run.pieces.glob("genes-*")):
            batches = list(read_batches(folder, "genes"))
            for batch in batches:
                counts.update(batch.column("status").to_pylist())
            for rows in output_tables(batches, table, is_long=False):
                writer.append(rows)
    return counts
