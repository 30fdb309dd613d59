"""Tiles of intervals by their properties; predictions against each window run by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from basenji_kipoi.base.sequence import one_hot
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.intervals import Interval, centred_window
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.prediction.tiles import bins_of, predict_intervals, tiles_of, windows_of


@st.composite
def geometries(draw):
    """Architectures of any bin, crop and number of bins."""
    pools = draw(st.lists(st.integers(2, 8), min_size=1, max_size=3))
    crop, bins = draw(st.integers(0, 5)), draw(st.integers(1, 40))
    trunk = [{"op": "pooling", "size": size} for size in pools] + [{"op": "crop", "bins": crop}]
    window = int(np.prod(pools)) * (bins + 2 * crop)
    return Architecture.model_validate(
        {"window": window, "trunk": trunk, "heads": {"x": {"tracks": 1}}}
    )


@given(geometry=geometries(), start=st.integers(0, 10**6), length=st.integers(1, 20_000))
def test_tiles_cover_an_interval_once(geometry, start, length):
    tiles = list(tiles_of(start, start + length, geometry))
    assert len(tiles) == windows_of(length, geometry)
    done = 0
    for tile in tiles:
        assert tile.bin == done
        # The window's first kept bin lies where the interval has that bin.
        window_bin = tile.start + (geometry.crop + tile.first) * geometry.bin
        assert window_bin == start + tile.bin * geometry.bin
        assert 0 <= tile.first < tile.last <= geometry.bins
        left, right = tile.first, geometry.bins - tile.last
        assert right - left in (0, 1)
        done += tile.last - tile.first
    assert all(tile.last - tile.first == geometry.bins for tile in tiles[:-1])
    assert (done - 1) * geometry.bin < length <= done * geometry.bin
    assert done == bins_of(length, geometry.bin)


@given(geometry=geometries(), start=st.integers(0, 10**6), half=st.integers(0, 10))
def test_the_window_of_a_short_interval_is_the_centred_one(geometry, start, half):
    """Kipoi's dataloader and this command see the same window where the bin grid allows it."""
    bins = geometry.bins - 2 * half
    if bins > 0 and geometry.bin % 2 == 0:
        end = start + bins * geometry.bin
        (tile,) = tiles_of(start, end, geometry)
        assert tile.start == centred_window(start, end, geometry.window)[0]


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    letters = np.random.default_rng(0).choice(list("ACGTN"), 30_000, p=[0.3, 0.2, 0.2, 0.29, 0.01])
    path = tmp_path_factory.mktemp("genome") / "genome.fa"
    path.write_text(">a\n" + "".join(letters[:20_000]) + "\n>b\n" + "".join(letters[20_000:]))
    with Genome(path) as genome:
        yield genome


@pytest.fixture(scope="module")
def network(small_bundle):
    return small_bundle.network()


INTERVALS = [
    Interval("a", 0, 20_000),  # a whole chromosome: several windows
    Interval("b", 5, 6),
    Interval("a", 19_999, 20_000),
    Interval("b", 1_000, 1_000 + 56 * 32),  # the network's output exactly
    Interval("b", 1_000, 1_001 + 56 * 32),  # one base more
    Interval("b", 1_000, 2_000, strand="-"),
]


def predict(network, bundle, genome, intervals, **options):
    """All predictions of each interval, having checked that they come in order."""
    values = [[] for _ in intervals]
    last = (0, 0)
    stream = predict_intervals(network, bundle.architecture, genome, intervals, **options)
    for predicted in stream:
        assert predicted.first == sum(map(len, values[predicted.interval]))
        assert last <= (predicted.interval, predicted.first)
        last = (predicted.interval, predicted.first)
        assert predicted.values.dtype == np.float32
        values[predicted.interval].append(predicted.values)
    return [np.concatenate(parts) for parts in values]


