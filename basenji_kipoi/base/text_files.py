"""Text files, plain or gzip, line by line, with errors that name the file and the line."""

from __future__ import annotations

import contextlib
import gzip
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from typing import TextIO

__all__ = ["open_text", "text_lines"]

_GZIP_MAGIC = b"\x1f\x8b"


@contextlib.contextmanager
def text_lines(path: str | os.PathLike[str], kind: str) -> Iterator[Iterator[tuple[int, str]]]:
    """Open a text file, plain or gzip, to read its lines one by one.

    Parameters
    ----------
    path
        The file.
    kind
        What messages call its format, such as "BED".

    Yields
    ------
    iterator of (int, str)
        Number of each line, from 1, and the line.

    Raises
    ------
    InputError
        If the file cannot be read, or the body raises a ValueError, whose message gets the file
        and the line that was read last.
    """
    path, number = Path(path), 0

    def numbered(file: TextIO) -> Iterator[tuple[int, str]]:
        nonlocal number
        for line in file:
            number += 1
            yield number, line

    try:
        with open_text(path) as file:
            yield numbered(file)
    except FileNotFoundError:
        raise InputError(f"the {kind} file {path} does not exist") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a {kind} file: it is not text") from None
    except (EOFError, zlib.error):
        raise InputError(f"{path} is truncated or damaged behind line {number}") from None
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"the {kind} file {path} cannot be read: {reason}") from None
    except ValueError as error:
        raise InputError(f"{path}:{number}: {error}") from None


def open_text(path: Path) -> TextIO:
    """Open a text file, decompressing it if it is gzip."""
    with path.open("rb") as raw:
        compressed = raw.read(2) == _GZIP_MAGIC
    if compressed:
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")
