"""The command ``basenji compare``: predicted effects beside measured ones."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Optional

import typer

from basenji_kipoi.cli.console import command_line
from basenji_kipoi.cli.options import Overwrite, Quiet, read_named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from basenji_kipoi.comparison.run import Comparison

# What a command needs is imported when it runs: statistics and plots take seconds, and --help none.
# ruff: noqa: PLC0415

__all__ = ["compare"]


def compare(
    predicted: Annotated[
        Path, typer.Option(help="Table of predictions: of basenji score, Parquet or TSV, or any.")
    ],
    measured: Annotated[
        Path,
        typer.Option(help="Table of measured effects of variants or genes: TSV (.gz) or Parquet."),
    ],
    out: Annotated[
        Path,
        typer.Option(help="Directory to write: comparison.html, comparison.json and rows.tsv."),
    ],
    score: Annotated[
        Optional[list[str]],
        typer.Option(
            help="COLUMN, NAME=COLUMN, or NAME=PLUS,MINUS of genes on either strand; may be "
            "repeated.",
            show_default="all columns SCORE/TRACK",
        ),
    ] = None,
    effect: Annotated[str, typer.Option(help="Column of the measured effects.")] = "effect",
    error: Annotated[Optional[str], typer.Option(help="Column of their standard errors.")] = None,
    replicate: Annotated[
        Optional[list[str]],
        typer.Option(help="Column of the effects in one replicate; two or more."),
    ] = None,
    column: Annotated[
        Optional[list[str]],
        typer.Option(
            help="ROLE=NAME: what columns are called; roles are chrom, pos, ref, alt, gene, "
            "strand, distance, frequency, status."
        ),
    ] = None,
    match: Annotated[
        Optional[Literal["variant", "gene", "variant-gene"]],
        typer.Option(
            help="By what rows are the same; a gene's predictions are summed up.",
            show_default="what both tables have",
        ),
    ] = None,
    where: Annotated[
        Optional[list[str]],
        typer.Option(help="Condition on measured rows, such as library=UpStream; may be repeated."),
    ] = None,
    predicted_where: Annotated[
        Optional[list[str]],
        typer.Option(help="Condition on predicted rows, such as distance<=500; may be repeated."),
    ] = None,
    part: Annotated[
        Optional[list[str]],
        typer.Option(
            help="Condition on measured rows that are shown by themselves, too, such as "
            "'SE<0.1 and strand=+'; may be repeated."
        ),
    ] = None,
    with_effect: Annotated[
        Optional[str],
        typer.Option(help="Condition on rows with an effect: tell them from matched negatives."),
    ] = None,
    without_effect: Annotated[
        Optional[str],
        typer.Option(help="Condition on rows without one.", show_default="all others"),
    ] = None,
    negatives: Annotated[
        Literal["measured", "predicted"],
        typer.Option(
            help="Negatives are measured variants, or predicted ones without measurement."
        ),
    ] = "measured",
    distance_within: Annotated[
        int, typer.Option(min=0, help="Most by which a negative's distance may differ (bp).")
    ] = 100,
    frequency_within: Annotated[
        Optional[float],
        typer.Option(
            min=0,
            max=0.5,
            help="Most by which the frequency of its rarer allele may differ (0 to 0.5).",
            show_default="frequencies do not count",
        ),
    ] = None,
    negatives_each: Annotated[
        int, typer.Option(min=1, help="Negatives for each variant with an effect.")
    ] = 1,
    genes: Annotated[
        Optional[Path],
        typer.Option(
            help="GTF: distances are those to the nearest start of a gene.",
            show_default="the column distance",
        ),
    ] = None,
    blocks: Annotated[
        Optional[str],
        typer.Option(
            help="Column whose values the bootstrap draws.", show_default="the gene, else each row"
        ),
    ] = None,
    draws: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Draws of the bootstrap.")
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of draws and of matching.")] = 0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Set predicted effects beside measured ones.

    Correlations and signs with intervals and ceilings, variants with an effect against matched
    negatives, and calibration with chromosomes left out, as one page and as JSON.
    """
    from basenji_kipoi.base.atomic import check_place
    from basenji_kipoi.comparison.tables import check_table

    check_table(predicted, "predictions")
    check_table(measured, "measured effects")
    check_place(out, overwrite=overwrite)
    # Only now what takes long to import: an error above comes at once.
    from basenji_kipoi.comparison import CompareOptions, compare_file

    began = time.monotonic()
    found = compare_file(
        predicted,
        measured,
        out,
        CompareOptions(
            scores=tuple(score or ()),
            effect=effect,
            error=error,
            replicates=tuple(replicate or ()),
            columns=read_named("--column", column or []),
            match=match,
            where=tuple(where or ()),
            predicted_where=tuple(predicted_where or ()),
            parts=tuple(part or ()),
            with_effect=with_effect,
            without_effect=without_effect,
            negatives=negatives,
            distance_within=distance_within,
            frequency_within=frequency_within,
            negatives_each=negatives_each,
            genes=genes,
            blocks=blocks,
            draws=draws,
            seed=seed,
        ),
        overwrite=overwrite,
        command=command_line("basenji"),
        progress=not quiet,
    )
    if not quiet:
        for line in _lines(found, out, time.monotonic() - began):
            typer.echo(line, err=True)


def _lines(found: Comparison, out: Path, seconds: float) -> Iterator[str]:
    rows = found.figures["rows"]
    yield (
        f"wrote {out}: {rows['used']:,} of {rows['measured']:,} measured effects compared, by "
        f"{found.figures['match']}, in {seconds:.1f} s"
    )
    for reason, number in rows["left_out"].items():
        yield f"  {number:,} left out: {reason}"
    for part in found.figures["parts"]:
        best = max(part["scores"], key=lambda each: abs(each["spearman"].value))
        yield f"  {part['name']}: {part['rows']:,} rows, {best['name']}: rho {best['spearman']}"
