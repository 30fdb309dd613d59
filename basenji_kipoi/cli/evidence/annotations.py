"""The command ``basenji annotations``: scores for sldp, PolyFun, and summed over linkage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Optional

import typer

from basenji_kipoi.cli.console import counted, noting
from basenji_kipoi.cli.options import Overwrite, Quiet

# What a command needs is imported when it runs, and --help needs none.
# ruff: noqa: PLC0415

__all__ = ["annotations"]


def annotations(
    scores: Annotated[
        Path, typer.Option(help="Parquet file of basenji score: x.parquet, or x.genes.parquet.")
    ],
    out: Annotated[
        Path, typer.Option(help="Folder to write; with --to linked a table, x.tsv or x.tsv.gz.")
    ],
    to: Annotated[
        Literal["sldp", "polyfun", "linked"],
        typer.Option(
            help="sldp: CHR.sannot.gz. polyfun: annotations.CHR.annot.parquet. linked: the scores "
            "summed over linked variants."
        ),
    ],
    column: Annotated[
        Optional[list[str]],
        typer.Option(help="SCORE/TRACK; may be repeated.", show_default="all of the table"),
    ] = None,
    linkage: Annotated[
        Optional[Path],
        typer.Option(
            help="Genotypes (VCF, BCF) or a matrix of r: scores are summed over linked variants."
        ),
    ] = None,
    reach: Annotated[
        int, typer.Option(min=0, help="Variants further apart are not linked (bp).")
    ] = 1_000_000,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Write scores as sldp and PolyFun read them, or summed over linked variants (SED-LD)."""
    from basenji_kipoi.locus.exports.run import export_scores

    found = export_scores(
        scores, out, kind=to, columns=tuple(column or ()), linkage=linkage, reach=reach,
        overwrite=overwrite, progress=not quiet, note=noting(quiet=quiet),
    )  # fmt: skip
    if not quiet:
        files, rows = counted(found.files, "file"), counted(found.rows, "row")
        typer.echo(f"wrote {out}: {files}, {rows}", err=True)
        if found.left_out:
            typer.echo(f"  left out, without scores: {counted(found.left_out, 'allele')}", err=True)
