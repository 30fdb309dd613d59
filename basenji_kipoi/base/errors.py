"""The exceptions for problems that the user of a command can mend."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "FullDiskError",
    "InputError",
    "MissingLibraryError",
    "full_disk_named",
    "how_to_go_on",
    "is_kept",
    "keep",
]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class InputError(ValueError):
    """Input that cannot be used as it is.

    The message is a single line that names the file, line or record, says what was expected and
    what to do. Commands print it after ``error:`` and exit with status 2.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> try:
    ...     bk.Genome("no_genome.fa")
    ... except bk.InputError as error:
    ...     print(error)
    the FASTA file no_genome.fa does not exist
    """


class FullDiskError(InputError):
    """An output for which there is no space."""


class MissingLibraryError(InputError, ImportError):
    """A library that not every environment has is needed, and not installed.

    Parameters
    ----------
    message
        The line that says so.
    name
        The library.
    """

    def __init__(self, message: str, *, name: str) -> None:
        super().__init__(message)
        self.name = name


def keep(error: BaseException, how: str = "pass --resume to go on") -> None:
    """Note with an exception that something is kept, and how another call goes on with it."""
    error.basenji_keeps = how


def is_kept(error: BaseException) -> bool:
    """Tell whether `keep` noted so."""
    return bool(how_to_go_on(error))


def how_to_go_on(error: BaseException) -> str:
    """Say what `keep` noted; nothing if it noted nothing."""
    return getattr(error, "basenji_keeps", "")


@contextlib.contextmanager
def full_disk_named(output: object) -> Iterator[None]:
    """Name the output that the body writes where there is no space for it.

    Parameters
    ----------
    output
        Path of the output; the machine's own error has no name in it.

    Raises
    ------
    FullDiskError
        If the disk or a quota is full.
    """
    try:
        yield
    except OSError as error:
        # NumPy tells how much it wrote, and not why that was not all.
        is_numpy = error.errno is None and str(error).endswith(" written")
        if error.errno not in _FULL and not is_numpy:
            raise
        reason = os.strerror(error.errno or errno.ENOSPC).lower()
        full = FullDiskError(f"{output} cannot be written: {reason}: make space")
        if is_kept(error):
            keep(full)
        raise full from error
