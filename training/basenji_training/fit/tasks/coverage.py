"""Learning tracks: the windows of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_training.measures.comparison import Comparison
from basenji_training.measures.held_out import compared
from basenji_training.optimisation.losses import CoverageLoss
from basenji_training.store.windows import Augmentation, Windows, training_batches

if TYPE_CHECKING:
    from collections.abc import Iterator

    import keras

    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_training.optimisation.settings import Settings
    from basenji_training.store.store import Store

__all__ = ["CoverageTask"]


class CoverageTask:
    """The windows of a store.

    Parameters
    ----------
    store
        The store.
    architecture
        The network.
    settings
        How to train.

    Raises
    ------
    InputError
        If the store does not fit the network or the settings.
    """

    def __init__(self, store: Store, architecture: Architecture, settings: Settings) -> None:
        self._settings = settings
        moves = settings.jitter + settings.shift
        self._training = Windows(store, "train", architecture, stride=settings.stride, margin=moves)
        self._validation = Windows(store, "validation", architecture)
        self._choosing = store.targets.columns_of(settings.choose_by, option="--choose-by")
        Comparison(self._validation, settings.resolution)  # says now if it does not fit
        self.steps = max(len(self._training) // settings.batch_size, 1)
        self.loss = CoverageLoss(settings)

    def batches(self, first_step: int, rows: slice) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Batches of windows, as `basenji_training.store.windows.training_batches` has them."""
        settings = self._settings
        augmentation = Augmentation(
            settings.jitter,
            settings.shift,
            settings.reverse_complement,
            settings.substitution_rate,
        )
        batches = training_batches(
            self._training,
            augmentation,
            batch_size=settings.batch_size,
            steps=settings.epochs * self.steps,
            seed=settings.seed,
            first_step=first_step,
            rows=rows,
        )
        return iter(batches)

    def validate(self, network: keras.Model) -> tuple[float, float]:
        """Mean loss over values, mean over tracks of r of log(1 + counts)."""
        windows = self._validation
        comparison = Comparison(windows, self._settings.resolution)
        total, values = 0.0, 0
        for predicted, observed in compared(network, windows, batch_size=self._settings.batch_size):
            comparison.add(predicted, observed)
            number = np.count_nonzero(np.isfinite(observed))
            total += float(self.loss(observed, predicted)) * number
            values += number
        correlation = comparison.pearson_log1p[self._choosing]
        if np.isfinite(total) and not np.isfinite(correlation).any():
            raise InputError(
                f"no track of {windows.store.path} has a correlation on the validation part: all "
                "are constant or missing there; choose another with `basenji-train data`"
            )
        return total / values, float(np.nanmean(correlation))
