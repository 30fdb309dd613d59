"""Losses on coverage with missing values, in code that every Keras backend runs."""

from __future__ import annotations

import keras

__all__ = ["poisson"]

#: Keeps the logarithm finite where a network predicts zero.
_EPSILON = 1e-6


def poisson(observed: keras.KerasTensor, predicted: keras.KerasTensor) -> keras.KerasTensor:
    """Poisson negative log likelihood, up to a constant, averaged over the values that exist.

    mean of predicted - observed * log(predicted), as in Kelley et al. 2018.

    Parameters
    ----------
    observed : tensor, float32, shape (batch, bins, tracks)
        NaN where missing; those neither count nor carry a gradient.
    predicted : tensor, float32, shape (batch, bins, tracks)
        Not negative.

    Returns
    -------
    tensor, float32, scalar
        0 if everything is missing.
    """
    exists = keras.ops.isfinite(observed)
    # Replaced before the arithmetic, not after: a NaN that is multiplied by zero stays NaN.
    observed = keras.ops.where(exists, observed, 0.0)
    loss = predicted - observed * keras.ops.log(predicted + _EPSILON)
    number = keras.ops.sum(keras.ops.cast(exists, "float32"))
    total = keras.ops.sum(keras.ops.where(exists, loss, 0.0))
    return total / keras.ops.maximum(number, 1.0)
