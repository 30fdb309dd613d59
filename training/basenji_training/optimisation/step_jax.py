"""A training step on JAX: data parallel over the devices of one or several hosts."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import jax
import keras

from basenji_training.optimisation.optimisers import clipped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    import numpy as np

    from basenji_training.optimisation.losses import Loss
    from basenji_training.optimisation.train_state import TrainState

__all__ = ["JaxDevices"]


class JaxDevices:
    """The devices, of all processes, that share a batch.

    With several, weights are replicated and batches are split (`keras.distribution.DataParallel`);
    the compiler sees the whole batch, so that loss, gradient and the statistics of batch
    normalisation are those of the whole batch.

    Parameters
    ----------
    number
        How many devices in all.
    batch_size
        Windows a step on all of them.

    Attributes
    ----------
    rows : slice
        Rows of a batch that this process reads.
    is_main : bool
        Whether this process writes files.
    """

    def __init__(self, number: int, batch_size: int) -> None:
        share = batch_size // jax.process_count()
        self.rows = slice(jax.process_index() * share, (jax.process_index() + 1) * share)
        self.is_main = jax.process_index() == 0
        self._distribution = None
        if number > 1:
            devices = keras.distribution.list_devices()[:number]
            self._distribution = keras.distribution.DataParallel(devices=devices)

    def scope(self) -> AbstractContextManager:
        """Return the context in which the network and its optimisers are built."""
        return (
            contextlib.nullcontext() if self._distribution is None else self._distribution.scope()
        )

    def compile(
        self, state: TrainState, losses: Mapping[str, Loss], clip_norm: float
    ) -> Callable[[str, np.ndarray, np.ndarray], jax.Array]:
        """Make the function that takes a step.

        Parameters and result are those of `basenji_training.optimisation.step_tensorflow`.
        """
        functions = {head: self._step(state, head, losses[head], clip_norm) for head in state.parts}
        return lambda head, *batch: functions[head](*map(self._placed, batch))

    def _placed(self, rows: np.ndarray) -> jax.Array | np.ndarray:
        if self._distribution is None:
            return rows
        shape = (len(rows) * jax.process_count(), *rows.shape[1:])
        layout = self._distribution.get_data_layout(shape)
        return jax.make_array_from_process_local_data(layout.backend_layout, rows, shape)

    @staticmethod
    def _step(
        state: TrainState, head: str, loss: Loss, clip_norm: float
    ) -> Callable[[jax.Array, jax.Array], jax.Array]:
        network = state.parts[head]
        optimized = state.optimizers(head)
        variables = [variable for _, group in optimized for variable in group]
        # The network wants its variables in an order of its own.
        place = {id(variable): i for i, variable in enumerate(variables)}
        order = [place[id(variable)] for variable in network.trainable_variables]
        groups = (
            variables,
            network.non_trainable_variables,
            *(optimizer.variables for optimizer, _ in optimized),
        )

        def step(
            held: list[list[jax.Array]], sequence: jax.Array, observed: jax.Array
        ) -> tuple[list[list[jax.Array]], jax.Array]:
            trainable, fixed, *moments = held

            def loss_of(trainable: list[jax.Array]) -> tuple[jax.Array, list[jax.Array]]:
                ordered = [trainable[i] for i in order]
                predicted, after = network.stateless_call(ordered, fixed, sequence, training=True)
                return loss(observed, predicted), after

            (value, fixed), gradients = jax.value_and_grad(loss_of, has_aux=True)(trainable)
            gradients = clipped(gradients, clip_norm)
            trained, first = [], 0
            for i, (optimizer, group) in enumerate(optimized):
                part = slice(first, first + len(group))
                after, moments[i] = optimizer.stateless_apply(
                    moments[i], gradients[part], trainable[part]
                )
                trained += after
                first += len(group)
            return [trained, fixed, *moments], value

        # What was held before is not needed any more: its memory takes the new values.
        compiled = jax.jit(step, donate_argnums=0)

        def take(sequence: jax.Array, observed: jax.Array) -> jax.Array:
            held = [[variable.value for variable in group] for group in groups]
            held, value = compiled(held, sequence, observed)
            for group, values in zip(groups, held, strict=True):
                for variable, new in zip(group, values, strict=True):
                    variable.assign(new)
            return value

        return take
