"""A training step on TensorFlow: on one device, or mirrored on several of one host."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from basenji_training.optimisation.convolution_tensorflow import speed_up_gradients
from basenji_training.optimisation.optimisers import clipped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from basenji_training.optimisation.losses import Loss
    from basenji_training.optimisation.train_state import TrainState

__all__ = ["TensorFlowDevices"]


class TensorFlowDevices:
    """The devices of this host that share a batch.

    With several, `tf.distribute.MirroredStrategy` keeps the weights alike. Gradient and loss are
    those of the whole batch, and batch normalisation takes its statistics over all devices.

    Parameters
    ----------
    number
        How many: GPUs if there are any, otherwise logical CPU devices.
    """

    #: Rows of a batch that this process reads: all.
    rows = slice(None)
    is_main = True

    def __init__(self, number: int) -> None:
        kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
        self._on_cpu = kind == "CPU"
        names = [device.name for device in tf.config.list_logical_devices(kind)][:number]
        self._strategy = tf.distribute.MirroredStrategy(names) if number > 1 else None

    def scope(self) -> AbstractContextManager:
        """Return the context in which the network and its optimisers are built."""
        return contextlib.nullcontext() if self._strategy is None else self._strategy.scope()

    def compile(
        self, state: TrainState, losses: Mapping[str, Loss], clip_norm: float
    ) -> Callable[[str, np.ndarray, np.ndarray], tf.Tensor]:
        """Make the function that takes a step.

        Parameters
        ----------
        state
            What is trained.
        losses
            The loss of each part.
        clip_norm
            Largest norm of the gradient.

        Returns
        -------
        callable
            (head, sequence (batch, window, 4), what was observed) -> loss, scalar.
        """
        if self._strategy is not None:
            for layer in state.network.layers:
                if isinstance(layer, keras.layers.BatchNormalization):
                    layer.synchronized = True
        if self._on_cpu:
            speed_up_gradients(state.network)
        # XLA speeds up neither bfloat16 nor convolutions on a CPU.
        functions = {
            head: tf.function(self._step(state, head, losses[head], clip_norm), jit_compile=False)
            for head in state.parts
        }
        return lambda head, *batch: functions[head](*map(self._placed, batch))

    def _placed(self, rows: np.ndarray) -> tf.Tensor | tf.distribute.DistributedValues:
        if self._strategy is None:
            return tf.convert_to_tensor(rows)
        parts = np.split(rows, self._strategy.num_replicas_in_sync)
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.convert_to_tensor(parts[context.replica_id_in_sync_group])
        )

    def _step(
        self, state: TrainState, head: str, loss: Loss, clip_norm: float
    ) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
        network = state.parts[head]
        groups = state.optimizers(head)
        values = [variable.value for _, variables in groups for variable in variables]
        strategy = self._strategy

        def summed(tensors: tf.Tensor | list[tf.Tensor]) -> tf.Tensor | list[tf.Tensor]:
            if strategy is None:
                return tensors
            context = tf.distribute.get_replica_context()
            return context.all_reduce(tf.distribute.ReduceOp.SUM, tensors)

        def step(sequence: tf.Tensor, observed: tf.Tensor) -> tf.Tensor:
            number = summed(loss.number(observed))
            with tf.GradientTape() as tape:
                value = loss(observed, network(sequence, training=True), number)
            gradients = clipped(summed(tape.gradient(value, values)), clip_norm)
            if strategy is not None:
                # Keras sums over the devices itself; all have the same sum here.
                gradients = [g / strategy.num_replicas_in_sync for g in gradients]
            first = 0
            for optimizer, variables in groups:
                optimizer.apply(gradients[first : first + len(variables)], variables)
                first += len(variables)
            return summed(value)

        if strategy is None:
            return step

        def steps(sequence: tf.Tensor, observed: tf.Tensor) -> tf.Tensor:
            return strategy.experimental_local_results(strategy.run(step, (sequence, observed)))[0]

        return steps
