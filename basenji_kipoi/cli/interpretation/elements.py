"""The command ``basenji elements``: which parts of a window drive a gene."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Optional

import typer

from basenji_kipoi.cli.console import command_line, counted, noting
from basenji_kipoi.cli.options import (
    BothStrands,
    ChosenTracks,
    Fasta,
    Gene,
    Group,
    Models,
    Overwrite,
    Quiet,
    Resume,
    read_named,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from basenji_kipoi.interpretation.elements.run import Summary

# What a command needs is imported when it runs: TensorFlow alone takes seconds, and --help none.
# ruff: noqa: PLC0415

__all__ = ["elements"]


def elements(
    model: Models,
    fasta: Fasta,
    genes: Annotated[Path, typer.Option(help="GTF: the bins of its genes' starts are read.")],
    out: Annotated[Path, typer.Option(help="Table to write: x.tsv, x.tsv.gz or x.parquet.")],
    gene: Gene = None,
    tracks: ChosenTracks = None,
    group: Group = None,
    outputs: Annotated[
        str,
        typer.Option(help="sum over the gene's bins, or log-ratio:A/B of two tracks or groups."),
    ] = "sum",
    elements: Annotated[
        Optional[Path],
        typer.Option(
            help="BED, or a table with columns chrom, start, end and as far as known gene, label "
            "(1 or 0) and effect.",
            show_default="pieces of the window",
        ),
    ] = None,
    column: Annotated[
        Optional[list[str]],
        typer.Option(
            help="ROLE=NAME: what a column of the table is called; roles are chrom, start, end, "
            "name, gene, label, effect."
        ),
    ] = None,
    size: Annotated[
        Optional[int],
        typer.Option(min=1, help="Bases of a piece of the window (bp).", show_default="a bin"),
    ] = None,
    method: Annotated[
        Literal["both", "gradient", "knock-out"],
        typer.Option(
            help="gradient: times the features in front of the dilated layers. knock-out: shuffled "
            "sequence in an element's place, exactly."
        ),
    ] = "both",
    draws: Annotated[
        int, typer.Option(min=1, max=1000, help="Shuffled sequences for each element.")
    ] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the shuffles.")] = 0,
    move_to: Annotated[
        Optional[str],
        typer.Option(
            help="Move each of --elements there, too: from the gene's start to its middle, in bp, "
            "negative before the start: numbers or FIRST:LAST:STEP, separated by commas. Makes "
            "x.moved.tsv beside OUT.",
            show_default="none are moved",
        ),
    ] = None,
    orientations: Annotated[
        Literal["both", "+", "-"],
        typer.Option(help="Of moved elements: as they stand (+), reverse complement (-), or both."),
    ] = "both",
    promoter: Annotated[
        int,
        typer.Option(min=0, help="Class promoter: at most so far from a start of the gene (bp)."),
    ] = 200,
    proximal: Annotated[
        int, typer.Option(min=0, help="Class proximal: at most so far; distal: farther (bp).")
    ] = 2000,
    both_strands: BothStrands = None,
    browser: Annotated[
        Optional[Path],
        typer.Option(help="Directory to write: links.bedpe, elements.bed, bigWigs of each gene."),
    ] = None,
    plots: Annotated[
        Optional[Path],
        typer.Option(help="Directory of figures to write, one for each gene and track."),
    ] = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Find which parts of a window drive a gene.

    If the elements come with labels or effects that were measured, how well each score agrees with
    these is said too, beside distance alone, and written to OUT.measured.json.
    """
    from basenji_kipoi.base.atomic import check_output
    from basenji_kipoi.interpretation.elements.options import ElementOptions
    from basenji_kipoi.interpretation.elements.run import element_effects_file
    from basenji_kipoi.interpretation.elements.table import moved_name
    from basenji_kipoi.interpretation.insertion.arrangements import ORIENTATIONS, read_distances

    began = time.monotonic()
    check_output(out, overwrite=overwrite or resume)
    measured = out.with_name(f"{out.name}.measured.json")
    if elements is not None:
        check_output(measured, overwrite=overwrite or resume)
    summary = element_effects_file(
        model,
        fasta,
        out,
        ElementOptions(
            genes=genes,
            gene=gene,
            tracks=tracks,
            groups=tuple(group or ()),
            outputs=outputs,
            elements=elements,
            columns=read_named("--column", column or []),
            size=size,
            method=method,
            draws=draws,
            seed=seed,
            distances=() if move_to is None else read_distances(move_to, "--move-to"),
            orientations=ORIENTATIONS if orientations == "both" else (orientations,),
            promoter=promoter,
            proximal=proximal,
            both_strands=both_strands,
        ),
        browser=browser,
        plots=plots,
        resume=resume,
        overwrite=overwrite,
        progress=not quiet,
        note=noting(quiet=quiet),
        command=command_line("basenji"),
    )
    if not quiet:
        for line in _lines(summary, out, time.monotonic() - began):
            typer.echo(line, err=True)
        if move_to is not None:
            typer.echo(f"wrote {moved_name(out)}: the same elements elsewhere and turned", err=True)
    if summary.is_measured:
        _compare(out, measured, quiet=quiet)


def _compare(out: Path, measured: Path, *, quiet: bool) -> None:
    """Set the table beside what was measured."""
    from basenji_kipoi.comparison.elements.measured import (
        compare_elements,
        measured_lines,
        write_measured,
    )

    found = compare_elements(out)
    write_measured(measured, found, overwrite=True)
    if not quiet:
        for line in (f"wrote {measured}:", *measured_lines(found)):
            typer.echo(line, err=True)


def _lines(summary: Summary, out: Path, seconds: float) -> Iterator[str]:
    pairs = counted(summary.pairs, "pair")
    genes = counted(summary.genes, "gene")
    outputs = counted(summary.outputs, "output")
    yield (f"wrote {out}: {pairs} of an element and a gene, {genes}, {outputs}, in {seconds:.1f} s")
    for status, number in summary.statuses.items():
        if status != "ok":
            yield f"  {counted(number, 'pair')}: {status}"
