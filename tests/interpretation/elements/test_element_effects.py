"""Effects of elements are those of whole windows."""

from __future__ import annotations

import numpy as np
import pytest
from element_inputs import BIN, OUTPUTS, found_of, outputs_by_whole_networks
from hypothesis import given
from hypothesis import strategies as st

from basenji_kipoi.interpretation.elements.effects import _summed


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("gene", "both_strands", "dtype"),
    [("G1", False, "float32"), ("G2", True, "float32"), ("G2", True, "float64")],
)
def test_knock_outs_are_those_of_whole_networks(bundles, files, gene, both_strands, dtype):
    asked, found, effects, window = found_of(
        bundles, files, gene, OUTPUTS, dtype=dtype,
        elements=files / "e.bed", draws=2, both_strands=both_strands,
    )  # fmt: skip
    assert len(asked) == 5
    own = outputs_by_whole_networks(bundles, asked, window, OUTPUTS, both_strands=both_strands)
    bound = 1e-5 if dtype == "float32" else 1e-11
    np.testing.assert_allclose(found.values, own, rtol=bound)
    largest = np.abs(own).max()
    for row in range(len(asked)):
        start, end = asked.starts[row], asked.ends[row]
        shuffles = effects.shuffles(asked, window, row)
        for draw, bases in enumerate(shuffles):
            codes = window.copy()
            codes[start - asked.question.window : end - asked.question.window] = bases
            other = outputs_by_whole_networks(
                bundles, asked, codes, OUTPUTS, both_strands=both_strands
            )
            np.testing.assert_allclose(found.changes[row, draw], other - own, atol=bound * largest)
    # A single base has one order only.
    single = asked.ends - asked.starts == 1
    np.testing.assert_array_equal(found.changes[single], 0)
    assert np.abs(found.changes[~single]).max() > 1e-3


@pytest.mark.usefixtures("eager")
def test_shuffles_keep_dinucleotides_and_depend_on_the_place_alone(bundles, files):
    asked, _, effects, window = found_of(
        bundles, files, "G1", OUTPUTS, elements=files / "e.bed", draws=3
    )
    other, _, again, window2 = found_of(bundles, files, "G2", OUTPUTS, elements=files / "e.bed")
    for row in range(len(asked)):
        shuffles = effects.shuffles(asked, window, row)
        own = window[asked.starts[row] - asked.question.window :][: shuffles.shape[1]]
        for each in shuffles:
            pairs = [np.bincount(5 * x[:-1].astype(int) + x[1:], minlength=25) for x in (own, each)]
            np.testing.assert_array_equal(*pairs)
        same = np.flatnonzero(other.starts == asked.starts[row])[0]
        np.testing.assert_array_equal(again.shuffles(other, window2, same)[:3], shuffles)


@pytest.mark.usefixtures("eager")
def test_gradients_of_positions_are_those_of_features(bundles, files):
    asked, found, _, window = found_of(
        bundles[:1], files, "G1", OUTPUTS[:2], dtype="float64", method="gradient",
        both_strands=False,
    )  # fmt: skip
    # Pieces are bins, and so are the positions in front of the first branch.
    assert int(found.stride) == BIN
    rows = (asked.starts - int(found.first)) // BIN
    inside = (rows >= 0) & (rows < len(found.profile))
    np.testing.assert_allclose(found.gradient[inside], found.profile[rows[inside]], atol=1e-12)
    np.testing.assert_array_equal(found.gradient[~inside], 0)
    assert np.abs(found.gradient[~found.is_reached]).max(initial=0) == 0
    assert np.isnan(found.effects).all()
    own = outputs_by_whole_networks(bundles[:1], asked, window, OUTPUTS[:2], both_strands=False)
    np.testing.assert_allclose(found.values, own, rtol=1e-9)
    # Larger pieces are sums of these.
    double, other, *_ = found_of(
        bundles[:1], files, "G1", OUTPUTS[:2], dtype="float64", method="gradient", size=2 * BIN,
        both_strands=False,
    )  # fmt: skip
    assert len(double) * 2 == len(asked)
    sums = found.gradient.reshape(-1, 2, 2).sum(axis=1)
    np.testing.assert_allclose(other.gradient, sums, atol=1e-12)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=8), st.integers(1, 9), st.data())
def test_parts_of_positions_count_as_such(profile, stride, data):
    total = len(profile) * stride
    edges = data.draw(st.tuples(st.integers(-5, total + 5), st.integers(-5, total + 5)).map(sorted))
    bases = np.repeat(np.array(profile) / stride, stride)
    expected = bases[max(edges[0], 0) : max(edges[1], 0)].sum()
    values = np.array(profile)[:, None]
    found = _summed(values, np.array(edges[:1]), np.array(edges[1:]), stride)
    np.testing.assert_allclose(found, [[expected]], atol=1e-9)
