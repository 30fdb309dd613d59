"""Losses are likelihoods of what exists; what is missing has no part in them."""

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

from basenji_training.optimisation.losses import existing, poisson, poisson_multinomial


def loss_and_gradient(observed, predicted, function=poisson, **options):
    predicted = tf.Variable(predicted, dtype=tf.float32)
    with tf.GradientTape() as tape:
        loss = function(tf.constant(observed, tf.float32), predicted, **options)
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
        # The loss adds 1e-6 to each rate before its logarithm.
        shifted = 1e-6 * (counts / rates).max()
        assert loss == pytest.approx(expected.mean(), rel=1e-4, abs=1e-5 * scale + shifted)
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


@settings(deadline=None)
@given(pairs())
def test_totals_and_shapes_of_equal_weight_are_the_poisson_likelihood(pair):
    # It factorises: the total is Poisson, and the bins given the total are multinomial.
    whole, whole_gradient = loss_and_gradient(*pair)
    parts, gradient = loss_and_gradient(*pair, poisson_multinomial)
    assert parts == pytest.approx(whole, rel=1e-4, abs=1e-3)
    np.testing.assert_allclose(gradient, whole_gradient, rtol=1e-3, atol=1e-4)


@settings(deadline=None)
@given(pairs(), st.floats(0, 8))
def test_the_split_loss_is_the_likelihood_of_total_and_shape(pair, weight):
    observed, predicted = pair
    loss, gradient = loss_and_gradient(observed, predicted, poisson_multinomial, weight=weight)
    expected = 0.0
    for window, rates in zip(observed, predicted.astype(float), strict=True):
        for track in range(window.shape[1]):
            exists = np.isfinite(window[:, track])
            if not exists.any():
                continue
            counts, p = window[exists, track].astype(int), rates[exists, track]
            total = stats.poisson.logpmf(counts.sum(), p.sum()) + gammaln(counts.sum() + 1)
            constant = gammaln(counts.sum() + 1) - gammaln(counts + 1).sum()
            shape = stats.multinomial.logpmf(counts, counts.sum(), p / p.sum()) - constant
            expected -= total + weight * shape
    number = max(np.isfinite(observed).sum(), 1)
    assert loss == pytest.approx(expected / number, rel=1e-3, abs=1e-2)
    assert (gradient[~np.isfinite(observed)] == 0).all()


@pytest.mark.parametrize("function", [poisson, poisson_multinomial])
def test_losses_of_a_divided_batch_sum_to_that_of_the_whole(function):
    generator = np.random.default_rng(0)
    observed = generator.poisson(5, (4, 6, 3)).astype(np.float32)
    observed[generator.random(observed.shape) < 0.3] = np.nan
    predicted = generator.gamma(2, 2, observed.shape).astype(np.float32)
    number = existing(observed)
    parts = [function(observed[i : i + 2], predicted[i : i + 2], number) for i in (0, 2)]
    assert float(sum(parts)) == pytest.approx(float(function(observed, predicted)), rel=1e-5)
