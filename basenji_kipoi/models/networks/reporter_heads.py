"""Heads that read a whole sequence: what a reporter assay measures of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from basenji_kipoi.models.networks.operations import (
    ActivationName,
    Operation,
    channels_of,
    weights_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Reading", "ReporterHead"]

_MOST = 1 << 16


class Reading(BaseModel):
    """Where a reporter head reads the trunk, and what becomes of what it reads.

    Attributes
    ----------
    after : int
        How many of the trunk's operations come before: the fewer, the finer the positions.
    operations : list of Operation
        The head's own, on what the trunk has there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: int = Field(gt=0)
    operations: list[Operation] = []

    def chain(self, trunk: Sequence[Operation]) -> list[Operation]:
        """List all operations from the sequence to what is pooled."""
        return [*trunk[: self.after], *self.operations]


class ReporterHead(BaseModel):
    """A head that pools positions of one or several readings to a value for each activity.

    Positions are pooled in two ways: ``queries`` weighted means, whose weights (a softmax over
    positions) and whose ``features`` are linear in what is pooled, and the maximum of each channel.
    Behind them are a layer of ``hidden`` units and a linear one.

    Attributes
    ----------
    activities : int
        Values for each sequence, in units of their standard deviation.
    window : int
        Bases that the head looks at: the sequence and what the assay's construct has around (bp).
        Any number that the readings' pooling divides.
    readings : list of Reading
        Where the trunk is read.
    queries, features : int
        Weighted means, and values of each.
    hidden : int
        Units of the last layer but one.
    activation : str
        Their function. With ReLU a large learning rate can silence all of them for good.
    dropout : float
        Share of the pooled values, and of the hidden units, that training sets to zero.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    activities: int = Field(gt=0, le=_MOST)
    window: int = Field(gt=0, le=1 << 24)
    readings: list[Reading] = Field(min_length=1, max_length=100)
    queries: int = Field(default=8, gt=0, le=_MOST)
    features: int = Field(default=32, gt=0, le=_MOST)
    hidden: int = Field(default=128, gt=0, le=_MOST)
    activation: ActivationName = "relu"
    dropout: float = Field(default=0.3, ge=0, lt=1)

    @property
    def depth(self) -> int:
        """Operations of the trunk that the head needs."""
        return max(reading.after for reading in self.readings)

    def stride(self, trunk: Sequence[Operation]) -> int:
        """Bases of the coarsest position that is pooled (bp): moved by it, nothing changes."""
        largest = 1
        for reading in self.readings:
            size = 1
            for operation in reading.chain(trunk):
                size *= operation.stride
            largest = max(largest, size)
        return largest

    def weights(self, trunk: Sequence[Operation], channels: int) -> tuple[int, int]:
        """Count the head's own weights: trained ones and fixed ones."""
        trainable = fixed = pooled = 0
        for reading in self.readings:
            width = channels_of(trunk[: reading.after], channels)
            own = weights_of(reading.operations, width)
            width = channels_of(reading.operations, width)
            trainable += own.trainable + (width + 1) * (self.queries + self.features)
            fixed += own.fixed
            pooled += self.queries * self.features + width
        trainable += (pooled + 1) * self.hidden + (self.hidden + 1) * self.activities
        return trainable, fixed
