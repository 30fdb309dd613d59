"""Output that appears whole or not at all, and is written by one process at a time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from basenji_kipoi.base.errors import InputError, full_disk_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType
    from typing import IO

__all__ = [
    "FIGURES",
    "Folder",
    "Writer",
    "atomic_path",
    "check_output",
    "check_place",
    "check_space",
    "file_names",
    "remove",
    "remove_leftovers",
    "replace_output",
    "take_lock",
]

#: Endings of the indexes that stand beside files and belong to them.
_INDEXES = (".fai", ".gzi", ".bai", ".crai", ".csi", ".tbi")
_ZARR = "zarr.json"
#: What Snakemake leaves in each folder that one of its jobs made.
_TIMESTAMP = ".snakemake_timestamp"
#: Bytes of a file's name that every file system takes, less some for temporary ones.
_LONGEST_NAME = 180
#: What `atomic_path` calls the folder that it writes in.
_SCRATCH = re.compile(r"\..+\.[a-z0-9_]{8}")


@dataclass(frozen=True)
class Folder:
    """A kind of output that is a folder, and what tells one from any other folder.

    Attributes
    ----------
    what
        What messages call it.
    holds
        Files that each one has.
    zarr_format
        Of a Zarr directory, its attribute ``format``.
    only
        Ending of all its files, if they have the same.
    """

    what: str
    holds: tuple[str, ...] = ()
    zarr_format: str | None = None
    only: str | None = None

    def is_one(self, path: Path) -> bool:
        """Tell whether a folder is one of this kind; an empty folder is."""
        names = {entry.name for entry in path.iterdir()} - {_TIMESTAMP}
        if self.only is not None and not all(name.endswith(self.only) for name in names):
            return False
        if self.zarr_format is not None and names:
            try:
                content = json.loads((path / _ZARR).read_text(encoding="utf-8"))
                return content["attributes"]["format"] == self.zarr_format
            except (OSError, ValueError, LookupError, TypeError, RecursionError):
                return False
        return not names or names.issuperset(self.holds)


#: Folders of figures.
FIGURES = Folder("a folder of figures", only=".png")


def check_output(
    path: str | os.PathLike[str],
    *,
    overwrite: bool,
    inputs: Iterable[str | os.PathLike[str] | None] = (),
    folder: Folder | None = None,
) -> Path:
    """Check that an output may be written, before any work is spent on it.

    Parameters
    ----------
    path
        The file or folder to be written.
    overwrite
        Whether an existing one may be replaced. A folder is replaced only if it is an output of the
        same kind, and no file takes the place of a folder or a folder that of a file.
    inputs
        Files and folders that are read for it, and whatever else must not be lost; None is no
        input. Paths are compared as they are behind all links.
    folder
        What kind of folder it will be; None for a file.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    InputError
        If the output is an input, holds one or is a part of one, if it exists and may not be
        replaced, or its folder is missing or not writable.
    """
    path = Path(path)
    for each in inputs:
        if each is not None:
            _check_no_input(path, Path(each))
    check_place(path, overwrite=overwrite)
    if path.is_dir():
        if folder is None:
            raise InputError(f"the output {path} is a folder: name a file")
        if not folder.is_one(path):
            raise InputError(
                f"{path} is a folder, but not {folder.what}, and --overwrite replaces its own kind "
                "only: name another output, or remove it yourself"
            )
    elif folder is not None and path.exists():
        raise InputError(
            f"{path} is a file, and the output is {folder.what}: name another output, or remove it "
            "yourself"
        )
    return path


def _check_no_input(path: Path, given: Path) -> None:
    """Refuse an output that would take an input's place, or a place within an input."""
    ours, theirs = path.resolve(), given.resolve()
    what = None
    if ours == theirs:
        what = f"is the input {given}"
    elif path.is_dir() and ours in theirs.parents:
        what = f"holds the input {given}"
    elif path.exists() and theirs in ours.parents:
        what = f"is a part of the input {given}"
    elif path.exists() and any(
        ours == theirs.with_name(f"{theirs.name}{ending}") for ending in _INDEXES
    ):
        what = f"is the index of the input {given}"
    if what is not None:
        raise InputError(f"the output {path} {what}, which would be lost: name another output")


