from __future__ import annotations

import itertools
import pickle
import re

import numpy as np
import pytest
import zarr
from store_inputs import LENGTHS, build

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import encode
from basenji_training.store.store import Store


def test_what_lies_beyond_a_chromosome_is_unknown_and_missing(inputs):
    store = build(inputs)
    codes = store.sequence("chr3", -10, 1610)
    assert (codes[:10] == 4).all()
    assert (codes[-9:] == 4).all()
    np.testing.assert_array_equal(codes[10:-9], encode(inputs.sequences["chr3"]))
    values = store.coverage("chr3", -2, 52)
    assert np.isnan(values[[0, 1, 52, 53]]).all()
    assert np.isfinite(values[2:52]).all()
    assert (store.sequence("chr3", 5000, 5004) == 4).all()
    assert np.isnan(store.coverage("chr3", -9, -4)).all()


def test_held_in_memory_or_sent_to_another_process_it_is_the_same(inputs):
    store = build(inputs)
    loaded = pickle.loads(pickle.dumps(Store.open(store.path).load(["chr1"])))
    loaded.load()
    for name in store.chromosomes:
        np.testing.assert_array_equal(loaded.sequence(name, -5, 900), store.sequence(name, -5, 900))
        np.testing.assert_array_equal(loaded.coverage(name, 3, 70), store.coverage(name, 3, 70))


def test_windows_tile_a_split_and_reach_beyond_its_ends(inputs):
    store = build(inputs)
    windows = store.windows("train", 1024, 128, 768)
    assert windows == [("chr1", -128 + 768 * i) for i in range(5)]
    targets = [(start + 128, start + 1024 - 128) for _, start in windows]
    assert targets[0][0] == 0
    assert all(a[1] == b[0] for a, b in itertools.pairwise(targets))
    assert targets[-1][0] < store.bins["chr1"] * 32 <= targets[-1][1]
    halves = store.windows("train", 1024, 128, 384)
    assert set(windows) < set(halves)


def test_windows_without_any_value_are_left_out(inputs):
    blacklist = inputs.folder / "blacklist.bed"
    blacklist.write_text("chr1\t0\t1024\n")
    store = build(inputs, blacklist=blacklist)
    assert store.windows("train", 512, 128, 256)[0] == ("chr1", 1024 - 128)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", 1000, 128, 256), "window of 1000 bp is not a multiple of the bin (32)"),
        (("train", 1024, 512, 256), "leave nothing to predict"),
        (("train", 1024, 128, 0), "leave nothing to predict"),
        (("tests", 1024, 128, 768), "unknown split 'tests'"),
    ],
)
def test_windows_that_cannot_be(inputs, arguments, message):
    with pytest.raises(InputError, match=re.escape(message)):
        build(inputs).windows(*arguments)


def test_what_is_not_a_store_is_refused(tmp_path):
    with pytest.raises(InputError, match="is not a store"):
        Store.open(tmp_path / "nothing.zarr")
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is not a store"):
        Store.open(tmp_path / "file")
    zarr.open_group(str(tmp_path / "other.zarr"), mode="w")
    with pytest.raises(InputError, match="a Zarr group but not a store"):
        Store.open(tmp_path / "other.zarr")


def test_the_store_says_how_it_was_made(inputs):
    attributes = build(inputs).attrs
    assert attributes["genome"]["file"] == "genome.fa"
    assert re.fullmatch(r"[0-9a-f]{64}", attributes["genome"]["sha256"])
    assert attributes["excluded"] == ["chrM"]
    assert set(attributes["versions"]) == {"basenji_training", "numpy", "pybigtools", "zarr"}
    total = sum(
        inputs.values["a"][name][: n // 32 * 32].sum()
        for name, n in LENGTHS.items()
        if name != "chrM"
    )
    statistics = attributes["statistics"][0]
    assert statistics["mean"] * statistics["bins"] == pytest.approx(total)
