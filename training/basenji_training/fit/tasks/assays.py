"""What follows from a reporter store: the assay's description, and the head of a network for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.networks.assays import Assay, PredictedActivity
from basenji_kipoi.models.networks.operations import (
    Activation,
    Concatenate,
    Convolution,
    Crop,
    Dropout,
    Normalisation,
    Residual,
)
from basenji_kipoi.models.networks.reporter_heads import Reading, ReporterHead
from basenji_training.data.reporters.context import Ends, usual_ends
from basenji_training.store.reporters import ReporterStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.models.networks.operations import Operation
    from basenji_training.fit.tasks.stores import AnyStore

__all__ = ["assays_of", "usual_reporter"]

#: Widths of the positions that a usual reporter pools (bp).
_READ_AT = (4, 8)


def usual_reporter(architecture: Architecture, store: ReporterStore) -> ReporterHead:
    """Make a reporter for a network that describes none.

    It reads the trunk at positions of 4 and of 8 bp, or as near as the trunk pools, behind
    two convolutions of its own at each, in a window of about twice the longest sequence.
    """
    trunk = architecture.trunk
    readings = []
    for wanted in _READ_AT:
        after = _depth_of(trunk, wanted)
        if after not in (reading.after for reading in readings):
            readings.append(Reading(after=after, operations=_own_operations()))
    head = ReporterHead(
        activities=len(store.activities), window=1, readings=readings, activation="gelu_tanh"
    )
    stride, longest = head.stride(trunk), int(store.lengths.max())
    window = -(-2 * longest // stride) * stride
    return head.model_copy(update={"window": window})


def _depth_of(trunk: Sequence[Operation], wanted: int) -> int:
    """Find the last place of the trunk, before a convolution, with positions of so many bp."""
    stride, best = 1, 1
    for position, operation in enumerate(trunk):
        if isinstance(operation, Crop) or stride * operation.stride > wanted:
            break
        stride *= operation.stride
        behind = trunk[position + 1] if position + 1 < len(trunk) else None
        if behind is None or isinstance(behind, (Convolution, Residual, Concatenate, Crop)):
            best = position + 1
    return best


def _own_operations() -> list[Operation]:
    """List what a usual reporter does at each of its readings."""
    return [
        operation
        for _ in range(2)
        for operation in (
            Convolution(filters=128, kernel=5),
            Normalisation(momentum=0.95),
            Activation(function="relu"),
            Dropout(rate=0.1),
        )
    ]


def assays_of(stores: Sequence[AnyStore]) -> dict[str, Assay]:
    """Describe the assay of each reporter store, with units as its training sequences have them.

    Raises
    ------
    InputError
        If an activity is missing or constant in the training sequences.
    """
    assays = {}
    for store in stores:
        if not isinstance(store, ReporterStore):
            continue
        values = store.values[store.rows_of("train")].astype(np.float64)
        exists = np.isfinite(values)
        for each, there in zip(store.activities, exists.T, strict=True):
            if there.sum() < 2:
                raise InputError(
                    f"{store.path}: {each.identifier} was measured of {there.sum()} sequences to "
                    "train with: expected 2 or more"
                )
        mean, deviation = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
        for each, spread in zip(store.activities, deviation, strict=True):
            if not spread > 0:
                raise InputError(f"{store.path}: {each.identifier} is the same for all sequences")
        # A store that was written without findings tells of no vector.
        vector = Ends(*store.attrs.get("findings", {}).get("vector", (0, 0)))
        before, behind = usual_ends(store.codes, store.lengths, vector)
        assays[store.name] = Assay(
            left=store.left,
            right=store.right,
            shortest=int(store.lengths.min()),
            longest=int(store.lengths.max()),
            before=before,
            behind=behind,
            usual=int(np.median(store.lengths)),
            activities=tuple(
                PredictedActivity(
                    **each.model_dump(),
                    mean=float(middle),
                    deviation=float(spread),
                )
                for each, middle, spread in zip(store.activities, mean, deviation, strict=True)
            ),
        )
    return assays
