"""Bytes of a file elsewhere, from any place on: by http, or by fsspec from buckets."""

from __future__ import annotations

import contextlib
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO, Callable

__all__ = ["FAILURES", "PATIENCE", "Answer", "ChangedError", "ask", "reason_of", "receive"]

#: What asking and receiving raise: of urllib, of the connection, of the disk, of no address.
FAILURES = (OSError, HTTPException, ValueError)
#: Seconds without a byte after which a server counts as silent.
PATIENCE = 60.0

_BLOCK = 1 << 20
#: Answered where nothing lies beyond the bytes that are here.
_NOTHING_LEFT = 416


class ChangedError(ConnectionError):
    """A file that was replaced where it lies while it was fetched."""


@dataclass(frozen=True)
class Answer:
    """What a server says of a file, and the bytes that it sends.

    Attributes
    ----------
    begin : int
        The first byte that it sends, which may be none of the asked ones: not all can begin
        anywhere.
    size : int or None
        Bytes of the whole file, if it says so.
    version : str or None
        What differs when the file is another one: its tag, or the time of its last change.
    has_end : bool
        Whether a connection that ends too early can be told.
    read : callable
        ``read(number)`` receives up to so many bytes, none at the end.
    """

    begin: int
    size: int | None
    version: str | None
    has_end: bool
    read: Callable[[int], bytes]


@contextlib.contextmanager
def ask(
    address: str, begin: int = 0, *, patience: float = PATIENCE, is_query: bool = False
) -> Iterator[Answer]:
    """Ask for a file from a byte on.

    Parameters
    ----------
    address
        Where it is: ``http(s)`` or ``file``; of buckets ``s3`` or ``gs``, which need fsspec and its
        package for them.
    begin
        The first byte that is wanted.
    patience
        Seconds without a byte after which a server counts as silent (http).
    is_query
        Whether nothing is to be read, so that one byte is asked for; requests for the head alone
        are refused where an address is signed for reading.

    Yields
    ------
    Answer
        Nothing more than its head has been received yet.

    Raises
    ------
    OSError, HTTPException, ValueError
        If there is no answer, or a text is no address: `FAILURES`.
    """
    if address.startswith(("s3:", "gs:")):
        opened = _ask_bucket(address, begin)
    else:
        opened = _ask_http(address, begin, patience, is_query=is_query)
    with opened as answer:
        yield answer


@contextlib.contextmanager
def _ask_http(address: str, begin: int, patience: float, *, is_query: bool) -> Iterator[Answer]:
    last = str(begin) if is_query else ""
    asked = {"Range": f"bytes={begin}-{last}"} if begin or is_query else {}
    request = urllib.request.Request(address, headers=asked)
    try:
        reply = urllib.request.urlopen(request, timeout=patience)
    except urllib.error.HTTPError as error:
        if not asked or error.code != _NOTHING_LEFT:
            raise
        error.close()
        yield Answer(begin, begin, None, has_end=True, read=lambda _: b"")
        return
    with reply:
        part = re.match(r"bytes (\d+)-\d+(?:/(\d+))?", reply.headers.get("Content-Range", ""))
        # Servers that know no ranges, and addresses of files, answer with the whole.
        is_part = reply.status == 206 and part is not None and int(part[1]) == begin
        first = begin if is_part else 0
        text = reply.headers.get("Content-Length", "")
        size = first + int(text) if text.isascii() and text.isdecimal() else None
        if is_part and is_query:
            size = int(part[2]) if part[2] else None
        chunked = reply.headers.get("Transfer-Encoding", "").lower() == "chunked"
        version = reply.headers.get("ETag") or reply.headers.get("Last-Modified")
        yield Answer(first, size, version, has_end=size is not None or chunked, read=reply.read)


@contextlib.contextmanager
def _ask_bucket(address: str, begin: int) -> Iterator[Answer]:
    with contextlib.ExitStack() as stack:
        with _named():
            from fsspec.core import url_to_fs  # noqa: PLC0415 - few need it

            files, path = url_to_fs(address)
            found = files.info(path)
            if found.get("type") == "directory":
                raise FileNotFoundError("it is a folder")
            file = stack.enter_context(files.open(path, "rb"))
            file.seek(begin)

        def read(number: int) -> bytes:
            with _named():
                return file.read(number)

        tags = (found.get(key) for key in ("ETag", "etag", "generation", "LastModified", "mtime"))
        version = next((str(tag) for tag in tags if tag), None)
        yield Answer(begin, found.get("size"), version, has_end=True, read=read)


@contextlib.contextmanager
def _named() -> Iterator[None]:
    """Let whatever a bucket's package raises be an OSError with the reason in it."""
    try:
        yield
    except ImportError as error:
        raise OSError(f"{error}: install basenji-kipoi[remote]") from error
    except OSError:
        raise
    except Exception as error:  # each package has its own
        raise OSError(f"{type(error).__name__}: {error}") from error


def receive(
    address: str,
    file: BinaryIO,
    *,
    most: int,
    version: str | None = None,
    patience: float = PATIENCE,
    advance: Callable[[int], object] = int,
) -> None:
    """Append to a file what it lacks of an address's content.

    Parameters
    ----------
    address
        The address, as `ask` takes it.
    file
        Open for appending; what it has was received from the same address.
    most
        Bytes that it may have; more are not received.
    version
        The version that is wanted, if that matters.
    patience
        As of `ask`.
    advance
        Called with numbers of bytes that were received; a negative one where begun anew.

    Raises
    ------
    ChangedError
        If another version is there now; the file is empty then.
    OSError, HTTPException, ValueError
        If not all of it came; what came is in the file.
    """
    have = file.seek(0, 2)
    with ask(address, have, patience=patience) as answer:
        if version is not None and answer.version not in (version, None):
            advance(-have)
            file.truncate(0)
            raise ChangedError("it was replaced while it was fetched")
        if answer.begin != have:
            advance(-have)
            file.truncate(0)
        kept = file.seek(0, 2)
        _check_size(max(kept, answer.size or 0), most)
        received = 0
        while block := answer.read(_BLOCK):
            received += file.write(block)
            advance(len(block))
            _check_size(kept + received, most)
        if kept + received < (answer.size or 0):
            wanted = answer.size - kept
            raise ConnectionError(f"the connection ended after {received:,} of {wanted:,} bytes")


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise OSError(f"it has {size:,} bytes or more, and at most {most:,} are fetched")


def reason_of(error: BaseException) -> str:
    """Say in one line why a file could not be got."""
    return " ".join(str(getattr(error, "reason", None) or error).split()) or type(error).__name__
