from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from basenji_training.coverage import bin_values, transform
from basenji_training.folds import assign_folds


@settings(deadline=None)
@given(
    values=hnp.arrays(
        np.float64, st.integers(1, 12).map(lambda n: n * 8), elements=st.floats(0, 1e6)
    ),
    width=st.sampled_from([1, 2, 4, 8]),
    statistic=st.sampled_from(["sum", "mean", "max"]),
)
def test_a_bin_is_the_statistic_of_its_bases(values, width, statistic):
    got = bin_values(values, width, statistic)
    expected = [getattr(np, statistic)(values[i : i + width]) for i in range(0, len(values), width)]
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@settings(deadline=None)
@given(
    values=hnp.arrays(np.float64, 20, elements=st.floats(0, 1e9)),
    soft=st.floats(1, 1e4),
    hard=st.floats(1, 1e5),
    scale=st.floats(1e-3, 1e3),
)
def test_clipping_keeps_small_values_and_never_passes_the_threshold(values, soft, hard, scale):
    got = transform(values, clip_soft=soft, clip=hard, scale=scale)
    assert got.dtype == np.float32
    small = values <= min(soft, hard)
    np.testing.assert_allclose(got[small], scale * values[small], rtol=1e-6, atol=1e-37)
    assert (got <= np.float32(scale * hard) * (1 + 1e-6)).all()
    above = values > soft
    expected = scale * np.minimum(soft + np.sqrt(values[above] - soft), hard)
    np.testing.assert_allclose(got[above], expected, rtol=1e-6)


def test_thresholds_are_in_units_of_the_sum_and_the_scale_comes_last():
    got = transform(np.array([50.0, 100.0, 125.0, 10100.0]), clip_soft=100, clip=150, scale=0.5)
    np.testing.assert_array_equal(got, [25, 50, 52.5, 75])


@settings(deadline=None)
@given(st.data())
def test_folds_divide_the_chromosomes(data):
    names = [f"chr{i}" for i in range(data.draw(st.integers(3, 12)))]
    order = data.draw(st.permutations(names))
    folds = assign_folds(
        dict.fromkeys(names, 1000), test=order[:1], validation=order[1:2], exclude=order[3:5]
    )
    assert sorted(itertools.chain(*folds.values())) == sorted(set(names) - set(order[3:5]))
    assert folds["train"] == [name for name in names if name in order[2:3] + order[5:]]
