"""The faster gradient of convolutions is TensorFlow's own, up to rounding."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from basenji_training.optimisation.convolution_tensorflow import kernel_gradient, speed_up_gradients

#: As many channels as the faster gradient wants.
CHANNELS = 128


@given(
    batch=st.integers(1, 3),
    length=st.integers(1, 24),
    channels=st.integers(1, 5),
    filters=st.integers(1, 4),
    kernel_size=st.integers(1, 6),
    dilation=st.integers(1, 4),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_the_gradient_of_a_kernel(batch, length, channels, filters, kernel_size, dilation, seed):
    rng = np.random.default_rng(seed)
    inputs = tf.constant(rng.normal(size=(batch, length, channels)))
    kernel = tf.constant(rng.normal(size=(kernel_size, channels, filters)))
    weights = tf.constant(rng.normal(size=(batch, length, filters)))
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        outputs = tf.nn.convolution(inputs, kernel, padding="SAME", dilations=dilation)
        value = tf.reduce_sum(outputs * weights)
    expected = tape.gradient(value, kernel)
    found = kernel_gradient(inputs, weights, kernel_size, dilation)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def network(dtype):
    keras.utils.set_random_seed(3)
    x = inputs = keras.Input((50, CHANNELS))
    x = keras.layers.Conv1D(CHANNELS, 4, padding="same", use_bias=False, dtype=dtype)(x)
    x = keras.layers.Conv1D(6, 3, padding="same", dilation_rate=4, activation="relu", dtype=dtype)(
        x
    )
    return keras.Model(inputs, x)


# A bfloat16 has 8 bits: ten of its roundings, whose number depends on how a processor adds up.
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("mixed_bfloat16", 0.04)])
def test_all_gradients_of_a_network_stay(dtype, tolerance):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 50, CHANNELS)).astype(np.float32)
    weights = rng.normal(size=(2, 50, 6)).astype(np.float32)
    results = []
    for fast in (False, True):
        model = network(dtype)
        if fast:
            speed_up_gradients(model)

        @tf.function
        def gradients(model=model):
            inputs = tf.constant(x)
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                outputs = tf.cast(model(inputs, training=True), tf.float32)
                value = tf.reduce_sum(outputs * weights)
            variables = [variable.value for variable in model.trainable_variables]
            return outputs, tape.gradient(value, [inputs, *variables])

        results.append(gradients())
    (outputs, expected), (same, found) = results
    np.testing.assert_array_equal(same, outputs)
    assert len(found) == 4
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == theirs.dtype
        scale = np.abs(theirs.numpy()).max()
        assert scale > 0
        np.testing.assert_allclose(ours, theirs, atol=tolerance * scale)
