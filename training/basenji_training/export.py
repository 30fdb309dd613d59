"""From a training run and its evaluation to a bundle that Kipoi and `basenji` use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from basenji_kipoi.bundle import Bundle, save_bundle
from basenji_kipoi.errors import InputError
from basenji_training.evaluation_files import markdown_tables

if TYPE_CHECKING:
    import os

    from basenji_training.fit import Run

__all__ = ["export"]

#: What a run records beside its settings.
_NOT_SETTINGS = {"network", "folds", "store", "command", "store_command"}


def export(
    run: Run,
    out: str | os.PathLike[str],
    *,
    name: str,
    assembly: str,
    description: str,
    evaluation: dict[str, Any],
    command: str,
    overwrite: bool = False,
) -> Bundle:
    """Write the best weights of a run as a bundle.

    Parameters
    ----------
    run
        The finished run.
    out
        The bundle's directory.
    name, assembly
        The model's name and the genome assembly that it was trained on.
    description
        What it is trained on, in a sentence or more, for the model card.
    evaluation
        Figures on held-out chromosomes, from `basenji_training.evaluate.evaluate`.
    command
        The command that exports, to be kept after those that the store, the run and the evaluation
        hold.
    overwrite
        Whether an existing bundle may be replaced.

    Returns
    -------
    Bundle
        What was written.

    Raises
    ------
    InputError
        If the evaluation is of other tracks than the run's, or the output may not be written.
    """
    evaluated = [track["identifier"] for track in evaluation["tracks"]]
    if evaluated != run.targets.labels:
        raise InputError(
            f"the evaluation is of other tracks than the run {run.path}: evaluate that run again"
        )
    history = run.history
    best = max(history, key=lambda row: row["validation_r"])
    training = {
        "chromosomes": run.settings["folds"],
        "settings": {key: value for key, value in run.settings.items() if key not in _NOT_SETTINGS},
        "epochs_run": len(history),
        "best_epoch": int(best["epoch"]),
        "validation_r": round(best["validation_r"], 4),
        "seconds": round(sum(row["seconds"] + row["validation_seconds"] for row in history)),
        "commands": [
            run.settings["store_command"],
            run.settings["command"],
            evaluation["command"],
            command,
        ],
    }
    return save_bundle(
        out,
        network=run.network(),
        architecture=run.architecture,
        targets=run.targets,
        name=name,
        assembly=assembly,
        training=training,
        evaluation=evaluation,
        both_strands=evaluation["both_strands"],
        model_card=_model_card(run, name, assembly, description, evaluation, training),
        overwrite=overwrite,
    )


def _model_card(
    run: Run,
    name: str,
    assembly: str,
    description: str,
    evaluation: dict[str, Any],
    training: dict[str, Any],
) -> str:
    shape = run.architecture
    folds = training["chromosomes"]
    settings = training["settings"]
    commands = "\n".join(training["commands"])
    strands = (
        "the mean of the predictions for the sequence and for its reverse complement"
        if evaluation["both_strands"]
        else "for the sequence as it stands, on the forward strand"
    )
    return f"""# {name}

{description}

## What it predicts

{len(run.targets)} tracks for a window of {shape.window:,} bp of {assembly}: {shape.bins} bins of
{shape.bin} bp, {shape.crop} bins cropped at each end. Each bin depends on
{shape.receptive_field:,} bp of sequence. Values are in the units of `targets.tsv`: what a bin sums
to, clipped and scaled as that table says for each track. Predictions are {strands}.

## How well

{markdown_tables(evaluation)}

Counts are those of the coverage, with scale and soft clipping undone. Every figure, track by track,
is in `evaluation.json`, made by

    {evaluation["command"]}

These chromosomes were used neither for training nor for choosing anything.

## How it was made

Trained on {", ".join(folds["train"])}; {", ".join(folds["validation"])} chose the epoch
({training["best_epoch"]} of {training["epochs_run"]}); {", ".join(folds["test"])} were held out.
{training["seconds"] / 60:.0f} minutes, in {settings["dtype"]}, seed {settings["seed"]}.

    {commands.replace(chr(10), chr(10) + "    ")}

## Limits

Predictions hold for the assembly, strains and conditions of the training data. Positions near a
chromosome's end see padding instead of sequence.
"""
