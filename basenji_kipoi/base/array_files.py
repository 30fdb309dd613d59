"""Files of arrays: HDF5 and Zarr behind one interface, and the columns that describe both.

A table's file has one column for each attribute of its intervals and of its tracks (`columns_of`),
small arrays that are written whole, beside the large ones that are written in blocks. What a run
has finished before its file is written waits as pieces (`save_piece`), in NumPy's npz.

HDF5 files are opened by `open_hdf5` alone, which refuses what leads out of them, and written by
`NewHdf5` alone, because HDF5 ends the process where a disk is full.
"""

from __future__ import annotations

import contextlib
import io
import zipfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

__all__ = [
    "ArrayFile",
    "Hdf5File",
    "NewHdf5",
    "ZarrFile",
    "import_zarr",
    "load_piece",
    "open_hdf5",
    "save_piece",
]

#: Deflate makes data smaller by at most so much.
_MOST_COMPRESSED = 1100
#: What h5py raises on damaged files.
_HDF5_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError)


@contextlib.contextmanager
def open_hdf5(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """Open an HDF5 file that may come from anywhere, to read it.

    Links, data in other files, virtual arrays, references and shapes without data are refused.

    Parameters
    ----------
    path
        The file.

    Yields
    ------
    h5py.File
        The file.

    Raises
    ------
    InputError
        If it is none, or damaged, as errors in the body tell too, or has one of these; names that.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} is {'no file' if path.exists() else 'missing'}")
    try:
        with h5py.File(path) as file:
            _check_group(file, path)
            yield file
    except InputError:
        raise
    except _HDF5_ERRORS as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} is no HDF5 file, or damaged: {reason}") from None


def _check_group(group: h5py.Group, path: Path) -> None:
    _check_attributes(group, path)
    for name in group:
        place = f"{group.name.rstrip('/')}/{name}"
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            kind = "another file" if isinstance(link, h5py.ExternalLink) else "another place"
            raise _refused(path, place, f"is a link to {kind}")
        node = group[name]
        if isinstance(node, h5py.Group):
            _check_group(node, path)
        elif isinstance(node, h5py.Dataset):
            _check_dataset(node, place, path)
        else:
            raise _refused(path, place, "is neither a group nor an array")


def _check_dataset(array: h5py.Dataset, place: str, path: Path) -> None:
    _check_attributes(array, path)
    if array.external:
        raise _refused(path, place, "has its values in another file")
    if array.is_virtual:
        raise _refused(path, place, "is a virtual array")
    if h5py.check_ref_dtype(array.dtype) is not None:
        raise _refused(path, place, "holds references")
    stored = array.id.get_storage_size()
    if array.shape is not None and array.nbytes > _MOST_COMPRESSED * stored:
        raise _refused(
            path,
            place,
            f"has {array.nbytes:,} bytes by its shape {array.shape}, of which {stored:,} are there",
        )


def _check_attributes(node: h5py.Group | h5py.Dataset, path: Path) -> None:
    for name in node.attrs:
        if h5py.check_ref_dtype(node.attrs.get_id(name).dtype) is not None:
            raise _refused(path, f"the attribute {name} of {node.name}", "holds references")


def _refused(path: Path, place: str, problem: str) -> InputError:
    return InputError(f"{path}: {place} {problem}, which is not read: get the file again")


class NewHdf5:
    """A new HDF5 file whose writing fails with an error where the disk is full.

    HDF5 by itself crashes when it closes a file that it cannot write. It writes to this object's
    own file instead, which keeps the first error to itself until it is asked. A context manager.

    Parameters
    ----------
    path
        A path that does not exist yet.

    Attributes
    ----------
    file : h5py.File
        The file; `check` belongs behind what writes much to it.
    """

    def __init__(self, path: Path) -> None:
        self._raw = _PatientFile(path)
        self.file = h5py.File(self._raw, "w")

    def check(self) -> None:
        """Raise the error that writing met, if it met one."""
        if self._raw.error is not None:
            raise self._raw.error

    def close(self) -> None:
        """Write what is pending, and close the file; raise the error that writing met."""
        try:
            self.file.close()
        finally:
            self._raw.close()
        self.check()

    def __enter__(self) -> NewHdf5:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
            return
        # The first error is the one to be told.
        with contextlib.suppress(Exception):
            self.close()


class _PatientFile(io.FileIO):
    """A file whose writing always seems to succeed; `error` holds what went wrong first."""

    def __init__(self, path: Path) -> None:
        self.error: OSError | None = None
        super().__init__(path, "xb+")

    def write(self, data: Any) -> int:  # noqa: ANN401 - whatever holds bytes
        """Write all bytes, or keep the error."""
        view = memoryview(data).cast("B")
        written = 0
        try:
            while self.error is None and written < len(view):
                written += super().write(view[written:])
        except OSError as error:
            self.error = error
        if self.error is not None:
            self.seek(len(view) - written, io.SEEK_CUR)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the file's length, or keep the error."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return self.tell() if size is None else size

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - whatever holds bytes
        """Read; what could not be written is zeros."""
        count, view = super().readinto(buffer), memoryview(buffer).cast("B")
        if self.error is not None:
            view[count:] = bytes(len(view) - count)
        return count if self.error is None else len(view)


class ArrayFile(ABC):
    """A new file of named arrays; a context manager that closes it.

    Parameters
    ----------
    path
        A path that does not exist yet.
    attributes
        Of the file: text and numbers.
    """

    @abstractmethod
    def __init__(self, path: Path, attributes: Mapping[str, str | int]) -> None: ...

    @abstractmethod
    def add(self, name: str, values: np.ndarray) -> None:
        """Write a small array whole; those of dtype object hold text."""

    @abstractmethod
    def create(
        self,
        name: str,
        shape: tuple[int, ...],
        *,
        chunk_rows: int,
        dimensions: tuple[str, ...],
        attributes: Mapping[str, str | int] | None = None,
    ) -> Any:  # noqa: ANN401 - an array of h5py or of zarr, which both take slices
        """Create a compressed float32 array that is filled by assigning to slices.

        Parameters
        ----------
        name, shape
            Path in the file, and shape.
        chunk_rows
            Entries of the first axis in a chunk; the other axes are not divided.
        dimensions
            Names of the axes.
        attributes
            Of the array.
        """

    @abstractmethod
    def close(self) -> None:
        """Write what is pending, and close the file."""

    def __enter__(self) -> ArrayFile:
        return self

    def __exit__(self, *_: Any) -> None:  # noqa: ANN401 - as the protocol has it
        self.close()


class Hdf5File(ArrayFile):
    """An HDF5 file; large arrays are compressed by gzip after a byte shuffle."""

    def __init__(self, path: Path, attributes: Mapping[str, str | int]) -> None:
        self._new = NewHdf5(path)
        self._file = self._new.file
        self._file.attrs.update(_as_text(attributes))

    def add(self, name: str, values: np.ndarray) -> None:
        """Write a small array whole."""
        dtype = h5py.string_dtype() if values.dtype == object else values.dtype
        self._file.create_dataset(name, data=values, dtype=dtype)
        self._new.check()

    def create(
        self,
        name: str,
        shape: tuple[int, ...],
        *,
        chunk_rows: int,
        dimensions: tuple[str, ...],
        attributes: Mapping[str, str | int] | None = None,
    ) -> _Hdf5Array:
        """Create a dataset that is filled by assigning to slices."""
        array = self._file.create_dataset(
            name,
            shape=shape,
            # Resizable, because without rows a chunk would be larger than the data.
            maxshape=(None, *shape[1:]),
            dtype=np.float32,
            chunks=(chunk_rows, *shape[1:]),
            compression="gzip",
            compression_opts=1,
            shuffle=True,
        )
        array.attrs.update(attributes or {})
        for axis, label in zip(array.dims, dimensions):
            axis.label = label
        return _Hdf5Array(array, self._new)

    def close(self) -> None:
        """Write what is pending, and close the file."""
        self._new.close()

    def __exit__(self, *problem: Any) -> None:  # noqa: ANN401 - as the protocol has it
        self._new.__exit__(*problem)


class _Hdf5Array:
    """An array of a new HDF5 file, to which slices are assigned."""

    def __init__(self, array: h5py.Dataset, new: NewHdf5) -> None:
        self._array, self._new = array, new

    def __setitem__(self, place: object, values: np.ndarray) -> None:
        self._array[place] = values
        self._new.check()


class ZarrFile(ArrayFile):
    """A directory in the Zarr format, version 3, in its default compression."""

    def __init__(self, path: Path, attributes: Mapping[str, str | int]) -> None:
        self._group = import_zarr().open_group(str(path), mode="w-", zarr_format=3)
        self._group.attrs.update(_as_text(attributes))

    def add(self, name: str, values: np.ndarray) -> None:
        """Write a small array whole."""
        dtype = str if values.dtype == object else values.dtype
        array = self._group.create_array(name, shape=values.shape, dtype=dtype)
        if len(values):
            array[:] = values

    def create(
        self,
        name: str,
        shape: tuple[int, ...],
        *,
        chunk_rows: int,
        dimensions: tuple[str, ...],
        attributes: Mapping[str, str | int] | None = None,
    ) -> Any:  # noqa: ANN401 - zarr is not in every environment
        """Create an array that is filled by assigning to slices."""
        return self._group.create_array(
            name,
            shape=shape,
            dtype=np.float32,
            chunks=(chunk_rows, *shape[1:]),
            dimension_names=dimensions,
            attributes=dict(attributes or {}),
        )

    def close(self) -> None:
        """Nothing is open between two chunks, each of which is a file of its own."""


def _as_text(attributes: Mapping[str, str | int]) -> dict[str, str | int]:
    """Replace what no text can hold: bytes of files' names that are not UTF-8."""
    texts = {name: value for name, value in attributes.items() if isinstance(value, str)}
    safe = {n: text.encode("utf-8", "backslashreplace").decode() for n, text in texts.items()}
    return {**attributes, **safe}


def import_zarr() -> Any:  # noqa: ANN401 - a module that not every environment has
    """Import zarr 3 or later; raise InputError where there is none."""
    try:
        import zarr  # noqa: PLC0415 - not every environment has it
    except ImportError:
        zarr = None
    if zarr is None or not hasattr(zarr.Group, "create_array"):
        raise InputError(
            "writing Zarr needs zarr 3 or later (pip install 'zarr>=3', on Python 3.11 or later); "
            "or write .h5"
        )
    return zarr


def save_piece(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Save the arrays of a finished piece of a run, uncompressed, by their names."""
    if any(array.dtype.hasobject for array in arrays.values()):
        raise TypeError("arrays of objects would be pickled")
    # In memory first: what NumPy leaves open on a full disk complains when Python clears it away.
    content = io.BytesIO()
    np.savez(content, **arrays)
    path.write_bytes(content.getbuffer())


def load_piece(path: Path) -> dict[str, np.ndarray]:
    """Read what `save_piece` saved.

    Raises
    ------
    InputError
        If the file is damaged, which its checksums tell.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            return dict(content)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        message = f"{path} is damaged ({error}): remove it and go on with --resume"
        raise InputError(message) from error
