"""The command ``basenji``: import or use a trained model, and look into one."""

from __future__ import annotations

from typing import Annotated

import typer

from basenji_kipoi.base import __version__
from basenji_kipoi.cli.console import Commands, evaluated
from basenji_kipoi.cli.evidence.annotations import annotations
from basenji_kipoi.cli.evidence.compare import compare
from basenji_kipoi.cli.evidence.locus import locus
from basenji_kipoi.cli.evidence.rank import rank
from basenji_kipoi.cli.inspect import inspect
from basenji_kipoi.cli.interpretation.attribute import attribute
from basenji_kipoi.cli.interpretation.elements import elements
from basenji_kipoi.cli.interpretation.insert import insert
from basenji_kipoi.cli.interpretation.motifs import motifs
from basenji_kipoi.cli.models.import_published import import_published
from basenji_kipoi.cli.models.kipoi_dir import kipoi_dir
from basenji_kipoi.cli.mutate import mutate
from basenji_kipoi.cli.plots.app import plots
from basenji_kipoi.cli.predict import predict
from basenji_kipoi.cli.score import merge_scores, plan_scores, score
from basenji_kipoi.cli.sequences.activity import activity
from basenji_kipoi.cli.sequences.haplotypes import haplotypes
from basenji_kipoi.cli.sequences.index_vcf import index_vcf

__all__ = ["app"]


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    epilog="--debug, anywhere in a command, shows the traceback of an error.",
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
@evaluated
def main(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Predict genomic tracks from DNA sequence with a trained Basenji."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


app.command()(evaluated(predict))
app.command()(evaluated(inspect))
app.command()(evaluated(score))
app.command()(evaluated(plan_scores))
app.command()(evaluated(merge_scores))
app.command()(evaluated(haplotypes))
app.command()(evaluated(mutate))
app.command()(evaluated(attribute))
app.command()(evaluated(elements))
app.command()(evaluated(insert))
app.command()(evaluated(motifs))
app.command()(evaluated(activity))
app.command()(evaluated(compare))
app.command()(evaluated(locus))
app.command()(evaluated(annotations))
app.command()(evaluated(rank))
app.command("import")(import_published)
app.command()(evaluated(index_vcf))
app.command()(evaluated(kipoi_dir))
app.add_typer(plots, name="plot")
