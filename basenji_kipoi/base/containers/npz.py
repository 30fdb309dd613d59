"""NumPy's .npz, from anywhere: no pickles, and no more bytes than the file holds."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib import format as npy

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import check_is_there, check_seekable

if TYPE_CHECKING:
    import os

__all__ = ["read_npz"]

#: What zipfile, zlib and NumPy raise on damaged files; some of it on passwords and odd methods.
_ERRORS = (
    *(OSError, ValueError, KeyError, EOFError, TypeError, RuntimeError, OverflowError),
    *(SyntaxError, MemoryError, zipfile.BadZipFile, zlib.error),
)


def read_npz(path: str | os.PathLike[str], kind: str) -> dict[str, np.ndarray]:
    """Read the arrays of an .npz file.

    Parameters
    ----------
    path
        The file.
    kind
        What messages call its content, such as "linkage".

    Returns
    -------
    dict of str to ndarray
        The arrays by their names, none of objects.

    Raises
    ------
    InputError
        If there is no such file, it is none, is damaged, or an array has another size than its
        shape says.

    Examples
    --------
    >>> from basenji_kipoi.base.containers.npz import read_npz
    >>> read_npz("nothing.npz", "linkage")
    Traceback (most recent call last):
    basenji_kipoi.base.errors.InputError: the linkage file nothing.npz does not exist
    """
    path = Path(path)
    check_is_there(path, kind)
    check_seekable(path, "npz")
    try:
        with zipfile.ZipFile(path) as file:
            return {each.removesuffix(".npy"): _array(file, each) for each in file.namelist()}
    except _ERRORS as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} is no .npz of arrays, or damaged: {reason}") from None


def _array(file: zipfile.ZipFile, name: str) -> np.ndarray:
    with file.open(name) as member:
        major, _ = npy.read_magic(member)
        read = npy.read_array_header_1_0 if major == 1 else npy.read_array_header_2_0
        shape, _, dtype = read(member)
        told = int(np.prod(shape, dtype=object)) * dtype.itemsize
        there = file.getinfo(name).file_size - member.tell()
    if dtype.hasobject:
        raise ValueError(f"{name} holds objects, which are not read")
    if told != there:
        raise ValueError(f"{name} has {told:,} bytes by its shape {shape}, and {there:,} are there")
    with file.open(name) as member:
        return npy.read_array(member, allow_pickle=False)
