"""The command ``basenji insert``: what motifs do in sequences that do not have them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Literal, Optional

import typer

from basenji_kipoi.cli.console import command_line, noting
from basenji_kipoi.cli.options import (
    BothStrands,
    Group,
    Models,
    Overwrite,
    Plots,
    Quiet,
    Resume,
    read_bins,
)

# What a command needs is imported when it runs: TensorFlow alone takes seconds, and --help none.
# ruff: noqa: PLC0415

__all__ = ["insert"]


def insert(
    model: Models,
    inserts: Annotated[
        list[str],
        typer.Option(
            "--insert",
            help="LETTERS or NAME=LETTERS (IUPAC; N keeps the background's base), or FILE:NAME, a "
            "motif of a MEME file or a sequence of a FASTA file; may be repeated.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="x.tsv: a row for each background, arrangement and track; x.summary.tsv, with "
            "means and spread, appears beside it."
        ),
    ],
    fasta: Annotated[
        Optional[Path], typer.Option(help="Genome of --bed: FASTA, plain or bgzip.")
    ] = None,
    bed: Annotated[
        Optional[Path],
        typer.Option(help="Intervals, the windows around which are shuffled to be backgrounds."),
    ] = None,
    backgrounds: Annotated[
        Optional[Path], typer.Option(help="Backgrounds instead: FASTA of one window each.")
    ] = None,
    shuffles: Annotated[
        Optional[int],
        typer.Option(
            min=0,
            help="Shuffles of each background that keep dinucleotides; 0: as it is.",
            show_default="10 of --bed, 0 of --backgrounds",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of shuffles and of drawn sites.")] = 0,
    positions: Annotated[
        str,
        typer.Option(
            help="From the background's middle to that of the (first) insert, in bp: numbers or "
            "FIRST:LAST:STEP, separated by commas."
        ),
    ] = "0",
    spacings: Annotated[
        Optional[str],
        typer.Option(
            help="Put in all pairs of the inserts (one makes a pair with itself), with the second "
            "one's middle so many bp behind the first one's; as --positions.",
            show_default="each alone",
        ),
    ] = None,
    orientations: Annotated[
        Literal["both", "+", "-"],
        typer.Option(help="Of each insert: forward (+), reverse complement (-), or both."),
    ] = "both",
    sites: Annotated[
        Literal["best", "drawn"],
        typer.Option(help="Of a matrix: its most probable letters, or drawn for each background."),
    ] = "best",
    tracks: Annotated[
        Optional[str],
        typer.Option(
            help="Tracks: identifiers, patterns, indices, assay:NAME or sample:NAME, separated by "
            "commas. With --reporter, activities.",
            show_default="all",
        ),
    ] = None,
    group: Group = None,
    bins: Annotated[
        Optional[str],
        typer.Option(
            help="Bins that are summed: center:N of the window, or all.",
            show_default="those that overlap the 512 bp in the middle",
        ),
    ] = None,
    reporter: Annotated[
        Optional[str],
        typer.Option(help="Predict what this reporter measures of --backgrounds, not tracks."),
    ] = None,
    both_strands: BothStrands = None,
    plots: Plots = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Put motifs into backgrounds and find what they do to predictions, alone or in pairs.

    Effects are log2 ratios to the background (differences, of activities). The co-operation of a
    pair is its effect minus the sum of the effects of both alone.
    """
    from basenji_kipoi.interpretation.insertion.arrangements import ORIENTATIONS, read_distances
    from basenji_kipoi.interpretation.insertion.options import InsertOptions
    from basenji_kipoi.interpretation.insertion.run import insert_file

    began = time.monotonic()
    found = insert_file(
        model,
        out,
        InsertOptions(
            inserts=tuple(inserts),
            positions=read_distances(positions, "--positions"),
            spacings=() if spacings is None else read_distances(spacings, "--spacings"),
            orientations=ORIENTATIONS if orientations == "both" else (orientations,),
            sampled=sites == "drawn",
            shuffles=shuffles,
            seed=seed,
            tracks=tracks,
            groups=tuple(group or ()),
            bins=None if bins is None else read_bins(bins) or 0,
            reporter=reporter,
            both_strands=both_strands,
        ),
        fasta=fasta,
        bed=bed,
        backgrounds=backgrounds,
        plots=plots,
        resume=resume,
        overwrite=overwrite,
        progress=not quiet,
        note=noting(quiet=quiet),
        command=command_line("basenji"),
    )
    if not quiet:
        shown = repr(found).strip("<>").replace("Insertions of ", "", 1)
        typer.echo(f"wrote {out}: {shown}, in {time.monotonic() - began:.1f} s", err=True)
