"""Bytes of a file elsewhere, from any place on: by http, or from buckets."""

from __future__ import annotations

import base64
import contextlib
import netrc
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from functools import partial
from http.client import HTTPException, IncompleteRead
from typing import TYPE_CHECKING

from basenji_kipoi.base.remote.addresses import shown_address
from basenji_kipoi.base.remote.answers import Answer, ChangedError
from basenji_kipoi.base.remote.buckets import ask_bucket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO, Callable

__all__ = [
    "FAILURES",
    "PATIENCE",
    "ask",
    "is_absent",
    "is_busy",
    "reason_of",
    "receive",
]

#: What asking and receiving raise: of urllib, of the connection, of the disk, of no address.
FAILURES = (OSError, HTTPException, ValueError)
#: Seconds without a byte after which a server counts as silent.
PATIENCE = 60.0

_BLOCK = 1 << 20
#: Answered where nothing lies beyond the bytes that are here.
_NOTHING_LEFT = 416
#: Answered where a file is not, or must not be read; buckets say the latter of both.
_ABSENT = (403, 404, 410)
#: Answered where asking later helps.
_BUSY = (429, 500, 502, 503, 504)
#: What an address may have in it; anything else is encoded, as browsers do.
_ALLOWED = "%!#$&'()*+,/:;=?@[]~"


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
        Seconds without a byte, or of a bucket without a block of them, after which a server counts
        as silent.
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
        opened = ask_bucket(address, begin, patience)
    else:
        opened = _ask_http(address, begin, patience, is_query=is_query)
    with opened as answer:
        yield answer


@contextlib.contextmanager
def _ask_http(address: str, begin: int, patience: float, *, is_query: bool) -> Iterator[Answer]:
    last = str(begin) if is_query else ""
    asked = {"Range": f"bytes={begin}-{last}"} if begin or is_query else {}
    try:
        reply = urllib.request.urlopen(_request(address, asked), timeout=patience)
    except urllib.error.HTTPError as error:
        if not asked or error.code != _NOTHING_LEFT:
            raise
        error.close()
        if begin:
            yield Answer(begin, begin, None, has_end=True, read=bytes)
            return
        # An empty file has no first byte.
        reply = urllib.request.urlopen(_request(address, {}), timeout=patience)
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
        # No block is waited for: of a connection that breaks off, all that came is kept.
        yield Answer(
            first,
            size,
            version,
            has_end=size is not None or chunked,
            read=partial(reply.read1, _BLOCK),
            is_page=reply.headers.get_content_type() == "text/html",
        )


def _request(address: str, headers: dict[str, str]) -> urllib.request.Request:
    """Make a request of an address as people write it, with the name and password for its host."""
    parts = urllib.parse.urlsplit(address)
    host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode()
    encoded = urllib.parse.quote(parts._replace(netloc=host).geturl(), safe=_ALLOWED)
    request = urllib.request.Request(encoded, headers=headers)
    # A file that is missing, or not fit to be used, holds for no host.
    with contextlib.suppress(OSError, netrc.NetrcParseError, UnicodeError, KeyError):
        name, _, password = netrc.netrc(os.environ.get("NETRC")).hosts[parts.hostname or ""]
        pair = base64.b64encode(f"{name}:{password}".encode()).decode()
        # Where the server sends on to may be another's.
        request.add_unredirected_header("Authorization", f"Basic {pair}")
    return request


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
    try:
        _receive(address, file, most, version, patience, advance)
    except ChangedError:
        advance(-file.seek(0, 2))
        file.truncate(0)
        raise


def _receive(
    address: str,
    file: BinaryIO,
    most: int,
    version: str | None,
    patience: float,
    advance: Callable[[int], object],
) -> None:
    have = file.seek(0, 2)
    with ask(address, have, patience=patience) as answer:
        if version is not None and answer.version not in (version, None):
            raise ChangedError
        if answer.begin != have:
            advance(-have)
            file.truncate(0)
        kept = file.seek(0, 2)
        _check_size(max(kept, answer.size or 0), most)
        received = 0
        while block := answer.read():
            received += file.write(block)
            file.flush()  # a run that is killed while a server stalls keeps it
            advance(len(block))
            _check_size(kept + received, most)
        if kept + received < (answer.size or 0):
            wanted = answer.size - kept
            raise ConnectionError(f"the connection ended after {received:,} of {wanted:,} bytes")


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise OSError(f"it has {size:,} bytes or more, and at most {most:,} are fetched")


def is_absent(error: BaseException) -> bool:
    """Tell whether an answer was that there is no such file, or none for us."""
    code = getattr(error, "code", None)
    return code in _ABSENT or isinstance(error, (FileNotFoundError, PermissionError))


def is_busy(error: BaseException) -> bool:
    """Tell whether an answer was to ask later."""
    return getattr(error, "code", None) in _BUSY


def reason_of(error: BaseException) -> str:
    """Say in one line why a file could not be got."""
    text = str(getattr(error, "reason", None) or error)
    if isinstance(error, IncompleteRead):
        text = "the connection ended too early"
    if isinstance(error, urllib.error.HTTPError):
        text = f"{error.code} {text}"
        if error.code == 401:
            text += ": names and passwords of hosts are read from ~/.netrc"
    return shown_address(" ".join(text.split())) or type(error).__name__
