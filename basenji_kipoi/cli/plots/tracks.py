"""The command ``basenji plot tracks``: predicted tracks of an interval."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.remote.local import local_path
from basenji_kipoi.cli.options import BothStrands, Fasta, Figure, Models, Overwrite, Quiet, Tracks

# What a command needs is imported when it runs: TensorFlow alone takes seconds, and --help none.
# ruff: noqa: PLC0415

__all__ = ["tracks"]


def tracks(
    model: Models,
    fasta: Fasta,
    region: Annotated[
        str,
        typer.Option(
            help="Interval, counted from 1 with the last base included, such as chrI:30,001-50,000."
        ),
    ],
    out: Figure,
    tracks: Tracks = None,
    genes: Annotated[
        Optional[Path], typer.Option(help="GTF: draw the genes of the interval, too.")
    ] = None,
    observed: Annotated[
        Optional[list[str]],
        typer.Option(
            help="TRACK=x.bw (or its address): draw what was measured behind a track; may be "
            "repeated."
        ),
    ] = None,
    both_strands: BothStrands = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Draw predicted tracks of an interval, with genes and what was measured.

    Values are counts of the coverage, whatever the model's units are.
    """
    from basenji_kipoi.figures.saving import check_figure, save_figure
    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.genes import read_genes
    from basenji_kipoi.genome.intervals import Interval, read_intervals
    from basenji_kipoi.models.model import load
    from basenji_kipoi.prediction.plots import check_tracks, plot_tracks
    from basenji_kipoi.prediction.run import predict

    measured = dict(_observed(text) for text in observed or ())
    loaded = load(model)
    check_figure(
        out,
        overwrite=overwrite,
        inputs=(*(each.path for each in loaded.bundles), fasta, genes, *measured.values()),
    )
    columns = loaded.targets.columns_of(tracks)
    check_tracks([loaded.targets[column] for column in columns])
    with Genome(fasta) as genome:
        place = read_intervals(Interval.parse(region), genome.lengths)
        marks = read_genes(genes, genome) if genes else ()
        predictions = predict(
            loaded,
            genome,
            place,
            tracks=columns,
            both_strands=both_strands,
            progress=not quiet,
        )
    save_figure(plot_tracks(predictions, genes=marks, observed=measured), out, overwrite=overwrite)
    if not quiet:
        typer.echo(f"wrote {out}", err=True)


def _observed(text: str) -> tuple[str, Path]:
    """Read ``TRACK=x.bw``."""
    track, equals, path = text.partition("=")
    if not (track and equals and path):
        raise InputError(f"--observed {text}: expected TRACK=x.bw, for instance atac=atac.bw")
    return track, local_path(path)
