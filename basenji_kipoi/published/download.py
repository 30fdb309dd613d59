"""Downloads that go on where they stopped and appear when they are verified."""

from __future__ import annotations

import fcntl
import logging
import re
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from basenji_kipoi.base.checksum import checksum
from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    import os

__all__ = ["download"]

_BLOCK = 1 << 20
#: Bytes of the largest file that is fetched where nothing says its size: a network has less.
_MOST = 8 << 30
#: Seconds without a byte after which a server counts as silent.
_PATIENCE = 60

logger = logging.getLogger(__name__)


def download(url: str, path: str | os.PathLike[str], md5: str, *, most: int = _MOST) -> Path:
    """Get a file once.

    Bytes arrive under the file's name with ".part" behind it. What an interrupted download left
    there is continued where the server allows it; processes that want the same file wait for the
    one that gets it. A file that stands there already, by whatever way, is verified and used.

    Parameters
    ----------
    url
        Where it is: http(s) or file.
    path
        Where it is to be; the folder is made.
    md5
        Its checksum in hexadecimal.
    most
        Bytes that it may have; more are not fetched.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    InputError
        If the file cannot be got or is another one; says where to put it by hand.
    """
    path = Path(path)
    if path.is_file():
        return _verified(path, md5, url)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with part.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if path.is_file():  # another process has got it meanwhile
            part.unlink(missing_ok=True)
            return _verified(path, md5, url)
        logger.info("downloading %s to %s", url, path)
        try:
            _receive(url, file, most)
        except (
            OSError,
            HTTPException,
            ValueError,
        ) as error:  # of urllib, of the connection, of the disk
            if not file.tell():
                part.unlink()
            raise InputError(
                f"{url} could not be downloaded ({getattr(error, 'reason', None) or error}); "
                f"{file.tell():,} bytes are kept. Try again to go on from there, or get the file "
                f"by hand and save it as {path.absolute()}"
            ) from error
        file.flush()
        found = checksum(part, "md5")
        if found != md5:
            part.unlink()
            raise InputError(
                f"{url} gave a file with the md5 {found}, not {md5}; it was removed. Get the "
                f"right one by hand and save it as {path.absolute()}"
            )
        part.replace(path)
    return path


def _verified(path: Path, md5: str, url: str) -> Path:
    found = checksum(path, "md5")
    if found != md5:
        raise InputError(
            f"{path.absolute()} has the md5 {found}, not {md5}: it is damaged or another file. "
            f"Remove it to have it downloaded again, or replace it by that of {url}"
        )
    return path


def _receive(url: str, file: BinaryIO, most: int) -> None:
    """Append to a file what it lacks of the address's content.

    Raises OSError, HTTPException or, of what is no address, ValueError.
    """
    have = file.seek(0, 2)
    # Servers that know no ranges, and addresses of files, answer with the whole.
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(request, timeout=_PATIENCE)
    except urllib.error.HTTPError as error:
        if have and error.code == 416:  # nothing lies beyond what is here
            return
        raise
    with answer:
        begins = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
        if answer.status != 206 or not begins or int(begins[1]) != have:
            file.truncate(0)
        text = answer.headers.get("Content-Length", "")
        length = int(text) if text.isascii() and text.isdecimal() else 0
        kept = file.seek(0, 2)
        _check_size(kept + length, most)
        received = 0
        while block := answer.read(_BLOCK):
            received += file.write(block)
            _check_size(kept + received, most)
        if received < length:
            raise ConnectionError(f"the connection ended after {received:,} of {length} bytes")


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise OSError(f"it has {size:,} bytes or more, and at most {most:,} are fetched")
