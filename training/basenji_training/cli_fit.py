"""The command ``basenji-train fit``: a store and a network become a trained run."""
# What a command needs is imported when it runs, so that --help answers at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from basenji_kipoi.console import command_line

if TYPE_CHECKING:
    from basenji_kipoi.architecture import Architecture

__all__ = ["fit"]


def _network(network: str, tracks: int) -> Architecture:
    """Read an architecture from a file or the presets, with a head for so many tracks."""
    from basenji_kipoi.architecture import Architecture
    from basenji_kipoi.presets import read_preset

    path = Path(network)
    architecture = Architecture.read(path) if path.suffix == ".json" else read_preset(network)
    return architecture.with_tracks(tracks)


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
