"""Keep TensorFlow's start-up notices off a terminal.

They are left out of the whole of a command, and elsewhere where it is this package that imports
TensorFlow; a user's own import of it stays as it is.

While it is imported, TensorFlow writes about processors and drivers straight to file descriptor 2,
before it looks at any setting that would silence it. A small process copies what is written
meanwhile to the real standard error, but for these notices. A process and not a thread, so that the
last words of an import that aborts are shown too.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import io
import os
import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType
    from typing import Callable

__all__ = ["leave_out_notices", "without_notices"]

#: Beginnings of the lines that are left out.
_NOTICES = (
    b"WARNING: All log messages before absl::InitializeLog()",
    b"I0000 ",
    b"To enable the following instructions:",
)

#: A machine without NVIDIA's driver is no error, though it is logged as one, by 2.20 as E0000 and
#: before with a date. An error of a driver that is there has another number.
_NO_DRIVER = re.compile(rb"\S.* failed call to cuInit: .*UNKNOWN ERROR \(303\)\s*")
_ERRORS = (b"E0000 ", b"0000-00-00 00:00:00.000000: E ")

#: TensorFlow's own setting: "0" shows everything, "1" no notices, "3" fatal errors only.
_LEVEL = "TF_CPP_MIN_LOG_LEVEL"

#: The packages whose imports of it are quiet.
_OWN = ("basenji_kipoi", "basenji_training")

#: Seconds to wait for the copying process. It needs milliseconds, but a process that was started
#: during the import keeps it for as long as it runs.
_PATIENCE = 10.0


@contextlib.contextmanager
def without_notices() -> Iterator[None]:
    """Import TensorFlow without its notices wherever the body may do so.

    All else that is written meanwhile is shown, at once and in order. Nothing happens unless
    TensorFlow is imported, or if the environment asks for everything (TF_CPP_MIN_LOG_LEVEL=0).
    """
    if os.environ.setdefault(_LEVEL, "3") == "0":
        yield
        return
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def leave_out_notices() -> None:
    """Have this package import TensorFlow without its notices, whenever it does.

    Errors and warnings are shown. The environment stays as it is: what it asks for is respected,
    and other processes do not inherit what it does not.
    """
    if not any(isinstance(finder, _OwnFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _OwnFinder())


class _Finder:
    """Finds TensorFlow as Python does, to be imported with standard error filtered."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "tensorflow" or not self._is_wanted():
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        loader = spec and spec.loader
        if loader is None:
            return spec
        execute = loader.exec_module

        def execute_filtered(module: ModuleType) -> None:
            with _filtered():
                self._execute(execute, module)

        # The loader stays what it is, for all that ask the module for it.
        loader.exec_module = execute_filtered
        return spec

    def _is_wanted(self) -> bool:
        return True

    def _execute(self, execute: Callable[[ModuleType], object], module: ModuleType) -> None:
        execute(module)


class _OwnFinder(_Finder):
    """Does so where a module of this package imports TensorFlow, however indirectly."""

    def _is_wanted(self) -> bool:
        if os.environ.get(_LEVEL) == "0":
            return False
        frame = sys._getframe(2)  # behind this method and what calls it
        while frame is not None:
            if frame.f_globals.get("__name__", "").partition(".")[0] in _OWN:
                return True
            frame = frame.f_back
        return False

    def _execute(self, execute: Callable[[ModuleType], object], module: ModuleType) -> None:
        is_ours = _LEVEL not in os.environ
        if is_ours:
            os.environ[_LEVEL] = "1"
        try:
            execute(module)
            # It looks for GPUs only now, and keeps the level that it found.
            with contextlib.suppress(Exception):
                module.config.list_physical_devices()
        finally:
            if is_ours:
                os.environ.pop(_LEVEL, None)


@contextlib.contextmanager
def _filtered() -> Iterator[None]:
    """Leave notices out of what the body writes to file descriptor 2."""
    import subprocess  # noqa: PLC0415 - only where TensorFlow is imported

    if not sys.executable:
        # Python lives within another program.
        yield
        return
    try:
        # Before the pipe, which would take the number 2 if that is closed.
        real = os.dup(2)
    except OSError:
        yield
        return
    read, write = os.pipe()
    try:
        copying = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=read,
            stdout=subprocess.DEVNULL,
            # Ctrl-C is meant for this process; what it then says is still to be copied.
            start_new_session=True,
        )
    except OSError:
        # The machine starts no more processes, which is no reason not to import.
        copying = None
    else:
        _flush()
        os.dup2(write, 2)
    os.close(read)
    os.close(write)
    try:
        yield
    finally:
        if copying is not None:
            _flush()
            os.dup2(real, 2)
            with contextlib.suppress(subprocess.TimeoutExpired):
                copying.wait(_PATIENCE)
        os.close(real)


def _flush() -> None:
    # None where there was no standard error at the start, and perhaps closed since.
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.stderr.flush()


def _copy() -> None:
    """Copy file descriptor 0 to 2 until it ends, without lines that are notices.

    What cannot become a notice is not kept waiting for its line's end.
    """
    line, shown = b"", False
    while chunk := os.read(0, 2**16):
        for part in io.BytesIO(chunk):
            if not shown:
                line += part
                shown = not (_is_notice if line.endswith(b"\n") else _may_be_notice)(line)
                part = line  # with what was held back
            if shown:
                _write(part)
            if part.endswith(b"\n"):
                line, shown = b"", False
    if line and not shown and not _is_notice(line):
        _write(line)


def _is_notice(line: bytes) -> bool:
    return line.startswith(_NOTICES) or bool(_NO_DRIVER.fullmatch(line))


def _may_be_notice(begun: bytes) -> bool:
    """Tell whether a line that has begun so may become a notice."""
    shape = re.sub(rb"\d", b"0", begun[:40])
    pairs = [*((begun, notice) for notice in _NOTICES), *((shape, error) for error in _ERRORS)]
    return any(text.startswith(start) or start.startswith(text) for text, start in pairs)


def _write(text: bytes) -> None:
    while text:
        text = text[os.write(2, text) :]


if __name__ == "__main__":
    _copy()
