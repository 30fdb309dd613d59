"""The command ``basenji activity``: what a reporter would measure of sequences."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Optional

import typer

from basenji_kipoi.cli.console import command_line, counted
from basenji_kipoi.cli.options import Model, Overwrite, Quiet, Resume, read_names

# What a command needs is imported when it runs: TensorFlow alone takes seconds, and --help none.
# ruff: noqa: PLC0415

__all__ = ["activity"]


def activity(
    model: Model,
    sequences: Annotated[
        Path,
        typer.Option(
            help="Tab-separated text with a column sequence, or FASTA; plain or gzip. N is an "
            "unknown base."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="Table to write: the input's columns, one for each activity, and a status; rows "
            "in order. Tab-separated, gzip if the name ends in .gz."
        ),
    ],
    reporter: Annotated[
        Optional[str],
        typer.Option(help="Reporter of the model.", show_default="the only one"),
    ] = None,
    activities: Annotated[
        Optional[str],
        typer.Option(help="Activities to write, separated by commas.", show_default="all"),
    ] = None,
    batch_size: Annotated[
        int, typer.Option(min=1, max=1 << 20, help="Sequences that are predicted at a time.")
    ] = 512,
    resume: Resume = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Predict what a reporter assay would measure of each sequence.

    The model must have a reporter (`basenji inspect` lists them). A sequence is what the assay's
    library carries; the construct around it is the model's. Sequences that cannot be predicted
    (other letters, longer than the reporter's window) keep their row, with the reason as status.
    What is finished of an interrupted run waits in the folder OUT.unfinished.
    """
    from basenji_kipoi.activities.run import activity_file

    began = time.monotonic()
    counts = activity_file(
        model,
        sequences,
        out,
        reporter=reporter,
        activities=read_names(activities) if activities else (),
        batch_size=batch_size,
        resume=resume,
        overwrite=overwrite,
        progress=not quiet,
        command=command_line("basenji"),
    )
    if not quiet:
        bad = sum(counts.values()) - counts["ok"]
        without = f"; {bad:,} without, whose status tells why" if bad else ""
        typer.echo(
            f"wrote {out}: activities of {counted(counts['ok'], 'sequence')}{without}, in "
            f"{time.monotonic() - began:.1f} s",
            err=True,
        )