def predict_plainly(network, architecture, genome, interval):
    """Each bin from a window of its own run of bins, written down anew and one at a time."""
    size, crop, bins = architecture.bin, architecture.crop, architecture.bins
    total = -(-(interval.end - interval.start) // size)
    rows = []
    for first in range(0, total, bins):
        count = min(bins, total - first)
        margin = (bins - count) // 2
        start = interval.start + (first - margin - crop) * size
        sequence = one_hot(genome.codes(interval.chrom, start, start + architecture.window))
        rows.append(network.predict_on_batch(sequence[None])[0][margin : margin + count])
    return np.concatenate(rows)


@pytest.mark.parametrize("batch_size", [1, 2, 7])
def test_predictions_are_those_of_each_window(network, small_bundle, genome, batch_size):
    found = predict(network, small_bundle, genome, INTERVALS, batch_size=batch_size)
    for interval, values in zip(INTERVALS, found):
        expected = predict_plainly(network, small_bundle.architecture, genome, interval)
        assert values.shape == (bins_of(len(interval), 32), 3)
        np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)


def test_tile_boundaries_matter_only_within_the_receptive_field(network, small_bundle, genome):
    """A bin whose whole receptive field lies in its window has the same value in any window."""
    architecture = small_bundle.architecture
    size, shift = architecture.bin, 17
    whole, shifted = (
        Interval("a", 2_000, 18_000),
        Interval("a", 2_000 + shift * size, 18_000),
    )
    left, right = predict(network, small_bundle, genome, [whole, shifted])

    def unaffected(interval):
        inside = []
        for tile in tiles_of(interval.start, interval.end, architecture):
            for number in range(tile.first, tile.last):
                start, end = architecture.needed_input(number, number + 1)
                inside.append(start >= 0 and end <= architecture.window)
        return np.array(inside)

    same = unaffected(whole)[shift:] & unaffected(shifted)
    assert 0.5 < same.mean() < 1  # some bins are next to a boundary, most are not
    np.testing.assert_allclose(left[shift:][same], right[same], rtol=1e-5, atol=1e-6)
    assert np.abs(left[shift:] - right)[~same].max() > 1e-4


def test_a_batch_has_one_size_so_that_the_network_is_compiled_once(
    network, small_bundle, genome, monkeypatch
):
    sizes = []
    plain = network.predict_on_batch
    monkeypatch.setattr(
        network, "predict_on_batch", lambda batch: sizes.append(len(batch)) or plain(batch)
    )
    predict(network, small_bundle, genome, INTERVALS, batch_size=4)
    assert len(sizes) > 2
    assert set(sizes) == {4}
    sizes.clear()
    predict(network, small_bundle, genome, INTERVALS[1:3], batch_size=64)
    assert sizes == [2]  # nothing is computed for a batch that is never filled


def test_selected_tracks(network, small_bundle, genome):
    everything = predict(network, small_bundle, genome, INTERVALS[:2])
    some = predict(network, small_bundle, genome, INTERVALS[:2], tracks=[2, 0])
    for all_tracks, two_tracks in zip(everything, some):
        np.testing.assert_array_equal(all_tracks[:, [2, 0]], two_tracks)


def test_heads_are_joined_in_the_order_of_the_architecture(small_bundle, genome):
    from basenji_kipoi.models.networks.building import build_network

    class Described:
        architecture = Architecture.model_validate(
            {
                **small_bundle.architecture.model_dump(),
                # Not in the order of the alphabet, which Keras would choose.
                "heads": {"z": {"tracks": 2}, "b": {"tracks": 1}},
            }
        )

    network = build_network(Described.architecture)
    interval = Interval("a", 5_000, 5_320)
    (values,) = predict(network, Described, genome, [interval])
    (tile,) = tiles_of(interval.start, interval.end, Described.architecture)
    codes = genome.codes("a", tile.start, tile.start + Described.architecture.window)
    heads = network.predict_on_batch(one_hot(codes)[None])
    expected = np.concatenate([heads["z"], heads["b"]], axis=-1)[0, tile.first : tile.last]
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)


def test_no_intervals_and_no_batch(network, small_bundle, genome):
    assert predict(network, small_bundle, genome, []) == []
    with pytest.raises(ValueError, match="at least one window, not 0"):
        predict(network, small_bundle, genome, INTERVALS, batch_size=0)
