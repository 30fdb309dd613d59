"""A moving average of a network's weights, which predicts better than their last values."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras
    import numpy as np

__all__ = ["WeightAverage"]


class WeightAverage:
    """Exponential moving average of all weights of a network, normalisation statistics included.

    Kept outside the training step, so that it works alike on every backend; updated every tenth
    step, at which a copy of the weights costs nothing.

    Parameters
    ----------
    network
        The network that is trained.
    decay
        Weight of the past a step.
    """

    EVERY = 10

    def __init__(self, network: keras.Model, decay: float) -> None:
        self._network = network
        self._decay = decay**self.EVERY
        self.steps = 0
        self.values: Sequence[np.ndarray] = network.get_weights()

    @property
    def current(self) -> Sequence[np.ndarray]:
        """The average with the steps since the last update in it, as an epoch's end needs it."""
        updates, rest = divmod(self.steps, self.EVERY)
        if not rest:
            return self.values
        # Before the first update the average is the random start, which is to count for nothing.
        decay = self._decay_of(updates + 1) ** (rest / self.EVERY) if updates else 0.0
        return self._moved(decay)

    def update(self) -> None:
        """Count a step."""
        self.steps += 1
        updates, rest = divmod(self.steps, self.EVERY)
        if rest:
            return
        self.values = self._moved(self._decay_of(updates))

    def _decay_of(self, update: int) -> float:
        # The first updates weigh more, so that the random start is soon forgotten.
        return min(self._decay, update / (update + 10))

    def _moved(self, decay: float) -> Sequence[np.ndarray]:
        return [
            decay * average + (1 - decay) * value
            for average, value in zip(self.values, self._network.get_weights(), strict=True)
        ]
