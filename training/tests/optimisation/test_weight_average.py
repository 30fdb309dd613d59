"""The moving average of weights, at any step."""

from __future__ import annotations

import numpy as np
import pytest

from basenji_training.optimisation.weight_average import WeightAverage


class Line:
    """Weights that are the number of the step."""

    step = 0

    def get_weights(self):
        return [np.full(2, float(self.step))]


def averaged(steps, decay):
    network = Line()
    average = WeightAverage(network, decay)
    for network.step in range(1, steps + 1):
        average.update()
    return average


@pytest.mark.parametrize("steps", [1, 5, 9])
def test_before_the_first_update_the_start_counts_for_nothing(steps):
    np.testing.assert_array_equal(averaged(steps, 0.999).current[0], steps)


@pytest.mark.parametrize("steps", [1, 9, 10, 11, 19, 25])
def test_without_a_past_the_average_is_the_last_step(steps):
    np.testing.assert_array_equal(averaged(steps, 0.0).current[0], steps)


@pytest.mark.parametrize("steps", [11, 25, 109])
def test_later_steps_move_the_average_towards_them(steps):
    average = averaged(steps, 0.99)
    (before,), (now,) = average.values, average.current
    assert (before < now).all()
    assert (now < steps).all()
    # To look changes nothing.
    np.testing.assert_array_equal(average.values[0], before)


def test_at_an_update_the_average_is_what_was_updated():
    average = averaged(40, 0.99)
    assert average.current is average.values
