"""Matched negatives: the same alleles, the same distance, each once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from basenji_kipoi.comparison.matching import match_negatives

variants = st.lists(st.tuples(st.sampled_from(["A\tC", "A\tG", "AT\tA"]), st.integers(-300, 300)))


def columns(rows):
    alleles = np.array([each for each, _ in rows], dtype=object)
    return alleles, np.array([each for _, each in rows], dtype=float)


@given(variants, variants, st.integers(0, 100), st.integers(1, 3), st.integers(0, 5))
def test_negatives_have_the_same_alleles_and_distance(mine, others, within, number, seed):
    alleles, distances = columns(mine)
    other_alleles, other_distances = columns(others)
    chosen = match_negatives(
        alleles, distances, other_alleles, other_distances,
        within=within, number=number, seed=seed,
    )  # fmt: skip
    assert chosen.shape == (len(mine), number)
    taken = chosen[chosen >= 0]
    assert len(set(taken)) == len(taken)
    for row, each in enumerate(chosen):
        assert (each >= 0).all() or (each == -1).all()
        if each[0] >= 0:
            assert (other_alleles[each] == alleles[row]).all()
            assert (np.abs(other_distances[each] - distances[row]) <= within).all()
        elif len(mine) == 1:
            near = np.abs(other_distances - distances[row]) <= within
            assert (near & (other_alleles == alleles[row])).sum() < number


@given(
    st.lists(st.tuples(st.integers(0, 30), st.floats(0, 0.5)), max_size=8),
    st.lists(st.tuples(st.integers(0, 30), st.floats(0, 0.5)), max_size=20),
    st.floats(0, 0.2),
)
def test_negatives_are_as_frequent_if_that_is_asked_for(mine, others, within):
    distances, rarer = np.array(mine, dtype=float).reshape(-1, 2).T
    far, theirs = np.array(others, dtype=float).reshape(-1, 2).T
    alleles = [np.full(len(each), "A\tC", dtype=object) for each in (mine, others)]
    chosen = match_negatives(
        alleles[0], distances, alleles[1], far, rarer, theirs,
        within=10, frequency_within=within,
    )[:, 0]  # fmt: skip
    has = chosen >= 0
    assert len(set(chosen[has])) == has.sum()
    assert (np.abs(theirs[chosen[has]] - rarer[has]) <= within + 1e-8).all()
    if len(mine) == 1 and not has[0]:
        near = np.abs(far - distances[0]) <= 10
        assert not (near & (np.abs(theirs - rarer[0]) <= within)).any()


def test_the_nearest_is_taken_and_the_seed_decides_who_chooses_first():
    alleles = np.array(["A\tC"] * 2, dtype=object)
    others = np.array(["A\tC", "A\tC", "A\tC", "C\tA"], dtype=object)
    far = np.array([10.0, 30.0, -5.0, 0.0])
    chosen = {
        tuple(
            match_negatives(alleles, np.zeros(2), others, far, within=50, seed=seed)[:, 0].tolist()
        )
        for seed in range(20)
    }
    assert chosen == {(2, 0), (0, 2)}


def test_no_positives_match_nothing():
    none = np.array([], dtype=object)
    assert match_negatives(none, none, none, none, within=3).shape == (0, 1)
