"""The command ``basenji-train fit``: stores and a network become a trained run."""
# What a command needs is imported when it runs, so that --help answers at once.
# ruff: noqa: PLC0415

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.cli.console import command_line
from basenji_training.cli.settings import options_of
from basenji_training.optimisation.settings import Settings

if TYPE_CHECKING:
    from basenji_training.fit.loop import Execution
    from basenji_training.fit.run_directory import Run

__all__ = ["fit"]

FROM_RECIPE = "the recipe's"


@options_of(Settings, "the recipe's, or {}")
def fit(
    *,
    stores: Annotated[
        list[Path],
        typer.Argument(
            help="Store that `basenji-train data` or `basenji-train reporters` wrote; several "
            "(species, assays) share the trunk and have a head each."
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
    given: dict[str, Any],
    repeats: Annotated[
        int,
        typer.Option(
            "--repeats",
            "--replicates",
            min=1,
            max=10_000,
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
    from basenji_training.fit.recipe import read_network, read_recipe, settings_of
    from basenji_training.fit.run_directory import check_new
    from basenji_training.store.description import read_description
    from basenji_training.store.reporter_description import DESCRIPTION

    if coordinator is None and (processes, process) != (1, 0):
        raise InputError(
            "--processes and --process are of a training on several hosts: name where they meet "
            "with --coordinator HOST:PORT"
        )
    if processes > 1 and (repeats, folds) != (1, None):
        raise InputError("several processes train one run at a time: leave --repeats, --folds")
    if not math.isfinite(checkpoint_minutes):
        raise InputError(f"--checkpoint-minutes {checkpoint_minutes}: expected a finite number")
    if not resume and process == 0:
        check_new(out)
    chosen = read_recipe(recipe)
    architecture = read_network(network or chosen.network)
    for path in stores:
        if not (path / DESCRIPTION).is_file():
            read_description(path)
    # Only now what takes long to import, Keras still longer: an error above comes at once.
    from basenji_training.fit.tasks.stores import in_memory, open_store

    opened = [open_store(path) for path in stores]
    settings = settings_of(chosen, given, architecture, opened)
    from basenji_training.fit.cross_validation import SUMMARY, fit_members, members
    from basenji_training.fit.loop import fit as train
    from basenji_training.optimisation.devices import all_devices, join_processes

    if coordinator is not None:
        join_processes(coordinator, processes, process)
        devices = len(all_devices()) if devices is None else devices
    opened = [in_memory(store) for store in opened]
    options: Execution = {
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
    runs = members(opened, folds.split(",") if folds else None, repeats)
    for line in fit_members(runs, opened, architecture, out, settings, **options):
        typer.echo(f"{line['run']}: validation r {line['validation_r']:.3f}")
    typer.echo(f"{out}: {len(runs)} runs; {out / SUMMARY} lists them")


def _summary(run: Run) -> str:
    from basenji_training.fit.run_directory import best_epoch

    best = run.history[best_epoch(run.history)]
    return (
        f"{run.path}: {len(run.history)} epochs, the best {best['epoch']:.0f} with validation r "
        f"{best['validation_r']:.3f}; the course is in {run.path / 'learning_curve.png'}"
    )
