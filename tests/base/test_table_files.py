"""Files of arrays and tables: read as they were written, and damage is one line."""

from __future__ import annotations

import io
import os
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from basenji_kipoi.base.containers.npz import read_npz
from basenji_kipoi.base.containers.parquet import read_parquet
from basenji_kipoi.base.errors import InputError


def member(array, shape=None):
    """Write an array as NumPy does; its header may tell another shape."""
    content = io.BytesIO()
    np.save(content, array, allow_pickle=True)
    told = content.getvalue()
    if shape is not None:
        # The header is filled up with blanks.
        old, new = f"({len(array)},), }}".encode(), f"({shape},), }}".encode()
        told = told.replace(old + b" " * (len(new) - len(old)), new)
        assert len(told) == len(content.getvalue())
        assert new in told
    return told


def write_members(path, **members):
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_read_as_they_were_written(tmp_path, save):
    arrays = {
        "r": np.array([[1, 0.5], [0.5, np.nan]]),
        "order": np.asfortranarray(np.arange(6, dtype="int16").reshape(2, 3)),
        "names": np.array(["chr1:5:A:G", "chr1:9:C:T"]),
        "none": np.zeros((0, 4), dtype="uint8"),
        "one": np.float32(3),
    }
    save(tmp_path / "x.npz", **arrays)
    found = read_npz(tmp_path / "x.npz", "linkage")
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_damaged_arrays_are_told_in_a_line(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, r=np.arange(500.0))
    whole = path.read_bytes()
    damages = {
        b"": "is no .npz of arrays",
        b"text\n": "not a zip file",
        whole[:300]: "not a zip file",
        whole.replace(np.float64(77).tobytes(), b"damaged!"): "CRC",
        whole.replace(b"descr", b"drcse"): "damaged",
        # An encrypted member, and one packed in a way that is not known.
        whole.replace(b"PK\1\2\x2d\3\x2d\0\0", b"PK\1\2\x2d\3\x2d\0\1"): "damaged",
        member(np.arange(5)): "not a zip file",
    }
    for content, message in damages.items():
        assert content != whole
        path.write_bytes(content)
        with pytest.raises(InputError, match=message) as caught:
            read_npz(path, "linkage")
        assert "\n" not in str(caught.value)


def test_no_more_is_allocated_than_is_there(tmp_path):
    path = tmp_path / "x.npz"
    write_members(path, r=member(np.arange(5.0), shape=10**15))
    with pytest.raises(InputError, match=r"8,000,000,000,000,000 bytes by its shape .* 40 are"):
        read_npz(path, "linkage")


def test_objects_are_no_arrays(tmp_path):
    path = tmp_path / "x.npz"
    write_members(path, r=member(np.array([{}, None])))
    with pytest.raises(InputError, match="holds objects, which are not read"):
        read_npz(path, "linkage")


TABLE = pa.table({"chrom": ["chr1", None], "pos": [5, 9], "SAD/x": [0.5, float("inf")]})


def test_tables_are_read_as_they_were_written(tmp_path):
    path = tmp_path / os.fsdecode(b"\xff.parquet")
    with path.open("wb") as file:
        pyarrow.parquet.write_table(TABLE, file)
    assert read_parquet(path, "table", texts=["chrom"], numbers=["pos", "SAD/x"]).equals(TABLE)
    only = read_parquet(path, "table", numbers=["pos"], only=True)
    assert only.equals(TABLE.select(["pos"]))


def test_columns_are_checked(tmp_path):
    path = tmp_path / "x.parquet"
    table = TABLE.append_column("pos", pa.array([1, 2]))
    pyarrow.parquet.write_table(table, path)
    for asked, message in [
        ({"numbers": ["end"]}, "has no column 'end': expected a table of scores"),
        ({"numbers": ["end"], "only": True}, "has no column 'end'"),
        ({"numbers": ["pos"]}, "has 2 columns 'pos'"),
        ({"numbers": ["chrom"]}, "the column 'chrom' is string: expected numbers"),
        ({"texts": ["SAD/x"]}, "the column 'SAD/x' is double: expected text"),
    ]:
        with pytest.raises(InputError, match=message):
            read_parquet(path, "table of scores", **asked)


def test_damaged_tables_are_told_in_a_line(tmp_path):
    path = tmp_path / "x.parquet"
    pyarrow.parquet.write_table(
        TABLE, path, compression="none", use_dictionary=False, write_page_checksum=True
    )
    whole = path.read_bytes()
    pyarrow.parquet.write_table(
        TABLE, path, compression="none", use_dictionary=False, write_statistics=False
    )
    unchecked = path.read_bytes()
    damages = [b"", b"text\n", whole[:-9], whole[:200], whole.replace(b"chr1", b"chr2")]
    damages.append(unchecked.replace(b"chr1", b"\xff\xfe\xe9\xe9"))
    for content in damages:
        assert content not in (whole, unchecked)
        path.write_bytes(content)
        with pytest.raises(InputError, match="no Parquet file that can be read: ") as caught:
            read_parquet(path, "table")
        assert "\n" not in str(caught.value)


def test_a_folder_and_a_pipe_are_no_files(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, message in (("folder", "read: "), ("pipe", "is a pipe"), ("no", "does not exist")):
        with pytest.raises(InputError, match=message):
            read_parquet(tmp_path / name, "table")
    for name, message in (("folder", "damaged"), ("pipe", "is a pipe"), ("no", "does not exist")):
        with pytest.raises(InputError, match=message):
            read_npz(tmp_path / name, "linkage")
