"""The commands ``basenji plot …``."""

from __future__ import annotations

import typer

from basenji_kipoi.cli.console import evaluated
from basenji_kipoi.cli.plots.scores import scores
from basenji_kipoi.cli.plots.tracks import tracks
from basenji_kipoi.cli.plots.variant import variant

__all__ = ["plots"]

plots = typer.Typer(
    no_args_is_help=True, help="Draw figures: tracks of an interval, a variant, scores of a locus."
)
plots.command()(evaluated(tracks))
plots.command()(evaluated(variant))
plots.command()(evaluated(scores))
