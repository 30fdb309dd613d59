"""Bytes of an object in a bucket, through fsspec and its package for the bucket's kind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from basenji_kipoi.base.remote.answers import Answer, ChangedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from fsspec import AbstractFileSystem

__all__ = ["ask_bucket"]

#: Bytes that are asked for first and at least, and at most.
_LEAST, _MOST = 1 << 20, 1 << 25
#: Seconds that a block shall take: what is lost of a transfer that is interrupted.
_SECONDS = 2.0
#: What tells an object from the next, the surest first: a bucket of Google's changes its tag with a
#: right to read, too, and keeps no MD5 of what was put together from parts.
_TAGS = ("ETag", "md5Hash", "generation", "etag", "LastModified", "mtime")
#: Answered where nobody, or the wrong one, asks.
_CLOSED = (401, 403)
#: What a public bucket needs where nobody's keys are found, and a closed one where nobody asks.
_HINTS = {
    "NoCredentialsError": "; of a public bucket: set FSSPEC_S3_ANON=true",
    401: "; credentials: GOOGLE_APPLICATION_CREDENTIALS names their file",
}

# They log what they raise, too, with all calls that led there, and errors are one line here. Who
# sets up logging gets it.
for _package in ("fsspec", "gcsfs", "s3fs"):
    logging.getLogger(_package).addHandler(logging.NullHandler())


@contextlib.contextmanager
def ask_bucket(address: str, begin: int, patience: float) -> Iterator[Answer]:
    """Ask for an object of a bucket from a byte on.

    Parameters
    ----------
    address
        ``s3://bucket/…`` or ``gs://bucket/…``.
    begin
        The first byte that is wanted.
    patience
        Seconds for an answer, and for each block of bytes.

    Yields
    ------
    Answer
        Nothing of the object has been received yet.

    Raises
    ------
    OSError
        If there is no answer.
    """
    with _plain_errors(patience):
        files, path = _files_of(address)
        found = _found(files, path, patience)
    size, version = found["size"], _version(found)
    position, step = begin, _LEAST

    def read() -> bytes:
        nonlocal position, step
        with _plain_errors(patience):
            if position >= size:
                # Each block was asked for by itself, perhaps of different objects.
                if begin < size and _version(_found(files, path, patience)) != version:
                    raise ChangedError
                return b""
            started = time.perf_counter()
            end = min(position + step, size)
            content = files.cat_file(path, start=position, end=end, timeout=patience)
            seconds = max(time.perf_counter() - started, 1e-3)
        if len(content) != end - position:
            raise ConnectionError(f"{len(content):,} bytes came instead of {end - position:,}")
        position = end
        step = min(max(int(len(content) * _SECONDS / seconds), _LEAST), _MOST)
        return content

    yield Answer(begin, size, version, has_end=True, read=read)


def _files_of(address: str) -> tuple[AbstractFileSystem, str]:
    # Otherwise gcsfs asks by gRPC, too, of which kind a bucket is, and waits a minute where that is
    # not answered. Who wants it sets the variable.
    os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    if address.startswith("gs://"):
        _check_credentials()
    from fsspec.core import url_to_fs  # noqa: PLC0415 - few need it

    return url_to_fs(unquote(address))


def _check_credentials() -> None:
    """Check the files that credentials of Google are named by: gcsfs asks as nobody without them.

    Raises
    ------
    OSError
        If one is not there, or cannot be one.
    """
    for variable in ("GOOGLE_APPLICATION_CREDENTIALS", "FSSPEC_GS_TOKEN"):
        named = os.environ.get(variable, "")
        # A token may be given itself, or the name of a way to find one.
        if not named or (variable == "FSSPEC_GS_TOKEN" and not named.endswith(".json")):
            continue
        try:
            holds = json.loads(Path(named).read_text(encoding="utf-8"))
        except OSError as error:
            raise OSError(f"{variable} names {named}: {error.strerror}") from error
        except ValueError:
            holds = None
        if not isinstance(holds, dict):
            raise OSError(f"{variable} names {named}: expected credentials in JSON")


def _found(files: AbstractFileSystem, path: str, patience: float) -> dict[str, Any]:
    """Ask what a bucket has at a path, whatever was listed of it before."""
    files.invalidate_cache(path)
    try:
        found = files.info(path, timeout=patience)
    except FileNotFoundError as error:
        # Packages give the name alone, or where they asked for it.
        said = str(error)
        has_reason = " " in said.replace(path, "")
        raise FileNotFoundError(said if has_reason else "no such file or bucket") from error
    if found.get("type") == "directory":
        raise FileNotFoundError("it is a folder")
    if found.get("contentEncoding") == "gzip":
        # Parts of such an object come decompressed, or cannot be.
        raise OSError("it is stored with Content-Encoding: gzip: store it without")
    return found


def _version(found: dict[str, Any]) -> str | None:
    return next((str(found[tag]) for tag in _TAGS if found.get(tag)), None)


@contextlib.contextmanager
def _plain_errors(patience: float) -> Iterator[None]:
    """Let whatever a bucket's package raises be an OSError with the reason in it."""
    try:
        yield
    except ImportError as error:
        raise OSError(f"{error}: install basenji-kipoi[remote]") from error
    except (TimeoutError, asyncio.TimeoutError) as error:
        raise TimeoutError(f"timed out: no answer in {patience:g} seconds") from error
    except Exception as error:  # each package has its own
        code = getattr(error, "code", None)
        kind = type(error).__name__
        said = f"{error}{_HINTS.get(code) or _HINTS.get(kind, '')}"
        if code in _CLOSED or said.startswith("Forbidden"):
            raise PermissionError(said) from error
        if isinstance(error, OSError):
            raise
        raise OSError(f"{kind}: {said}") from error
