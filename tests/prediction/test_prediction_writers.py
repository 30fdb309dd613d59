"""Every format read back by its own library, for values that are known."""

from __future__ import annotations

import json
import sys

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from basenji_kipoi.base.errors import FullDiskError, InputError
from basenji_kipoi.genome.intervals import Interval
from basenji_kipoi.models.targets import Target
from basenji_kipoi.prediction.writers import (
    FORMATS,
    BigWigWriter,
    Hdf5Writer,
    PredictionTable,
    ZarrWriter,
    format_of,
)

LENGTHS = {"chrII": 10_000, "chrI": 5_000, "chrX": 50}
INTERVALS = [
    Interval("chrII", 5, 105, "second", "+"),
    Interval("chrI", 4_900, 5_000),  # its last bin reaches beyond the chromosome
    Interval("chrI", 0, 1),
    Interval("chrI", 1, 300),  # its first bin lies within the last bin of the one before
]
TRACKS = [
    Target(index=3, identifier="a/x", strand_pair=3, description="first"),
    Target(index=5, identifier="a:x", strand_pair=5),
    Target(index=8, identifier="b", strand_pair=8),
]
ROWS = 4 + 4 + 1 + 10


def make_table(intervals=INTERVALS):
    return PredictionTable(intervals, TRACKS, 32, LENGTHS, {"model": "small", "window": 2048})


def values_of(table):
    generator = np.random.default_rng(2)
    return generator.random((table.rows, len(table.tracks)), dtype=np.float32)


def write(writer_of, path, table, values, sizes=(3, 1, 7)):
    """Append the values in pieces of changing sizes."""
    with writer_of(path, table) as writer:
        first, number = 0, 0
        while first < len(values):
            writer.append(values[first : first + sizes[number % len(sizes)]])
            first += sizes[number % len(sizes)]
            number += 1
    return path


def test_hdf5(tmp_path):
    table = make_table()
    values = values_of(table)
    with h5py.File(write(Hdf5Writer, tmp_path / "x.h5", table, values)) as file:
        np.testing.assert_array_equal(file["predictions"][:], values)
        assert file["predictions"].compression == "gzip"
        assert file["intervals/offset"][:].tolist() == [0, 4, 8, 9, 19]
        assert file["intervals/chrom"].asstr()[:].tolist() == ["chrII", "chrI", "chrI", "chrI"]
        assert file["intervals/start"][:].tolist() == [5, 4_900, 0, 1]
        assert file["intervals/end"][:].tolist() == [105, 5_000, 1, 300]
        assert file["intervals/name"].asstr()[0] == "second"
        assert file["intervals/strand"].asstr()[:].tolist() == ["+", ".", ".", "."]
        assert file["tracks/index"][:].tolist() == [3, 5, 8]
        assert file["tracks/identifier"].asstr()[:].tolist() == ["a/x", "a:x", "b"]
        assert file["tracks/description"].asstr()[0] == "first"
        assert file.attrs["bin"] == 32
        assert file.attrs["model"] == "small"
        assert "0-based half-open" in file.attrs["layout"]


def test_zarr_holds_what_hdf5_holds(tmp_path):
    zarr = pytest.importorskip("zarr", "3")
    table = make_table()
    values = values_of(table)
    write(Hdf5Writer, tmp_path / "x.h5", table, values)
    group = zarr.open_group(str(write(ZarrWriter, tmp_path / "x.zarr", table, values)), mode="r")
    assert group.metadata.zarr_format == 3
    with h5py.File(tmp_path / "x.h5") as file:
        names = []
        file.visititems(lambda name, item: names.append(name) if hasattr(item, "shape") else None)
        assert len(names) == 10
        for name in names:
            expected = file[name].asstr()[:] if file[name].dtype == object else file[name][:]
            assert group[name][:].tolist() == expected.tolist()
        assert dict(group.attrs) == {key: _plain(value) for key, value in file.attrs.items()}


def _plain(value):
    return value if isinstance(value, str) else int(value)


def test_bigwig(tmp_path):
    pybigtools = pytest.importorskip("pybigtools")
    intervals = BigWigWriter.prepare(INTERVALS)
    assert [str(interval) for interval in intervals] == [
        "chrI:0-1",
        "chrI:1-300",
        "chrI:4900-5000",
        "chrII:5-105",
    ]
    table = make_table(intervals)
    values = values_of(table)
    folder = write(BigWigWriter, tmp_path / "tracks", table, values)
    # The two identifiers that would have the same name get their index.
    names = ["a_x.3.bw", "a_x.5.bw", "b.bw"]
    assert sorted(path.name for path in folder.iterdir()) == [
        *names,
        "metadata.json",
        "tracks.tsv",
    ]
    lines = (folder / "tracks.tsv").read_text().splitlines()
    assert lines[1:3] == ["a_x.3.bw\t3\ta/x\tfirst", "a_x.5.bw\t5\ta:x\t"]
    assert json.loads((folder / "metadata.json").read_text())["bin"] == 32
    for column, name in enumerate(names):
        expected = {chrom: np.full(length, np.nan) for chrom, length in LENGTHS.items()}
        row = 0
        for interval in intervals:
            for start in range(interval.start, interval.end, 32):
                end = min(start + 32, interval.end)
                expected[interval.chrom][start:end] = values[row, column]
                row += 1
        assert row == table.rows == ROWS
        with pybigtools.open(str(folder / name)) as file:
            chroms = file.chroms()
            assert chroms == {"chrI": 5_000, "chrII": 10_000} or chroms == LENGTHS
            for chrom in chroms:
                np.testing.assert_allclose(
                    file.values(chrom, fillna=None), expected[chrom], rtol=1e-6
                )


