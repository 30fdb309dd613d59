"""The command `basenji-train`.

Each command imports what it needs when it runs, so that ``--help`` answers at once.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from basenji_kipoi.console import Commands
from basenji_training.cli_check import check
from basenji_training.cli_coverage import coverage
from basenji_training.cli_data import data
from basenji_training.cli_evaluate import evaluate, export
from basenji_training.cli_fit import fit
from basenji_training.cli_import_tfrecords import import_tfrecords
from basenji_training.cli_thresholds import thresholds
from basenji_training.cli_unmappable import unmappable

__all__ = ["app", "main"]

app = typer.Typer(
    help="Make Basenji models: data, training, evaluation, export.",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def _options() -> None:
    """Make Basenji models: data, training, evaluation, export."""


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="Directory to write.")],
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    size: Annotated[int, typer.Option(help="Length of the genome (bp).")] = 1_600_000,
    variants: Annotated[
        int,
        typer.Option(help="Number of variants; causal ones have a matched control each besides."),
    ] = 600,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
) -> None:
    """Write a genome with known motifs, its genes, tracks, and variants of known effect.

    Training on it shows whether everything works: what there is to be found is known exactly.
    """
    from basenji_training.simulate import simulate as write

    write(out, seed=seed, size=size, variants=variants, overwrite=overwrite, label="simulating")
    typer.echo(
        f"{out}: next, basenji-train data {out / 'targets.tsv'} --fasta {out / 'genome.fa'} "
        f"--validation chr7 --test chr8 --out {out.with_suffix('.zarr')}"
    )


app.command()(coverage)
app.command()(data)
app.command()(import_tfrecords)
app.command()(thresholds)
app.command()(unmappable)
app.command()(check)
app.command()(fit)
app.command()(evaluate)
app.command()(export)


def main() -> None:
    """Run the command."""
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    app()
