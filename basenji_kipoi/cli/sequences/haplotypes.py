"""The command ``basenji haplotypes``: genes of two haplotypes, all variants together."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Optional

import typer

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.cli.console import command_line, counted
from basenji_kipoi.cli.options import (
    Activities,
    BothStrands,
    Counts,
    Ends,
    Fasta,
    Insert,
    Models,
    Overwrite,
    Quiet,
    Resume,
    Tracks,
    read_names,
    read_oligos,
)

# What a command needs is imported when it runs: TensorFlow alone takes seconds, and --help none.
# ruff: noqa: PLC0415

__all__ = ["haplotypes"]


def haplotypes(
    model: Models,
    fasta: Fasta,
    vcf: Annotated[
        str,
        typer.Option(help="Variants with genotypes: VCF or BCF, plain, gzip or bgzip, or '-'."),
    ],
    genes: Annotated[Path, typer.Option(help="GTF, plain or gzip: a row for each gene.")],
    out: Annotated[Path, typer.Option(help="x.parquet, x.tsv or x.tsv.gz.")],
    sample: Annotated[
        Optional[str],
        typer.Option(help="A phased sample: its second haplotype is compared with its first."),
    ] = None,
    first: Annotated[
        str,
        typer.Option(
            help="What the second haplotype is compared with: reference, SAMPLE (haploid or "
            "homozygous), SAMPLE:1 or SAMPLE:2 (phased)."
        ),
    ] = "reference",
    second: Annotated[
        Optional[str], typer.Option(help="The haplotype whose change is told, named likewise.")
    ] = None,
    tracks: Tracks = None,
    both_strands: BothStrands = None,
    counts: Counts = False,
    reporter: Annotated[
        Optional[str],
        typer.Option(help="Compare activities of this reporter.", show_default="tracks"),
    ] = None,
    activities: Activities = None,
    insert: Insert = None,
    ends: Ends = None,
    promoter: Annotated[
        str,
        typer.Option(
            help="What oligos cover: bases before and behind a gene's start of transcription."
        ),
    ] = "300,50",
    max_allele: Annotated[
        Optional[int],
        typer.Option(
            min=1,
            help="Longest REF or ALT that is applied (bp).",
            show_default="a quarter of the predicted part of a window; of a reporter, the insert",
        ),
    ] = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Compare what is predicted of genes in two haplotypes, all of their variants together.

    A row a gene: how many variants each haplotype has there, scores (second less first), and a
    status: incomplete where variants had to be left out, with the reason. What is finished of an
    interrupted run waits in the folder OUT.unfinished.
    """
    from basenji_kipoi.scoring.haplotypes.options import HaplotypeOptions
    from basenji_kipoi.scoring.haplotypes.run import haplotype_file

    if (sample is None) == (second is None):
        raise InputError("pass --sample NAME, or --second HAPLOTYPE (and --first), one of the two")
    if sample is not None:
        if first != "reference":
            raise InputError("--sample compares its own two haplotypes: leave --first out")
        first, second = f"{sample}:1", f"{sample}:2"
    began = time.monotonic()
    counts = haplotype_file(
        HaplotypeOptions(
            model=tuple(model),
            fasta=fasta,
            vcf=vcf,
            genes=genes,
            out=out,
            first=first,
            second=second,
            tracks=None if tracks is None else read_names(tracks),
            both_strands=both_strands,
            counts=counts,
            reporter=reporter,
            oligos=read_oligos(insert, None, ends, "both", activities, promoter),
            max_allele=max_allele,
        ),
        command=command_line("basenji"),
        resume=resume,
        overwrite=overwrite,
        quiet=quiet,
    )
    if not quiet:
        left = counts["incomplete"]
        without = f", {left:,} of them incomplete (their reason tells why)" if left else ""
        typer.echo(
            f"wrote {out}: {counted(sum(counts.values()), 'gene')}{without}, in "
            f"{time.monotonic() - began:.1f} s",
            err=True,
        )
