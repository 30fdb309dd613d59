"""Repeats and cross-validation: many runs by one command, and a table of how they ended."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import keras

from basenji_kipoi.base.atomic import atomic_path, check_place
from basenji_kipoi.base.errors import InputError
from basenji_training.fit.loop import fit
from basenji_training.fit.run_directory import best_epoch, check_new
from basenji_training.optimisation.settings import LARGEST_SEED
from basenji_training.store.reporters import ReporterStore

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_training.fit.loop import Execution
    from basenji_training.fit.run_directory import Run
    from basenji_training.optimisation.settings import Settings
    from basenji_training.store.store import Store

__all__ = ["SUMMARY", "Member", "fit_members", "members"]

SUMMARY = "summary.tsv"


@dataclass(frozen=True)
class Member:
    """One run of many.

    Attributes
    ----------
    name
        Of its run directory.
    test, validation
        Labels that it holds out; empty where the stores' own splits are used.
    repeat
        From 1; it is added to the seed.
    """

    name: str
    test: str
    validation: str
    repeat: int

    def stores(self, stores: Sequence[Store]) -> list[Store]:
        """Open the stores with this run's splits, loaded."""
        if not self.test:
            return list(stores)
        return [
            store.choose(test=[self.test], validation=[self.validation]).load() for store in stores
        ]


def members(stores: Sequence[Store], folds: Sequence[str] | None, repeats: int) -> list[Member]:
    """List the runs of a cross-validation.

    Parameters
    ----------
    stores
        The stores, all of which are divided into the same labels.
    folds
        Labels (folds or chromosomes of the stores) that are tested on, each in turn, while the next
        label of the store validates; ["all"] for every one; None for the stores' own splits.
    repeats
        Runs a fold, which differ in their seed.

    Returns
    -------
    list of Member
        Fold by fold.

    Raises
    ------
    InputError
        If a label does not exist, the stores have different ones, or too few.
    """
    numbers = range(1, repeats + 1)
    if folds is not None and any(isinstance(store, ReporterStore) for store in stores):
        raise InputError(
            "--folds: the sequences of a reporter store are split when it is made: leave --folds, "
            "or the reporters"
        )
    if folds is None:
        return [Member(f"repeat{number}", "", "", number) for number in numbers]
    labels = _labels(stores[0])
    for store in stores[1:]:
        if set(_labels(store)) != set(labels):
            raise InputError(
                f"{stores[0].path} and {store.path} are divided differently: make both with as "
                "many folds"
            )
    if len(labels) < 3:
        raise InputError(
            f"{stores[0].path} has {len(labels)} parts to hold out ({', '.join(labels)}): "
            "expected three or more, for training, validation and test"
        )
    chosen = labels if list(folds) == ["all"] else folds
    for label in chosen:
        if label not in labels:
            raise InputError(f"--folds: no {label!r} in the stores: they have {', '.join(labels)}")
    return [
        Member(f"{label}-{number}", label, labels[(labels.index(label) + 1) % len(labels)], number)
        for label in chosen
        for number in numbers
    ]


def fit_members(
    runs: Sequence[Member],
    stores: Sequence[Store],
    architecture: Architecture,
    out: str | os.PathLike[str],
    settings: Settings,
    **options: Unpack[Execution],
) -> list[dict[str, Any]]:
    """Train one network after the other.

    Parameters
    ----------
    runs
        What `members` gives.
    stores, architecture, settings
        As `basenji_training.fit.loop.fit` takes them; the repeat's number is added to the seed.
    out
        Folder for the run directories and for ``summary.tsv``, which grows with them.
    options
        As `basenji_training.fit.loop.fit` takes them. With `resume` it goes on with what is in the
        folder: finished runs stay as they are.

    Returns
    -------
    list of dict
        The lines of the summary: run, test, validation, seed, epochs, best_epoch, validation_r,
        seconds.

    Raises
    ------
    InputError
        If the folder exists and `resume` is not set, or a run cannot be trained or resumed, or has
        the name that an older version gave.
    """
    out = Path(out)
    if not options.get("resume", False):
        check_new(out)
    check_place(out, overwrite=True)
    out.mkdir(exist_ok=True)
    for member in runs:
        former = out / f"replicate{member.repeat}"
        if not member.test and former.is_dir():
            raise InputError(
                f"{former} was begun by a version that named repeats so: rename it to "
                f"{out / member.name}, to go on with it"
            )
    if settings.seed + max(member.repeat for member in runs) > LARGEST_SEED:
        raise InputError(f"--seed {settings.seed}: a repeat's seed would be above {LARGEST_SEED}")
    summary = []
    for member in runs:
        # What the last network left in Keras would pile up.
        keras.backend.clear_session()
        seeded = settings.model_copy(update={"seed": settings.seed + member.repeat})
        run = fit(member.stores(stores), architecture, out / member.name, seeded, **options)
        summary.append(_line(member, run))
        _write(summary, out / SUMMARY)
    return summary


def _labels(store: Store) -> list[str]:
    """Parts into which a store is divided, those first that it holds out itself."""
    return [label for split in ("test", "validation", "train") for label in store.folds[split]]


def _line(member: Member, run: Run) -> dict[str, Any]:
    history = run.history
    best = history[best_epoch(history)]
    return {
        "run": member.name,
        "test": member.test,
        "validation": member.validation,
        "seed": run.settings.seed,
        "epochs": len(history),
        "best_epoch": int(best["epoch"]),
        "validation_r": round(best["validation_r"], 4),
        "seconds": round(sum(row["seconds"] + row["validation_seconds"] for row in history)),
    }


def _write(summary: Sequence[dict[str, Any]], path: Path) -> None:
    with atomic_path(path, overwrite=True) as temporary, temporary.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, list(summary[0]), delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(summary)
