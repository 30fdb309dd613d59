"""Windows are seen in order, once, each with its place; what is kept is bounded."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from known_truth import BIN, LENGTHS, TARGETS, tiny_architecture

from basenji_kipoi.models.networks.building import build_network
from basenji_training.evaluation import loci
from basenji_training.evaluation.evaluate import walk
from basenji_training.evaluation.loci import Loci, shown_tracks
from basenji_training.evaluation.trained_model import Predictor
from basenji_training.measures import held_out
from basenji_training.measures.held_out import KeptBins, places_of
from basenji_training.store.windows import Windows

ARCHITECTURE = tiny_architecture()


@pytest.fixture(scope="module")
def windows(letters):
    return Windows(letters, "train", ARCHITECTURE)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return Predictor(build_network(ARCHITECTURE), ARCHITECTURE, TARGETS)


class Everything:
    def __init__(self):
        self.seen = []

    def see(self, place, predicted, observed):
        self.seen.append((place, predicted, observed))


@pytest.mark.parametrize("batch_size", [1, 3, 8, 100])
def test_every_window_has_its_own_place(windows, model, letters, batch_size):
    collector = Everything()
    walk(model, windows, np.arange(4), [collector], batch_size=batch_size)
    assert len(collector.seen) == len(windows)
    for place, _, observed in collector.seen:
        first = place.start // BIN
        expected = letters.coverage(place.chromosome, first, first + ARCHITECTURE.bins)
        np.testing.assert_array_equal(observed, expected)
    assert [place for place, *_ in collector.seen] == places_of(windows)


def test_columns_are_picked_from_the_store(windows, model, letters):
    collector = Everything()
    walk(model, windows, np.array([2, 0, 1, 3]), [collector], batch_size=8)
    place, _, observed = collector.seen[0]
    expected = letters.coverage(place.chromosome, 0, ARCHITECTURE.bins)[:, [2, 0, 1, 3]]
    np.testing.assert_array_equal(observed, expected)


def test_blocks_are_neighbours_of_one_chromosome(windows, monkeypatch):
    target = ARCHITECTURE.bins * BIN
    places = places_of(windows)
    blocks = {}
    for place in places:
        blocks.setdefault(place.block, []).append(place)
    assert list(blocks) == list(range(len(blocks)))
    for block in blocks.values():
        assert len({place.chromosome for place in block}) == 1
    sizes = [len(block) * target for block in blocks.values()]
    last = {places[i].block for i in range(len(places)) if i + 1 == len(places)
            or places[i + 1].chromosome != places[i].chromosome}  # fmt: skip
    assert all(size >= held_out.BLOCK for n, size in enumerate(sizes) if n not in last)
    monkeypatch.setattr(held_out, "MOST_BLOCKS", 2)
    assert places_of(windows)[-1].block + 1 <= 2 + 2  # chromosomes are not joined


def test_bins_are_kept_or_sampled(windows, model):
    everything = KeptBins(windows, ["sum"] * 4, 128)
    some = KeptBins(windows, ["sum"] * 4, 128, limit=600)
    walk(model, windows, np.arange(4), [everything, some], batch_size=8)
    assert everything.share == 1
    kept, sampled = everything.arrays(), some.arrays()
    assert 0 < some.share < 1
    # A few hundred bins: the share that is drawn varies by some standard deviations.
    spread = np.sqrt(some.share * (1 - some.share) / len(kept.start))
    assert len(sampled.start) / len(kept.start) == pytest.approx(some.share, abs=5 * spread)
    places = {
        (c, s): row for row, (c, s) in enumerate(zip(kept.chromosome, kept.start, strict=True))
    }
    rows = [places[key] for key in zip(sampled.chromosome, sampled.start, strict=True)]
    assert rows == sorted(rows)
    np.testing.assert_array_equal(sampled.observed, kept.observed[rows])
    np.testing.assert_array_equal(sampled.predicted, kept.predicted[rows])
    assert (np.diff(kept.block) >= 0).all()
    assert np.isfinite(kept.observed).any(axis=1).all()
    assert kept.start.max() < max(LENGTHS.values())


def test_loci_are_whole_chromosomes_or_stretches(windows, model, letters, monkeypatch):
    whole = Loci(windows, TARGETS, BIN)
    monkeypatch.setattr(loci, "_VALUES", 2 * 4 * ARCHITECTURE.bins * 10)
    monkeypatch.setattr(loci, "_LENGTH", 2 * windows.target)
    some = Loci(windows, TARGETS, BIN)
    walk(model, windows, np.arange(4), [whole, some], batch_size=8)
    assert [locus.chromosome for locus in whole.loci()] == ["chr1", "chr2"]
    stretches = some.loci()
    assert len(stretches) > 2
    assert sum(len(locus.predicted) for locus in stretches) <= 10 * ARCHITECTURE.bins
    for locus in [*whole.loci(), *stretches]:
        first = locus.start // BIN
        expected = letters.coverage(locus.chromosome, first, first + len(locus.observed))
        np.testing.assert_array_equal(locus.observed, expected)


def test_of_many_tracks_some_of_each_kind_are_shown():
    from basenji_kipoi.models.targets import Target, Targets

    many = Targets(
        Target(index=i, identifier=f"t{i}", strand_pair=i, assay="rare" if i > 95 else "common")
        for i in range(100)
    )
    shown = shown_tracks(many)
    assert len(shown) == 32
    assert {96, 97, 98, 99} <= set(shown)
    assert shown == sorted(shown)
    assert shown_tracks(TARGETS) == [0, 1, 2, 3]
