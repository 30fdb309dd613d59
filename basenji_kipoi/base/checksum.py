"""Checksums of files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["checksum"]


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
