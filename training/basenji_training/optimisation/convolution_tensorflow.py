"""A faster gradient of convolutions on a processor, for training with TensorFlow.

TensorFlow's own gradient of a wide kernel in a long sequence takes most of a training step, far
longer than the same arithmetic as matrix products.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["kernel_gradient", "speed_up_gradients"]

#: Input channels from which the matrix products are faster; below, TensorFlow's gradient is.
_WIDE = 128


def speed_up_gradients(network: keras.Model) -> None:
    """Let a network's wide convolutions take the gradient of their kernels from `kernel_gradient`.

    Layers, weights and predictions stay what they are, and so does what is saved: only the
    function that these instances call is another one.

    Parameters
    ----------
    network
        Built by `basenji_kipoi.models.networks.building.build_network`: its convolutions are
        one-dimensional, keep the length ("same"), and have neither strides nor groups.
    """
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv1D) and layer.kernel.shape[1] >= _WIDE:
            layer.call = _call_of(layer)


def kernel_gradient(
    inputs: tf.Tensor, output_gradient: tf.Tensor, kernel_size: int, dilation: int
) -> tf.Tensor:
    """Compute the gradient of a "same" convolution with respect to its kernel.

    With y[t] = sum over k of x[t + k d - p] w[k], as TensorFlow pads, the gradient of w[k] is the
    sum over t of the outer products of x[t + k d - p] and dy[t]: one matrix product for each k.

    Parameters
    ----------
    inputs : Tensor, floating, shape (batch, length, channels)
    output_gradient : Tensor, same type, shape (batch, length, filters)
    kernel_size, dilation
        Of the convolution.

    Returns
    -------
    Tensor
        Same type, shape (kernel_size, channels, filters).
    """
    length, channels = inputs.shape[1:]
    before = dilation * (kernel_size - 1) // 2
    after = dilation * (kernel_size - 1) - before
    padded = tf.pad(inputs, [[0, 0], [before, after], [0, 0]])
    flat = tf.reshape(output_gradient, [-1, output_gradient.shape[2]])
    products = [
        tf.matmul(
            tf.reshape(padded[:, start : start + length], [-1, channels]), flat, transpose_a=True
        )
        for start in range(0, kernel_size * dilation, dilation)
    ]
    return tf.stack(products)


def _call_of(layer: keras.layers.Conv1D) -> Callable[[tf.Tensor], tf.Tensor]:
    kernel_size, dilation = layer.kernel_size[0], layer.dilation_rate[0]

    @tf.custom_gradient
    def with_gradient_of_kernel(
        outputs: tf.Tensor, inputs: tf.Tensor, kernel: tf.Tensor
    ) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor | None, ...]]]:
        del kernel  # its gradient depends on what it is multiplied with alone

        def gradient(dy: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
            return dy, None, kernel_gradient(inputs, dy, kernel_size, dilation)

        return tf.identity(outputs), gradient

    def call(inputs: tf.Tensor) -> tf.Tensor:
        kernel = tf.convert_to_tensor(layer.kernel)
        outputs = keras.ops.conv(
            inputs,
            # TensorFlow's gradient of the inputs is fast: it goes through the convolution.
            tf.stop_gradient(kernel),
            padding=layer.padding,
            dilation_rate=dilation,
        )
        outputs = with_gradient_of_kernel(outputs, inputs, kernel)
        if layer.use_bias:
            outputs = outputs + tf.convert_to_tensor(layer.bias)
        return layer.activation(outputs)

    return call
