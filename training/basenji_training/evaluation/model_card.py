"""The model card: what a model is for, how it was made, and how well it predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from basenji_training.evaluation.files import markdown_tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.models.targets import Targets
    from basenji_kipoi.models.training_record import NetworkRecord, Origin, TrainingRecord

__all__ = ["duration", "independence", "model_card"]


def model_card(
    architecture: Architecture,
    targets: Targets,
    name: str,
    assembly: str,
    description: str,
    evaluation: dict[str, Any],
    training: TrainingRecord,
) -> str:
    """Write a model card in Markdown.

    Parameters
    ----------
    architecture, targets
        The network and its tracks.
    name, assembly, description
        As `basenji_training.evaluation.export.export` takes them.
    evaluation
        The content of ``evaluation.json``.
    training
        How it was made.

    Returns
    -------
    str
        The card.
    """
    members = training.networks
    commands = "\n".join(f"    {command}" for command in training.commands)
    strands = (
        "the mean of the predictions for the sequence and for its reverse complement"
        if evaluation["both_strands"]
        else "for the sequence as it stands, on the forward strand"
    )
    ensemble = (
        f" The model is an ensemble: every prediction is the mean of {len(members)} networks."
        if len(members) > 1
        else ""
    )
    return f"""# {name}

{description}

## What it predicts

{len(targets)} tracks for a window of {architecture.window:,} bp of {assembly}:
{architecture.bins} bins of {architecture.bin} bp, {architecture.crop} bins cropped at each end.
Each bin depends on {architecture.receptive_field:,} bp of sequence. Values are in the units of
`targets.tsv`: what a bin sums to, clipped and scaled as that table says for each track.
Predictions are {strands}.{ensemble}

## How well

{markdown_tables(evaluation)}

Counts are those of the coverage, with scale and soft clipping undone. Means leave out tracks
without a figure{_without_figures(evaluation)}. AUPRC is of peaks among bins, specificity of what a
track has more or less than the others of its assay. Every figure, track by track and with its
interval, is in `evaluation.json`, made by

    {evaluation["command"]}

{independence(evaluation, members)}

## How it was made

{chr(10).join(_history(member) for member in members)}

{commands}

## Limits

Predictions hold for the assembly, strains and conditions of the training data. Positions near a
chromosome's end see padding instead of sequence. A high correlation of a track does not mean that
differences between conditions, or between tracks of an assay, are predicted: specificity and
ratios measure that.
"""


def _without_figures(evaluation: dict[str, Any]) -> str:
    reasons = [
        f"{track['identifier']}: {track['reason']}"
        for track in evaluation["tracks"]
        if track.get("reason")
    ]
    shown = "; ".join(reasons[:10]) + ("; and more" if len(reasons) > 10 else "")
    return f" ({shown})" if reasons else ""


def independence(evaluation: dict[str, Any], members: Sequence[NetworkRecord]) -> str:
    """Say whether what was evaluated had a part in the making.

    Parameters
    ----------
    evaluation
        The content of ``evaluation.json``.
    members
        How each network was made: its chromosomes, and the origin of its first weights.
    """
    measured = set(evaluation["chromosomes"])
    used = {
        split: sorted(
            {each for member in members for each in getattr(member.chromosomes, split)} & measured
        )
        for split in ("train", "validation")
    }
    if used["train"]:
        return (
            f"**{', '.join(used['train'])} were trained on: these figures say nothing about new "
            "sequence.**"
        )
    origins = "".join(
        _inheritance(origin, measured)
        for origin in {
            member.origin.model_dump_json(): member.origin
            for member in members
            if member.origin is not None
        }.values()
    )
    if used["validation"]:
        return (
            f"{', '.join(used['validation'])} chose the epoch, so that these figures are a little "
            f"too high.{origins}"
        )
    if origins:
        return f"Fine-tuning used these chromosomes for nothing.{origins}"
    return "These chromosomes were used neither for training nor for choosing anything."


def _inheritance(origin: Origin, measured: set[str]) -> str:
    """Say what the network whose weights were the beginning has seen of what was evaluated."""
    name = origin.name
    if not origin.chromosomes:
        text = f" What {name} was trained on, whose weights were the beginning, is unknown."
    else:
        seen = {
            data: sorted({*splits.train, *splits.validation} & measured)
            for data, splits in origin.chromosomes.items()
        }
        shared = [f"{', '.join(labels)} of {data}" for data, labels in seen.items() if labels]
        text = (
            f" **{name}, whose weights were the beginning, was trained on {' and '.join(shared)}: "
            "where that is the same genome, these figures say nothing about new sequence.**"
            if shared
            else f" {name}, whose weights were the beginning, used them for nothing either."
        )
    return text + (_inheritance(origin.origin, measured) if origin.origin else "")


def duration(seconds: float) -> str:
    """Say how long something took, in whole minutes."""
    minutes = round(seconds / 60)
    if not minutes:
        return "Less than a minute"
    return f"{minutes:,} minute{'' if minutes == 1 else 's'}"


def _history(record: NetworkRecord) -> str:
    folds, settings = record.chromosomes, record.settings
    return (
        f"Trained on {', '.join(folds.train)};\n"
        f"{', '.join(folds.validation)} chose the epoch ({record.best_epoch} of "
        f"{record.epochs_run}); {', '.join(folds.test)} were held out.\n"
        f"{duration(record.seconds)}, in {settings['dtype']}, seed {settings['seed']}.\n"
    )
