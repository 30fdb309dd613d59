"""Batches of a store whose coverage says where it comes from."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
from known_truth import BIN, FOLDS, LENGTHS, TARGETS, tiny_architecture, write_store

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import UNKNOWN, reverse_complement
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_training.store.windows import (
    Augmentation,
    Windows,
    evaluation_batches,
    training_batches,
)

ARCHITECTURE = tiny_architecture()
CROP = ARCHITECTURE.crop * BIN
#: Enough unknown bases around each chromosome for windows that reach beyond it.
MARGIN = 2048
STILL = Augmentation(reverse_complement=False)


@pytest.fixture(scope="module")
def numbered(tmp_path_factory):
    """Store random sequences, in whose tracks bin i holds i, i + 0.25 on one strand, and i + 0.5.

    The fourth track holds the chromosome's number.
    """
    generator = np.random.default_rng(0)
    sequences = {name: generator.integers(0, 4, length) for name, length in LENGTHS.items()}
    coverage = {}
    for number, (name, length) in enumerate(LENGTHS.items()):
        bins = np.arange(length // BIN)
        coverage[name] = np.stack([bins, bins + 0.25, bins + 0.5, 0 * bins + number], axis=1)
    store = write_store(tmp_path_factory.mktemp("numbered") / "s.zarr", sequences, coverage)
    return store.load()


class Locator:
    """Finds where in the genome a window's letters stand."""

    def __init__(self, store):
        self.bins = store.bins
        self.genome = {
            name: store.sequence(name, -MARGIN, length + MARGIN).tobytes()
            for name, length in LENGTHS.items()
        }

    def find(self, channels):
        """Return chromosome, first base, and whether the window is read backwards."""
        codes = np.where(channels.max(axis=1) == 1, channels.argmax(axis=1), UNKNOWN)
        for backwards in (False, True):
            sought = (reverse_complement(codes) if backwards else codes).astype(np.uint8).tobytes()
            for name, genome in self.genome.items():
                place = genome.find(sought)
                if place >= 0:
                    return name, place - MARGIN, backwards
        raise AssertionError("the window is not in the genome")

    def check(self, channels, coverage, *, shift):
        """Check one example's coverage; return where it is and the sequence's shift."""
        name, start, backwards = self.find(channels)
        bin_ = round(start / BIN)
        assert abs(start - bin_ * BIN) <= shift
        bins = bin_ + ARCHITECTURE.crop + np.arange(ARCHITECTURE.bins)
        number = np.full_like(bins, list(LENGTHS).index(name))
        expected = np.stack([bins, bins + 0.25, bins + 0.5, number], axis=1).astype(np.float32)
        expected[(bins < 0) | (bins >= self.bins[name])] = np.nan
        if backwards:
            # Bins in reverse, and the second and third track exchanged.
            expected = expected[::-1][:, [0, 2, 1, 3]]
        np.testing.assert_array_equal(coverage, expected)
        return name, bin_ * BIN, backwards, start - bin_ * BIN


@pytest.fixture(scope="module")
def locator(numbered):
    return Locator(numbered)


def examples(batches):
    for channels, coverage in batches:
        assert channels.dtype == coverage.dtype == np.float32
        yield from zip(channels, coverage, strict=True)


def train(windows, augmentation, *, batch_size=4, steps, seed=0, first_step=0):
    return training_batches(
        windows,
        augmentation,
        batch_size=batch_size,
        steps=steps,
        seed=seed,
        first_step=first_step,
    )


def equal(left, right):
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(left, right, strict=True))


