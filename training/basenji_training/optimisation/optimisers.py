"""Optimisers, the course of the learning rate, and the limit of the gradient."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import keras

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_training.optimisation.settings import Settings

__all__ = ["clipped", "learning_rate", "make_optimizer"]


def make_optimizer(settings: Settings) -> keras.Optimizer:
    """Make the optimiser that the settings name; its rate is to be set before each step.

    It does not clip: a step's gradient is that of trunk and head together, which have an optimiser
    each (see `clipped`).

    Parameters
    ----------
    settings
        The run's settings.

    Returns
    -------
    keras.Optimizer
        Not built yet.
    """
    rate, momentum = settings.learning_rate, settings.momentum
    if settings.optimizer == "sgd":
        return keras.optimizers.SGD(rate, momentum=momentum)
    if settings.optimizer == "adam":
        return keras.optimizers.Adam(rate, beta_1=momentum, beta_2=settings.beta_2)
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=settings.weight_decay, beta_1=momentum, beta_2=settings.beta_2
    )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def learning_rate(settings: Settings, step: int, steps_per_epoch: int) -> float:
    """Compute the learning rate of a step.

    Parameters
    ----------
    settings
        Largest rate, warm-up, schedule and number of epochs.
    step
        Steps before this one.
    steps_per_epoch
        Steps an epoch.

    Returns
    -------
    float
        Rising from 0 over the warm-up, then constant, or half a cosine down to 0 (Loshchilov and
        Hutter 2017, without restarts).
    """
    steps = settings.epochs * steps_per_epoch
    warmup = round(min(settings.warmup_epochs * steps_per_epoch, steps - 1))
    if step < warmup:
        return settings.learning_rate * step / warmup
    if settings.schedule == "constant":
        return settings.learning_rate
    past = (step - warmup) / (steps - warmup)
    return settings.learning_rate * (1 + math.cos(math.pi * past)) / 2


def clipped(gradients: Sequence[keras.KerasTensor], norm: float) -> list[keras.KerasTensor]:
    """Scale gradients down together until their common norm is no larger than `norm`.

    Parameters
    ----------
    gradients : sequence of tensors, float32
        One for each variable.
    norm
        Largest Euclidean norm of all of them as one vector.

    Returns
    -------
    list of tensors, float32
        In the same order.
    """
    squares = [keras.ops.sum(keras.ops.square(gradient)) for gradient in gradients]
    length = keras.ops.sqrt(sum(squares[1:], squares[0]))
    factor = norm / keras.ops.maximum(length, norm)
    return [gradient * factor for gradient in gradients]
