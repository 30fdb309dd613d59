"""Rates follow their schedule, gradients their limit, and optimisers their definitions."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from basenji_training.optimisation.optimisers import clipped, learning_rate, make_optimizer
from basenji_training.optimisation.settings import Settings


@pytest.mark.parametrize("warmup_epochs", [0, 1.5, 3])
def test_the_cosine_is_that_of_keras(warmup_epochs):
    settings = Settings(epochs=10, learning_rate=0.3, warmup_epochs=warmup_epochs)
    warmup = round(warmup_epochs * 20)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else 0.3, 200 - warmup, warmup_target=0.3 if warmup else None,
        warmup_steps=warmup,
    )  # fmt: skip
    rates = [learning_rate(settings, step, 20) for step in range(200)]
    np.testing.assert_allclose(rates, [float(schedule(s)) for s in range(200)], atol=1e-6)
    assert max(rates) == pytest.approx(0.3)


def test_a_constant_rate_is_constant_after_its_warmup():
    settings = Settings(epochs=10, learning_rate=0.3, warmup_epochs=1, schedule="constant")
    rates = [learning_rate(settings, step, 5) for step in range(50)]
    np.testing.assert_allclose(rates[:5], [0, 0.06, 0.12, 0.18, 0.24])
    assert set(rates[5:]) == {0.3}


vectors = st.lists(
    hnp.arrays(np.float32, st.integers(1, 5), elements=st.floats(-100, 100, width=32)), min_size=1
)


@hypothesis_settings(max_examples=30)
@given(vectors, st.floats(0.01, 100))
def test_gradients_keep_their_direction_and_their_limit(gradients, norm):
    before = np.concatenate(gradients).astype(float)
    after = np.concatenate([np.asarray(g) for g in clipped(gradients, norm)])
    length = np.linalg.norm(before)
    np.testing.assert_allclose(
        after, before * min(1, norm / max(length, norm)), rtol=1e-4, atol=1e-6
    )


def steps_of(settings, gradients):
    """Values of a variable that starts at 1 as an optimiser moves it."""
    variable = keras.Variable(np.ones(1, np.float32), name="kernel")
    optimizer = make_optimizer(settings)
    optimizer.build([variable])
    values = []
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor([gradient])], [variable])
        values.append(float(np.asarray(variable)[0]))
    return values


GRADIENTS = [1.0, -0.5, 2.0, 0.25]


def test_sgd_with_momentum():
    settings = Settings(optimizer="sgd", learning_rate=0.15, momentum=0.99)
    value, velocity, expected = 1.0, 0.0, []
    for gradient in GRADIENTS:
        velocity = 0.99 * velocity - 0.15 * gradient
        value += velocity
        expected.append(value)
    assert steps_of(settings, GRADIENTS) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("optimizer", "decay"), [("adam", 0.0), ("adamw", 0.1)])
def test_adam_with_and_without_decay(optimizer, decay):
    settings = Settings(
        optimizer=optimizer, learning_rate=0.01, momentum=0.97, beta_2=0.98, weight_decay=0.1
    )
    value, first, second, expected = 1.0, 0.0, 0.0, []
    for number, gradient in enumerate(GRADIENTS, 1):
        value -= 0.01 * decay * value
        first = 0.97 * first + 0.03 * gradient
        second = 0.98 * second + 0.02 * gradient**2
        unbiased = first / (1 - 0.97**number), second / (1 - 0.98**number)
        value -= 0.01 * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-7)
        expected.append(value)
    assert steps_of(settings, GRADIENTS) == pytest.approx(expected, rel=1e-4)
