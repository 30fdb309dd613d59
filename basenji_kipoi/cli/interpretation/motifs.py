"""The command ``basenji motifs``: from contributions to motifs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Literal, Optional

import typer

from basenji_kipoi.cli.console import command_line, counted, noting
from basenji_kipoi.cli.options import Overwrite, Quiet, Resume

# What a command needs is imported when it runs.
# ruff: noqa: PLC0415

__all__ = ["motifs"]


def motifs(
    attributions: Annotated[
        list[Path],
        typer.Option(
            help="x.h5 of basenji attribute, or its x.ohe.npz and, with the option again, "
            "x.shap.npz."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(help="Folder to write: motifs.meme, motifs.tsv, hits.bed, index.html."),
    ],
    database: Annotated[
        Optional[str],
        typer.Option(
            help="Known motifs that found ones are named by: a MEME file, jaspar, or jaspar:GROUP "
            "(fungi, plants, vertebrates, …)."
        ),
    ] = None,
    genes: Annotated[
        Optional[Path],
        typer.Option(
            help="GTF: where sites lie relative to the nearest start.",
            show_default="relative to the middle of the interval",
        ),
    ] = None,
    tracks: Annotated[
        Optional[str],
        typer.Option(help="Outputs of the file: names or patterns.", show_default="all"),
    ] = None,
    scale: Annotated[
        Literal["relative", "plain"],
        typer.Option(
            help="relative: contributions divided by each sequence's prediction. plain: as the "
            "file has them."
        ),
    ] = "relative",
    most: Annotated[
        int, typer.Option(min=1, help="Seqlets of each sign that are clustered at most.")
    ] = 2000,
    fewest: Annotated[int, typer.Option(min=2, help="Sites of a motif at least.")] = 20,
    false_discovery: Annotated[
        float, typer.Option(help="Rate of false discovery at which seqlets are taken.")
    ] = 0.2,
    resume: Resume = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Find motifs in what bases contribute, name them, and list their sites.

    Discovery is TF-MoDISco's, by modisco-lite (pip install 'basenji-kipoi[motifs]').
    """
    from basenji_kipoi.interpretation.motifs.options import MotifOptions
    from basenji_kipoi.interpretation.motifs.run import motifs_file

    began = time.monotonic()
    found = motifs_file(
        attributions,
        out,
        MotifOptions(
            tracks=tracks,
            scale=scale,
            most=most,
            fewest=fewest,
            false_discovery=false_discovery,
            database=database,
            genes=genes,
        ),
        resume=resume,
        overwrite=overwrite,
        progress=not quiet,
        note=noting(quiet=quiet),
        command=command_line("basenji"),
    )
    if not quiet:
        for each in found:
            name = each.known[0].name if each.known else "-"
            sites = counted(len(each.hits.start), "site")
            line = f"  {each.name}  {each.consensus}  {sites}  {name}"
            typer.echo(line, err=True)
        found_ones, seconds = counted(len(found), "motif"), time.monotonic() - began
        typer.echo(f"wrote {out}: {found_ones}, in {seconds:.1f} s", err=True)
