"""Copies of files that lie elsewhere: fetched once, verified, used until they change there.

A copy is a file of the cache, ``$BASENJI_CACHE``, or else ``basenji`` in ``$XDG_CACHE_HOME`` or in
``~/.cache``, where each address has a folder of its own, so that indexes that are made beside a
copy belong to it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import logging
import os
import re
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel

from basenji_kipoi.base.atomic import check_space
from basenji_kipoi.base.checksum import FileIdentity, checksum
from basenji_kipoi.base.errors import InputError, keep
from basenji_kipoi.base.json_files import read_json
from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.base.remote.addresses import shown_address, whole_address
from basenji_kipoi.base.remote.answers import Answer
from basenji_kipoi.base.remote.transfer import (
    FAILURES,
    PATIENCE,
    ask,
    is_absent,
    is_busy,
    reason_of,
    receive,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Callable

__all__ = ["AbsentError", "cache_folder", "folder_of", "local_copy"]

_LOCK = ".lock"
#: Times that a transfer is begun or gone on with, and seconds before the next.
_TRIES = 4
_WAIT = 1.0
#: Seconds without an answer after which a copy is used without one.
_SHORT_PATIENCE = 10.0
#: Bytes of a file's name, of which some are left for what stands beside it.
_LONGEST_NAME = 180
#: Why a folder cannot be written that can be read all the same.
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
#: What no second try helps against.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CHECKSUM = re.compile(r"(md5|sha256)=([0-9a-fA-F]+)")
_DIGITS = {"md5": 32, "sha256": 64}

logger = logging.getLogger(__name__)


class AbsentError(InputError):
    """A file that is not where an address says, or is not for everybody."""


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

    def is_of(self, copy: _Copy, path: Path) -> bool:
        """Tell whether a copy has the wanted checksum."""
        if self.algorithm == "sha256":
            return copy.file.sha256 == self.digest
        return bool(self.digest) and checksum(path, self.algorithm) == self.digest

    def __str__(self) -> str:
        return shown_address(self.address)


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
        Seconds without a byte, or of a bucket without a block of them, after which a server counts
        as silent.
    tries
        Times that a transfer is begun or gone on with.

    Returns
    -------
    Path
        The copy, under the file's own name.

    Raises
    ------
    AbsentError
        If the server says that there is no such file, or none for us, and there is no copy.
    InputError
        If the file cannot be got, is not what was wanted, or has no room here.
    """
    wanted = _read_address(address)
    folder = folder_of(wanted.address) if folder is None else folder
    path = folder / wanted.name
    with _locked(folder) as refusal:
        copy = _copy_of(path)
        if copy and wanted.is_of(copy, path):
            return path
        if refusal and not copy:
            raise _without_place(folder, refusal)
        is_needed = copy is None or bool(wanted.digest)
        try:
            there = (
                _asked(wanted, patience, tries)
                if is_needed
                else _asked(wanted, min(patience, _SHORT_PATIENCE), 1)
            )
        except FAILURES as error:
            reason = reason_of(error)
            if is_needed:
                kind = AbsentError if is_absent(error) else InputError
                raise kind(f"{wanted} cannot be read: {reason}") from error
            logger.warning("%s cannot be asked for (%s): its copy %s is used", wanted, reason, path)
            return path
        if copy and not wanted.digest and copy.version and copy.version == there.version:
            return path
        if refusal:
            raise _without_place(folder, refusal)
        try:
            _fetch(wanted, path, there, copy, patience=patience, tries=tries)
        except OSError as error:  # the disk is full, or somebody removed the folder
            raise InputError(
                f"{wanted}: its copy {path} cannot be written ({error.strerror or error}): make "
                "space, or name another folder with BASENJI_CACHE"
            ) from error
    return path


def _asked(wanted: _Wanted, patience: float, tries: int) -> Answer:
    """Ask what is there, and again where a server is busy."""
    done = 0
    while True:
        done += 1
        try:
            with ask(wanted.address, patience=patience, is_query=True) as answer:
                return answer
        except FAILURES as error:
            if done >= tries or not is_busy(error):
                raise
        time.sleep(_WAIT * 2 ** (done - 1))


def _read_address(text: str) -> _Wanted:
    address, _, fragment = whole_address(text).partition("#")
    shown = shown_address(text)
    try:
        parts = urlsplit(address)
        name = _file_name(parts.path, parts.query)
    except ValueError as error:
        raise InputError(f"{shown}: {error}") from None
    if not parts.netloc or not name:
        raise InputError(f"{shown}: expected the address of a file, such as https://host/genome.fa")
    if "@" in parts.netloc:
        raise InputError(
            f"{shown}: expected an address without a name or password, which others could read in "
            "the list of processes: put them into ~/.netrc, or of a bucket where its package looks"
        )
    algorithm, digest = "", ""
    if fragment:
        given = _CHECKSUM.fullmatch(fragment)
        if not given or len(given[2]) != _DIGITS[given[1]]:
            raise InputError(
                f"{shown}: expected #sha256= with 64 or #md5= with 32 hexadecimal digits behind "
                "the address, or nothing"
            )
        algorithm, digest = given[1], given[2].lower()
    return _Wanted(address, name, algorithm, digest)


