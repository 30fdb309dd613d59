"""The commands that make stores: ``basenji-train data``, ``import-tfrecords``, ``reporters``."""
# What a command needs is imported when it runs, so that --help answers at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from basenji_kipoi.base.sharing.processes import MOST_PROCESSES
from basenji_kipoi.cli.console import command_line
from basenji_training.cli.settings import options_of
from basenji_training.data.reporters.settings import ReporterSettings
from basenji_training.data.settings import StoreSettings

__all__ = ["data", "import_tfrecords", "reporters"]


@options_of(StoreSettings, "{}")
def data(
    *,
    targets: Annotated[
        Path, typer.Argument(help="Targets table (tab-separated): the tracks and their bigWigs.")
    ],
    fasta: Annotated[Path, typer.Option(help="Genome, plain or bgzip.")],
    out: Annotated[Path, typer.Option(help="Store to write (a Zarr directory).")],
    given: dict[str, Any],
    data_dir: Annotated[
        Path | None,
        typer.Option(
            help="Folder that the table's file names start from.", show_default="the table's"
        ),
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, max=MOST_PROCESSES, help="Processes that read and write.")
    ] = 1,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on where an interrupted call with the same options stopped; keep what is "
            "done if this one is interrupted.",
        ),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
) -> None:
    """Bin bigWig tracks over a genome into a store for training.

    A bin is scale * min(soft(sum), clip), soft(x) = clip_soft + sqrt(x - clip_soft) above
    clip_soft; the thresholds are in units of the sum. Blacklisted and unmappable bins, assembly
    gaps and contigs that a bigWig does not list are missing, not zero.

    Hold out whole chromosomes with --test and --validation, or draw contigs with --folds.
    """
    from basenji_kipoi.base.text_files import check_is_there

    check_is_there(targets, "targets table")
    check_is_there(fasta, "FASTA")
    # Only now what takes long to import: an error above comes at once.
    from basenji_training.cli.tables import print_splits, print_statistics
    from basenji_training.data.build import build_store
    from basenji_training.store.store import Store

    statistics = build_store(
        targets,
        StoreSettings(**given),
        fasta=fasta,
        out=out,
        data_dir=data_dir,
        processes=processes,
        resume=resume,
        overwrite=overwrite,
        command=command_line("basenji-train"),
        label="binning",
    )
    print_statistics(statistics, out)
    print_splits(Store.open(out))


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
    from basenji_training.data.described_targets import check_published

    check_published(folder)
    # Only now what takes long to import: an error above comes at once.
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
        command=command_line("basenji-train"),
        label="importing",
    )
    print_statistics(statistics, out)
    print_splits(Store.open(out))


@options_of(ReporterSettings, "{}")
def reporters(
    *,
    tables: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]TABLE...", help="Tab-separated tables of measured sequences."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Store to write (a directory).")],
    given: dict[str, Any],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
) -> None:
    """Make a store of reporter sequences and their measured activities.

    Several tables are joined by sequence; their activities are called NAME, or NAME/COLUMN. Rows
    without a count, error or weight count as the median row.

    Sequences that share a k-mer, outside of the vector, are in one group, and a group in one split:
    that of the held-out contigs that it shares a k-mer with, otherwise by its name.
    """
    from basenji_training.cli.tables import print_reporters
    from basenji_training.data.reporters.build import build_reporters

    findings = build_reporters(
        tables,
        ReporterSettings(**given),
        out=out,
        overwrite=overwrite,
        command=command_line("basenji-train"),
    )
    print_reporters(findings, out)
