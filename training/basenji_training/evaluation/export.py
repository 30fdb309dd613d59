"""From training runs and their evaluation to a bundle that Kipoi and `basenji` use."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import one_hot
from basenji_kipoi.models.bundle import Bundle, save_bundle
from basenji_kipoi.models.ensembles import check_alike
from basenji_kipoi.models.networks.building import average_networks
from basenji_kipoi.models.training_record import NetworkRecord, TrainingRecord
from basenji_training.evaluation.evaluate import group_figures
from basenji_training.evaluation.gene_expression import measurements
from basenji_training.evaluation.model_card import model_card
from basenji_training.evaluation.trained_model import pick_tracks
from basenji_training.fit.run_directory import HISTORY, best_epoch

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.models.targets import Targets
    from basenji_training.evaluation.trained_model import RunHead

__all__ = ["export", "rounding"]


def export(
    members: Sequence[RunHead],
    out: str | os.PathLike[str],
    *,
    name: str,
    assembly: str,
    description: str,
    evaluation: dict[str, Any],
    command: str,
    tracks: str | None = None,
    half: bool = False,
    overwrite: bool = False,
) -> Bundle:
    """Write the best weights of a run, or of several as an ensemble, as a bundle.

    Parameters
    ----------
    members
        One head of each finished run, with all of the run's reporters; runs of the same tracks and
        assays and of one architecture, but for dropout, of which the bundle says what the first
        has: a trained network has no use for it.
    out
        The bundle's directory.
    name, assembly
        The model's name and the genome assembly that it was trained on.
    description
        What it is trained on, in a sentence or more, for the model card.
    evaluation
        Figures on held-out chromosomes, from `basenji_training.evaluation.evaluate.evaluate`, of
        these members together.
    command
        The command that exports, to be kept after those that the stores, the runs and the
        evaluation hold.
    tracks
        Identifiers or indices of the tracks to keep, separated by commas; all by default. The
        other strand's track of a pair stays with it.
    half
        Whether weights are stored in float16.
    overwrite
        Whether an existing bundle may be replaced.

    Returns
    -------
    Bundle
        What was written.

    Raises
    ------
    InputError
        If the members differ, the evaluation is of others, or the output may not be written.
    """
    for option, text in (("name", name), ("assembly", assembly), ("description", description)):
        if text != text.encode("utf-8", "replace").decode():
            raise InputError(f"--{option} {text!r} is no text in UTF-8")
    first = members[0]
    check_alike(members)
    for other in members[1:]:
        if _without_dropout(other.architecture) != _without_dropout(first.architecture):
            raise InputError(
                f"{first.path} and {other.path} have different networks: a bundle holds one "
                "architecture; `basenji score` averages over several bundles (--model)"
            )
    if sorted(evaluation.get("weights_sha256", ())) != sorted(
        checksum for member in members for checksum in member.weights_sha256
    ):
        raise InputError(
            "the evaluation is of other networks than those that are exported, or of other epochs "
            "of them: evaluate these runs together again"
        )
    if evaluation.get("head") != first.head:
        raise InputError(
            f"the evaluation is of the head {evaluation.get('head')}, the export of {first.head}: "
            "evaluate that head (--head)"
        )
    wanted = set(first.targets.columns_of(tracks))
    columns = sorted(wanted | {first.targets[column].strand_pair for column in wanted})
    for other in members[1:]:
        if other.run.assays != first.run.assays:
            raise InputError(f"{first.path} and {other.path} have reporters of different assays")
    parts = [pick_tracks(m.whole, m.architecture, m.targets, columns) for m in members]
    _, architecture, targets = parts[0]
    evaluation = _figures_of(evaluation, targets, first)
    training = _training(members, evaluation, command)
    return save_bundle(
        out,
        network=[network for network, _, _ in parts],
        architecture=architecture,
        targets=targets,
        assays=first.run.assays,
        name=name,
        assembly=assembly,
        training=training,
        evaluation=evaluation,
        both_strands=evaluation["both_strands"],
        model_card=model_card(
            architecture, targets, name, assembly, description, evaluation, training
        ),
        half=half,
        overwrite=overwrite,
    )


def _without_dropout(architecture: Architecture) -> dict[str, Any]:
    """Describe a network by what its predictions depend on."""
    return json.loads(
        architecture.model_dump_json(),
        object_hook=lambda part: {**part, "rate": 0} if part.get("op") == "dropout" else part,
    )


def _figures_of(evaluation: dict[str, Any], targets: Targets, member: RunHead) -> dict[str, Any]:
    """Keep the figures of the tracks that are exported."""
    rows = {track["identifier"]: track for track in evaluation["tracks"]}
    if list(rows) != member.targets.labels:
        raise InputError(
            f"the evaluation is of other tracks than the run {member.path}: evaluate that run again"
        )
    if targets == member.targets:
        return evaluation
    kept = [rows[label] for label in targets.labels]
    figures = {**evaluation, "tracks": kept, "groups": group_figures(kept, targets)}
    if "replicates" in figures:
        figures["replicates"] = [
            each for each in figures["replicates"] if each["identifier"] in targets.labels
        ]
    if "genes" in figures:
        names = {each.name for each in measurements(targets)}
        genes = figures["genes"]
        figures["genes"] = {
            **genes,
            "measurements": [each for each in genes["measurements"] if each["name"] in names],
            "contrasts": [
                each
                for each in genes["contrasts"]
                if {each["numerator"], each["denominator"]} <= names
            ],
        }
    return figures


def _training(
    members: Sequence[RunHead], evaluation: dict[str, Any], command: str
) -> TrainingRecord:
    """Collect how the members came about."""
    records = [_record(member) for member in members]
    made = [
        command
        for member in members
        for command in (
            *(store.command for store in member.run.settings.stores.values()),
            member.run.settings.command,
        )
    ]
    commands = list(dict.fromkeys([*made, evaluation["command"], command]))
    if len(records) == 1:
        return TrainingRecord(**dict(records[0]), commands=commands)
    return TrainingRecord(members=records, commands=commands)


def _record(member: RunHead) -> NetworkRecord:
    run, history = member.run, member.run.history
    if not history:
        raise InputError(
            f"{run.path / HISTORY} tells of no epoch, and the model's card does: "
            "`basenji-train fit --resume` writes it again"
        )
    best = history[best_epoch(history)]
    return NetworkRecord(
        chromosomes=run.settings.stores[member.head].folds,
        origin=run.settings.origin,
        settings=run.settings.settings(),
        epochs_run=len(history),
        best_epoch=int(best["epoch"]),
        validation_r=round(best["validation_r"], 4),
        seconds=round(sum(row["seconds"] + row["validation_seconds"] for row in history)),
    )


def rounding(bundle: Bundle, members: Sequence[RunHead]) -> float:
    """Measure what storing weights in float16 changes.

    Returns
    -------
    float
        The largest change of a prediction for four random windows, as a share of the largest
        prediction.
    """
    columns = [members[0].targets.labels.index(label) for label in bundle.targets.labels]
    codes = np.random.default_rng(0).integers(0, 4, (4, bundle.architecture.window))
    x = one_hot(codes.astype(np.uint8))
    exact = average_networks([member.network() for member in members]).predict_on_batch(x)
    exact = exact[..., columns]
    stored = bundle.network(both_strands=False).predict_on_batch(x)
    return float(np.abs(stored - exact).max() / np.abs(exact).max())
