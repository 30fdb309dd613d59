"""The command ``basenji predict``: tracks of intervals."""

from __future__ import annotations

import time
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from basenji_kipoi import __version__
from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.cli.console import command_line
from basenji_kipoi.cli.options import BothStrands, Fasta, Model, Overwrite, Quiet, Tracks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.models.bundle import Bundle
    from basenji_kipoi.prediction.writers import PredictionTable, PredictionWriter

# What a command needs is imported when it runs: TensorFlow alone takes seconds, and --help none.
# ruff: noqa: PLC0415

__all__ = ["predict"]

#: Bases of a batch by default: one window of the networks of 2018 and 2020 (about 1 GB of memory).
_BATCH_BASES = 131_072


class Format(str, Enum):
    """Formats of predictions."""

    hdf5 = "hdf5"
    zarr = "zarr"
    bigwig = "bigwig"


class Dtype(str, Enum):
    """Arithmetic of the network."""

    float32 = "float32"
    bfloat16 = "bfloat16"


def predict(
    model: Model,
    fasta: Fasta,
    bed: Annotated[Path, typer.Option(help="Intervals of any length: BED, plain or gzip.")],
    out: Annotated[
        Path,
        typer.Option(
            help="x.h5, x.zarr, or a name without a suffix: a directory of one bigWig a track."
        ),
    ],
    output_format: Annotated[
        Optional[Format], typer.Option("--format", help="Format, if the name does not tell.")
    ] = None,
    tracks: Tracks = None,
    batch_size: Annotated[
        Optional[int],
        typer.Option(
            min=1,
            help="Windows that are predicted at a time; more need more memory.",
            show_default="as many as make 131,072 bp, at least one",
        ),
    ] = None,
    dtype: Annotated[Dtype, typer.Option(help="Arithmetic of the network.")] = Dtype.float32,
    both_strands: BothStrands = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Predict every bin of each interval.

    Intervals are covered from their start by whole bins. Long ones take several windows, side by
    side; short ones stand in the middle of theirs.
    """
    from basenji_kipoi.base.atomic import atomic_path, check_output
    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.intervals import read_bed
    from basenji_kipoi.models.bundle import Bundle
    from basenji_kipoi.prediction.writers import FORMATS, PredictionTable, format_of

    # Whatever may be wrong is found before the network is loaded.
    writer_of = FORMATS[output_format.value if output_format else format_of(out)]
    check_output(out, overwrite=overwrite)
    bundle = Bundle.load(model)
    averages = bundle.metadata.both_strands if both_strands is None else both_strands
    columns = bundle.targets.columns_of(tracks)
    began = time.monotonic()
    with Genome(fasta) as genome:
        intervals = writer_of.prepare(read_bed(bed, genome.lengths))
        table = PredictionTable(
            intervals=intervals,
            tracks=[bundle.targets[column] for column in columns],
            bin=bundle.architecture.bin,
            lengths=genome.lengths,
            attributes={
                "model": bundle.metadata.name,
                "model_sha256": ", ".join(bundle.weights_sha256),
                "assembly": bundle.metadata.assembly,
                "window": bundle.architecture.window,
                "dtype": dtype.value,
                "both_strands": averages,
                "fasta": str(fasta),
                "bed": str(bed),
                "command": command_line("basenji"),
                "version": __version__,
            },
        )
        with atomic_path(out, overwrite=overwrite) as path, writer_of(path, table) as writer:
            if intervals:
                _predict(
                    bundle,
                    genome,
                    table,
                    writer,
                    dtype=dtype.value,
                    both_strands=averages,
                    batch_size=batch_size or max(1, _BATCH_BASES // bundle.architecture.window),
                    columns=columns if tracks else None,
                    quiet=quiet,
                )
    if not quiet:
        many = "" if len(intervals) == 1 else "s"
        typer.echo(
            f"wrote {out}: {table.rows:,} bins of {table.bin} bp, {len(table.tracks):,} tracks, "
            f"{len(intervals):,} interval{many}, in {time.monotonic() - began:.1f} s",
            err=True,
        )


def _predict(
    bundle: Bundle,
    genome: Genome,
    table: PredictionTable,
    writer: PredictionWriter,
    *,
    dtype: str,
    both_strands: bool,
    batch_size: int,
    columns: Sequence[int] | None,
    quiet: bool,
) -> None:
    """Predict a table's intervals into its writer, showing the progress."""
    from basenji_kipoi.prediction.tiles import predict_intervals, windows_of

    network = bundle.network(dtype=dtype, both_strands=both_strands)
    total = sum(windows_of(len(interval), bundle.architecture) for interval in table.intervals)
    stream = predict_intervals(
        network,
        bundle.architecture,
        genome,
        table.intervals,
        batch_size=batch_size,
        tracks=columns,
    )
    with progress_bar("" if quiet else "predicting", total=total, unit="windows") as advance:
        for predicted in stream:
            writer.append(predicted.values)
            advance(1)