def _file_name(path: str, query: str) -> str:
    """Name a copy: as the file, but never like what lies beside it, and never too long.

    Of ``download?file=genome.fa.gz`` and ``genome.fa.gz/content`` that is ``genome.fa.gz``, for the
    ending tells what kind of file it is. Nothing if no file is named.
    """
    last = "" if path.endswith("/") else path.rpartition("/")[2]
    named = [PurePosixPath(value).name for _, value in parse_qsl(query)]
    above = reversed(PurePosixPath(unquote(path)).parts) if last else ()
    names = [PurePosixPath(unquote(last)).name, *named, *above]
    has_ending = [each for each in names if re.search(r"\w\.[A-Za-z]\w*$", each)]
    name = next(iter(has_ending), names[0])
    if name in ("", ".."):
        return ""
    name = re.sub(r"[\x00-\x1f\x7f]", "_", name)
    name = name.encode("utf-8", "replace")[-_LONGEST_NAME:].decode("utf-8", "ignore")
    return f"_{name[1:]}" if name.startswith(".") else name


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[OSError | None]:
    """Let one process at a time look after a folder; yield why it cannot be written, if not."""
    refusal = None
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((folder / _LOCK).open("ab"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _READ_ONLY:
                raise _without_place(folder, error) from None
            refusal = error
        yield refusal


def _without_place(folder: Path, error: OSError) -> InputError:
    return InputError(
        f"{folder}: copies of remote files cannot be kept there ({error.strerror}): name a folder "
        "with BASENJI_CACHE"
    )


def _record_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.copy.json")


def _copy_of(path: Path) -> _Copy | None:
    """Read what is known of a copy; None if there is none, or it is not what was fetched."""
    try:
        copy = read_json(_Copy, _record_of(path))
    except InputError:
        return None
    return copy if path.is_file() and copy.file.is_of(path) else None


def _fetch(
    wanted: _Wanted, path: Path, there: Answer, old: _Copy | None, *, patience: float, tries: int
) -> None:
    """Put the file of an address into its place, where an old copy may be."""
    if there.is_page and not wanted.digest:
        raise InputError(
            f"{wanted}: the server sends a page to look at (text/html), as for a login or a "
            "preview: name the address of the file itself"
        )
    if not (there.has_end or wanted.digest):
        raise InputError(
            f"{wanted}: the server does not say where the file ends, so it could be cut "
            "unseen: put #sha256= and its checksum behind the address"
        )
    version = hashlib.sha256(str(there.version).encode()).hexdigest()[:8]
    part = path.with_name(f".{path.name}.{version}.part")
    for other in path.parent.iterdir():
        is_part = other.name.startswith(f".{path.name}.") and other.suffix == ".part"
        if is_part and (other != part or there.version is None):
            other.unlink(missing_ok=True)
    have = part.stat().st_size if part.exists() else 0
    space = part.with_name(f"{part.name}.space")
    space.unlink(missing_ok=True)  # of a process that was killed
    check_space(space, (there.size or 0) - have, str(wanted))
    label = f"Fetching {path.name}"
    total = there.size // 10**6 if there.size else None
    with progress_bar(label, total=total, unit="MB", done=have // 10**6) as advance:
        try:
            _receive_all(wanted, part, there, patience, tries, lambda n: advance(n / 1e6))
        except BaseException as stop:
            keep(stop, "the same command goes on with what is fetched")
            raise
    size = part.stat().st_size
    if there.size is not None and size != there.size:
        part.unlink()
        raise InputError(
            f"{wanted}: the server said {there.size:,} bytes and sent {size:,}: try again"
        )
    found = checksum(part, wanted.algorithm) if wanted.digest else ""
    if found != wanted.digest:
        part.unlink()
        raise InputError(f"{wanted} has the {wanted.algorithm} {found}, not {wanted.digest}")
    file = FileIdentity.of(part)
    if old and old.file.sha256 == file.sha256:
        # A time alone is new. Indexes stay, and runs that were begun with it can be resumed.
        part.unlink()
        file = old.file
    else:
        # Not before: another command may read the old one, or need it where the network ends.
        for each in _others(path):
            each.unlink(missing_ok=True)
        part.replace(path)
    file = file.model_copy(update={"name": path.name})
    copy = _Copy(address=str(wanted), version=there.version, file=file)
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
                is_final = isinstance(error, ValueError) or getattr(error, "errno", 0) in _FULL
                if left and not is_final:
                    time.sleep(_WAIT)
                    continue
                then = f"{kept:,} bytes are kept: the same command goes on from there"
                raise InputError(
                    f"{wanted} could not be fetched ({reason_of(error)}); "
                    f"{then if kept else 'nothing came: try again'}"
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
