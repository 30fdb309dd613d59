"""The commands that make stores: ``basenji-train data``, ``import-tfrecords``, ``reporters``."""
# What a command needs is imported when it runs, so that --help answers at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from basenji_kipoi.cli.console import command_line
from basenji_training.cli.settings import options_of
from basenji_training.data.settings import StoreSettings

__all__ = ["data", "import_tfrecords", "reporters"]


def _names(value: str) -> list[str]:
    """Split a comma-separated list."""
    return [name for name in value.split(",") if name]


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
    processes: Annotated[int, typer.Option(help="Processes that read and write.")] = 1,
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


def reporters(
    tables: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]TABLE...", help="Tab-separated tables of measured sequences."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Store to write (a directory).")],
    sequence_column: Annotated[str, typer.Option(help="Column of sequences.")] = "sequence",
    activity: Annotated[
        list[str] | None,
        typer.Option(
            help="Column of measurements; may be repeated.", show_default="expression or activity"
        ),
    ] = None,
    unit: Annotated[str, typer.Option(help="Unit of the activities.")] = "",
    weight: Annotated[str | None, typer.Option(help="Column that rows are weighted by.")] = None,
    weight_kind: Annotated[
        Literal["counts", "errors", "weights"] | None,
        typer.Option(
            help="What it holds: counts of cells or reads (weight: their square root), standard "
            "errors (1 / square), or weights."
        ),
    ] = None,
    most_counts: Annotated[float, typer.Option(help="Counts beyond this weigh no more.")] = 900,
    set_column: Annotated[
        str | None,
        typer.Option(help="Column of parts of the library.", show_default="set, if there"),
    ] = None,
    group_column: Annotated[
        str | None,
        typer.Option(
            help="Column of groups that stay in one split; 'none': find groups that share k-mers.",
            show_default="group, if there",
        ),
    ] = None,
    context: Annotated[
        Path | None,
        typer.Option(
            help="Construct that sequences are put into: FASTA (or a string in .json) with a run "
            "of N where they stand."
        ),
    ] = None,
    flanks: Annotated[
        str | None, typer.Option(help="Instead, what stands on either side: LEFT,RIGHT.")
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(
            help="Table of pairs: sequence_a (reference) and sequence_b.",
            show_default="all one substitution apart within a set",
        ),
    ] = None,
    indels: Annotated[
        bool, typer.Option("--indels", help="Take pairs that differ in length, too.")
    ] = False,
    fasta: Annotated[
        Path | None, typer.Option(help="Genome that sequences may come from, plain or bgzip.")
    ] = None,
    test_contigs: Annotated[
        str, typer.Option(help="Its contigs whose sequences test, separated by commas.")
    ] = "",
    validation_contigs: Annotated[
        str, typer.Option(help="Its contigs whose sequences validate.")
    ] = "",
    test_share: Annotated[int, typer.Option(help="Percent of the other groups that test.")] = 8,
    validation_share: Annotated[
        int, typer.Option(help="Percent of the other groups that validate.")
    ] = 8,
    kmer: Annotated[
        int, typer.Option(help="Sequences that share so many bases stay in one split (8 to 32).")
    ] = 20,
    name: Annotated[
        str | None, typer.Option(help="Name of the store.", show_default="the output's stem")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
) -> None:
    """Make a store of reporter sequences and their measured activities.

    Several tables are joined by sequence; their activities are called NAME, or NAME/COLUMN. Rows
    without a count, error or weight count as the median row.

    Sequences that share a k-mer, outside of the vector, are in one group, and a group in one split:
    that of the held-out contigs that it shares a k-mer with, otherwise by its name.
    """
    from basenji_training.cli.tables import print_reporters
    from basenji_training.data.reporters.build import Holding, build_reporters
    from basenji_training.data.reporters.tables import Columns

    findings = build_reporters(
        tables,
        out=out,
        columns=Columns(
            sequence=sequence_column,
            activities=tuple(activity or ()),
            weight=weight,
            weight_kind=weight_kind,
            most_counts=most_counts,
            set=set_column,
            group=group_column,
            unit=unit,
        ),
        holding=Holding(
            fasta=fasta,
            test=_names(test_contigs),
            validation=_names(validation_contigs),
            test_share=test_share,
            validation_share=validation_share,
            kmer=kmer,
        ),
        context=context,
        flanks=flanks,
        pairs=pairs,
        indels=indels,
        name=name,
        overwrite=overwrite,
        command=command_line("basenji-train"),
    )
    print_reporters(findings, out)
