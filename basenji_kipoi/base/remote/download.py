"""Downloads that go on where they stopped and appear when they are verified."""

from __future__ import annotations

import fcntl
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from basenji_kipoi.base.checksum import checksum
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.remote.transfer import FAILURES, reason_of, receive

if TYPE_CHECKING:
    import os

__all__ = ["download"]

#: Bytes of the largest file that is fetched where nothing says its size: a network has less.
_MOST = 8 << 30

logger = logging.getLogger(__name__)


def download(url: str, path: str | os.PathLike[str], md5: str, *, most: int = _MOST) -> Path:
    """Get a file once, into a place of the caller's choice, of which the checksum is known.

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
            receive(url, file, most=most)
        except FAILURES as error:
            if not file.tell():
                part.unlink()
            raise InputError(
                f"{url} could not be downloaded ({reason_of(error)}); "
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
