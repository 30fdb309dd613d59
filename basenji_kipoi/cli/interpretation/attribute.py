"""The command ``basenji attribute``: what each base contributes to predictions."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Optional

import typer

from basenji_kipoi.cli.console import command_line, counted, noting
from basenji_kipoi.cli.options import (
    BothStrands,
    ChosenTracks,
    Devices,
    Fasta,
    Gene,
    Group,
    Models,
    Overwrite,
    Plots,
    Quiet,
    Resume,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from basenji_kipoi.interpretation.attribution.files import Summary

# What a command needs is imported when it runs: TensorFlow alone takes seconds, and --help none.
# ruff: noqa: PLC0415

__all__ = ["attribute"]


def attribute(
    model: Models,
    fasta: Fasta,
    out: Annotated[
        Path,
        typer.Option(
            help="x.h5, x.zarr, x.npz (makes x.ohe.npz and x.shap.npz for modisco-lite and "
            "finemo), or a name without a suffix: a directory of one bigWig an output."
        ),
    ],
    bed: Annotated[
        Optional[Path],
        typer.Option(help="Intervals whose bases contribute: BED, plain or gzip."),
    ] = None,
    genes: Annotated[
        Optional[Path],
        typer.Option(
            help="GTF: explain the bins of genes' starts, on their strand; without --bed in a "
            "window around each gene."
        ),
    ] = None,
    gene: Gene = None,
    bins: Annotated[
        Literal["interval", "window"],
        typer.Option(help="Explain the bins that an interval overlaps, or all of its window."),
    ] = "interval",
    length: Annotated[
        Optional[int],
        typer.Option(
            min=1,
            help="Bases around the middle of each interval that contribute (bp).",
            show_default="the interval; around genes, the window",
        ),
    ] = None,
    tracks: ChosenTracks = None,
    group: Group = None,
    outputs: Annotated[
        str,
        typer.Option(
            help="sum over the bins, or log-ratio:A/B of two tracks or groups (log2).",
        ),
    ] = "sum",
    method: Annotated[
        Literal["gradient", "expected-gradients", "mutation"],
        typer.Option(
            help="gradient: times input. expected-gradients: against shuffled backgrounds. "
            "mutation: every substitution, exactly."
        ),
    ] = "gradient",
    backgrounds: Annotated[
        int, typer.Option(min=1, max=10_000, help="Expected gradients: shuffled sequences.")
    ] = 10,
    points: Annotated[
        int,
        typer.Option(min=1, max=10_000, help="Expected gradients: points on the way from each."),
    ] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Expected gradients: seed of the shuffles.")] = 0,
    both_strands: BothStrands = None,
    plots: Plots = None,
    devices: Devices = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Find what each base contributes to predictions.

    How far contributions add up to what they explain is measured and said, for each interval in
    the output.
    """
    from basenji_kipoi.interpretation.attribution.options import AttributionOptions
    from basenji_kipoi.interpretation.attribution.run import attribute_file

    began = time.monotonic()
    summary = attribute_file(
        model,
        fasta,
        bed,
        out,
        AttributionOptions(
            method=method,
            tracks=tracks,
            groups=tuple(group or ()),
            outputs=outputs,
            bins=bins,
            length=length,
            genes=genes,
            gene=gene,
            both_strands=both_strands,
            backgrounds=backgrounds,
            points=points,
            seed=seed,
        ),
        plots=plots,
        devices=devices,
        resume=resume,
        overwrite=overwrite,
        progress=not quiet,
        note=noting(quiet=quiet),
        command=command_line("basenji"),
    )
    if not quiet:
        for line in _lines(summary, time.monotonic() - began):
            typer.echo(line, err=True)


def _lines(summary: Summary, seconds: float) -> Iterator[str]:
    intervals = counted(summary.intervals, "interval")
    positions, outputs = counted(summary.positions, "position"), counted(summary.outputs, "output")
    yield (
        f"wrote {', '.join(map(str, summary.files))}: {intervals}, {positions}, {outputs}, in "
        f"{seconds:.1f} s"
    )
    if not math.isnan(summary.completeness):
        yield (
            "  completeness: sums of contributions differ from the change that they explain by up "
            f"to {summary.completeness:.2%} of the largest change"
        )
    if summary.unknown:
        yield f"  {summary.unknown:,} unknown bases (N) contribute nothing"
