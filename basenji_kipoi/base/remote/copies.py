"""Copies of files that lie elsewhere: fetched once, verified, used until they change there.

A copy is a file of the cache, ``$BASENJI_CACHE``, or else ``basenji`` in ``$XDG_CACHE_HOME`` or in
``~/.cache``, where each address has a folder of its own, so that indexes that are made beside a
copy belong to it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import re
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel

from basenji_kipoi.base.atomic import check_space
from basenji_kipoi.base.checksum import FileIdentity, checksum
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.json_files import read_json
from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.base.remote.addresses import whole_address
from basenji_kipoi.base.remote.transfer import (
    FAILURES,
    PATIENCE,
    Answer,
    ask,
    reason_of,
    receive,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Callable

__all__ = ["cache_folder", "folder_of", "local_copy"]

_LOCK = ".lock"
#: Times that a transfer is begun or gone on with, and seconds before the next.
_TRIES = 4
_WAIT = 1.0
_CHECKSUM = re.compile(r"(md5|sha256)=([0-9a-fA-F]+)")
_DIGITS = {"md5": 32, "sha256": 64}

logger = logging.getLogger(__name__)


class _Copy(BaseModel):
    """What was fetched, when it was."""

    address: str
    version: str | None
    file: FileIdentity


class _Wanted(NamedTuple):
    """An address, the name of its file, and the checksum that the file is to have."""

    address: str
    name: str
    algorithm: str
    digest: str


def cache_folder() -> Path:
    """Find the folder of all copies."""
    if given := os.environ.get("BASENJI_CACHE"):
        return Path(given).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "basenji"


def folder_of(address: str) -> Path:
    """Find the folder in which the copy of an address lies, which may not exist yet."""
    return cache_folder() / hashlib.sha256(address.encode()).hexdigest()[:16]


def local_copy(
    address: str, folder: Path | None = None, *, patience: float = PATIENCE, tries: int = _TRIES
) -> Path:
    """Have a copy of a file that lies elsewhere.

    The server is asked whether the file is still the one of the copy, by its tag or its time; a
    copy is fetched anew if not. A transfer that breaks off or falls silent is gone on with where it
    ended, also by the next call. Processes that want the same file wait for the one that fetches
    it. If the server cannot be asked, the copy is used with a warning.

    Parameters
    ----------
    address
        ``https://…``, ``http://…``, ``s3://bucket/…`` or ``gs://bucket/…``; may end with
        ``#sha256=…`` or ``#md5=…``, which the file must have. A copy that has it is used without
        asking anybody.
    folder
        Where the copy is to lie; by default the address's own in the cache.
    patience
        Seconds without a byte after which a server counts as silent (http).
    tries
        Times that a transfer is begun or gone on with.

    Returns
    -------
    Path
        The copy, under the file's own name.

    Raises
    ------
    InputError
        If the file cannot be got, is not what was wanted, or has no room here.
    """
    wanted = _read_address(address)
    folder = folder_of(wanted.address) if folder is None else folder
    path = folder / wanted.name
    with _locked(folder):
        copy = _copy_of(path)
        if copy and wanted.digest and checksum(path, wanted.algorithm) == wanted.digest:
            return path
        try:
            with ask(wanted.address, patience=patience, is_query=True) as answer:
                there = answer
        except FAILURES as error:
            reason = reason_of(error)
            if copy is None or wanted.digest:
                raise InputError(f"{wanted.address} cannot be read: {reason}") from error
            logger.warning(
                "%s cannot be asked for (%s): its copy %s is used", wanted.address, reason, path
            )
            return path
        if copy and not wanted.digest and copy.version and copy.version == there.version:
            return path
        _fetch(wanted, path, there, patience, tries)
    return path


def _read_address(text: str) -> _Wanted:
    address, _, fragment = whole_address(text).partition("#")
    try:
        parts = urlsplit(address)
        name = PurePosixPath(unquote(parts.path)).name
    except ValueError as error:
        raise InputError(f"{text}: {error}") from None
    if not parts.netloc or name in ("", "..") or "\0" in name or parts.path.endswith("/"):
        raise InputError(f"{text}: expected the address of a file, such as https://host/genome.fa")
    algorithm, digest = "", ""
    if fragment:
        given = _CHECKSUM.fullmatch(fragment)
        if not given or len(given[2]) != _DIGITS[given[1]]:
            raise InputError(
                f"{text}: expected #sha256= with 64 or #md5= with 32 hexadecimal digits behind the "
                "address, or nothing"
            )
        algorithm, digest = given[1], given[2].lower()
    return _Wanted(address, name, algorithm, digest)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time look after a folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / _LOCK).open("ab")
    except OSError as error:
        raise InputError(
            f"{folder}: copies of remote files cannot be kept there ({error.strerror}): name a "
            "folder with BASENJI_CACHE"
        ) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _record_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.copy.json")


def _copy_of(path: Path) -> _Copy | None:
    """Read what is known of a copy; None if there is none, or it is not what was fetched."""
    try:
        copy = read_json(_Copy, _record_of(path))
    except InputError:
        return None
    return copy if path.is_file() and copy.file.is_of(path) else None


def _fetch(wanted: _Wanted, path: Path, there: Answer, patience: float, tries: int) -> None:
    """Put the file of an address into its place."""
    if not (there.has_end or wanted.digest):
        raise InputError(
            f"{wanted.address}: the server does not say where the file ends, so it could be cut "
            "unseen: put #sha256= and its checksum behind the address"
        )
    for old in _others(path):
        old.unlink()
    version = hashlib.sha256(str(there.version).encode()).hexdigest()[:8]
    part = path.with_name(f".{path.name}.{version}.part")
    for other in path.parent.iterdir():
        is_part = other.name.startswith(f".{path.name}.") and other.suffix == ".part"
        if is_part and (other != part or there.version is None):
            other.unlink()
    have = part.stat().st_size if part.exists() else 0
    check_space(part.with_name(f"{part.name}.space"), (there.size or 0) - have)
    label = f"Fetching {path.name}"
    total = there.size // 10**6 if there.size else None
    with progress_bar(label, total=total, unit="MB", done=have // 10**6) as advance:
        _receive_all(wanted, part, there, patience, tries, lambda n: advance(n / 1e6))
    size = part.stat().st_size
    if there.size is not None and size != there.size:
        part.unlink()
        raise InputError(
            f"{wanted.address}: the server said {there.size:,} bytes and sent {size:,}: try again"
        )
    found = checksum(part, wanted.algorithm) if wanted.digest else ""
    if found != wanted.digest:
        part.unlink()
        raise InputError(
            f"{wanted.address} has the {wanted.algorithm} {found}, not {wanted.digest}"
        )
    part.replace(path)
    copy = _Copy(address=wanted.address, version=there.version, file=FileIdentity.of(path))
    record = _record_of(path)
    scratch = record.with_name(f"{record.name}.new")
    scratch.write_text(copy.model_dump_json(), encoding="utf-8")
    scratch.replace(record)


def _receive_all(
    wanted: _Wanted,
    part: Path,
    there: Answer,
    patience: float,
    tries: int,
    advance: Callable[[float], object],
) -> None:
    """Receive a file into a part of it, going on where a transfer broke off."""
    for left in reversed(range(tries)):
        with part.open("ab") as file:
            try:
                receive(
                    wanted.address,
                    file,
                    most=2**63 if there.size is None else there.size,
                    version=there.version,
                    patience=patience,
                    advance=advance,
                )
            except FAILURES as error:
                kept = file.seek(0, 2)
                if left and not isinstance(error, ValueError):
                    time.sleep(_WAIT)
                    continue
                raise InputError(
                    f"{wanted.address} could not be fetched ({reason_of(error)}); {kept:,} bytes "
                    "are kept: the same command goes on from there"
                ) from error
        return


def _others(path: Path) -> list[Path]:
    """List a copy and what lies beside it and belongs to it: its indexes, its record."""
    beginnings = (f"{path.name}.", f".{path.name}.copy.json")
    return [
        each
        for each in path.parent.iterdir()
        if each.name == path.name or each.name.startswith(beginnings)
    ]