@pytest.mark.parametrize("name", FORMATS)
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    lengths=st.lists(st.integers(1, 700), min_size=1, max_size=8),
    sizes=st.lists(st.integers(1, 50), min_size=1, max_size=4),
    block=st.integers(1, 100),
)
def test_pieces_and_blocks_do_not_matter(
    name, tmp_path_factory, monkeypatch, lengths, sizes, block
):
    monkeypatch.setattr(FORMATS[name], "_block_values", block)
    ends = np.cumsum(lengths).tolist()
    starts = [0, *ends]
    table = make_table([Interval("chrII", start, end) for start, end in zip(starts, ends)])
    values = values_of(table)
    path = write(FORMATS[name], tmp_path_factory.mktemp("x") / "x", table, values, sizes)
    if name == "bigwig":
        pybigtools = pytest.importorskip("pybigtools")
        with pybigtools.open(str(path / "b.bw")) as file:
            found = [value for _, _, value in file.records("chrII")]
        np.testing.assert_allclose(found, values[:, 2], rtol=1e-6)
    elif name == "zarr":
        import zarr

        np.testing.assert_array_equal(zarr.open_group(str(path))["predictions"][:], values)
    else:
        with h5py.File(path) as file:
            np.testing.assert_array_equal(file["predictions"][:], values)


@pytest.mark.parametrize("name", FORMATS)
def test_no_intervals(tmp_path, name):
    table = make_table([])
    path = write(FORMATS[name], tmp_path / "x", table, values_of(table))
    if name == "hdf5":
        with h5py.File(path) as file:
            assert file["predictions"].shape == (0, 3)
            assert file["intervals/offset"][:].tolist() == [0]
    elif name == "zarr":
        import zarr

        group = zarr.open_group(str(path), mode="r")
        assert group["predictions"].shape == (0, 3)
        assert group["intervals/chrom"].shape == (0,)
    else:
        assert sorted(file.name for file in path.iterdir()) == ["metadata.json", "tracks.tsv"]
        assert (path / "tracks.tsv").read_text().splitlines()[1] == "\t3\ta/x\tfirst"


@pytest.mark.parametrize("name", FORMATS)
def test_missing_rows_are_an_error(tmp_path, name):
    table = make_table()
    with pytest.raises(ValueError, match=f"5 rows were given of {ROWS}"):
        write(FORMATS[name], tmp_path / "x", table, values_of(table)[:5])


def test_a_bigwig_cannot_hold_overlapping_intervals():
    intervals = [*INTERVALS, Interval("chrII", 104, 110)]
    with pytest.raises(InputError, match="chrII:5-105 and chrII:104-110 overlap"):
        BigWigWriter.prepare(intervals)
    assert Hdf5Writer.prepare(intervals) == intervals


def test_a_bigwig_that_was_not_written_is_noticed(tmp_path):
    """The library only prints what goes wrong in a write; here a chromosome that does not exist."""
    table = PredictionTable(INTERVALS, TRACKS, 32, {"other": 10}, {})
    with pytest.raises(FullDiskError, match=r"a_x\.3\.bw could not be written"):
        write(BigWigWriter, tmp_path / "x", table, values_of(table))


@pytest.mark.parametrize("library", ["zarr", "pybigtools"])
def test_a_missing_library_is_named(monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    writer = {"zarr": ZarrWriter, "pybigtools": BigWigWriter}[library]
    with pytest.raises(InputError, match=f"pip install '?{library}"):
        writer.prepare(INTERVALS)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("x.h5", "hdf5"),
        ("x.HDF5", "hdf5"),
        ("a.b/x.zarr", "zarr"),
        ("tracks", "bigwig"),
        ("tracks/", "bigwig"),
        ("x.bw", "bigwig"),
        ("x.bw-directory", "bigwig"),
    ],
)
def test_the_name_tells_the_format(path, expected):
    assert format_of(path) == expected


def test_other_names_do_not():
    with pytest.raises(InputError, match=r"x\.tsv names no known format"):
        format_of("x.tsv")
