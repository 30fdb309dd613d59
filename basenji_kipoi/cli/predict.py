"""The command ``basenji predict``: tracks of intervals."""

from __future__ import annotations

import time
from enum import Enum
from pathlib import Path
from typing import Annotated, Optional

import typer

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.cli.console import command_line, counted, noting
from basenji_kipoi.cli.options import (
    BothStrands,
    Counts,
    Devices,
    Fasta,
    JoinShards,
    Model,
    Overwrite,
    Quiet,
    Resume,
    Shard,
    Tracks,
    read_shard,
)

# What a command needs is imported when it runs: TensorFlow alone takes seconds, and --help none.
# ruff: noqa: PLC0415

__all__ = ["predict"]


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
    counts: Counts = False,
    devices: Devices = None,
    shard: Shard = None,
    join_shards: JoinShards = False,
    resume: Resume = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Predict every bin of each interval.

    Intervals are covered from their start by whole bins. Long ones take several windows, side by
    side; short ones stand in the middle of theirs. What is finished of an interrupted run waits in
    the folder OUT.unfinished.
    """
    if out.suffix in (".bw", ".bigwig", ".bigWig") and not output_format:
        raise InputError(
            f"--out {out} names one bigWig, but there is one for each track: name a directory for "
            "them, without a suffix"
        )
    from basenji_kipoi.prediction.run import predict_file

    part = None if shard is None else read_shard(shard)
    began = time.monotonic()
    table = predict_file(
        model,
        fasta,
        bed,
        out,
        output_format=output_format.value if output_format else None,
        tracks=tracks,
        both_strands=both_strands,
        dtype=dtype.value,
        counts=counts,
        batch_size=batch_size,
        devices=devices,
        shard=part,
        join_shards=join_shards,
        resume=resume,
        overwrite=overwrite,
        progress=not quiet,
        note=noting(quiet=quiet),
        command=command_line("basenji"),
    )
    if not quiet:
        made = out if shard is None else f"the shard {shard} of {out}, which will hold"
        typer.echo(
            f"wrote {made}: {counted(table.rows, 'bin')} of {table.bin} bp, "
            f"{counted(len(table.tracks), 'track')}, {counted(len(table.intervals), 'interval')}, "
            f"in {time.monotonic() - began:.1f} s",
            err=True,
        )
