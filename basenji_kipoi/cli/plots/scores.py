"""The command ``basenji plot scores``: scores of the alleles of a locus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.cli.options import Figure, Overwrite, Quiet, Tracks

# What a command needs is imported when it runs: TensorFlow alone takes seconds, and --help none.
# ruff: noqa: PLC0415

__all__ = ["scores"]


def scores(
    scores: Annotated[Path, typer.Option(help="Scores that basenji score wrote: Parquet or TSV.")],
    out: Figure,
    score: Annotated[
        Optional[str],
        typer.Option(help="Which score.", show_default="the first one of the table"),
    ] = None,
    tracks: Tracks = None,
    region: Annotated[
        Optional[str],
        typer.Option(
            help="Part of a contig, counted from 1, such as chrI:30,001-50,000.",
            show_default="all alleles, of one contig",
        ),
    ] = None,
    genes: Annotated[Optional[Path], typer.Option(help="GTF: draw the genes, too.")] = None,
    fasta: Annotated[
        Optional[Path], typer.Option(help="Genome of the genes, with --genes.")
    ] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Draw scores along a locus, a panel a track; without --tracks, the three largest."""
    from basenji_kipoi.figures.saving import check_figure, save_figure
    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.genes import read_genes
    from basenji_kipoi.scoring.plots import plot_scores

    if genes is not None and fasta is None:
        raise InputError("--genes: pass --fasta too, whose contigs they lie on")
    check_figure(out, overwrite=overwrite, inputs=(scores, genes, fasta))
    marks = ()
    if genes is not None:
        with Genome(fasta) as genome:
            marks = read_genes(genes, genome)
    figure = plot_scores(scores, score=score, tracks=tracks, region=region, genes=marks)
    save_figure(figure, out, overwrite=overwrite)
    if not quiet:
        typer.echo(f"wrote {out}", err=True)
