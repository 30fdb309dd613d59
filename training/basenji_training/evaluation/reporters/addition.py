"""A reporter that was trained on the trunk of a bundle, put into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.bundle import Bundle, save_bundle
from basenji_kipoi.models.networks.building import build_networks
from basenji_training.fit.run_directory import best_epoch
from basenji_training.optimisation.train_state import trunk_layers

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    import keras

    from basenji_kipoi.models.networks.building import Networks
    from basenji_training.fit.run_directory import Run

__all__ = ["add_reporter"]

#: Title of a reporter's section in the model card.
_TITLE = "\n## The reporter {}\n"


def add_reporter(
    bundle: Bundle,
    runs: Sequence[Run],
    out: str | os.PathLike[str],
    *,
    figures: dict[str, Any],
    command: str,
    half: bool = False,
    overwrite: bool = False,
) -> Bundle:
    """Write a bundle with a reporter besides what it has: its tracks stay what they were.

    A reporter of the same name that it has is replaced.

    Parameters
    ----------
    bundle
        The bundle.
    runs
        For each of its networks, in their order, a run of one reporter whose trunk is that
        network's and stayed as it was (``--init``, ``--init-member``, ``--freeze-trunk``).
    out
        The bundle to be made.
    figures
        What `evaluate_reporter` measured; kept in ``evaluation.json``.
    command
        The command, kept behind those that made the bundle, the store and the runs.
    half
        Whether weights are stored in float16.
    overwrite
        Whether an existing bundle may be replaced.

    Raises
    ------
    InputError
        If there is not one run a network, a run has other than one reporter, or its trunk is
        another.
    """
    members = bundle.members
    if len(runs) != len(members):
        raise InputError(
            f"{bundle.path} has {len(members)} networks, and runs are given for {len(runs)}: train "
            "a reporter on each (--init-member), and give the runs in this order"
        )
    if len(runs[0].assays) != 1:
        raise InputError(f"{runs[0].path} has {len(runs[0].assays)} reporters: expected one")
    ((name, assay),) = runs[0].assays.items()
    head = runs[0].architecture.reporters[name]
    architecture = bundle.architecture.with_reporters({**bundle.architecture.reporters, name: head})
    networks = []
    for number, (member, run) in enumerate(zip(members, runs, strict=True), 1):
        if run.assays.get(name) != assay or run.architecture.reporters != {name: head}:
            raise InputError(f"{runs[0].path} and {run.path} have different reporters")
        trained, before = run.networks(), member.networks()[0]
        networks.append(build_networks(architecture))
        _check_trunk(trained.whole, before.whole, run, bundle, number)
        # The bundle's last, so that what it has stays so to the last digit.
        for source in (trained.reporters[name], *_kept(before, name)):
            for layer in source.layers:
                networks[-1].whole.get_layer(layer.name).set_weights(layer.get_weights())
    training = bundle.metadata.training
    commands = [*training.commands]
    for run in runs:
        commands += [run.settings.stores[name].command, run.settings.command]
    commands = list(dict.fromkeys([*commands, figures["command"], command]))
    evaluation = {**bundle.evaluation}
    evaluation["reporters"] = {
        **evaluation.get("reporters", {}),
        name: {**figures, "training": [_training(run) for run in runs]},
    }
    return save_bundle(
        out,
        network=[each.whole for each in networks],
        architecture=architecture,
        targets=bundle.targets,
        name=bundle.metadata.name,
        assembly=bundle.metadata.assembly,
        training=training.model_copy(update={"commands": commands}),
        evaluation=evaluation,
        model_card=_card_without(bundle, name) + reporter_section(name, figures),
        both_strands=bundle.metadata.both_strands,
        assays={**bundle.assays, name: assay},
        half=half,
        overwrite=overwrite,
    )


def _kept(networks: Networks, replaced: str) -> Iterator[keras.Model]:
    """List the parts of a network that stay: tracks and other reporters."""
    if networks.profiles is not None:
        yield networks.profiles
    yield from (each for name, each in networks.reporters.items() if name != replaced)


def _card_without(bundle: Bundle, reporter: str) -> str:
    """Read a bundle's model card, but for the section on a reporter."""
    card = (bundle.path / "MODEL_CARD.md").read_text(encoding="utf-8")
    before, title, section = card.partition(_TITLE.format(reporter))
    _, another, behind = section.partition(_TITLE.split("{", maxsplit=1)[0])
    return before + another + behind if title else card


def _check_trunk(
    trained: keras.Model, before: keras.Model, run: Run, bundle: Bundle, number: int
) -> None:
    """Check that a run's trunk is that of a network of the bundle."""
    for layer in trunk_layers(trained):
        there = before.get_layer(layer.name).get_weights()
        same = zip(layer.get_weights(), there, strict=True)
        # The moving average of what stood still is it, but for its rounding.
        if not all(np.allclose(ours, theirs, 1e-5, 1e-7) for ours, theirs in same):
            raise InputError(
                f"{run.path}: {layer.name} is not that of network {number} of {bundle.path}: "
                f"train with --init {bundle.path} --init-member {number} --freeze-trunk"
            )


def _training(run: Run) -> dict[str, Any]:
    """Tell how a run went."""
    history = run.history
    best = history[best_epoch(history)]
    return {
        # A path of the machine that trained it means nothing elsewhere.
        "settings": {key: each for key, each in run.settings.settings().items() if key != "init"},
        "epochs_run": len(history),
        "best_epoch": int(best["epoch"]),
        "validation_r": round(best["validation_r"], 4),
        "seconds": round(sum(row["seconds"] + row["validation_seconds"] for row in history)),
    }


def reporter_section(name: str, figures: dict[str, Any]) -> str:
    """Write what a model card says of a reporter, as Markdown."""
    lines = [
        _TITLE.format(name),
        f"What the assay measures of {figures['sequences']:,} held-out sequences of "
        f"{figures['groups']:,} groups ({figures['split']}), predicted and measured; 95 % "
        "intervals from draws of groups. Pairs are sequences one substitution apart, by the "
        "difference of their activities.\n",
        "| activity | of | n | Pearson | Spearman |",
        "| --- | --- | --- | --- | --- |",
    ]
    for activity in figures["activities"]:
        rows = [("all sequences", activity)]
        rows += [(f"set {key}", value) for key, value in activity["sets"].items()]
        rows += [(f"pairs, {key}", value) for key, value in activity["pairs"].items()]
        for label, row in rows:
            cells = [_shown(row[key]) for key in ("pearson", "spearman")]
            lines.append(
                f"| {activity['identifier']} | {label} | {row['pearson']['rows']:,} | "
                f"{' | '.join(cells)} |"
            )
    return "\n".join(lines) + "\n"


def _shown(figure: dict[str, Any]) -> str:
    if figure["value"] is None:
        return "none"
    if figure["low"] is None:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"
