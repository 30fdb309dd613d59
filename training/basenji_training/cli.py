"""The command `basenji-train`.

Each command imports what it needs when it runs, so that ``--help`` answers at once.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from basenji_kipoi.console import Commands, command_line
from basenji_kipoi.errors import InputError

if TYPE_CHECKING:
    from basenji_kipoi.architecture import Architecture

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


def _names(value: str) -> list[str]:
    """Split a comma-separated list."""
    return [name for name in value.split(",") if name]


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


@app.command()
def data(
    targets: Annotated[
        Path, typer.Argument(help="Targets table (tab-separated): the tracks and their bigWigs.")
    ],
    fasta: Annotated[Path, typer.Option(help="Genome, plain or bgzip.")],
    out: Annotated[Path, typer.Option(help="Store to write (a Zarr directory).")],
    test: Annotated[str, typer.Option(help="Test chromosomes, separated by commas.")],
    validation: Annotated[str, typer.Option(help="Validation chromosomes.")],
    bin_width: Annotated[int, typer.Option("--bin", help="Width of a bin (bp).")] = 32,
    exclude: Annotated[
        str, typer.Option(help="Chromosomes or patterns to leave out, such as 'chrM,*_random'.")
    ] = "",
    blacklist: Annotated[
        Path | None, typer.Option(help="BED file of intervals whose coverage is left out.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Folder that the table's file names start from [default: the table's]."),
    ] = None,
    processes: Annotated[int, typer.Option(help="Processes that read and write.")] = 1,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
) -> None:
    """Bin bigWig tracks over a genome into a store for training.

    A bin is scale * min(soft(sum), clip), soft(x) = clip_soft + sqrt(x - clip_soft) above
    clip_soft; the thresholds are in units of the sum. Blacklisted bins, assembly gaps and contigs
    that a bigWig does not list are missing, not zero.
    """
    from rich.console import Console
    from rich.table import Table

    from basenji_training.data import build_store

    statistics = build_store(
        targets,
        fasta=fasta,
        out=out,
        bin_width=bin_width,
        test=_names(test),
        validation=_names(validation),
        exclude=_names(exclude),
        blacklist=blacklist,
        data_dir=data_dir,
        processes=processes,
        overwrite=overwrite,
        label="binning",
    )
    table = Table("track", "mean", "maximum", "clipped", "missing", title=str(out))
    for row in statistics:
        table.add_row(
            row.identifier,
            "-" if row.mean is None else f"{row.mean:.3g}",
            "-" if row.maximum is None else f"{row.maximum:.3g}",
            f"{row.clipped / max(row.bins, 1):.2%}",
            f"{row.missing / max(row.bins + row.missing, 1):.1%}",
        )
    Console().print(table)


def _network(network: str, tracks: int) -> Architecture:
    """Read an architecture from a file or the presets, with a head for so many tracks."""
    from basenji_kipoi.architecture import Architecture
    from basenji_kipoi.presets import read_preset

    path = Path(network)
    architecture = Architecture.read(path) if path.suffix == ".json" else read_preset(network)
    return architecture.with_tracks(tracks)


@app.command()
def fit(
    store: Annotated[Path, typer.Argument(help="Store that `basenji-train data` wrote.")],
    out: Annotated[Path, typer.Option(help="Run directory to write.")],
    network: Annotated[
        str,
        typer.Option(
            help="Preset (small, basenji2018, basenji2) or an architecture .json file; its head "
            "gets as many tracks as the store has."
        ),
    ] = "small",
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training windows.")] = 100,
    batch_size: Annotated[int, typer.Option(min=1, help="Windows a step.")] = 4,
    learning_rate: Annotated[float, typer.Option(help="Largest learning rate (AdamW).")] = 5e-3,
    warmup_epochs: Annotated[
        float, typer.Option(min=0, help="Epochs over which the learning rate rises.")
    ] = 2,
    weight_decay: Annotated[float, typer.Option(min=0, help="Decoupled weight decay.")] = 1e-3,
    clip_norm: Annotated[float, typer.Option(help="Largest norm of the gradient.")] = 1.0,
    averaging: Annotated[
        float, typer.Option(min=0, max=1, help="Decay a step of the weights' moving average.")
    ] = 0.999,
    jitter: Annotated[
        int | None,
        typer.Option(
            help="Largest random move of a window (bp) [default: half of what it predicts]."
        ),
    ] = None,
    shift: Annotated[
        int, typer.Option(min=0, help="Largest random move of the sequence alone (bp).")
    ] = 3,
    reverse_complement: Annotated[
        bool, typer.Option(help="Train on both strands, swapping strand pairs.")
    ] = True,
    resolution: Annotated[
        int, typer.Option(help="Width of the bins at which validation compares (bp).")
    ] = 128,
    patience: Annotated[
        int, typer.Option(min=1, help="Stop after so many epochs without a better validation r.")
    ] = 20,
    dtype: Annotated[
        str, typer.Option(help="Arithmetic: float32, bfloat16, or auto (what is fastest here).")
    ] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on after the last finished epoch of --out.")
    ] = False,
) -> None:
    """Train a network; the best epoch's averaged weights are kept.

    The loss is the Poisson likelihood over the values that are not missing. An epoch is chosen by
    the mean over tracks of Pearson's r of log(1 + counts) on the validation chromosomes.
    """
    from basenji_training.devices import fastest_dtype
    from basenji_training.fit import Settings
    from basenji_training.fit import fit as train
    from basenji_training.store import Store

    opened = Store.open(store).load()
    architecture = _network(network, len(opened.targets))
    half = architecture.bins * architecture.bin // 2
    settings = Settings(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        warmup_epochs=warmup_epochs,
        weight_decay=weight_decay,
        clip_norm=clip_norm,
        averaging=averaging,
        jitter=half if jitter is None else jitter,
        shift=shift,
        reverse_complement=reverse_complement,
        resolution=resolution,
        patience=patience,
        dtype=fastest_dtype() if dtype == "auto" else dtype,
        seed=seed,
    )
    run = train(
        opened, architecture, out, settings, command=command_line("basenji-train"), resume=resume
    )
    best = max(run.history, key=lambda row: row["validation_r"])
    typer.echo(
        f"{out}: {len(run.history)} epochs, the best {best['epoch']:.0f} with validation r "
        f"{best['validation_r']:.3f}; the course is in {out / 'learning_curve.png'}"
    )


@app.command()
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


@app.command()
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


def main() -> None:
    """Run the command."""
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    app()
