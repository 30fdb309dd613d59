"""Alleles of a window, and what incremental inference answers about them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Optional

import numpy as np
from keras import ops

from basenji_kipoi.models.incremental.steps import Activate, Convolve, Crop, Pool, Scale
from basenji_kipoi.models.networks.building import activation_function

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.models.incremental.steps import Head, Step

__all__ = [
    "Changes",
    "Kept",
    "Reference",
    "Tensor",
    "Weights",
    "function_of",
    "product",
    "reference_pass",
    "run_steps",
    "window_pass",
]


@dataclass(frozen=True)
class Reference:
    """A reference window and what its pass kept.

    Attributes
    ----------
    codes : ndarray, uint8, shape (window,)
        The sequence.
    values : ndarray, shape (bins, tracks)
        Its predictions.
    region : tuple of int
        Bases [start, end) in which alleles may differ.
    """

    codes: np.ndarray
    values: np.ndarray
    region: tuple[int, int]
    kept: Kept

    @property
    def nbytes(self) -> int:
        """Memory that the kept values take."""
        return sum(
            int(np.prod(rows.shape)) * self.values.dtype.itemsize
            for rows in self.kept.rows.values()
        )


@dataclass(frozen=True)
class Changes:
    """Predictions of the bins that alleles can change.

    Attributes
    ----------
    first, last : ndarray, int, shape (alleles,)
        Predicted bins [first, last) that each allele can change; all others are the reference's.
    values : ndarray, shape (alleles, rows, tracks)
        The allele's predictions: row r of allele i is bin ``first[i] + r`` as long as that is below
        ``last[i]``; rows behind mean nothing.
    """

    first: np.ndarray
    last: np.ndarray
    values: np.ndarray

    @property
    def valid(self) -> np.ndarray:
        """Rows that are predictions, bool (alleles, rows)."""
        return np.arange(self.values.shape[1]) < (self.last - self.first)[:, None]

    def expand(self, reference: Reference) -> np.ndarray:
        """Put the changed bins into the reference's predictions: (alleles, bins, tracks)."""
        whole = np.repeat(reference.values[None], len(self.first), axis=0)
        for row, (first, last) in enumerate(zip(self.first, self.last)):
            whole[row, first:last] = self.values[row, : last - first]
        return whole


Tensor = Any


Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Kept:
    """What a reference pass kept: ``rows[key]`` from position ``first[key]`` on.

    Rows are (length, channels) where all alleles have one reference. Where each has its own they
    are (alleles, length, channels), and ``first[key]`` is int32 (alleles,).
    """

    rows: dict[str, Tensor]
    first: dict[str, Tensor]


def function_of(name: str) -> Callable:
    """Return the function of an activation's name, exact in the dtype of what it is given."""
    return _gelu_tanh if name == "gelu_tanh" else activation_function(name)


def _gelu_tanh(x: Tensor) -> Tensor:
    # TensorFlow's own rounds its coefficient to float32 in every dtype, and takes a general power.
    return 0.5 * x * (1 + ops.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))))


def product(x: Tensor, matrix: Tensor) -> Tensor:
    """Multiply the last axis of (batch, rows, channels) by a matrix, as one product of matrices."""
    batch, rows, channels = x.shape
    flat = ops.matmul(ops.reshape(x, (batch * rows, channels)), matrix)
    return ops.reshape(flat, (batch, rows, matrix.shape[1]))


def reference_pass(
    weights: Weights,
    x: Tensor,
    *,
    steps: Sequence[Step],
    heads: Sequence[Head],
    keep: bool,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Run whole windows.

    Parameters
    ----------
    weights
        Weights by name.
    x : tensor, shape (batch, window, 4)
        One-hot windows.
    steps, heads
        The network.
    keep
        Whether to keep the first window's values for `change_pass`.

    Returns
    -------
    values : tensor, shape (batch, bins, tracks)
        Predictions.
    kept : dict of str to tensor, shape (length, channels)
        Inputs of the steps with a key, and of the links by the heads' names.
    """
    values, kept = window_pass(weights, x, steps=steps, heads=heads, keep=keep)
    return values, {key: table[0] for key, table in kept.items()}


def window_pass(
    weights: Weights,
    x: Tensor,
    *,
    steps: Sequence[Step],
    heads: Sequence[Head],
    keep: bool,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Do what `reference_pass` does, keeping the values of every window.

    ``x`` may be any tensor (batch, length, channels) that the steps begin with; what is kept has
    the shape (batch, length, channels).
    """
    kept: dict[str, Tensor] = {}
    x = run_steps(weights, x, steps=steps, kept=kept if keep else None)
    values = []
    for head in heads:
        linear = product(x, weights[f"{head.name}/matrix"]) + weights[f"{head.name}/bias"]
        if keep:
            kept[head.name] = linear
        values.append(function_of(head.function)(linear))
    return ops.concatenate(values, axis=-1) if len(values) > 1 else values[0], kept


def run_steps(
    weights: Weights,
    x: Tensor,
    *,
    steps: Sequence[Step],
    kept: Optional[dict[str, Tensor]] = None,
) -> Tensor:
    """Run steps on (batch, length, channels); what has a key is added to ``kept``."""
    for step in steps:
        if kept is not None and isinstance(step, (Pool, Activate)) and step.key is not None:
            kept[step.key] = x
        if isinstance(step, Convolve):
            if step.kernel == 1:
                x = product(x, weights[f"{step.name}/matrix"])
            else:
                x = ops.conv(
                    x,
                    weights[f"{step.name}/kernel"],
                    padding="same",
                    dilation_rate=step.dilation,
                    data_format="channels_last",
                )
            x = x + weights[f"{step.name}/bias"]
        elif isinstance(step, Scale):
            x = x * weights[f"{step.name}/scale"] + weights[f"{step.name}/shift"]
        elif isinstance(step, Activate):
            x = function_of(step.function)(x)
        elif isinstance(step, Pool):
            x = ops.max_pool(x, step.size, strides=step.size, data_format="channels_last")
        elif isinstance(step, Crop):
            x = x[:, step.bins : x.shape[1] - step.bins]
        else:
            branch = run_steps(weights, x, steps=step.steps, kept=kept)
            x = x + branch if step.add else ops.concatenate([x, branch], axis=-1)
    return x
