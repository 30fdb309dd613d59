"""The loss is the Poisson likelihood of what exists; what is missing has no part in it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from scipy.special import gammaln

from basenji_training.losses import poisson


def loss_and_gradient(observed, predicted):
    predicted = tf.Variable(predicted, dtype=tf.float32)
    with tf.GradientTape() as tape:
        loss = poisson(tf.constant(observed, tf.float32), predicted)
    return float(loss), tape.gradient(loss, predicted).numpy()


@st.composite
def pairs(draw):
    """Counts with missing values, and positive predictions of them."""
    shape = draw(hnp.array_shapes(min_dims=3, max_dims=3, max_side=5))
    counts = draw(hnp.arrays(np.float32, shape, elements=st.integers(0, 500)))
    missing = draw(hnp.arrays(bool, shape))
    rates = draw(hnp.arrays(np.float32, shape, elements=st.floats(0.125, 500, width=32)))
    return np.where(missing, np.nan, counts), rates


@settings(deadline=None)
@given(pairs())
def test_loss_is_the_likelihood_of_what_exists(pair):
    observed, predicted = pair
    exists = np.isfinite(observed)
    loss, gradient = loss_and_gradient(observed, predicted)
    counts, rates = observed[exists].astype(float), predicted[exists].astype(float)
    if not exists.any():
        assert loss == 0
    else:
        # The likelihood's constant, log(n!), is left out of the loss.
        expected = -stats.poisson.logpmf(counts, rates) - gammaln(counts + 1)
        scale = np.abs(counts * np.log(rates)).max() + rates.max()
        assert loss == pytest.approx(expected.mean(), rel=1e-4, abs=1e-5 * scale)
    assert (gradient[~exists] == 0).all()
    derivative = (1 - counts / rates) / max(exists.sum(), 1)
    np.testing.assert_allclose(gradient[exists], derivative, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
def test_what_is_missing_changes_nothing(missing):
    generator = np.random.default_rng(0)
    observed = generator.poisson(3, (2, 8, 3)).astype(np.float32)
    predicted = generator.uniform(0.5, 8, (2, 8, 3)).astype(np.float32)
    holes = observed.copy()
    holes[:, ::2] = missing
    loss, gradient = loss_and_gradient(holes, predicted)
    expected, _ = loss_and_gradient(observed[:, 1::2], predicted[:, 1::2])
    assert loss == pytest.approx(expected, rel=1e-6)
    assert np.isfinite(gradient).all()


def test_predictions_of_zero_stay_finite():
    loss, gradient = loss_and_gradient([[[5.0], [0.0], [np.nan]]], [[[0.0], [0.0], [0.0]]])
    assert np.isfinite(loss)
    assert np.isfinite(gradient).all()
    assert gradient[0, 0, 0] < 0  # upwards, to where the counts are


def test_the_best_prediction_is_the_count():
    observed = np.array([[[0.5], [3.0], [40.0]]], np.float32)
    best, gradient = loss_and_gradient(observed, observed)
    np.testing.assert_allclose(gradient, 0, atol=1e-5)
    for factor in (0.9, 1.1):
        assert loss_and_gradient(observed, observed * factor)[0] > best


def test_a_training_step_with_missing_values_keeps_weights_finite():
    network = keras.Sequential([keras.Input((4, 2)), keras.layers.Dense(3, activation="softplus")])
    network.compile("adam", poisson)
    observed = np.full((2, 4, 3), np.nan, np.float32)
    before = [weight.copy() for weight in network.get_weights()]
    assert network.train_on_batch(np.ones((2, 4, 2)), observed) == 0
    for left, right in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)
    observed[0, :, 1] = 7
    network.train_on_batch(np.ones((2, 4, 2)), observed)
    kernel, _ = network.get_weights()
    assert np.isfinite(kernel).all()
    np.testing.assert_array_equal(kernel[:, [0, 2]], before[0][:, [0, 2]])
    assert (kernel[:, 1] > before[0][:, 1]).all()
