"""Outputs never take the place of inputs or of what is no output of ours; names of files."""

from __future__ import annotations

import errno
import json

import pytest

from basenji_kipoi.base.array_files import Hdf5File
from basenji_kipoi.base.atomic import FIGURES, Folder, check_output, check_space, file_names
from basenji_kipoi.base.errors import InputError

TABLES = Folder("a folder of tables", holds=("tables.json",))
STORE = Folder("a store", zarr_format="some-store")


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights").write_text("w")
    return folder


@pytest.mark.parametrize("name", ["genome.fa", "x/../genome.fa", "link.fa"])
def test_an_input_is_no_output_whatever_it_is_called(tmp_path, name):
    given = tmp_path / "genome.fa"
    given.write_text(">a\nACGT\n")
    (tmp_path / "link.fa").symlink_to(given)
    (tmp_path / "x").mkdir()
    with pytest.raises(InputError, match=rf"output .*{name} is the input .*genome.fa"):
        check_output(tmp_path / name, overwrite=True, inputs=[None, given])


def test_the_index_of_an_input_is_no_output(tmp_path):
    (tmp_path / "genome.fa.fai").write_text("")
    with pytest.raises(InputError, match=r"fai is the index of the input"):
        check_output(tmp_path / "genome.fa.fai", overwrite=True, inputs=[tmp_path / "genome.fa"])


def test_neither_a_part_of_an_input_nor_what_holds_one_is_an_output(tmp_path, model):
    with pytest.raises(InputError, match=r"weights is a part of the input"):
        check_output(model / "weights", overwrite=True, inputs=[model])
    with pytest.raises(InputError, match=r"holds the input"):
        check_output(tmp_path, overwrite=True, inputs=[model], folder=TABLES)
    check_output(model / "new", overwrite=True, inputs=[model])


def test_a_folder_is_replaced_by_its_own_kind_only(tmp_path, model):
    for kind in (TABLES, STORE, FIGURES):
        with pytest.raises(InputError, match=rf"is a folder, but not {kind.what}"):
            check_output(model, overwrite=True, folder=kind)
    with pytest.raises(InputError, match="is a folder: name a file"):
        check_output(model, overwrite=True)
    with pytest.raises(InputError, match=r"is a file, and the output is a store"):
        check_output(model / "weights", overwrite=True, folder=STORE)
    (model / "tables.json").write_text("")
    check_output(model, overwrite=True, folder=TABLES)
    (tmp_path / "empty").mkdir()
    check_output(tmp_path / "empty", overwrite=True, folder=STORE)


@pytest.mark.parametrize(
    "content", ["", "[" * 100_000, "[]", "5", '{"attributes": {"format": "other"}}']
)
def test_a_zarr_folder_of_others_is_not_replaced(tmp_path, content):
    folder = tmp_path / "x.zarr"
    folder.mkdir()
    (folder / "zarr.json").write_text(content)
    with pytest.raises(InputError, match="is a folder, but not a store"):
        check_output(folder, overwrite=True, folder=STORE)
    (folder / "zarr.json").write_text(json.dumps({"attributes": {"format": "some-store"}}))
    check_output(folder, overwrite=True, folder=STORE)


def test_names_of_files_are_names_and_differ():
    texts = ["chr1", "a/b", "a_b", "A_B", "..", ".x", "é" * 300, ""]
    names = file_names(texts)
    assert names[0] == "chr1"
    assert len({name.lower() for name in names}) == len(texts)
    for name in names:
        assert "/" not in name
        assert not name.startswith(".")
        assert 0 < len(name.encode()) < 200
    assert file_names(["a b", "a?b"], [7, 9]) == ["a_b.7", "a_b.9"]
    clashing = file_names(["a/b", "a_b", "a_b.1"])
    assert len(set(clashing)) == 3


def test_an_hdf5_file_that_does_not_fit_is_an_error(small_disk):
    import numpy as np

    values = np.random.default_rng(0).random((100_000, 4), dtype=np.float32)

    def write():
        with Hdf5File(small_disk / "x.h5", {"format": "x"}) as file:
            array = file.create("values", values.shape, chunk_rows=1000, dimensions=("a", "b"))
            for first in range(0, len(values), 1000):
                array[first : first + 1000] = values[first : first + 1000]

    with pytest.raises(OSError, match="No space left") as failure:
        write()
    assert failure.value.errno == errno.ENOSPC


def test_space_is_checked_and_given_back(small_disk):
    check_space(small_disk / "x", 100_000)
    with pytest.raises(InputError, match=r"needs up to 1,000,000 bytes .* no room"):
        check_space(small_disk / "x", 1_000_000)
    assert list(small_disk.iterdir()) == []


def test_the_mark_that_snakemake_leaves_in_a_folder_is_none_of_its_files(tmp_path):
    pages = Folder("a folder of pages", holds=("index.html",), only=".html")
    (tmp_path / ".snakemake_timestamp").touch()
    assert pages.is_one(tmp_path)  # empty but for it
    (tmp_path / "index.html").touch()
    assert pages.is_one(tmp_path)
    (tmp_path / ".notes").touch()
    assert not pages.is_one(tmp_path)
