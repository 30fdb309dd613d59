"""Genes of two haplotypes compared from Python: the table of ``basenji haplotypes`` in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from basenji_kipoi.base.progress import label_of, progress_bar
from basenji_kipoi.effects.reporters.oligos import Oligos
from basenji_kipoi.genome.fasta import open_genome
from basenji_kipoi.genome.genes import Genes, read_genes
from basenji_kipoi.genome.haplotypes import Copy, read_haplotypes
from basenji_kipoi.genome.variant_checks import AlleleChecks, CheckRef
from basenji_kipoi.genome.vcf import VariantFile
from basenji_kipoi.models.model import loaded
from basenji_kipoi.scoring.haplotypes.run import COLUMNS, comparison_of, rows_of
from basenji_kipoi.scoring.metadata import definitions_of
from basenji_kipoi.scoring.tables import ScoreTable, output_tables

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.models.model import Model, Strands

__all__ = ["compare_haplotypes"]


def compare_haplotypes(
    model: Model | str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    genome: Genome | str | os.PathLike[str],
    variants: str | os.PathLike[str],
    genes: Genes | str | os.PathLike[str],
    *,
    second: str,
    first: str = "reference",
    tracks: str | Sequence[str | int] | None = None,
    both_strands: Strands = None,
    counts: bool = False,
    reporter: str | None = None,
    oligos: Oligos | None = None,
    max_allele: int | None = None,
    progress: bool | None = None,
) -> pa.Table:
    r"""Compare what is predicted of genes in two haplotypes, all of their variants together.

    The numbers are those of ``basenji haplotypes``. Every gene keeps a row.

    Parameters
    ----------
    model
        The model, or the directories of bundles.
    genome
        The genome, or its FASTA file.
    variants
        A VCF or BCF file with genotypes.
    genes
        Genes, or a GTF file of them.
    first, second
        The haplotypes: ``reference``, ``SAMPLE``, or ``SAMPLE:1`` or ``SAMPLE:2`` of a phased one.
        Scores are the second's less the first's.
    tracks
        Identifiers, patterns such as ``"tif_*"`` or indices of the tracks; all by default.
    both_strands
        Whether to average over both strands; None as the model was evaluated.
    counts
        Whether scores are of counts of the coverage, as `basenji_kipoi.predict` has it, and not of
        the units of the targets table.
    reporter
        Name of a reporter, whose activities of the genes' promoters are compared in the place of
        tracks.
    oligos
        What the reporter's oligos are; by default as its assay has them.
    max_allele
        Longest REF or ALT that is applied (bp); by default that of `basenji_kipoi.score`.
    progress
        Whether to show a progress bar; None: at a terminal and in a notebook.

    Returns
    -------
    pyarrow.Table
        A row a gene: ``gene_id``, ``gene_name``, ``chrom``, ``pos`` (its start in the middle, from
        1), ``strand``, the variants that each haplotype has there, ``status`` and ``reason``, and
        ``score/track`` in float32.

    Raises
    ------
    InputError
        If something of the input cannot be used; names it.

    Examples
    --------
    >>> from pathlib import Path
    >>> import basenji_kipoi as bk
    >>> header = (
    ...     "##fileformat=VCFv4.2\n##contig=<ID=chrA>\n"
    ...     '##FORMAT=<ID=GT,Number=1,Type=String,Description="genotype">\n'
    ...     "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tF1\n"
    ... )
    >>> record = "chrA\t20050\t.\tA\tC\t.\t.\t.\tGT\t0|1\n"
    >>> written = Path("phased.vcf").write_text(header + record)
    >>> table = bk.compare_haplotypes(
    ...     "model_files", "genome.fa", "phased.vcf", "genes.gtf", second="F1:2", tracks="atac"
    ... )
    >>> table.select(["gene_id", "second_variants"]).to_pylist()
    [{'gene_id': 'G1', 'second_variants': 1}, {'gene_id': 'G2', 'second_variants': 0}]
    """
    model = loaded(model)
    comparison, placed, longest = comparison_of(
        model,
        tracks=tracks,
        both_strands=both_strands,
        counts=counts,
        reporter=reporter,
        oligos=oligos or Oligos(),
        option="tracks",
    )
    with open_genome(genome) as opened, VariantFile(variants) as source:
        with source.open() as file:
            samples = list(file.header.samples)
        copies = [Copy.named(name, samples, source.name) for name in (first, second)]
        listed = list(genes if isinstance(genes, Genes) else read_genes(genes, opened))
        checks = AlleleChecks(opened, source.name, CheckRef.skip, max_allele or longest)
        pair = tuple(read_haplotypes(source, checks, copies, lambda _: None))
        metadata = {**placed, "definitions": definitions_of(comparison.scores)}
        names = tuple(score.name for score in comparison.scores)
        table = ScoreTable(COLUMNS, names, tuple(comparison.columns), metadata)
        batches = []
        with progress_bar(
            label_of("comparing", progress), total=len(listed), unit="genes"
        ) as advance:
            for begin in range(0, len(listed), comparison.piece):
                part = listed[begin : begin + comparison.piece]
                batches.append(rows_of(part, comparison(part, pair, opened), pair, table))
                advance(len(part))
        source.check_unchanged()
    return pa.concat_tables(output_tables(batches, table, is_long=False))
