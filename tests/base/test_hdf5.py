"""HDF5 files that may come from anywhere: what leads out of them is refused by name."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from basenji_kipoi.base.array_files import NewHdf5, open_hdf5, save_piece
from basenji_kipoi.base.errors import InputError


@pytest.fixture
def path(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = np.arange(3)
    (tmp_path / "raw").write_bytes(bytes(80))
    return tmp_path / "x.h5"


def soft(file):
    file["a/link"] = h5py.SoftLink("/values")


def outside(file):
    file["a/link"] = h5py.ExternalLink("other.h5", "/secret")


def raw(file):
    file["a"].create_dataset("raw", (10,), "f8", external=[("raw", 0, 80)])


def virtual(file):
    layout = h5py.VirtualLayout((3,), "i8")
    layout[:] = h5py.VirtualSource("other.h5", "secret", (3,))
    file.create_virtual_dataset("a/virtual", layout)


def reference(file):
    file.create_dataset("a/ref", data=np.array([file["values"].ref], dtype=h5py.ref_dtype))


def attribute(file):
    file["a"].attrs["ref"] = file["values"].ref


def huge(file):
    file.create_dataset("a/huge", (1 << 40,), "f4", chunks=(1 << 10,))


def named_type(file):
    file["a/type"] = np.dtype("f4")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (soft, "/a/link is a link to another place"),
        (outside, "/a/link is a link to another file"),
        (raw, "/a/raw has its values in another file"),
        (virtual, "/a/virtual is a virtual array"),
        (reference, "/a/ref holds references"),
        (attribute, "the attribute ref of /a holds references"),
        (huge, r"/a/huge has 4,398,046,511,104 bytes by its shape .*, of which 0 are there"),
        (named_type, "/a/type is neither a group nor an array"),
    ],
)
def test_what_leads_out_of_a_file_is_named(path, change, message):
    with h5py.File(path, "w") as file:
        file["values"] = np.arange(5.0)
        file.create_group("a")
        change(file)
    with pytest.raises(InputError, match=rf"x\.h5: {message}"), open_hdf5(path):
        pass


def test_a_file_of_our_own_is_read(path):
    with NewHdf5(path) as new:
        zeros = np.zeros((100, 100), np.float32)
        new.file.create_dataset("group/zeros", data=zeros, compression="gzip", chunks=(100, 100))
        new.file.attrs["text"] = "x"
    with open_hdf5(path) as file:
        assert file["group/zeros"][:].shape == (100, 100)
        assert file.attrs["text"] == "x"


def test_damage_is_one_line(path):
    with h5py.File(path, "w") as file:
        for number in range(50):
            file[f"group{number}/values"] = np.arange(100.0)
    whole = path.read_bytes()
    draw = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        spoilt = bytearray(whole)
        for place in draw.integers(0, len(whole), 30):
            spoilt[place] ^= 1 << draw.integers(8)
        path.write_bytes(spoilt)
        try:
            with open_hdf5(path) as file:
                file.visititems(lambda _, node: isinstance(node, h5py.Dataset) and node[()] is None)
        except InputError as error:
            refused += "\n" not in str(error)
    assert refused > 10
    for content in (b"", b"text", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"is no HDF5 file, or damaged"), open_hdf5(path):
            pass
    with pytest.raises(InputError, match="is no file"), open_hdf5(path.parent):
        pass


def test_a_piece_of_a_run_holds_no_objects(tmp_path):
    # NumPy would pickle them, and nothing here reads pickles.
    with pytest.raises(TypeError, match="pickled"):
        save_piece(tmp_path / "x.npz", {"a": np.arange(3), "b": np.array([{}], dtype=object)})
    assert not (tmp_path / "x.npz").exists()
