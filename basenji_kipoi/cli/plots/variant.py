"""The command ``basenji plot variant``: both alleles of a variant."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Optional

import typer

from basenji_kipoi.cli.options import (
    BothStrands,
    Fasta,
    Figure,
    Indels,
    Models,
    Overwrite,
    Quiet,
    Tracks,
)

# What a command needs is imported when it runs: TensorFlow alone takes seconds, and --help none.
# ruff: noqa: PLC0415

__all__ = ["variant"]


def variant(
    model: Models,
    fasta: Fasta,
    variant: Annotated[
        str,
        typer.Option(
            help="contig:position:REF:ALT, position counted from 1, such as chrI:1234:A:G."
        ),
    ],
    out: Figure,
    tracks: Tracks = None,
    genes: Annotated[Optional[Path], typer.Option(help="GTF: draw the genes, too.")] = None,
    flank: Annotated[
        Optional[int],
        typer.Option(min=1, help="Bases on each side of the variant (bp).", show_default="48 bins"),
    ] = None,
    around: Annotated[
        int,
        typer.Option(min=1, max=100, help="Bases on each side whose letters are drawn (bp)."),
    ] = 30,
    method: Annotated[
        Literal["mutation", "gradient"],
        typer.Option(
            help="How the letters' heights are found: by every substitution, exactly, or by the "
            "gradient, which is faster."
        ),
    ] = "mutation",
    both_strands: BothStrands = None,
    indels: Indels = "stitch",
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Draw both alleles of a variant, their difference, and what the bases around it contribute.

    Without --tracks, the three tracks whose totals change most; the letters explain the first one.
    """
    from basenji_kipoi.effects.windows import longest_allele
    from basenji_kipoi.faces import library
    from basenji_kipoi.figures.saving import check_figure, save_figure
    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.genes import read_genes
    from basenji_kipoi.genome.vcf import Variant
    from basenji_kipoi.interpretation.variant.plots import draw_variant
    from basenji_kipoi.interpretation.variant.view import locate, view_variant
    from basenji_kipoi.models.model import load

    given = Variant.parse(variant)
    loaded = load(model)
    check_figure(
        out,
        overwrite=overwrite,
        inputs=(*(each.path for each in loaded.bundles), fasta, genes),
    )
    with Genome(fasta) as genome:
        located = locate(given, genome, longest_allele(loaded.architecture))
        loaded.targets.columns_of(tracks)
        marks = read_genes(genes, genome) if genes else ()
        library("logomaker", "basenji plot variant")
        view = view_variant(
            loaded,
            genome,
            located,
            tracks=tracks,
            both_strands=both_strands,
            indels=indels,
            method=method,
            around=around,
        )
    save_figure(draw_variant(view, genes=marks, flank=flank), out, overwrite=overwrite)
    if not quiet:
        typer.echo(f"wrote {out}", err=True)
