from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from basenji_kipoi.targets import Target, Targets
from basenji_training.binning import bin_values, coarsen, thresholds, transform


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


@given(
    values=hnp.arrays(np.float64, (8, 4), elements=st.floats(0, 1e4)),
    factor=st.sampled_from([1, 2, 4]),
)
def test_joined_bins_are_the_bins_of_the_coverage(values, factor):
    statistics = ["sum", "mean", "max", "sum_sqrt"]
    targets = Targets(
        [
            Target(index=i, identifier=name, sum_stat=name, clip_soft=50, scale=0.5, strand_pair=i)
            for i, name in enumerate(statistics)
        ]
    )

    def binned(width):
        columns = [bin_values(values[:, i], width, name) for i, name in enumerate(statistics)]
        return transform(np.stack(columns, axis=1), **thresholds(targets))

    np.testing.assert_allclose(
        coarsen(binned(1), targets, factor), binned(factor), rtol=1e-4, atol=1e-6
    )


def test_a_joined_bin_with_a_missing_part_is_missing():
    targets = Targets([Target(index=0, identifier="a", strand_pair=0)])
    values = np.array([[1], [np.nan], [2], [3]], dtype=np.float32)
    np.testing.assert_array_equal(coarsen(values, targets, 2), [[np.nan], [5]])
