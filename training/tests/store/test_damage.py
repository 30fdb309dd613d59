"""A store that lost or changed a part is an error, never other values."""

import contextlib
import json
import os
import shutil

import numpy as np
import pytest
import zarr

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.targets import Target, Targets
from basenji_training.store.store import Store
from basenji_training.store.unfinished import unfinished_store
from basenji_training.store.verification import verify_store
from basenji_training.store.writing import (
    Layout,
    Sums,
    create_store,
    describe_store,
    summarise,
    write_bins,
    write_sequence,
)

LENGTHS = {"chr1": 3000, "chr/2": 2001, "chr3": 1900}
BIN = 10
TARGETS = Targets([Target(index=i, identifier=f"t{i}", strand_pair=i) for i in range(2)])


def content(name):
    """Return codes and values of a chromosome: a third one has nothing but missing values."""
    generator = np.random.default_rng(len(name))
    codes = generator.integers(0, 5, LENGTHS[name]).astype(np.uint8)
    values = generator.poisson(3, (LENGTHS[name] // BIN, 2)).astype(np.float32)
    values[5:9] = np.nan
    return (
        (np.full_like(codes, 4), np.full_like(values, np.nan))
        if name == "chr3"
        else (codes, values)
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Write a store whose arrays have several files."""
    path = tmp_path_factory.mktemp("whole") / "s.zarr"
    layout = Layout(bin=BIN, tracks=2, chunk=32, shard=64)
    create_store(path, layout, LENGTHS)
    sums = []
    for name in LENGTHS:
        codes, values = content(name)
        write_sequence(path, name, 0, codes)
        sums.append(write_bins(path, name, 0, values, np.zeros(2, np.int64)))
    describe_store(
        path,
        name="s",
        layout=layout,
        lengths=LENGTHS,
        folds={"train": ["chr1"], "validation": ["chr/2"], "test": ["chr3"]},
        regions=None,
        targets=TARGETS,
        statistics=summarise(TARGETS, sums, 690),
        command="x",
    )
    assert all(isinstance(each, Sums) for each in sums)
    return path


@pytest.fixture
def store(whole, tmp_path):
    """Copy the store, to be harmed."""
    return shutil.copytree(whole, tmp_path / "s.zarr")


def chunks(path):
    """List the files that hold values."""
    return sorted(each for each in path.rglob("c/*") if each.is_file()) + sorted(
        each for each in path.rglob("c/*/*") if each.is_file()
    )


def read_all(path):
    """Read all values of a store."""
    return {
        name: (opened.sequence(name, 0, length), opened.coverage(name, 0, length // BIN))
        for opened in [Store.open(path).load()]
        for name, length in LENGTHS.items()
    }


def test_a_whole_store_is_read_as_written(whole, caplog):
    for name, (codes, values) in read_all(whole).items():
        np.testing.assert_array_equal(codes, content(name)[0])
        np.testing.assert_array_equal(values, content(name)[1])
    verify_store(Store.open(whole))
    assert not caplog.records


@pytest.mark.parametrize("kind", ["removed", "emptied"])
def test_every_part_that_is_lost_is_noticed_when_the_store_is_opened(store, kind):
    # Parts that hold nothing but missing values and unknown bases, too.
    assert len(chunks(store)) == 3 * (5 + 4 + 3)
    for chunk in chunks(store):
        before = chunk.read_bytes()
        chunk.unlink()
        if kind == "emptied":
            chunk.touch()
        with pytest.raises(InputError, match=r"c/\d+\S* is missing or empty"):
            Store.open(store)
        chunk.write_bytes(before)
    Store.open(store)


def test_changed_bytes_are_errors_or_change_nothing(store):
    draw = np.random.default_rng(1)
    parts = chunks(store)
    expected = {name: content(name) for name in LENGTHS}
    noticed = 0
    for _ in range(60):
        chunk = parts[draw.integers(len(parts))]
        before = chunk.read_bytes()
        spoilt = bytearray(before)
        spoilt[draw.integers(len(before))] ^= 1 << draw.integers(8)
        chunk.write_bytes(spoilt if draw.random() < 0.8 else before[: draw.integers(len(before))])
        try:
            verify_store(Store.open(store))
            read = read_all(store)
        except InputError as error:
            noticed += "s.zarr" in str(error)
        else:
            for name, arrays in expected.items():
                for one, two in zip(read[name], arrays, strict=True):
                    np.testing.assert_array_equal(one, two)
        chunk.write_bytes(before)
    assert noticed > 55


def change(path, edit):
    """Change a JSON file."""
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("entry", "value", "problem"),
    [
        ("bin", 0, "attributes.bin: "),
        ("bin", 11, "shape"),
        ("lengths", {"chr1": 3001, "chr/2": 2001, "chr3": 1900}, "3,000 of uint8"),
        ("lengths", {"chr1": 10**25}, "attributes.lengths.chr1: "),
        ("lengths", ["chr1"], "attributes.lengths: "),
        ("folds", ["chr1"], "attributes.folds: "),
        ("folds", {"train": ["chr1"], "validation": [], "test": ["chrQ"]}, "'chrQ'"),
        ("folds", {"train": ["chr1"]}, "folds have no"),
        ("targets", "t0", "attributes.targets: "),
        ("targets", [{"index": 0}], "attributes.targets.0.identifier: "),
        ("targets", [TARGETS[0].model_dump()], "statistics are of other tracks"),
        ("regions", {"chr1": [["chr1", 0, 4000]]}, "no part of the store"),
        ("regions", {"chr1": [["chr1"]]}, "attributes.regions.chr1.0"),
        ("missing_share", "nan", "attributes.missing_share: "),
        ("format_version", 2, "store format 2"),
        ("format", "x", "not a store"),
    ],
)
def test_a_description_that_does_not_fit_is_one_line(store, entry, value, problem):
    change(store / "zarr.json", lambda root: root["attributes"].update({entry: value}))
    with pytest.raises(InputError, match=problem) as error:
        Store.open(store)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: (path / "zarr.json").unlink(),
        lambda path: (path / "zarr.json").write_bytes(b"\xff{"),
        lambda path: change(path / "zarr.json", lambda form: form.update(shape=[10**12])),
        lambda path: change(path / "zarr.json", lambda form: form.update(data_type="float64")),
        lambda path: change(path / "zarr.json", lambda form: form["codecs"].clear()),
        lambda path: change(
            path / "zarr.json",
            lambda form: form["codecs"].insert(
                0, {"name": "sharding_indexed", "configuration": {"codecs": None}}
            ),
        ),
        lambda path: shutil.rmtree(path),
    ],
)
@pytest.mark.parametrize("kind", ["sequence", "coverage", "covered"])
def test_an_array_of_another_form_is_one_line(store, kind, harm):
    harm(store / "chr1" / kind)
    with pytest.raises(InputError, match=f"chr1/{kind}"):
        Store.open(store)


def test_a_codec_that_does_not_exist_is_one_line(store):
    change(
        store / "chr1/covered/zarr.json",
        lambda form: form["codecs"].insert(0, {"name": "evil", "configuration": {}}),
    )
    with pytest.raises(InputError, match="chr1/covered is damaged"):
        verify_store(Store.open(store))


def test_what_cannot_be_coverage_is_found_by_reading_all(store):
    array = zarr.open_array(str(store / "chr1/coverage"), mode="r+")
    array[7, 1] = -1
    with pytest.raises(InputError, match=r"chr1:0-\d+ holds negative"):
        verify_store(Store.open(store))


def test_a_store_without_checksums_opens_and_says_so(store, caplog):
    change(store / "zarr.json", lambda root: root["attributes"].pop("checksums"))
    read = read_all(store)
    np.testing.assert_array_equal(read["chr1"][0], content("chr1")[0])
    assert "kept no checksums" in caplog.text


def test_a_pipe_in_the_place_of_a_description_does_not_hang(store):
    for place in ("chr1/coverage/zarr.json", "zarr.json"):
        (store / place).unlink()
        os.mkfifo(store / place)
        with pytest.raises(InputError, match="is a pipe"):
            Store.open(store)


@contextlib.contextmanager
def interrupted(out):
    """Begin or go on with a store, and be interrupted."""
    options = {"command": "", "resume": True, "overwrite": False}
    with contextlib.suppress(KeyboardInterrupt), unfinished_store(out, "x", {}, **options) as store:
        yield store
        raise KeyboardInterrupt


def test_notes_that_are_none_are_as_if_not_there(tmp_path):
    sums = Sums(*np.ones((4, 2), np.int64))
    with interrupted(tmp_path / "s.zarr") as unfinished:
        unfinished.path.mkdir()
        unfinished.add(("chr1", 0), sums)
    with (tmp_path / "s.zarr.unfinished/notes.jsonl").open("a") as notes:
        for damaged in (5, [1], ["x"] * 4, [[1], [1], [1], [None]], [[1], [1, 2], [1], [1]]):
            notes.write(json.dumps([["chr1", 1], damaged]) + "\n")
        notes.write('["chr1", [[1], [1], [1], [1]]]\nx\n')
    with interrupted(tmp_path / "s.zarr") as unfinished:
        assert list(unfinished.finished) == [("chr1", 0)]
        np.testing.assert_array_equal(unfinished.finished["chr1", 0], sums)
