"""Shuffled sequences keep their dinucleotides, and all orders that do are equally likely."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from basenji_kipoi.base.sequence import UNKNOWN, encode
from basenji_kipoi.interpretation.shuffling import shuffled


def pairs(codes):
    return np.bincount(codes[:-1].astype(int) * 5 + codes[1:], minlength=25)


@given(arrays(np.uint8, st.integers(0, 200), elements=st.integers(0, 4)), st.integers(0, 99))
def test_dinucleotides_ends_and_unknown_bases_stay(codes, seed):
    found = shuffled(codes, np.random.default_rng(seed))
    assert found.dtype == codes.dtype
    np.testing.assert_array_equal(found == UNKNOWN, codes == UNKNOWN)
    if len(codes):
        np.testing.assert_array_equal(pairs(found), pairs(codes))
        assert (found[0], found[-1]) == (codes[0], codes[-1])


def test_one_seed_is_one_shuffle_and_another_is_another():
    codes = np.random.default_rng(0).integers(0, 4, 131_072, dtype=np.uint8)
    first, again, other = (shuffled(codes, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    # Neither the sequence nor another shuffle is met again: a quarter of the bases agree.
    assert 0.24 < (first == codes).mean() < 0.26
    assert 0.24 < (first == other).mean() < 0.26


def test_all_orders_are_equally_likely():
    codes = encode("AACAGACGA")
    inner = set(itertools.permutations(codes[1:-1].tolist()))
    orders = [(codes[0], *order, codes[-1]) for order in inner]
    expected = {
        order for order in orders if (pairs(np.array(order, np.uint8)) == pairs(codes)).all()
    }
    random = np.random.default_rng(0)
    draws = 400 * len(expected)
    counts = dict.fromkeys(expected, 0)
    for _ in range(draws):
        counts[tuple(shuffled(codes, random).tolist())] += 1
    assert len(expected) > 5
    chi_squared = sum((count - 400) ** 2 / 400 for count in counts.values())
    # Mean and deviation of the chi-squared distribution.
    freedom = len(expected) - 1
    assert chi_squared < freedom + 4 * np.sqrt(2 * freedom)
