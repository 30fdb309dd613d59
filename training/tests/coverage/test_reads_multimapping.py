from __future__ import annotations

import numpy as np
import pybigtools
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d
from simulated_reads import REPEAT, simulate_reads, write_bam

from basenji_training.coverage.multimapping import Neighbourhoods, complete, share, widest
from basenji_training.coverage.run import make_coverage
from basenji_training.reads.settings import Settings

BIN = 25  # bp


@given(st.sets(st.integers(0, 3000), min_size=1, max_size=30), st.integers(0, 60))
def test_an_axis_keeps_what_is_near_and_keeps_it_apart(places, reach):
    places = np.array(sorted(places))
    axis = Neighbourhoods.around(places, reach)
    every = np.arange(-100, 3200)
    index = axis.index(every)
    near = np.abs(every[:, None] - places).min(axis=1) <= reach
    np.testing.assert_array_equal(index >= 0, near)
    # Each base once, in order; what is within reach of a place keeps its distance from it.
    np.testing.assert_array_equal(index[near], np.arange(len(axis)))
    for place in places:
        around = np.arange(place - reach, place + reach + 1)
        np.testing.assert_array_equal(np.diff(axis.index(around)), 1)


def test_only_reads_with_all_their_alignments_are_shared():
    units = np.array([1, 1, 2, 3, 3, 3, 4, 4, 5, 5])
    hits = np.array([2, 2, 2, 3, 3, 3, 0, 0, 3, 3])
    # 1 is complete, 2 and 5 lack one, 3 has too many, of 4 the file says nothing.
    assert complete(units, hits, 2).tolist() == [True] * 2 + [False] * 4 + [True] * 2 + [False] * 2


def test_weights_follow_the_unique_coverage_and_do_nothing_without_it():
    # Three reads align at 1000 and 9000; three times as many unique reads are around the latter.
    reads = np.repeat(np.arange(3), 2)
    places = np.tile([1000, 9000], 3)
    unique = np.array([1000, 9000])
    got = share(reads, places, unique, np.array([100, 300]), sd=16)
    np.testing.assert_allclose(got.reshape(3, 2), [[0.25, 0.75]] * 3, atol=0.01)
    got = share(reads, places, np.array([5000]), np.array([300]), sd=16)
    np.testing.assert_allclose(got, 0.5)


def test_rounds_stop_at_a_fixed_point_of_the_definition():
    generator = np.random.default_rng(0)
    reads = np.repeat(np.arange(400), 2)
    offset = generator.integers(0, 60, 400)
    places = np.stack([1000 + offset, 5000 + offset], axis=1).ravel()
    unique = generator.integers(900, 1200, 500)
    sd = 8
    weights = share(reads, places, unique, np.ones(500), sd=sd)
    np.testing.assert_allclose(np.bincount(reads, weights), 1)
    # The definition, on the whole genome.
    coverage = np.bincount(unique, minlength=8000) + np.bincount(places, weights, minlength=8000)
    near = gaussian_filter1d(coverage.astype(float), sd, truncate=3)[places]
    expected = near / np.bincount(reads, near)[reads]
    assert np.abs(expected - weights).sum() / 400 < 3e-3
    assert widest(sd) >= 8 * 3 * sd


def test_a_position_gets_no_more_than_the_limit_from_shared_reads():
    # One place takes all of the 500 reads unless it is limited; the other is broad.
    reads = np.repeat(np.arange(500), 2)
    places = np.stack([np.full(500, 1000), 9000 + np.arange(500) % 50], axis=1).ravel()
    unique, counts = np.array([1000, 9025]), np.array([2, 1])
    free = share(reads, places, unique, counts, sd=16)
    limited = share(reads, places, unique, counts, sd=16, clip=1)
    assert free.reshape(-1, 2)[:, 0].mean() > 0.6
    assert limited.reshape(-1, 2)[:, 0].mean() < 0.4


@pytest.fixture(scope="module")
def simulated():
    lengths = {"chrA": 60_000, "chrB": 45_000}
    return simulate_reads(lengths, families=14, copies=2, depth=0.6, seed=1)


def cover(folder, reads, **changes):
    settings = Settings(mode="five-prime", **{"clip": None, "min_mapq": 0, **changes})
    make_coverage([reads], folder / "x.bw", settings, overwrite=True)
    file = pybigtools.open(str(folder / "x.bw"))
    return [file.values(name, 0, size, fillna=0.0) for name, size in file.chroms().items()]


def error_in_repeats(simulated, values):
    """Sum of the differences from the truth, in bins of repeats, relative to the truth's sum."""
    wrong = total = 0.0
    for contig, first in simulated.repeats.reshape(-1, 2):
        inside = slice(first, first + REPEAT)
        truth = simulated.truth(contig)[inside].reshape(-1, BIN).sum(axis=1)
        wrong += np.abs(values[contig][inside].reshape(-1, BIN).sum(axis=1) - truth).sum()
        total += truth.sum()
    return wrong / total


def test_sharing_halves_the_error_of_the_alternatives(simulated, tmp_path):
    bam = write_bam(tmp_path / "reads.bam", simulated, tags="NH")
    errors = {
        multimap: error_in_repeats(simulated, cover(tmp_path, bam, multimap=multimap))
        for multimap in ("em", "uniform", "drop")
    }
    assert errors["em"] <= 0.5 * min(errors["uniform"], errors["drop"]), errors
    # No read is lost or counted twice.
    assert sum(v.sum() for v in cover(tmp_path, bam)) == pytest.approx(
        len(simulated.five), rel=1e-3
    )


def test_all_ways_to_list_alignments_are_read_alike(simulated, tmp_path):
    values = {
        tags: cover(tmp_path, write_bam(tmp_path / f"{tags}.bam", simulated, tags=tags))
        for tags in ("NH", "XA", "names")
    }
    for other in ("XA", "names"):
        for got, expected in zip(values[other], values["NH"], strict=True):
            np.testing.assert_allclose(got, expected, atol=2e-3)


def test_reads_with_too_many_alignments_are_left_out(tmp_path):
    simulated = simulate_reads({"chrA": 40_000}, families=2, copies=4, depth=0.3, seed=2)
    several = sum(len(each) > 1 for each in simulated.alignments())
    assert several > 100
    for tags in ("NH", "XA", "names"):
        bam = write_bam(tmp_path / f"{tags}.bam", simulated, tags=tags)
        for most, missing in ((3, several), (4, 0)):
            total = sum(v.sum() for v in cover(tmp_path, bam, max_multimap=most))
            assert total == pytest.approx(len(simulated.five) - missing, abs=1)