def check_place(path: Path, *, overwrite: bool) -> None:
    """Check that an output may stand at a place, whatever is read for it; see `check_output`."""
    folder = path.absolute().parent
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists already: name another output or pass --overwrite")
    if not folder.is_dir():
        raise InputError(f"the folder of the output {path} does not exist: create {folder} first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"the folder of the output {path} is not writable: {folder}")


def check_space(path: Path, size: int, what: str = "") -> None:
    """Check that a file of a size can be written, where running out of space cannot be survived.

    The space is taken and given back: so quotas and limits of a file's size count too.

    Parameters
    ----------
    path
        The file, which does not exist yet.
    size
        Bytes.
    what
        What a message names; by default the file.

    Raises
    ------
    InputError
        If it cannot; says how much is needed.
    """
    if size < 1:
        return
    try:
        with path.open("xb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            elif shutil.disk_usage(path.absolute().parent).free < size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        reason = os.strerror(error.errno).lower()
        raise InputError(
            f"{what or path.name} needs up to {size:,} bytes in {path.absolute().parent}, and "
            f"there is no room for them ({reason}): make space"
        ) from None
    finally:
        path.unlink(missing_ok=True)


def file_names(texts: Sequence[str], places: Sequence[object] | None = None) -> list[str]:
    """Name files after texts, each differently on file systems of any kind.

    Letters that names of files do not have become ``_``, and long names are cut. Where two would be
    the same, the place is added.

    Parameters
    ----------
    texts
        Names of contigs, tracks and the like.
    places
        What tells them apart; by default their numbers, from 0.

    Returns
    -------
    list of str
        Names without a suffix.
    """
    names = [_file_name(text) for text in texts]
    places = range(len(texts)) if places is None else places
    counts = Counter(name.lower() for name in names)
    told_apart = [
        name if counts[name.lower()] == 1 else f"{name}.{place}"
        for name, place in zip(names, places)
    ]
    if len({name.lower() for name in told_apart}) == len(names):
        return told_apart
    return [f"{name}.{place}" for name, place in zip(names, places)]


def _file_name(text: str) -> str:
    name = re.sub(r"[^\w.+-]", "_", text).encode("utf-8", "replace")[:_LONGEST_NAME]
    # A file whose name begins with a dot is hidden, and .. is no file.
    return re.sub(r"^[.-]", "_", name.decode("utf-8", "ignore")) or "_"


def remove(path: Path) -> None:
    """Remove a file, a link or a directory; one that is not there is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def replace_output(temporary: Path, path: Path, scratch: Path) -> None:
    """Move a complete file or directory to its place, where an older one may stand.

    Parameters
    ----------
    temporary
        What is moved.
    path
        Its place, in the same file system.
    scratch
        A folder there, in which an older directory is left.
    """
    replaced = scratch / f"{path.name}.replaced"
    if path.is_dir() or temporary.is_dir():
        # A directory cannot be replaced in one step: the old output is moved aside, so that a
        # complete one stands under one of the two names at any moment.
        with contextlib.suppress(FileNotFoundError):
            path.replace(replaced)
    try:
        temporary.replace(path)
    except BaseException:
        if os.path.lexists(replaced):
            replaced.replace(path)
        raise


@contextlib.contextmanager
def atomic_path(
    path: str | os.PathLike[str], *, overwrite: bool = False, output: Path | None = None
) -> Iterator[Path]:
    """Write a file or a directory under a temporary name and rename it once complete.

    Parameters
    ----------
    path
        The file or directory to be written.
    overwrite
        Whether an existing one may be replaced.
    output
        What a message names where the disk is full; the path by default.

    Yields
    ------
    Path
        A path that does not exist yet, with the same suffix, in the same file system. The body
        creates a file or a directory there. It is removed when the body raises.

    Raises
    ------
    InputError
        If the output exists and may not be replaced, or its folder is missing or not writable,
        before the body runs. Whether it is an input is for `check_output` to find.
    FullDiskError
        If there is no space for it.
    """
    path = Path(path)
    check_place(path, overwrite=overwrite)
    with full_disk_named(output or path):
        scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.absolute().parent))
        temporary = scratch / path.name
        try:
            yield temporary
            replace_output(temporary, path, scratch)
        finally:
            remove(scratch)


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes were writing into a folder by `atomic_path`.

    Only for folders that nobody else writes to now, such as a locked one.
    """
    for path in folder.glob(".*"):
        if _SCRATCH.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            remove(path)


def take_lock(path: Path, output: Path) -> IO[str]:
    """Take a lock that the process has until it closes the file or ends, however it ends.

    Parameters
    ----------
    path
        The file to lock; its folder is made if it is not there.
    output
        What the lock is for.

    Returns
    -------
    file
        The lock, an open file.

    Raises
    ------
    InputError
        If another process has it.
    """
    while True:
        path.parent.mkdir(exist_ok=True)
        try:
            lock = path.open("w")
        except FileNotFoundError:
            continue  # a run that ends right now removed the folder
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise InputError(f"another run is writing {output}: wait until it ends") from None
        # The lock of a folder that was removed meanwhile keeps nobody out.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock.fileno()), path.stat()):
                return lock
        lock.close()


class Writer(ABC):
    """What writes a file in steps. A context manager.

    Leaving it without an exception completes the file; what is open is closed in any case.
    """

    @abstractmethod
    def _complete(self) -> None:
        """Finish the file."""

    @abstractmethod
    def _release(self) -> None:
        """Close what is open, after completion or failure."""

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._complete()
        finally:
            self._release()
