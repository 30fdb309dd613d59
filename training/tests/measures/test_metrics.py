"""Correlations accumulated in any portions equal those of all values at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import r2_score

from basenji_training.measures.metrics import LEAST_BLOCKS, Correlation


def correlate(predicted, observed, portions=1):
    correlation = Correlation(predicted.shape[-1])
    places = np.array_split(np.arange(len(predicted)), portions)
    for place in places:
        correlation.add(predicted[place], observed[place])
    return correlation


@given(
    seed=st.integers(0, 2**32 - 1),
    length=st.integers(20, 200),
    cuts=st.lists(st.integers(0, 200), max_size=8),
    missing=st.floats(0, 0.5),
)
def test_any_portions_equal_numpy(seed, length, cuts, missing):
    generator = np.random.default_rng(seed)
    observed = generator.gamma(0.5, 10, (length, 3))
    predicted = observed * 0.3 + generator.gamma(1, 2, (length, 3))
    observed[generator.random(observed.shape) < missing] = np.nan
    predicted[generator.random(observed.shape) < missing / 2] = np.nan
    correlation = Correlation(3)
    for first, last in zip([0, *sorted(cuts)], [*sorted(cuts), length], strict=True):
        # Empty portions included; leading axes do not matter.
        correlation.add(predicted[None, first:last], observed[None, first:last])
    for track in range(3):
        exists = np.isfinite(observed[:, track]) & np.isfinite(predicted[:, track])
        assert correlation.number[track] == exists.sum()
        if exists.sum() > 2:
            expected = np.corrcoef(predicted[exists, track], observed[exists, track])[0, 1]
            assert correlation.result()[track] == pytest.approx(expected, abs=1e-10)


@given(
    value=st.floats(-1e6, 1e6),
    length=st.integers(1, 300),
    portions=st.integers(1, 7),
)
def test_a_constant_track_has_no_correlation_and_harms_no_other(value, length, portions):
    generator = np.random.default_rng(length)
    observed = generator.normal(size=(length, 4))
    predicted = generator.normal(size=(length, 4))
    expected = correlate(predicted, observed).result()
    # Numbers such as 0.1, whose mean is not exactly 0.1, are constant too.
    observed[:, 1] = value
    predicted[:, 2] = value
    observed[:, 3] = np.nan
    result = correlate(predicted, observed, portions).result()
    assert np.isnan(result[1:]).all()
    if length > 1:
        assert result[0] == pytest.approx(expected[0], abs=1e-10)


def test_one_value_or_none_is_no_correlation():
    correlation = Correlation(2)
    assert np.isnan(correlation.result()).all()
    correlation.add(np.array([[1.0, 2.0]]), np.array([[3.0, np.nan]]))
    assert np.isnan(correlation.result()).all()
    assert correlation.number.tolist() == [1, 0]


@pytest.mark.parametrize("portions", [1, 10, 1000])
def test_large_offsets_keep_their_precision(portions):
    generator = np.random.default_rng(0)
    observed = generator.normal(size=(5000, 1))
    predicted = observed + generator.normal(size=(5000, 1))
    expected = np.corrcoef(predicted[:, 0], observed[:, 0])[0, 1]
    # Sums of squares would lose all 16 digits of a spread of 1 at 1e8.
    result = correlate(predicted + 1e8, observed - 1e8, portions).result()
    assert result[0] == pytest.approx(expected, abs=1e-6)


@given(seed=st.integers(0, 2**32 - 1), blocks=st.integers(1, 8), missing=st.floats(0, 0.5))
def test_blocks_add_up_to_all_values(seed, blocks, missing):
    generator = np.random.default_rng(seed)
    observed = generator.gamma(0.5, 10, (60, 3)) + 100
    predicted = observed * 0.3 + generator.gamma(1, 2, (60, 3))
    observed[generator.random(observed.shape) < missing] = np.nan
    block = generator.integers(blocks, size=60)
    correlation = Correlation(3, blocks)
    for row, number in zip(range(60), block, strict=True):
        correlation.add(predicted[row], observed[row], number)
    np.testing.assert_allclose(correlation.result(), correlate(predicted, observed).result())
    for track in range(3):
        exists = np.isfinite(observed[:, track])
        if exists.sum() > 2:
            expected = r2_score(observed[exists, track], predicted[exists, track])
            assert correlation.result("r2")[track] == pytest.approx(expected, rel=1e-9)


def test_an_interval_is_that_of_drawing_the_values_again():
    generator = np.random.default_rng(5)
    observed = generator.normal(size=(30, 20, 1)) + generator.normal(size=(30, 1, 1)) + 50
    predicted = observed + generator.normal(size=observed.shape)
    correlation = Correlation(1, 30)
    for block in range(30):
        correlation.add(predicted[block], observed[block], block)
    draws = np.random.default_rng(9).integers(30, size=(4000, 30))
    pairs = [(predicted[drawn].ravel(), observed[drawn].ravel()) for drawn in draws]
    naive = {
        "pearson": [np.corrcoef(*pair)[0, 1] for pair in pairs],
        "r2": [r2_score(y, x) for x, y in pairs],
    }
    for statistic, values in naive.items():
        interval = correlation.interval(statistic, draws=4000)[:, 0]
        # 4000 draws give quantiles to a few hundredths of the interval's width.
        expected = np.quantile(values, [0.025, 0.975])
        np.testing.assert_allclose(interval, expected, atol=0.08 * np.ptp(expected))
        low, high = interval
        assert low < correlation.result(statistic)[0] < high


def test_intervals_cover_the_truth_as_often_as_they_say():
    # Blocks whose values move together: intervals of single values would be far too narrow.
    generator = np.random.default_rng(7)
    shape = (40, 10, 300)  # blocks, values, tracks: each track is an experiment of its own
    observed = generator.normal(size=shape) + 2 * generator.normal(size=(40, 1, 300))
    noise = generator.normal(size=shape) + 2 * generator.normal(size=(40, 1, 300))
    correlation = Correlation(300, 40)
    for block in range(40):
        correlation.add(observed[block] + noise[block], observed[block], block)
    low, high = correlation.interval()
    # Variances are equal, so that the correlation is sqrt(1/2) for infinitely many blocks.
    covered = np.mean((low <= np.sqrt(0.5)) & (np.sqrt(0.5) <= high))
    assert 0.88 < covered <= 0.98


def test_few_blocks_give_no_interval():
    generator = np.random.default_rng(2)
    for blocks in (LEAST_BLOCKS - 1, LEAST_BLOCKS):
        correlation = Correlation(2, blocks)
        for block in range(blocks):
            values = generator.normal(size=(2, 5, 2))
            values[0, :, 1] = np.nan  # a track without values has none either
            correlation.add(*values, block)
        interval = correlation.interval()
        assert np.isfinite(interval[:, 0]).all() == (blocks >= LEAST_BLOCKS)
        assert np.isnan(interval[:, 1]).all()


def test_a_draw_of_constant_blocks_does_not_count():
    correlation = Correlation(1, 12)
    generator = np.random.default_rng(3)
    for block in range(12):
        # Only the first block varies; a draw without it has no correlation.
        observed = generator.normal(size=(9, 1)) if block == 0 else np.full((9, 1), 0.1)
        correlation.add(observed + generator.normal(size=(9, 1)), observed, block)
    interval = correlation.interval()
    assert (np.abs(interval) <= 1).all()


def test_perfect_and_opposite():
    values = np.random.default_rng(1).gamma(1, 5, (100, 2)).astype(np.float32)
    result = correlate(values * [2, -3] + 7, values, 9).result()
    np.testing.assert_allclose(result, [1, -1], rtol=1e-6)
