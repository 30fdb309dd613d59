"""Every format read back by its own library, for values that are known."""

from __future__ import annotations

import json
import sys

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from basenji_kipoi.base.bigwig.blocks import ALIGNMENT
from basenji_kipoi.base.errors import InputError
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
            found = file.values("chrII", 0, ends[-1], fillna=None)
        bins = np.concatenate([np.arange(n) // 32 for n in lengths])
        rows = bins + np.repeat(table.columns["intervals/offset"][:-1], lengths)
        np.testing.assert_allclose(found, values[rows, 2], rtol=1e-6)
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


def test_summaries_of_a_bigwig_have_nothing_where_nothing_was_predicted(tmp_path):
    pybigtools = pytest.importorskip("pybigtools")
    # Three parts of a bigWig, borders of parts within a bin, and a gap of most of a part.
    part, width = 4 * ALIGNMENT, 48
    lengths = {"chr2": 3 * part, "chr1": 100}
    pieces = [
        ("chr2", 10, 200_000),
        ("chr2", part - 500, part + 700),
        ("chr2", 2 * part - 9, 3 * part),
    ]
    intervals = BigWigWriter.prepare(
        [*(Interval(*each) for each in pieces), Interval("chr1", 0, 100)]
    )
    table = PredictionTable(intervals, TRACKS, width, lengths, {})
    values = values_of(table)
    folder = write(BigWigWriter, tmp_path / "x", table, values)
    expected = {name: np.full(size, np.nan) for name, size in lengths.items()}
    row = 0
    for interval in intervals:
        for start in range(interval.start, interval.end, width):
            expected[interval.chrom][start : min(start + width, interval.end)] = values[row, 2]
            row += 1
    with pybigtools.open(str(folder / "b.bw")) as file:
        for name, whole in expected.items():
            np.testing.assert_allclose(file.values(name, fillna=None), whole, rtol=1e-6)
        bins = 3 * part // 4096
        means = file.values("chr2", 0, 3 * part, bins=bins, exact=False, fillna=None)
        covered = np.isfinite(expected["chr2"]).reshape(bins, -1)
        np.testing.assert_array_equal(np.isfinite(means), covered.any(axis=1))
        # Bins that are covered whole have their mean.
        some = covered.all(axis=1)
        exact = expected["chr2"].reshape(bins, -1)[some].mean(axis=1)
        np.testing.assert_allclose(means[some], exact, rtol=1e-4)


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(InputError, match=r"pip install '?zarr"):
        ZarrWriter.prepare(INTERVALS)


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
