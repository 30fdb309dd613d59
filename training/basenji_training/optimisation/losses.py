"""Losses on measurements with missing values, in code that every Keras backend runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import keras

if TYPE_CHECKING:
    from basenji_training.optimisation.settings import Settings

__all__ = [
    "CoverageLoss",
    "Loss",
    "ReporterLoss",
    "existing",
    "poisson",
    "poisson_multinomial",
]

#: Keeps the logarithm finite where a network predicts zero.
_EPSILON = 1e-6


class Loss(Protocol):
    """A loss as training calls it."""

    def __call__(
        self,
        observed: keras.KerasTensor,
        predicted: keras.KerasTensor,
        number: keras.KerasTensor | None = None,
    ) -> keras.KerasTensor:
        """Compute the loss, a scalar: the sum over what exists, divided by its ``number``."""

    def number(self, observed: keras.KerasTensor) -> keras.KerasTensor:
        """Count what exists in a batch: float32, scalar."""


@dataclass(frozen=True)
class CoverageLoss:
    """The loss on coverage that the settings name."""

    settings: Settings

    def __call__(
        self,
        observed: keras.KerasTensor,
        predicted: keras.KerasTensor,
        number: keras.KerasTensor | None = None,
    ) -> keras.KerasTensor:
        """Compute the loss as `poisson` or `poisson_multinomial` does."""
        if self.settings.loss == "poisson":
            return poisson(observed, predicted, number)
        return poisson_multinomial(
            observed, predicted, number, weight=self.settings.multinomial_weight
        )

    def number(self, observed: keras.KerasTensor) -> keras.KerasTensor:
        """Count the values that are not missing: float32, scalar."""
        return existing(observed)


@dataclass(frozen=True)
class ReporterLoss:
    """Weighted squared error of activities, and of the differences within pairs.

    Attributes
    ----------
    pair_weight : float
        Weight of the differences.
    """

    pair_weight: float = 0.0

    def __call__(
        self,
        observed: keras.KerasTensor,
        predicted: keras.KerasTensor,
        number: keras.KerasTensor | None = None,
    ) -> keras.KerasTensor:
        """Compute the loss.

        Parameters
        ----------
        observed : tensor, float32, shape (batch, activities, 3)
            As `basenji_training.store.reporter_batches` makes it.
        predicted : tensor, float32, shape (batch, activities)
        number : tensor, float32, scalar
            What the sum is divided by; by default the values that exist here.

        Returns
        -------
        tensor, float32, scalar
            0 if everything is missing.
        """
        number = self.number(observed) if number is None else number
        value = observed[..., 0]
        exists = keras.ops.isfinite(value)
        error = keras.ops.where(exists, predicted - keras.ops.where(exists, value, 0.0), 0.0)
        total = keras.ops.sum(observed[..., 1] * keras.ops.square(error))
        if self.pair_weight:
            both = keras.ops.logical_and(exists[:-1], exists[1:])
            apart = keras.ops.where(both, error[:-1] - error[1:], 0.0)
            pairs = keras.ops.sum(observed[:-1, :, 2] * keras.ops.square(apart))
            total = total + self.pair_weight * pairs
        return total / keras.ops.maximum(number, 1.0)

    def number(self, observed: keras.KerasTensor) -> keras.KerasTensor:
        """Count the activities that were measured: float32, scalar."""
        return existing(observed[..., 0])


def existing(observed: keras.KerasTensor) -> keras.KerasTensor:
    """Count the values that are not missing: float32, scalar."""
    return keras.ops.sum(keras.ops.cast(keras.ops.isfinite(observed), "float32"))


def poisson(
    observed: keras.KerasTensor,
    predicted: keras.KerasTensor,
    number: keras.KerasTensor | None = None,
) -> keras.KerasTensor:
    """Poisson negative log likelihood, up to a constant, averaged over the values that exist.

    mean of predicted - observed * log(predicted), as in Kelley et al. 2018.

    Parameters
    ----------
    observed : tensor, float32, shape (batch, bins, tracks)
        NaN where missing; those neither count nor carry a gradient.
    predicted : tensor, float32, shape (batch, bins, tracks)
        Not negative.
    number : tensor, float32, scalar
        What the sum is divided by: where several devices share a batch, the existing values of all
        of them. By default those of `observed`.

    Returns
    -------
    tensor, float32, scalar
        0 if everything is missing.
    """
    exists = keras.ops.isfinite(observed)
    number = existing(observed) if number is None else number
    # Replaced before the arithmetic, not after: a NaN that is multiplied by zero stays NaN.
    observed = keras.ops.where(exists, observed, 0.0)
    loss = predicted - observed * keras.ops.log(predicted + _EPSILON)
    total = keras.ops.sum(keras.ops.where(exists, loss, 0.0))
    return total / keras.ops.maximum(number, 1.0)


def poisson_multinomial(
    observed: keras.KerasTensor,
    predicted: keras.KerasTensor,
    number: keras.KerasTensor | None = None,
    *,
    weight: float = 1.0,
) -> keras.KerasTensor:
    """Likelihood of a window's total (Poisson) and of its distribution over bins (multinomial).

    For one window and track with observed counts y, predictions p and their sums Y and P over the
    bins that exist: P - Y log(P) - weight * sum of y log(p / P). Summed over windows and tracks and
    divided by the number of existing values. With a weight of 1 this is `poisson`, split in two
    (Borzoi: Linder et al. 2025, who weigh shape five times as much as total).

    Parameters
    ----------
    observed, predicted, number
        As `poisson` takes them.
    weight
        Of the multinomial part.

    Returns
    -------
    tensor, float32, scalar
        0 if everything is missing.
    """
    exists = keras.ops.isfinite(observed)
    number = existing(observed) if number is None else number
    observed = keras.ops.where(exists, observed, 0.0)
    predicted = keras.ops.where(exists, predicted, 0.0)
    sum_observed = keras.ops.sum(observed, axis=1, keepdims=True)
    sum_predicted = keras.ops.sum(predicted, axis=1, keepdims=True)
    log_sum = keras.ops.log(sum_predicted + _EPSILON)
    total = keras.ops.sum(sum_predicted - sum_observed * log_sum)
    # What is missing has an observed count of 0, so that its logarithm counts for nothing.
    shape = keras.ops.sum(observed * (keras.ops.log(predicted + _EPSILON) - log_sum))
    return (total - weight * shape) / keras.ops.maximum(number, 1.0)
