"""Files of arrays: HDF5 and Zarr behind one interface, and the columns that describe both.

A table's file has one column for each attribute of its intervals and of its tracks (`columns_of`),
small arrays that are written whole, beside the large ones that are written in blocks.

What a run has finished before its file is written waits as pieces (`save_piece`), in NumPy's npz.
"""

from __future__ import annotations

import zipfile
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["ArrayFile", "Hdf5File", "ZarrFile", "import_zarr", "load_piece", "save_piece"]


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

    def __exit__(self, *_: object) -> None:
        self.close()


class Hdf5File(ArrayFile):
    """An HDF5 file; large arrays are compressed by gzip after a byte shuffle."""

    def __init__(self, path: Path, attributes: Mapping[str, str | int]) -> None:
        self._file = h5py.File(path, "w")
        self._file.attrs.update(attributes)

    def add(self, name: str, values: np.ndarray) -> None:
        """Write a small array whole."""
        dtype = h5py.string_dtype() if values.dtype == object else values.dtype
        self._file.create_dataset(name, data=values, dtype=dtype)

    def create(
        self,
        name: str,
        shape: tuple[int, ...],
        *,
        chunk_rows: int,
        dimensions: tuple[str, ...],
        attributes: Mapping[str, str | int] | None = None,
    ) -> h5py.Dataset:
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
        return array

    def close(self) -> None:
        """Write what is pending, and close the file."""
        self._file.close()


class ZarrFile(ArrayFile):
    """A directory in the Zarr format, version 3, in its default compression."""

    def __init__(self, path: Path, attributes: Mapping[str, str | int]) -> None:
        self._group = import_zarr().open_group(str(path), mode="w-", zarr_format=3)
        self._group.attrs.update(attributes)

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
    with path.open("wb") as file:  # a name would get the suffix .npz
        np.savez(file, **arrays)


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
        raise InputError(
            f"{path} is damaged ({error}): remove it and go on with --resume, which computes it "
            "again"
        ) from error
