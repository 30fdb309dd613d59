"""Output that appears whole or not at all, and is written by one process at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import IO

__all__ = ["Writer", "atomic_path", "check_output", "remove", "replace_output", "take_lock"]


def check_output(path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """Check that an output may be written, before any work is spent on it.

    Parameters
    ----------
    path
        The file or directory to be written.
    overwrite
        Whether an existing one may be replaced.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    InputError
        If the output exists and may not be replaced, or its folder is missing or not writable.
    """
    path = Path(path)
    folder = path.absolute().parent
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists already: name another output or pass --overwrite")
    if not folder.is_dir():
        raise InputError(f"the folder of the output {path} does not exist: create {folder} first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"the folder of the output {path} is not writable: {folder}")
    return path


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
def atomic_path(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """Write a file or a directory under a temporary name and rename it once complete.

    Parameters
    ----------
    path
        The file or directory to be written.
    overwrite
        Whether an existing one may be replaced.

    Yields
    ------
    Path
        A path that does not exist yet, with the same suffix, in the same file system. The body
        creates a file or a directory there. It is removed when the body raises.

    Raises
    ------
    InputError
        As `check_output` does, before the body runs.
    """
    path = check_output(path, overwrite=overwrite)
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.absolute().parent))
    temporary = scratch / path.name
    try:
        yield temporary
        replace_output(temporary, path, scratch)
    finally:
        remove(scratch)


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
