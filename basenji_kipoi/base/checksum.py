"""Checksums of files, and what tells whether a file is still the same."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pydantic import BaseModel

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["FileIdentity", "check_unchanged", "checksum", "fingerprint"]


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


class FileIdentity(BaseModel):
    """What tells whether a file is still the same.

    Attributes
    ----------
    name : str
        Name without folder.
    size : int
        Bytes.
    modified_ns : int
        Time of the last change (ns).
    sha256 : str
        Checksum.
    """

    name: str
    size: int
    modified_ns: int
    sha256: str

    @classmethod
    def of(cls, path: Path, label: str = "") -> FileIdentity:
        """Identify a file; with a label, a bar shows how far the checksum is."""
        found = path.stat()
        sha256 = _checksum(path, label)
        return cls(name=path.name, size=found.st_size, modified_ns=found.st_mtime_ns, sha256=sha256)

    def is_of(self, path: Path, label: str = "") -> bool:
        """Tell whether a file is this one: by size and time, by content if only the time differs.

        A copy on another machine has another time, and is the same all the same.
        """
        found = path.stat()
        if found.st_size != self.size:
            return False
        return found.st_mtime_ns == self.modified_ns or _checksum(path, label) == self.sha256


def _checksum(path: Path, label: str) -> str:
    megabytes = path.stat().st_size // 10**6
    with progress_bar(label, total=megabytes, unit="MB") as advance:
        return checksum(path, advance=lambda read: advance(read / 1e6))


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
