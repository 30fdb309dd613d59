"""The command ``basenji-train import-tfrecords``: published training data become a store."""
# What a command needs is imported when it runs, so that --help answers at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["import_tfrecords"]


def import_tfrecords(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Folder with sequences.bed, statistics.json, targets.txt and tfrecords/."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Store to write (a Zarr directory).")],
    bin_width: Annotated[
        int | None,
        typer.Option("--bin", help="Width of a bin (bp).", show_default="that of the records"),
    ] = None,
    fasta: Annotated[
        Path | None, typer.Option(help="Genome to compare all sequences with.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the data set.", show_default="the output's stem")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on behind the last whole file of records where an interrupted call with the "
            "same options stopped; keep what is done if this one is interrupted.",
        ),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
) -> None:
    """Make a store of training data in the format of Basenji and Borzoi.

    Each record becomes a contig of the store, with coverage in its central part. Assay and sample
    are read from descriptions such as CAGE:liver. The published splits are kept; numbered folds
    can be chosen when training.
    """
    from basenji_training.cli.tables import print_splits, print_statistics
    from basenji_training.data.tfrecords import import_tfrecords as make
    from basenji_training.store.store import Store

    statistics = make(
        folder,
        out=out,
        bin_width=bin_width,
        fasta=fasta,
        name=name,
        resume=resume,
        overwrite=overwrite,
        label="importing",
    )
    print_statistics(statistics, out)
    print_splits(Store.open(out))
