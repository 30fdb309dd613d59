"""What tells whether a file is still the same: its checksum, or its place, size and time."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["check_unchanged", "checksum", "fingerprint"]


def checksum(
    path: Path, algorithm: str = "sha256", *, advance: Callable[[int], object] = int
) -> str:
    """Compute a file's checksum, a block at a time.

    Parameters
    ----------
    path
        The file.
    algorithm
        A name that `hashlib.new` knows. Here checksums tell damage, not forgery.
    advance
        Called with a number of bytes that were read.

    Returns
    -------
    str
        The digest in hexadecimal.
    """
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as content:
        for block in iter(lambda: content.read(1 << 20), b""):
            digest.update(block)
            advance(len(block))
    return digest.hexdigest()


def fingerprint(path: Path) -> list[object]:
    """Return what tells whether a file is still the same: its place, bytes and time of change.

    Raises
    ------
    InputError
        If there is no such file.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        raise InputError(f"the file {path} does not exist") from None
    return [str(path.resolve()), found.st_size, found.st_mtime_ns]


def check_unchanged(watched: Mapping[Path, list[object]]) -> None:
    """Check that files are still those that a run began with.

    Parameters
    ----------
    watched
        Fingerprints that they had then.

    Raises
    ------
    InputError
        If one was changed, replaced or removed meanwhile.
    """
    for path, before in watched.items():
        try:
            is_same = fingerprint(path) == before
        except InputError:
            is_same = False
        if not is_same:
            raise InputError(
                f"{path} was changed or replaced while it was read: put the old one back and go on "
                "with --resume, or begin anew with --overwrite"
            )
