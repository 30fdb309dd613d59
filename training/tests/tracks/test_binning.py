from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.targets import Target, Targets
from basenji_training.tracks.bins import bin_values, coarsen, join_bins, thresholds, transform


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


@given(
    values=hnp.arrays(np.float64, (2, 12, 4), elements=st.floats(-1e3, 1e3)),
    factor=st.sampled_from([1, 2, 3, 4, 6, 12]),
)
def test_bins_are_joined_as_tracks_sum_up(values, factor):
    joined = join_bins(values, factor, ["sum", "mean", "max", "sum_sqrt"])
    assert joined.shape == (2, 12 // factor, 4)
    for i in range(12 // factor):
        part = values[:, i * factor : (i + 1) * factor]
        # The power of sum_sqrt is undone in counts, which add up.
        for track, join in enumerate((np.sum, np.mean, np.max, np.sum)):
            expected = join(part[..., track], axis=1)
            np.testing.assert_allclose(joined[:, i, track], expected, rtol=1e-12, atol=1e-9)


def test_a_bin_with_a_missing_part_is_missing():
    values = np.arange(8.0).reshape(1, 4, 2)
    values[0, 1, 0] = np.nan
    np.testing.assert_array_equal(join_bins(values, 2, ["sum"] * 2), [[[np.nan, 4], [10, 12]]])
    np.testing.assert_array_equal(join_bins(values, 2, ["max", "mean"]), [[[np.nan, 2], [6, 6]]])


def test_bins_that_do_not_divide():
    with pytest.raises(InputError, match="10 bins cannot be joined in groups of 3"):
        join_bins(np.zeros((10, 1)), 3, ["sum"])
