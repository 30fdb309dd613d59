"""Checksums of files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["checksum"]


def checksum(path: Path, algorithm: str = "sha256") -> str:
    """Compute a file's checksum, a block at a time.

    Parameters
    ----------
    path
        The file.
    algorithm
        A name that `hashlib.new` knows. Here checksums tell damage, not forgery.

    Returns
    -------
    str
        The digest in hexadecimal.
    """
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as content:
        for block in iter(lambda: content.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
