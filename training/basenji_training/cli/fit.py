"""The command ``basenji-train fit``: stores and a network become a trained run."""
# What a command needs is imported when it runs, so that --help answers at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.cli.console import command_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.models.architecture import Architecture
    from basenji_training.fit.run_directory import Run
    from basenji_training.optimisation.settings import Settings
    from basenji_training.store.store import Store

__all__ = ["fit"]

FROM_RECIPE = "the recipe's"


def fit(
    stores: Annotated[
        list[Path],
        typer.Argument(
            help="Store that `basenji-train data` wrote; several (species, for instance) share the "
            "trunk and have a head each."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Run directory to write.")],
    recipe: Annotated[
        str,
        typer.Option(
            help="Network and settings: small, basenji2018, basenji2, or a .json file. Options "
            "that are given win over it."
        ),
    ] = "small",
    network: Annotated[
        str | None,
        typer.Option(
            help="Preset (small, basenji2018, basenji2) or an architecture .json file; its heads "
            "are made for the stores.",
            show_default=FROM_RECIPE,
        ),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            help="Bundle or run directory with whose trunk the network begins; of an ensemble, "
            "the first network's."
        ),
    ] = None,
    freeze_trunk: Annotated[
        bool | None,
        typer.Option("--freeze-trunk", help="Train the heads only; usually with --init."),
    ] = None,
    trunk_learning_rate_factor: Annotated[
        float | None,
        typer.Option(
            help="The trunk's learning rate as a multiple of the heads'.", show_default="1"
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Passes over the training windows.", show_default=FROM_RECIPE),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1, help="Windows a step, on all devices together.", show_default=FROM_RECIPE
        ),
    ] = None,
    loss: Annotated[
        Literal["poisson", "poisson_multinomial"] | None,
        typer.Option(
            help="Poisson likelihood of bins, or Poisson of a window's total and multinomial of "
            "its shape.",
            show_default=FROM_RECIPE,
        ),
    ] = None,
    multinomial_weight: Annotated[
        float | None,
        typer.Option(min=0, help="Weight of the multinomial part; Borzoi has 5.", show_default="1"),
    ] = None,
    optimizer: Annotated[
        Literal["adamw", "adam", "sgd"] | None,
        typer.Option(help="Optimiser.", show_default=FROM_RECIPE),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Largest learning rate.", show_default=FROM_RECIPE)
    ] = None,
    warmup_epochs: Annotated[
        float | None,
        typer.Option(
            min=0, help="Epochs over which the learning rate rises.", show_default=FROM_RECIPE
        ),
    ] = None,
    schedule: Annotated[
        Literal["cosine", "constant"] | None,
        typer.Option(
            help="Course of the learning rate after the warm-up.", show_default=FROM_RECIPE
        ),
    ] = None,
    momentum: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Momentum of SGD, beta 1 of Adam.", show_default=FROM_RECIPE
        ),
    ] = None,
    beta_2: Annotated[
        float | None, typer.Option(min=0, max=1, help="Beta 2 of Adam.", show_default=FROM_RECIPE)
    ] = None,
    weight_decay: Annotated[
        float | None,
        typer.Option(min=0, help="Decoupled weight decay (adamw).", show_default=FROM_RECIPE),
    ] = None,
    clip_norm: Annotated[
        float | None, typer.Option(help="Largest norm of the gradient.", show_default=FROM_RECIPE)
    ] = None,
    averaging: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Decay a step of the weights' moving average.",
            show_default=FROM_RECIPE,
        ),
    ] = None,
    jitter: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Largest random move of a window (bp).",
            show_default="the recipe's, or half of what a window predicts; 0 where contigs are no "
            "longer than a window",
        ),
    ] = None,
    shift: Annotated[
        int | None,
        typer.Option(
            min=0, help="Largest random move of the sequence alone (bp).", show_default=FROM_RECIPE
        ),
    ] = None,
    reverse_complement: Annotated[
        bool | None,
        typer.Option(help="Train on both strands, swapping strand pairs.", show_default="yes"),
    ] = None,
    substitution_rate: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Share of bases replaced at random in each training example, against learning by "
            "heart.",
            show_default="0",
        ),
    ] = None,
    stride: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Distance between neighbouring training windows (bp), a multiple of the bin; a "
            "shorter one than the predicted part shows each bin several times an epoch.",
            show_default="the predicted part of a window",
        ),
    ] = None,
    resolution: Annotated[
        int | None,
        typer.Option(
            help="Width of the bins at which validation compares (bp).", show_default="128"
        ),
    ] = None,
    choose_by: Annotated[
        str | None,
        typer.Option(
            help="Tracks whose validation r chooses the epoch, as patterns separated by commas, "
            "such as 'atac,stripe*'; the others are only trained on.",
            show_default="all",
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Stop after so many epochs without a better validation r.",
            show_default=FROM_RECIPE,
        ),
    ] = None,
    dtype: Annotated[
        str, typer.Option(help="Arithmetic: float32, bfloat16, or auto (what is fastest here).")
    ] = "auto",
    seed: Annotated[
        int | None, typer.Option(help="Seed of all that is random.", show_default="0")
    ] = None,
    repeats: Annotated[
        int,
        typer.Option(
            "--repeats",
            "--replicates",
            min=1,
            help="Runs that differ in their seed, as OUT/repeat1 and so on.",
        ),
    ] = 1,
    folds: Annotated[
        str | None,
        typer.Option(
            help="Cross-validation: labels of the stores (folds or chromosomes, separated by "
            "commas, or all) that are tested on in turn while the next one validates; runs are "
            "OUT/FOLD-REPEAT.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on after the last checkpoint of --out.")
    ] = False,
    checkpoint_minutes: Annotated[
        float, typer.Option(min=0, help="Minutes between checkpoints within an epoch.")
    ] = 10,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write event files to OUT/tensorboard.")
    ] = False,
    devices: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Devices that share each batch, of all processes together.",
            show_default="1; all where there are several processes",
        ),
    ] = None,
    coordinator: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Address of process 0, where several processes train together (JAX).",
        ),
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="How many processes there are.")] = 1,
    process: Annotated[int, typer.Option(min=0, help="Which of them this is, from 0.")] = 0,
) -> None:
    """Train a network; the best epoch's averaged weights are kept.

    Only values that are not missing take part in the loss. An epoch is chosen by the mean over
    tracks of Pearson's r of log(1 + counts) on the validation part (the mean over the stores, if
    there are several); a constant prediction counts 0.
    """
    asked = dict(locals())
    from basenji_training.fit.cross_validation import SUMMARY, fit_members, members
    from basenji_training.fit.loop import fit as train
    from basenji_training.fit.recipe import read_network, read_recipe
    from basenji_training.optimisation.devices import all_devices, join_processes
    from basenji_training.optimisation.settings import Settings
    from basenji_training.store.store import Store

    if coordinator is None and (processes, process) != (1, 0):
        raise InputError(
            "--processes and --process are of a training on several hosts: name where they meet "
            "with --coordinator HOST:PORT"
        )
    if coordinator is not None:
        join_processes(coordinator, processes, process)
        devices = len(all_devices()) if devices is None else devices
    chosen = read_recipe(recipe)
    architecture = read_network(network or chosen.network)
    opened = [Store.open(path).load() for path in stores]
    explicit = {name: asked[name] for name in Settings.model_fields if asked.get(name) is not None}
    settings = _settings(chosen.settings, explicit, architecture, opened)
    options = {
        "command": command_line("basenji-train"),
        "resume": resume,
        "devices": devices or 1,
        "checkpoint_minutes": checkpoint_minutes,
        "tensorboard": tensorboard,
    }
    if repeats == 1 and folds is None:
        run = train(opened, architecture, out, settings, **options)
        if process == 0:
            typer.echo(_summary(run))
        return
    if processes > 1:
        raise InputError("several processes train one run at a time: leave --repeats, --folds")
    runs = members(opened, folds.split(",") if folds else None, repeats)
    for line in fit_members(runs, opened, architecture, out, settings, **options):
        typer.echo(f"{line['run']}: validation r {line['validation_r']:.3f}")
    typer.echo(f"{out}: {len(runs)} runs; {out / SUMMARY} lists them")


def _settings(
    recipe: Settings,
    explicit: dict[str, Any],
    architecture: Architecture,
    stores: Sequence[Store],
) -> Settings:
    """Join a recipe and the options that were given; fill in what follows from data and machine."""
    from pydantic import ValidationError

    from basenji_training.optimisation.devices import fastest_dtype

    joined = {**recipe.model_dump(exclude_unset=True), **explicit}
    if "jitter" not in joined:
        # Beyond a contig that is as short as a window there is nothing to see but padding.
        longest = min(max(store.chromosomes.values()) for store in stores)
        half = architecture.bins * architecture.bin // 2
        joined["jitter"] = half if longest > architecture.window else 0
    if joined["dtype"] == "auto":
        joined["dtype"] = fastest_dtype()
    try:
        return type(recipe)(**joined)
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][0]).replace("_", "-")
        raise InputError(f"--{option} {first['input']}: {first['msg']}") from None


def _summary(run: Run) -> str:
    from basenji_training.fit.run_directory import best_epoch

    best = run.history[best_epoch(run.history)]
    return (
        f"{run.path}: {len(run.history)} epochs, the best {best['epoch']:.0f} with validation r "
        f"{best['validation_r']:.3f}; the course is in {run.path / 'learning_curve.png'}"
    )
