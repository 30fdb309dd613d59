"""What is wrong with a store of reporters, before time is spent on training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from basenji_training.data.check import DUPLICATE, Finding
from basenji_training.splits.folds import SPLITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from basenji_training.store.reporters import ReporterStore

__all__ = ["find_reporter_faults", "reporter_report"]

#: Standard deviations from the middle beyond which a value rules the loss.
OUTLYING = 12
#: Standard deviations between the means of two splits from which they are of different kinds.
APART = 0.5
#: Share of an activity's weight that one sequence should not have.
HEAVY = 0.01
#: Values of a split below which its correlation says little.
FEW = 50
#: Standard deviations of a normal distribution in its median absolute deviation.
_NORMAL = 1.4826


def find_reporter_faults(store: ReporterStore) -> list[Finding]:
    """Judge what a store holds.

    Parameters
    ----------
    store
        The store, whose checksums were compared when it was opened.

    Returns
    -------
    list of Finding
        Errors first; ``tracks`` are identifiers of activities.
    """
    findings = [*_values(store), *_splits(store), *_duplicates(store), *_other_strand(store)]
    return sorted(findings, key=lambda finding: not finding.is_error)


def _values(store: ReporterStore) -> Iterator[Finding]:
    for activity, values, weights in zip(
        store.activities, store.values.T, store.weights.T, strict=True
    ):
        name, there = (activity.identifier,), np.isfinite(values)
        measured = values[there].astype(np.float64)
        if not len(measured):
            yield Finding("absent", True, name, "no sequence has a value: leave it out")
            continue
        if measured.min() == measured.max():
            yield Finding("dead", True, name, "the value is the same everywhere: leave it out")
            continue
        middle = np.median(measured)
        spread = _NORMAL * np.median(np.abs(measured - middle)) or measured.std()
        far = int((np.abs(measured - middle) > OUTLYING * spread).sum())
        if far:
            yield Finding(
                "outliers",
                False,
                name,
                f"{far:,} values are more than {OUTLYING} standard deviations from the median "
                f"({middle:.4g}): they rule the loss; transform the activity, or leave them out",
            )
        heaviest = weights.max() / weights.sum()
        if heaviest > max(HEAVY, 10 / len(measured)):
            yield Finding(
                "weights",
                False,
                name,
                f"one sequence has {heaviest:.1%} of the weight: lower --most-counts, or look at "
                "its standard error",
            )


def _splits(store: ReporterStore) -> Iterator[Finding]:
    trained = store.values[store.rows_of("train")].astype(np.float64)
    for split in SPLITS:
        values = store.values[store.rows_of(split)].astype(np.float64)
        numbers = np.isfinite(values).sum(axis=0)
        for column, activity in enumerate(store.activities):
            name, number = (activity.identifier,), int(numbers[column])
            if number < FEW:
                yield Finding(
                    "few",
                    split == "train" and number == 0,
                    name,
                    f"{split} has {number} values: "
                    + (
                        "nothing can be learned of it"
                        if split == "train"
                        else "its figures will say little; hold out more"
                    ),
                )
            elif split != "train" and np.isfinite(trained[:, column]).any():
                spread = np.nanstd(trained[:, column])
                apart = np.nanmean(values[:, column]) - np.nanmean(trained[:, column])
                if spread > 0 and abs(apart) > APART * spread:
                    yield Finding(
                        "splits",
                        False,
                        name,
                        f"the mean of {split} is {apart / spread:+.2f} standard deviations from "
                        "that of train: the sequences are of another kind",
                    )


def _duplicates(store: ReporterStore) -> Iterator[Finding]:
    for one in range(len(store.activities)):
        for two in range(one + 1, len(store.activities)):
            both = np.isfinite(store.values[:, [one, two]]).all(axis=1)
            values = store.values[both][:, [one, two]].astype(np.float64)
            if len(values) < FEW or not values.std(axis=0).all():
                continue
            if np.corrcoef(values.T)[0, 1] > DUPLICATE:
                yield Finding(
                    "duplicate",
                    True,
                    (store.activities[one].identifier, store.activities[two].identifier),
                    f"their correlation is above {DUPLICATE}: the same data twice; leave one out",
                )


def _other_strand(store: ReporterStore) -> Iterator[Finding]:
    number = store.attrs["findings"].get("shared_with_other_strand", 0)
    if number:
        yield Finding(
            "leakage",
            False,
            (),
            f"{number:,} sequences share a k-mer with the other strand of one in another split: "
            "the table's groups did not keep them together; --group-column none does",
        )


def reporter_report(store: ReporterStore, findings: Sequence[Finding]) -> dict[str, Any]:
    """Put everything together as JSON can hold it.

    Parameters
    ----------
    store
        The store.
    findings
        What was found.

    Returns
    -------
    dict
        ``store``, ``sequences``, ``pairs``, ``findings``, and ``activities``: of each its values a
        split, mean, standard deviation and extremes.
    """
    activities = []
    for activity, values in zip(store.activities, store.values.T, strict=True):
        measured = values[np.isfinite(values)].astype(np.float64)
        figures = (np.mean, np.std, np.min, np.median, np.max)
        activities.append(
            {
                "identifier": activity.identifier,
                "unit": activity.unit,
                "values": {
                    split: int(np.isfinite(values[store.rows_of(split)]).sum()) for split in SPLITS
                },
                **{
                    figure.__name__: float(f"{figure(measured):.5g}") if len(measured) else None
                    for figure in figures
                },
            }
        )
    return {
        "store": store.name,
        "sequences": len(store),
        "pairs": len(store.pairs),
        "findings": [finding._asdict() for finding in findings],
        "activities": activities,
    }
