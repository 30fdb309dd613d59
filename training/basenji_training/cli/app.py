"""The command `basenji-train`.

Each command imports what it needs when it runs, so that ``--help`` answers at once.
"""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from basenji_kipoi.cli.console import Commands, with_copies
from basenji_training import __version__
from basenji_training.cli.check import check
from basenji_training.cli.coverage import coverage
from basenji_training.cli.data import data, import_tfrecords, reporters
from basenji_training.cli.evaluate import evaluate, export
from basenji_training.cli.fit import fit
from basenji_training.cli.preparation import thresholds, unmappable
from basenji_training.cli.reporters.trained import add_reporter, evaluate_reporter
from basenji_training.cli.simulation.population import population
from basenji_training.cli.simulation.simulate import simulate

__all__ = ["app", "main"]

app = typer.Typer(
    help="Make Basenji models: data, training, evaluation, export.",
    cls=Commands,
    epilog="--debug, anywhere in a command, shows the traceback of an error.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Make Basenji models: data, training, evaluation, export."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


app.command()(with_copies(simulate))
app.command()(with_copies(population))
app.command()(with_copies(coverage))
app.command()(with_copies(data))
app.command()(with_copies(import_tfrecords))
app.command()(with_copies(reporters))
app.command()(with_copies(thresholds))
app.command()(with_copies(unmappable))
app.command()(with_copies(check))
app.command()(with_copies(fit))
app.command()(with_copies(evaluate))
app.command()(with_copies(export))
app.command()(with_copies(evaluate_reporter))
app.command()(with_copies(add_reporter))


def main() -> None:
    """Run the command."""
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    app()
