"""How well a model predicts what a reporter assay measured of held-out sequences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import write_table
from basenji_kipoi.comparison.statistics import Estimate, as_json, estimate, pearson, spearman
from basenji_kipoi.models.bundle import METADATA, Bundle
from basenji_kipoi.models.networks.reporter_passes import standardised_activities
from basenji_training.fit.run_directory import Run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import keras

    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.models.networks.assays import Assay
    from basenji_training.store.reporters import ReporterStore

__all__ = ["TrainedReporter", "evaluate_reporter", "open_reporters", "write_predictions"]

#: Cells or reads from which a pair's two sequences count as well measured.
WELL_MEASURED = 20


@dataclass(frozen=True)
class TrainedReporter:
    """A reporter of a run or of a bundle's network.

    Attributes
    ----------
    path : Path
        Where it is kept.
    architecture : Architecture
        Its network.
    assay : Assay
        What it predicts.
    source : Run or Bundle
        Bundles have one network each.
    """

    path: Path
    architecture: Architecture
    assay: Assay
    source: Run | Bundle

    def network(self, reporter: str) -> keras.Model:
        """Build the network: float32 (batch, window, 4) -> (batch, activities)."""
        if isinstance(self.source, Run):
            return self.source.networks().reporters[reporter]
        return self.source.networks()[0].reporters[reporter]


def open_reporters(paths: Sequence[Path], reporter: str) -> list[TrainedReporter]:
    """Read what runs and bundles say of a reporter, each network by itself.

    Raises
    ------
    InputError
        If one is neither, has no such reporter, or they read or measure in different ways.
    """
    found: list[TrainedReporter] = []
    for path in paths:
        is_bundle = (path / METADATA).is_file()
        sources = list(Bundle.load(path).members) if is_bundle else [Run(path)]
        for source in sources:
            if reporter not in source.assays:
                there = ", ".join(source.assays) or "none"
                raise InputError(f"{path} has no reporter {reporter!r}: it has {there}")
            if isinstance(source, Run):
                source.check_has_weights()
            found.append(
                TrainedReporter(path, source.architecture, source.assays[reporter], source)
            )
    first = found[0]
    for other in found[1:]:
        if (
            other.assay != first.assay
            or other.architecture.reporters[reporter] != first.architecture.reporters[reporter]
        ):
            raise InputError(
                f"{first.path} and {other.path} cannot be averaged: their reporters {reporter} "
                "read or measure something else"
            )
    return found


@dataclass(frozen=True)
class ReporterComparison:
    """What a reporter predicts beside what was measured.

    Attributes
    ----------
    figures : dict
        For each activity Pearson's and Spearman's correlation, of all sequences and by set, and of
        the differences within pairs, with 95 % intervals from draws of groups.
    store : ReporterStore
        The measurements.
    predicted : ndarray, float32, shape (sequences of the split, activities)
        The predictions, in the assay's units.
    pairs : ndarray, integer, shape (pairs of the split, 2)
        Rows of the predictions: reference and alternative.
    """

    figures: dict[str, Any]
    store: ReporterStore
    predicted: np.ndarray
    pairs: np.ndarray


def evaluate_reporter(
    models: Sequence[TrainedReporter],
    store: ReporterStore,
    split: str,
    *,
    draws: int = 1000,
    command: str = "",
) -> ReporterComparison:
    """Compare predictions with measurements.

    Parameters
    ----------
    models
        What `open_reporters` gives; predictions are averaged.
    store
        The measurements; its name is the reporter's.
    split
        train, validation or test.
    draws
        Draws of groups, for the intervals.
    command
        The command, to be kept with the figures.

    Returns
    -------
    ReporterComparison
        With the figures of each activity.

    Raises
    ------
    InputError
        If the store measures other activities, or the split is empty.
    """
    assay, name = models[0].assay, store.name
    if [each.identifier for each in store.activities] != assay.identifiers:
        raise InputError(
            f"{store.path} has the activities "
            f"{', '.join(each.identifier for each in store.activities)}, and the model predicts "
            f"{', '.join(assay.identifiers)}"
        )
    rows = store.rows_of(split)
    if not len(rows):
        raise InputError(f"{store.path} has no sequences for {split}")
    total = np.zeros((len(rows), len(assay.activities)), np.float32)
    for model in models:
        total += standardised_activities(
            model.network(name),
            model.architecture,
            name,
            model.assay,
            store.codes[rows],
            store.lengths[rows],
        )
    predicted = assay.raw(total / len(models))
    place = np.full(len(store.values), -1)
    place[rows] = np.arange(len(rows))
    pairs = place[store.pairs_of(split)]
    activities = [
        {
            "identifier": each.identifier,
            **_levels(predicted[:, column], store, rows, column, draws),
            "pairs": _pairs(predicted[:, column], store, rows, pairs, column, draws),
        }
        for column, each in enumerate(assay.activities)
    ]
    figures = {
        "reporter": name,
        "split": split,
        "sequences": len(rows),
        "groups": len(np.unique(store.groups[rows])),
        "networks": len(models),
        "activities": activities,
        "store": {"content_sha256": store.content_sha256, "command": store.attrs["command"]},
        "command": command,
    }
    return ReporterComparison(as_json(figures), store, predicted, pairs)


def _levels(
    predicted: np.ndarray, store: ReporterStore, rows: np.ndarray, column: int, draws: int
) -> dict[str, Any]:
    """Correlate activities, of all sequences and by set."""
    observed, groups, sets = store.values[rows, column], store.groups[rows], store.sets[rows]
    there = np.isfinite(observed)

    def both(chosen: np.ndarray) -> dict[str, Estimate]:
        return _both(predicted[chosen], observed[chosen], groups[chosen], draws)

    names = [name for name in np.unique(sets[there]) if name]
    return {
        **both(there),
        "sets": {str(name): both(there & (sets == name)) for name in names},
    }


def _pairs(
    predicted: np.ndarray,
    store: ReporterStore,
    rows: np.ndarray,
    pairs: np.ndarray,
    column: int,
    draws: int,
) -> dict[str, Any]:
    """Correlate differences within pairs: of all, and of those that are well measured."""
    observed, counts = store.values[rows, column], store.counts[rows, column]
    measured = np.diff(observed[pairs], axis=1)[:, 0]
    expected = np.diff(predicted[pairs], axis=1)[:, 0]
    groups, least = store.groups[rows][pairs[:, 0]], counts[pairs].min(axis=1, initial=np.inf)
    chosen = {"all": np.isfinite(measured)}
    if np.isfinite(counts).any():
        # Sequences without a count are measured in another way, which says nothing of it.
        chosen[f"{WELL_MEASURED} counts"] = chosen["all"] & (least >= WELL_MEASURED)
    return {
        name: _both(expected[use], measured[use], groups[use], draws)
        for name, use in chosen.items()
    }


def _both(
    predicted: np.ndarray, observed: np.ndarray, groups: np.ndarray, draws: int
) -> dict[str, Estimate]:
    return {
        "pearson": estimate(pearson, predicted, observed, blocks=groups, draws=draws),
        "spearman": estimate(spearman, predicted, observed, blocks=groups, draws=draws),
    }


def write_predictions(
    compared: ReporterComparison,
    path: Path,
    *,
    overwrite: bool = False,
) -> None:
    """Write sequences with measured and predicted activities as a table.

    Parameters
    ----------
    compared
        What `evaluate_reporter` gives.
    path
        The table.
    overwrite
        Whether an existing table may be replaced.
    """
    store = compared.store
    names = [activity.identifier for activity in store.activities]
    columns = ["sequence", "set", *names, *(f"predicted_{name}" for name in names)]
    rows = (
        dict(
            zip(
                columns,
                [
                    store.sequence(row),
                    store.sets[row],
                    *("" if np.isnan(value) else f"{value:.6g}" for value in store.values[row]),
                    *(f"{value:.6g}" for value in values),
                ],
                strict=True,
            )
        )
        for row, values in zip(
            store.rows_of(compared.figures["split"]), compared.predicted, strict=True
        )
    )
    with atomic_path(path, overwrite=overwrite) as temporary:
        write_table(temporary, columns, rows)