def test_windows_tile_the_split(numbered):
    windows = Windows(numbered, "train", ARCHITECTURE)
    expected = [
        (name, start - CROP)
        for name in FOLDS["train"]
        for start in range(0, numbered.bins[name] * BIN, windows.target)
    ]
    assert [windows[i] for i in range(len(windows))] == expected
    half = Windows(numbered, "train", ARCHITECTURE, stride=windows.target // 2)
    assert set(expected) < {half[i] for i in range(len(half))}


def test_bins_of_another_width_are_refused(numbered):
    other = Architecture.model_validate(
        {
            "window": 1024,
            "trunk": [{"op": "pooling", "size": 16}],
            "heads": {"tracks": {"tracks": 4}},
        }
    )
    with pytest.raises(InputError, match=r"bins of 32 bp, the network of 16 bp: .* --bin 16"):
        Windows(numbered, "train", other)
    with pytest.raises(InputError, match="unknown split"):
        Windows(numbered, "elsewhere", ARCHITECTURE)


def test_evaluation_reads_each_window_once_in_order(numbered, locator):
    windows = Windows(numbered, "test", ARCHITECTURE)
    batches = list(evaluation_batches(windows, batch_size=6))
    sizes = [len(channels) for channels, _ in batches]
    assert sum(sizes) == len(windows)
    assert sizes[:-1] == [6] * (len(sizes) - 1)
    assert 0 < sizes[-1] < 6
    places = [locator.check(*example, shift=0) for example in examples(batches)]
    assert places == [(*windows[i], False, 0) for i in range(len(windows))]
    # Each bin of the chromosome once.
    bins = np.concatenate([coverage[:, 0] for _, coverage in examples(batches)])
    assert np.sort(bins[np.isfinite(bins)]).tolist() == list(range(numbered.bins["chr4"]))


def test_augmentation_moves_sequence_and_coverage_together(numbered, locator):
    windows = Windows(numbered, "train", ARCHITECTURE)
    origins = {windows[i] for i in range(len(windows))}
    augmentation = Augmentation(jitter=300, shift=5)
    places = [
        locator.check(*example, shift=5)
        for example in examples(train(windows, augmentation, steps=100))
        # A window moved off its chromosome has nothing to be found by.
        if np.isfinite(example[1]).any()
    ]
    moves = [
        min((start - other for chrom, other in origins if chrom == name), key=abs)
        for name, start, _, _ in places
    ]
    # 300 bp are 9 whole bins.
    assert set(moves) == set(range(-9 * BIN, 9 * BIN + 1, BIN))
    assert {shift for *_, shift in places} == set(range(-5, 6))
    backwards = np.mean([place[2] for place in places])
    assert 0.4 < backwards < 0.6  # about 400 fair draws: four standard deviations
    assert {name for name, *_ in places} == set(FOLDS["train"])


def test_no_augmentation(numbered, locator):
    windows = Windows(numbered, "train", ARCHITECTURE)
    batches = train(windows, STILL, steps=20)
    places = [locator.check(*example, shift=0) for example in examples(batches)]
    assert not any(backwards for _, _, backwards, _ in places)
    assert {place[:2] for place in places} <= {windows[i] for i in range(len(windows))}


def test_each_pass_has_each_window_once_in_a_new_order(numbered, locator):
    windows = Windows(numbered, "train", ARCHITECTURE)
    number = len(windows)
    steps = 3 * number // 4
    batches = train(windows, STILL, steps=steps)
    places = [locator.check(*example, shift=0)[:2] for example in examples(batches)]
    passes = [tuple(places[i * number : (i + 1) * number]) for i in range(len(places) // number)]
    assert len(passes) >= 2
    assert all(sorted(one) == sorted(windows[i] for i in range(number)) for one in passes)
    assert len(set(passes)) == len(passes)


def test_each_pass_has_new_augmentation(numbered, locator):
    windows = Windows(numbered, "train", ARCHITECTURE)
    augmentation = Augmentation(shift=5)
    number = len(windows)
    batches = train(windows, augmentation, batch_size=number, steps=2)
    first, second = (
        {
            (name, start): drawn
            for name, start, *drawn in (
                locator.check(*example, shift=5) for example in zip(*batch, strict=True)
            )
        }
        for batch in batches
    )
    assert first.keys() == second.keys()
    assert sum(first[window] != second[window] for window in first) > number / 2


@pytest.mark.parametrize("rate", [0.02, 0.5])
def test_substitutions_replace_their_share_of_the_known_bases(numbered, rate):
    windows = Windows(numbered, "train", ARCHITECTURE)
    augmentation = Augmentation(reverse_complement=False, substitution_rate=rate)
    rng = np.random.default_rng(0)
    before, after, drawn = [], [], set()
    for window in (windows[i] for i in range(len(windows))):
        codes, coverage = windows.example(*window)
        changed, same = windows.augmented(window, rng, augmentation)
        np.testing.assert_array_equal(same, coverage)
        before.append(codes)
        after.append(changed)
        drawn.add(np.flatnonzero(changed != codes).tobytes())
    before, after = np.concatenate(before), np.concatenate(after)
    known = before != UNKNOWN
    assert 0 < known.sum() < len(known)
    np.testing.assert_array_equal(after[~known], UNKNOWN)
    assert after.dtype == np.uint8
    deviation = np.sqrt(rate * (1 - rate) / known.sum())
    assert abs(np.mean(after[known] != before[known]) - rate) < 5 * deviation
    steps = np.bincount((after[known] - before[known]) % 4, minlength=4)[1:]
    assert steps.min() > 0.8 * steps.mean()  # each of the other three bases
    assert len(drawn) == len(windows)  # other places in each example


def test_a_seed_fixes_everything(numbered):
    windows = Windows(numbered, "train", ARCHITECTURE)
    augmentation = Augmentation(jitter=128, shift=3)
    runs = [list(train(windows, augmentation, steps=25, seed=seed)) for seed in (7, 7, 8)]
    assert all(equal(left, right) for left, right in zip(*runs[:2], strict=True))
    assert not any(equal(left, right) for left, right in zip(*runs[1:], strict=True))


@pytest.mark.parametrize("first_step", [0, 1, 17, 24, 25])
def test_resuming_goes_on_where_the_unbroken_sequence_is(numbered, first_step):
    windows = Windows(numbered, "train", ARCHITECTURE)
    augmentation = Augmentation(jitter=128, shift=3)
    whole = list(train(windows, augmentation, steps=25))
    rest = list(train(windows, augmentation, steps=25, first_step=first_step))
    assert len(whole) == 25
    assert len(rest) == 25 - first_step
    assert all(equal(left, right) for left, right in zip(whole[first_step:], rest, strict=True))


def test_a_longer_run_begins_like_a_shorter_one(numbered):
    windows = Windows(numbered, "train", ARCHITECTURE)
    short = list(train(windows, STILL, steps=5))
    long = list(itertools.islice(train(windows, STILL, steps=500), 5))
    assert all(equal(left, right) for left, right in zip(short, long, strict=True))


def test_every_batch_is_full(numbered):
    windows = Windows(numbered, "validation", ARCHITECTURE)
    # More windows a batch than there are: passes follow each other without a gap.
    size = len(windows) + 3
    for channels, coverage in train(windows, STILL, batch_size=size, steps=3):
        assert channels.shape == (size, ARCHITECTURE.window, 4)
        assert coverage.shape == (size, ARCHITECTURE.bins, len(TARGETS))


def test_windows_travel_to_other_processes(numbered):
    windows = Windows(numbered, "test", ARCHITECTURE)
    # The copy reads the disk: what was loaded into memory does not travel.
    again = pickle.loads(pickle.dumps(windows))
    assert again[3] == windows[3]
    assert equal(again.example(*windows[3]), windows.example(*windows[3]))


def test_parts_of_batches_make_up_the_whole(numbered):
    windows = Windows(numbered, "train", ARCHITECTURE)
    augmentation = Augmentation(jitter=128, shift=3)
    options = {"batch_size": 6, "steps": 9, "seed": 1, "first_step": 2}
    whole = list(training_batches(windows, augmentation, **options))
    parts = [
        list(training_batches(windows, augmentation, rows=rows, **options))
        for rows in (slice(0, 2), slice(2, 6))
    ]
    assert len(whole) == 7
    for batch, first, second in zip(whole, *parts, strict=True):
        assert equal(batch, [np.concatenate(pair) for pair in zip(first, second, strict=True)])
