"""What training asks of a task: batches, a loss, a figure of merit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    import keras
    import numpy as np

    from basenji_training.optimisation.losses import Loss

__all__ = ["Task"]


class Task(Protocol):
    """What one head learns."""

    #: Steps of an epoch.
    steps: int
    loss: Loss

    def batches(self, first_step: int, rows: slice) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Batches of the whole run from a step on, of each these rows of this many parts."""

    def validate(self, network: keras.Model) -> tuple[float, float]:
        """Mean loss over values and mean correlation on the validation part."""
