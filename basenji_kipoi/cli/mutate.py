"""The command ``basenji mutate``: saturation mutagenesis of intervals."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Optional

import typer

from basenji_kipoi.base.resources import MEMORY
from basenji_kipoi.cli.console import command_line, counted, noting
from basenji_kipoi.cli.options import (
    Activities,
    BothStrands,
    Counts,
    Devices,
    Ends,
    Fasta,
    Indels,
    Insert,
    JoinShards,
    Memory,
    Models,
    Overwrite,
    Places,
    Plots,
    Quiet,
    Resume,
    Shard,
    Tracks,
    read_names,
    read_oligos,
    read_shard,
)

if TYPE_CHECKING:
    import numpy as np

    from basenji_kipoi.mutagenesis.files import MutationTable

# What a command needs is imported when it runs: TensorFlow alone takes seconds, and --help none.
# ruff: noqa: PLC0415

__all__ = ["mutate"]


def mutate(
    model: Models,
    fasta: Fasta,
    bed: Annotated[Path, typer.Option(help="Intervals of any length: BED, plain or gzip.")],
    out: Annotated[Path, typer.Option(help="Scores to write: x.h5 or x.zarr.")],
    mutations: Annotated[
        str,
        typer.Option(
            help="snv: every base becomes each of the three others. deletion:K: K bases are "
            "deleted from each base on."
        ),
    ] = "snv",
    tracks: Tracks = None,
    scores: Annotated[
        str,
        typer.Option(
            help="Scores, separated by commas, as those of 'basenji score' but REF and ALT. SAD "
            "of substitutions is the quickest by far."
        ),
    ] = "SAD",
    both_strands: BothStrands = None,
    plots: Plots = None,
    plot_tracks: Annotated[
        Optional[str],
        typer.Option(help="Tracks to draw.", show_default="all that are scored"),
    ] = None,
    indels: Indels = "stitch",
    counts: Counts = False,
    reporter: Annotated[
        Optional[str],
        typer.Option(
            help="Score activities of this reporter of the model in the place of tracks: SAD.",
            show_default="tracks",
        ),
    ] = None,
    activities: Activities = None,
    insert: Insert = None,
    places: Places = None,
    ends: Ends = None,
    strand: Annotated[
        Literal["both", "+", "-"],
        typer.Option(help="Direction of the oligos; both averages the two."),
    ] = "both",
    memory: Memory = MEMORY,
    devices: Devices = None,
    shard: Shard = None,
    join_shards: JoinShards = False,
    resume: Resume = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Mutate every base of each interval and score what that changes.

    What is finished of an interrupted run waits in the folder OUT.unfinished: --resume goes on.
    """
    from basenji_kipoi.mutagenesis.run import mutate_file
    from basenji_kipoi.mutagenesis.scores import Mutations

    part = None if shard is None else read_shard(shard)
    began = time.monotonic()
    table, statuses = mutate_file(
        model,
        fasta,
        bed,
        out,
        deleted=Mutations.parse(mutations).deleted,
        scores=read_names(scores),
        tracks=tracks,
        both_strands=both_strands,
        indels=indels,
        counts=counts,
        reporter=reporter,
        oligos=read_oligos(insert, places, ends, strand, activities),
        plots=plots,
        plot_tracks=plot_tracks,
        memory=memory,
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
        made = str(out) if shard is None else f"the shard {shard} of {out}, which will hold"
        _summarise(made, table, statuses, time.monotonic() - began)


def _summarise(
    made: str, table: MutationTable, statuses: np.ndarray | None, seconds: float
) -> None:
    from basenji_kipoi.mutagenesis.scores import STATUSES

    words = ("activity", "activities") if "reporter" in table.attributes else ("track",)
    typer.echo(
        f"wrote {made}: {counted(table.positions, 'position')}, "
        f"{counted(len(table.tracks), *words)}, {counted(len(table.intervals), 'interval')}, "
        f"in {seconds:.1f} s",
        err=True,
    )
    for status, count in zip(STATUSES[1:], () if statuses is None else statuses[1:]):
        if count:
            typer.echo(f"  {counted(count, 'position')} {status}", err=True)
