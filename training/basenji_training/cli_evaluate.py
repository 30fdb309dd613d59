"""The commands ``basenji-train evaluate`` and ``export``: a run measured, and made a model."""
# What a command needs is imported when it runs, so that --help answers at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from basenji_kipoi.console import command_line
from basenji_kipoi.errors import InputError

__all__ = ["evaluate", "export"]


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run directory of `basenji-train fit`.")],
    store: Annotated[Path, typer.Option(help="Store to compare with.")],
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    resolution: Annotated[
        int, typer.Option(help="Width of the bins that are compared (bp); finer ones are summed.")
    ] = 128,
    batch_size: Annotated[int, typer.Option(min=1, help="Windows predicted at once.")] = 8,
    both_strands: Annotated[
        bool,
        typer.Option(
            "--both-strands",
            help="Average predictions over both strands: better, at twice the time. The exported "
            "model then does so too.",
        ),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
) -> None:
    """Compare predictions with the coverage of held-out chromosomes, track by track."""
    from basenji_kipoi.atomic import check_output
    from basenji_training.evaluate import evaluate as measure
    from basenji_training.evaluate import summary_table, write_evaluation
    from basenji_training.fit import Run
    from basenji_training.store import Store

    check_output(out, overwrite=overwrite)
    trained = Run(run)
    evaluation = measure(
        trained.network(),
        trained.architecture,
        Store.open(store),
        split=split,
        resolution=resolution,
        batch_size=batch_size,
        both_strands=both_strands,
        command=command_line("basenji-train"),
    )
    write_evaluation(evaluation, out, overwrite=overwrite)
    typer.echo(summary_table(evaluation))


def export(
    run: Annotated[Path, typer.Argument(help="Run directory of `basenji-train fit`.")],
    evaluation: Annotated[Path, typer.Option(help="JSON file of `basenji-train evaluate`.")],
    out: Annotated[Path, typer.Option(help="Bundle to write (a directory).")],
    name: Annotated[str, typer.Option(help="Name of the model.")],
    assembly: Annotated[str, typer.Option(help="Genome assembly, such as sacCer3.")],
    description: Annotated[str, typer.Option(help="What it is trained on, for the card.")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
) -> None:
    """Write a trained model as a bundle: weights, targets, metadata, figures, model card."""
    import json

    from basenji_training.export import export as write
    from basenji_training.fit import Run

    trained = Run(run)
    try:
        measured = json.loads(evaluation.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{evaluation} is not a readable evaluation ({error}): make it with "
            "`basenji-train evaluate`"
        ) from error
    bundle = write(
        trained,
        out,
        name=name,
        assembly=assembly,
        description=description,
        evaluation=measured,
        command=command_line("basenji-train"),
        overwrite=overwrite,
    )
    size = sum(file.stat().st_size for file in bundle.path.iterdir())
    typer.echo(f"{out}: {len(bundle.targets)} tracks, {size / 1e6:.1f} MB")
