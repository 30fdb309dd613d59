"""Windows answered from recent ones are those of the whole network, whatever came before."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import plain_network
import pytest
from any_network import EXACT, WINDOW, architectures, error
from hypothesis import given, settings
from hypothesis import strategies as st
from published_files import FAMILIES, golden_values
from small_network import small_architecture

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import encode, one_hot
from basenji_kipoi.models.incremental.cuts import split
from basenji_kipoi.models.incremental.shared_windows import shared_windows
from basenji_kipoi.models.incremental.steps import lower
from basenji_kipoi.models.incremental.tower_rows import batches
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.networks.building import average_strands, build_network
from basenji_kipoi.models.networks.presets.presets import read_preset
from basenji_kipoi.models.networks.random_weights import randomised

#: Too little for anything but the features of one window.
TINY = 0


def related(random, genome, window, bin_, batch):
    """Draw windows as programs ask for them: overlapping, mutated, at the ends, repeated."""
    windows = []
    for _ in range(batch):
        kind = random.integers(0, 7)
        if kind == 0 or not windows:
            start = random.integers(0, (len(genome) - window) // bin_ + 1) * bin_
            windows.append(genome[start : start + window].copy())
            continue
        codes = windows[random.integers(len(windows))].copy()
        if kind == 1:  # one substitution, often at an end
            place = random.choice([0, 1, window - 1, random.integers(window)])
            codes[place] = (codes[place] + random.integers(1, 5)) % 5
        elif kind == 2:  # two substitutions
            places = random.integers(0, window, 2)
            codes[places] = random.integers(0, 5, 2)
        elif kind == 3:  # an insertion or a deletion
            place, length = random.integers(window - 20), random.integers(1, 20)
            bases = random.integers(0, 4, length, dtype=np.uint8)
            codes = np.insert(codes, place, bases)[:window]
            if random.integers(2):
                codes = np.roll(codes, -length)
        elif kind == 4:  # a run of unknown bases
            place, length = random.integers(window), random.integers(1, 5 * bin_)
            codes[place : place + length] = 4
        elif kind == 5:  # a window that does not fit the grid
            codes = np.roll(codes, random.integers(1, bin_))
        windows.append(codes)
    return np.stack(windows)


def check(network, predict, codes):
    """Compare bins and sums with whole passes; the order of the two is one of the states."""
    exact = EXACT[str(network.predict(codes[:0]).dtype)]
    expected = predict(codes)
    values = network.predict(codes)
    assert values.shape == expected.shape
    assert error(values, expected) < exact
    assert error(network.totals(codes), expected.sum(axis=1, dtype=float)) < exact


# ---- the two families, with trained weights ----


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def family(request):
    model = FAMILIES[request.param]()
    sequences, _ = golden_values(request.param)
    return model.architecture, model.network(), encode(sequences[1])


def test_substitutions_at_every_phase_and_both_ends(family):
    architecture, network, codes = family
    window, bin_ = architecture.window, architecture.bin
    shared = shared_windows(architecture, network)
    check(shared, lambda x: network.predict_on_batch(one_hot(x)), codes[None])
    phases = window // 2 + np.arange(0, bin_, 9)
    places = [*phases, 0, 1, 130, window - 140, window - 1, *np.flatnonzero(codes == 4)[:2]]
    alleles = np.repeat(codes[None], len(places), axis=0)
    rows = np.arange(len(places))
    alleles[rows, places] = (alleles[rows, places] + 1) % 4
    before = shared.work
    check(shared, lambda x: network.predict_on_batch(one_hot(x)), alleles)
    assert shared.work.changes == before.changes + 2 * len(places)
    assert shared.work.passes == before.passes
    reference = shared.predict(codes[None])
    effects = shared.predict(alleles) - reference
    assert (np.abs(effects[: len(phases)]).max(axis=(1, 2)) > 1e-4).all()
    for effect, place in zip(effects, places):
        first, last = architecture.affected_bins(place, place + 1)
        # Rounding alone: a product of matrices may depend on how many rows it is computed with.
        rounding = 1e-6 * np.abs(reference).max()
        assert np.abs(effect[:first]).max(initial=0) <= rounding
        assert np.abs(effect[last:]).max(initial=0) <= rounding


def test_windows_on_a_grid_share_their_bins(family):
    architecture, network, codes = family
    bin_, bins = architecture.bin, architecture.window // architecture.bin
    shared = shared_windows(architecture, network)
    random = np.random.default_rng(0)
    genome = np.concatenate([codes, random.integers(0, 4, 40 * bin_, dtype=np.uint8)])
    windows = np.stack([genome[i * bin_ : i * bin_ + len(codes)] for i in (0, 1, 40, 7)])
    check(shared, lambda x: network.predict_on_batch(one_hot(x)), windows)
    parts = split(lower(architecture, network).steps)
    ends = -(-parts.before // bin_) + -(-parts.behind // bin_)
    # New are the 40 bins that only the later windows have, and the ends of each.
    assert shared.work.bins_computed <= bins + 40 + 4 * ends
    assert shared.work.passes == 4


@pytest.mark.parametrize("cache_bytes", [2_000_000_000, 3_000_000, TINY])
def test_any_order_of_related_windows(family, cache_bytes):
    architecture, network, codes = family
    shared = shared_windows(architecture, network, cache_bytes=cache_bytes)
    random = np.random.default_rng(1)
    genome = np.concatenate([codes, codes[:3000]])
    for batch in (1, 5, 3, 5):
        windows = related(random, genome, architecture.window, architecture.bin, batch)
        check(shared, lambda x: network.predict_on_batch(one_hot(x)), windows)


# ---- any network ----


@pytest.mark.usefixtures("eager")
def test_any_network_any_windows():
    seen = []

    # The same examples each time: how much random ones share varies too much to be asked for.
    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(
        architectures(),
        st.integers(0, 2**32 - 1),
        st.sampled_from([TINY, 20_000, 1_000_000]),
        st.lists(st.integers(1, 6), min_size=2, max_size=4),
    )
    def check_one(architecture, seed, cache_bytes, sizes):
        network = randomised(build_network(architecture), seed % 1000)
        random = np.random.default_rng(seed)
        genome = random.integers(0, 5, 2 * WINDOW, dtype=np.uint8)
        shared = shared_windows(architecture, network, dtype="float64", cache_bytes=cache_bytes)
        if shared.reason is not None:
            assert architecture.bin == 1
            return
        for size in sizes:
            windows = related(random, genome, WINDOW, architecture.bin, size)
            check(shared, lambda x: plain_network.predict(architecture, network, x), windows)
        seen.append(shared.work)

    check_one()
    # Had nothing been shared, every comparison would have been one of whole passes.
    assert sum(work.changes for work in seen) > 10
    assert sum(work.bins_found for work in seen) > sum(work.bins_computed for work in seen) / 2


# ---- the small network: what the class promises ----


@pytest.fixture(scope="module")
def small():
    architecture = small_architecture()
    return architecture, randomised(build_network(architecture))


def sequences(seed, batch, window):
    return np.random.default_rng(seed).integers(0, 4, (batch, window), dtype=np.uint8)


def test_references_then_alternatives(small):
    architecture, network = small
    shared = shared_windows(architecture, network)
    references = sequences(0, 5, architecture.window)
    alternatives = references.copy()
    alternatives[:, 1000] = (alternatives[:, 1000] + 1) % 4
    for codes in (references, alternatives):
        expected = network.predict_on_batch(one_hot(codes)).sum(axis=1, dtype=float)
        assert error(shared.totals(codes), expected) < EXACT["float32"]
    assert shared.work.passes == shared.work.changes == 5
    assert shared.work.bins_computed <= 5 * (64 + split(lower(*small).steps).reached(1))


def test_pairs_and_rows_of_a_mutation_map(small):
    architecture, network = small
    shared = shared_windows(architecture, network)
    rows = np.repeat(sequences(1, 1, architecture.window), 9, axis=0)
    for row in range(1, 9):
        rows[row, 995 + row] = (rows[row, 995 + row] + 1) % 4
    expected = network.predict_on_batch(one_hot(rows))
    assert error(shared.predict(rows[:2]), expected[:2]) < EXACT["float32"]
    assert (shared.work.passes, shared.work.changes) == (1, 1)
    assert error(shared.predict(rows[2:]), expected[2:]) < EXACT["float32"]
    assert (shared.work.passes, shared.work.changes) == (1, 8)


def test_equal_windows_are_computed_once_and_are_equal(small):
    architecture, network = small
    shared = shared_windows(architecture, network)
    codes = sequences(2, 2, architecture.window)[[0, 1, 0, 0, 1]]
    values = shared.predict(codes)
    np.testing.assert_array_equal(values[[0, 1, 0, 0, 1]], values)
    assert (shared.work.passes, shared.work.repeats) == (2, 3)
    np.testing.assert_array_equal(shared.predict(codes), values)
    assert (shared.work.passes, shared.work.repeats) == (2, 8)


def test_sums_and_bins_may_be_asked_for_in_turn(small):
    architecture, network = small
    shared = shared_windows(architecture, network)
    codes = sequences(3, 2, architecture.window)
    sums = shared.totals(codes)
    values = shared.predict(codes)
    assert sums.dtype == np.float64
    np.testing.assert_allclose(sums, values.sum(axis=1, dtype=float), rtol=1e-6)
    assert shared.work.passes == 4  # sums alone do not tell the bins
    np.testing.assert_allclose(shared.totals(codes), sums, rtol=1e-6)
    assert shared.work.passes == 4
    assert len(shared._windows._windows) == 2


def test_more_windows_in_turn_than_fit_are_found_in_part():
    architecture = read_preset("small").with_tracks(500).with_window(4096)
    network = randomised(build_network(architecture))
    references = sequences(4, 5, architecture.window)
    alternatives = references.copy()
    alternatives[:, 700] = (alternatives[:, 700] + 1) % 4
    one = shared_windows(architecture, network)
    one.totals(references[:1])
    held = one._windows.nbytes
    shared = shared_windows(architecture, network, cache_bytes=int(3.5 * held / 0.75))
    for _ in range(2):
        shared.totals(references)
        before = shared.work
        shared.totals(alternatives)
        assert shared.work.changes - before.changes == 3
        assert shared._windows.nbytes == 3 * held


def test_no_windows(small):
    architecture, network = small
    shared = shared_windows(architecture, network)
    none = np.zeros((0, architecture.window), dtype=np.uint8)
    assert shared.predict(none).shape == (0, architecture.bins, 3)
    assert shared.totals(none).shape == (0, 3)


def test_changes_that_are_cropped_change_nothing(small):
    architecture, _ = small
    content = {"window": architecture.window, "heads": {"tracks": {"tracks": 3}}}
    content["trunk"] = [*architecture.model_dump()["trunk"][:7], {"op": "crop", "bins": 4}]
    architecture = Architecture.model_validate(content)
    network = randomised(build_network(architecture))
    shared = shared_windows(architecture, network)
    codes = np.repeat(sequences(5, 1, architecture.window), 3, axis=0)
    codes[1, 3] = (codes[1, 3] + 1) % 4
    codes[2, -3] = (codes[2, -3] + 1) % 4
    values, sums = shared.predict(codes), shared.totals(codes)
    assert shared.work.changes == 4
    np.testing.assert_array_equal(values, values[[0, 0, 0]])
    np.testing.assert_array_equal(sums, sums[[0, 0, 0]])
    assert error(values, network.predict_on_batch(one_hot(codes))) < EXACT["float32"]


def test_two_threads(small):
    architecture, network = small
    shared = shared_windows(architecture, network, cache_bytes=500_000)
    random = np.random.default_rng(5)
    genome = random.integers(0, 5, 3 * architecture.window, dtype=np.uint8)
    tasks = [related(random, genome, architecture.window, architecture.bin, 4) for _ in range(8)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(shared.predict, tasks))
    for codes, values in zip(tasks, answers):
        assert error(values, network.predict_on_batch(one_hot(codes))) < EXACT["float32"]
    assert shared.work.windows == 32


@pytest.mark.parametrize("tracks", [None, [2, 0], [1]])
def test_both_strands(small, tracks):
    architecture, network = small
    permutation = np.array([0, 2, 1])
    shared = shared_windows(architecture, network, tracks=tracks, strand_permutation=permutation)
    both = average_strands(network, permutation)
    codes = sequences(6, 3, architecture.window)
    alternatives = codes.copy()
    alternatives[:, 900] = (alternatives[:, 900] + 1) % 4
    for windows in (codes, alternatives):
        expected = both.predict_on_batch(one_hot(windows))[..., tracks or slice(None)]
        assert error(shared.predict(windows), expected) < EXACT["float32"]
        sums = expected.sum(axis=1, dtype=float)
        assert error(shared.totals(windows), sums) < EXACT["float32"]
    # Both strands of the alternatives profit.
    assert shared.work.passes == 6
    assert shared.work.changes == 12


def test_wanted_tracks_of_several_heads_in_their_order():
    heads = {"human": {"tracks": 3}, "mouse": {"tracks": 2, "activation": "exp_linear"}}
    architecture = Architecture.model_validate(
        {**small_architecture().model_dump(), "heads": heads}
    )
    network = randomised(build_network(architecture))
    codes = sequences(7, 2, architecture.window)
    codes[1] = codes[0]
    codes[1, 1200] = (codes[1, 1200] + 1) % 4
    values = network.predict_on_batch(one_hot(codes))
    expected = np.concatenate([values["human"], values["mouse"]], axis=-1)
    for tracks in (None, [4, 0, 4, 2], [3]):
        shared = shared_windows(architecture, network, tracks=tracks)
        here = expected[..., tracks or slice(None)]
        assert error(shared.predict(codes), here) < EXACT["float32"]
        assert shared.work.changes == 1
    with pytest.raises(InputError, match=r"tracks must be indices from 0 to 4"):
        shared_windows(architecture, network, tracks=[5])


def test_batches_have_few_sizes_and_hold_everything():
    for count in range(1, 100):
        cut = list(batches(count, [1, 4, 16]))
        assert {size for _, size in cut} <= {1, 4, 16}
        assert [begin for begin, _ in cut] == [0, *np.cumsum([size for _, size in cut])[:-1]]
        held = sum(size for _, size in cut)
        assert count <= held < count + max(1, cut[-1][1] // 2)


# ---- what it cannot share, and what it refuses ----


@pytest.mark.parametrize("strands", [False, True])
def test_a_network_that_cannot_be_split_runs_whole_and_says_so_once(small, caplog, strands):
    content = small[0].model_dump()
    content["trunk"] = [
        {"op": "convolution", "filters": 4, "kernel": 5},
        {"op": "activation", "function": "relu"},
    ]
    content["window"] = 128
    architecture = Architecture.model_validate(content)
    network = randomised(build_network(architecture))
    permutation = np.array([0, 2, 1])
    with caplog.at_level(logging.WARNING):
        shared = shared_windows(
            architecture,
            network,
            tracks=[1, 0],
            strand_permutation=permutation if strands else None,
        )
    assert shared.reason == "the network has no pool: its bins are single bases"
    whole = average_strands(network, permutation) if strands else network
    codes = sequences(8, 3, 128)
    expected = whole.predict_on_batch(one_hot(codes))[..., [1, 0]]
    assert error(shared.predict(codes), expected) < EXACT["float32"]
    assert error(shared.totals(codes), expected.sum(axis=1, dtype=float)) < EXACT["float32"]
    assert shared.work.whole == shared.work.windows == (12 if strands else 6)
    messages = [record.message for record in caplog.records if "basenji" in record.name]
    assert messages == [
        "every window is computed as a whole: the network has no pool: its bins are single bases"
    ]


def test_an_unknown_operation_is_named(small):
    architecture, network = small

    class Unknown:
        op = "attention"

    strange = architecture.model_copy(update={"trunk": [*architecture.trunk, Unknown()]})
    shared = shared_windows(strange, network)
    assert "trunk_10_attention" in shared.reason
    codes = sequences(9, 1, architecture.window)
    expected = network.predict_on_batch(one_hot(codes))
    np.testing.assert_array_equal(shared.predict(codes), expected)


def test_faulty_calls_are_refused(small):
    architecture, network = small
    with pytest.raises(InputError, match="cannot have -1 bytes"):
        shared_windows(architecture, network, cache_bytes=-1)
    with pytest.raises(InputError, match="averages over both strands"):
        shared_windows(architecture, average_strands(network, np.array([0, 2, 1])))
    shared = shared_windows(architecture, network)
    with pytest.raises(ValueError, match=r"codes of shape \(batch, 2048\), not \(2048,\)"):
        shared.predict(np.zeros(2048, dtype=np.uint8))
