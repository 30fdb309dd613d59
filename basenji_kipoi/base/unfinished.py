"""Runs that can be interrupted: what they finished waits in a folder for another try.

Beside an output ``x`` stands a folder ``x.unfinished`` while a run lasts:

``run.json``
    What the run was begun with. A folder without it is nobody's.
``lock``
    Held by the process that works in the folder.
``pieces/``
    Finished pieces, each there whole or not at all.
``notes.jsonl``
    Small results of finished pieces, a line each.
``outputs/``
    The outputs while they are written.
``placing``
    Its presence tells that all outputs are complete and come to their places one by one.

A run is gone on with if it was begun by the same command with the same settings. An input file is
the same if its fingerprint is (`basenji_kipoi.base.checksum`): the same place, size and time of
change. What files hold is not compared: that takes minutes for a genome's reads, and a file that
was copied or written again is refused, which is safe, though it may hold the same. Checksums are
for what outputs tell of their inputs, and for models and stores, which have them without reading.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from basenji_kipoi.base.atomic import (
    atomic_path,
    check_place,
    remove,
    replace_output,
    take_lock,
)
from basenji_kipoi.base.errors import InputError, full_disk_named, keep
from basenji_kipoi.base.json_files import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["NOTES", "RunRecord", "UnfinishedRun", "first_difference", "read_notes"]

#: Small results of finished pieces, a line each.
NOTES = "notes.jsonl"
_RUN, _LOCK, _PLACING = "run.json", "lock", "placing"
_PIECES, _OUTPUTS = "pieces", "outputs"
_OURS = {_RUN, _LOCK, NOTES, _PLACING, _PIECES, _OUTPUTS}


class RunRecord(BaseModel):
    """What something was made with, beside it in a JSON file.

    Subclasses say which `format` and `format_version` they read; the other attributes are as
    `UnfinishedRun` takes them.
    """

    format: str
    format_version: int
    kind: str
    command: str
    settings: dict[str, Any]

    def write(self, path: Path) -> None:
        """Write the file."""
        path.write_text(json.dumps(self.model_dump(), indent=1) + "\n", encoding="utf-8")

    def difference(self, kind: str, settings: Mapping[str, Any]) -> str | None:
        """Tell what makes a run of a kind and settings another one, as `first_difference`."""
        if self.kind != kind:
            return f"another command ({self.kind})"
        return first_difference(self.settings, settings)


class _Record(RunRecord):
    format: Literal["basenji-run"]
    format_version: Literal[1]


class UnfinishedRun:
    """The folder of a run's finished pieces. A context manager that keeps other runs out.

    Leaving it without an exception removes the folder if the outputs were placed. Leaving it with
    one keeps what is finished, if anything is.

    Parameters
    ----------
    outputs
        Files or directories that the run writes; the folder stands beside the first.
    kind
        What kind of run it is, such as ``basenji score``.
    settings
        All that the outputs depend on, as JSON can hold it; files by what tells whether they are
        the same (`fingerprint`, or a checksum). None if the body, which has the lock, will `begin`.
    command
        The command, as it was typed.
    resume
        Whether to go on with what an interrupted run left.
    overwrite
        Whether outputs may be replaced, and what an interrupted run left deleted.
    grows_outputs
        Whether outputs are filled piece by piece in their places in the folder, so that they stay
        when the run is interrupted. Otherwise only pieces and notes do.
    keep
        Whether what is finished is kept when the body raises. A run that is killed leaves it in
        any case.

    Attributes
    ----------
    folder : Path
        The folder.
    pieces : Path
        Where its finished pieces are.
    command : str
        The command that began the run.
    is_resumed : bool
        Whether an interrupted run is gone on with.
    is_placed : bool
        Whether that run was interrupted behind its very last step, so that nothing is to be done.
    notes : dict
        Small results of finished pieces, as `note` kept them.

    Raises
    ------
    InputError
        If an output may not be written, something unfinished is there and neither `resume` nor
        `overwrite` is asked for, it was begun with other settings or by another version, or
        another run is at it now.
    """

    def __init__(
        self,
        outputs: Sequence[Path],
        kind: str,
        settings: Mapping[str, Any] | None,
        *,
        command: str,
        resume: bool,
        overwrite: bool,
        grows_outputs: bool = False,
        keep: bool = True,
    ) -> None:
        self.outputs = [Path(output) for output in outputs]
        self.folder = unfinished_folder(self.outputs[0])
        self.pieces = self.folder / _PIECES
        self.command = command
        self.is_resumed = self.is_placed = False
        self.notes: dict[Any, Any] = {}
        self._has_begun = self._is_new = False
        self._kind, self._settings = kind, settings
        self._resume, self._overwrite = resume, overwrite
        self._grows, self._keep = grows_outputs, keep

    @property
    def is_begun(self) -> bool:
        """Whether there is something that can be gone on with."""
        return (self.folder / _RUN).exists() and self._holds_anything()

    def __enter__(self) -> UnfinishedRun:
        check_place(self.outputs[0], overwrite=True)  # the folder can be made
        with full_disk_named(self.outputs[0]):
            self._lock = take_lock(self.folder / _LOCK, self.outputs[0])
        try:
            if self._settings is None:
                self._find()
            else:
                self.begin(self._settings)
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(self, _: object, error: BaseException | None, *__: object) -> None:
        if error is not None and self._has_begun:
            if not self._keep:
                self._discard()
            elif not self._grows:
                # Outputs that are not complete only take space.
                remove(self.folder / _OUTPUTS)
            if self._keep and self.is_begun:
                keep(error)
        self._release()
        if isinstance(error, OSError):
            with full_disk_named(self.outputs[0]):
                raise error

    # ---- pieces ----

    def path(self, name: str) -> Path:
        """Return the path of a piece."""
        return self.pieces / name

    def has(self, name: str) -> bool:
        """Tell whether a piece is finished."""
        return self.path(name).exists()

    @contextlib.contextmanager
    def piece(self, name: str) -> Iterator[Path]:
        """Write a piece, a file or a directory, that is there whole or not at all.

        Yields
        ------
        Path
            Where the body writes it.
        """
        with atomic_path(self.path(name), overwrite=True, output=self.outputs[0]) as temporary:
            yield temporary

    def note(self, key: Any, value: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
        """Keep a small result of a finished piece.

        Parameters
        ----------
        key
            Name of the piece: text, a number, or a tuple of them.
        value
            Its result, as JSON can hold it.
        """
        self.notes[key] = value
        # A line of its own even behind one that was cut with the process that wrote it.
        with (self.folder / NOTES).open("a", encoding="utf-8") as lines:
            lines.write("\n" + json.dumps([key, value]) + "\n")

    # ---- outputs ----

    def output(self, path: Path) -> Path:
        """Return where one of the outputs is written until it is placed."""
        (self.folder / _OUTPUTS).mkdir(exist_ok=True)
        return self.folder / _OUTPUTS / path.name

    def place(self) -> None:
        """Move the outputs, which are complete, to their places, the first one last.

        If that is interrupted, the next try finds some of them in their places already, which are
        no strangers to it.
        """
        (self.folder / _PLACING).touch()
        for path in reversed(self.outputs):
            if self.output(path).exists():
                replace_output(self.output(path), path, self.folder / _OUTPUTS)
        self._discard()

    # ---- the folder ----

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Begin, or go on with what is there if that was begun with the same settings."""
        self._settings = json.loads(json.dumps(settings))
        self._begin()
        self._has_begun = True

    def _begin(self) -> None:
        found = self._find()
        if found is None:
            self._start()
            return
        difference = found.difference(self._kind, self._settings)
        if difference and self._overwrite:
            self._start()
            return
        if difference:
            raise InputError(
                f"{self.folder} was begun with {difference}: give the same, or pass --overwrite "
                "to begin anew"
            )
        is_placing = (self.folder / _PLACING).exists()
        if self._grows and not any(self.output(path).exists() for path in self.outputs):
            self.is_placed = is_placing and all(path.exists() for path in self.outputs)
            if not self.is_placed:
                self._start()  # what the notes tell of was taken away
                return
        self.is_resumed, self.command = True, found.command
        if not is_placing:
            self._check_outputs()
        if not self._grows:
            remove(self.folder / _OUTPUTS)
        for stray in self._strays():
            remove(stray)
        self.notes.update(read_notes(self.folder / NOTES))

    def _start(self) -> None:
        """Begin anew: the folder holds nothing but what says so."""
        self._check_outputs()
        self._is_new = True
        # First its record, without which nobody goes on with a folder of which a part is gone.
        for path in (*_older_folders(self.outputs[0]), self.folder / _RUN):
            remove(path)
        self._empty()
        self.pieces.mkdir()
        made = {"kind": self._kind, "command": self.command, "settings": self._settings}
        record = _Record(format="basenji-run", format_version=1, **made)
        with atomic_path(self.folder / _RUN, output=self.outputs[0]) as path:
            record.write(path)

    def _check_outputs(self) -> None:
        for path in self.outputs:
            check_place(path, overwrite=self._overwrite)

    def _find(self) -> _Record | None:
        """Read what the folder was begun with; None if nothing in it is to be gone on with."""
        record = self.folder / _RUN
        strange = {p.name for p in self.folder.iterdir() if not p.name.startswith(".")} - _OURS
        if strange and not record.exists():
            raise InputError(
                f"{self.folder} is needed for the run and holds {min(strange)}, which is not of "
                "one: move it away or name another output"
            )
        if not record.exists():
            self._empty()  # a run that was killed while it began, or while it was removed
        older = [path for path in _older_folders(self.outputs[0]) if path.exists()]
        found, is_other = None, bool(older)
        if record.exists():
            try:
                found = read_json(_Record, record)
            except InputError:
                is_other = True
        if self._overwrite and (is_other or not self._resume):
            return None
        if is_other:
            raise InputError(
                f"{self.folder if record.exists() else older[0]} is of another version, which "
                "cannot be gone on with: remove it, or pass --overwrite to begin anew"
            )
        if found is None or not self._holds_anything():
            return None
        if not self._resume:
            raise InputError(
                f"{self.folder} holds the work of an interrupted run: pass --resume to go on with "
                "it, or --overwrite to begin anew"
            )
        return found

    def _holds_anything(self) -> bool:
        kept = (self.folder / NOTES, self.folder / _PLACING)
        return any(self.pieces.glob("[!.]*")) or any(path.exists() for path in kept)

    def _strays(self) -> list[Path]:
        """List what a killed process was writing."""
        return [path for folder in (self.folder, self.pieces) for path in folder.glob(".*")]

    def _release(self) -> None:
        """Give the lock back; a folder that holds nothing goes too."""
        if self.folder.exists() and not self._holds_anything():
            content = {path.name for path in self.folder.iterdir()}
            if self._is_new or content <= {_LOCK}:
                self._discard()
        self._lock.close()

    def _empty(self) -> None:
        for path in self.folder.iterdir():
            if path.name != _LOCK:
                remove(path)

    def _discard(self) -> None:
        (self.folder / _RUN).unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def unfinished_folder(out: Path) -> Path:
    """Return the folder of an output's unfinished run."""
    return out.with_name(f"{out.name}.unfinished")


def _older_folders(out: Path) -> list[Path]:
    """Return where versions before the first release with this format kept unfinished runs."""
    return [out.with_name(f"{out.name}.parts"), out.with_name(f".{out.name}.unfinished")]


def read_notes(path: Path) -> dict[Any, Any]:
    """Read the notes of pieces, if there are any; see `UnfinishedRun.note`."""
    notes: dict[Any, Any] = {}
    if path.exists():
        # A line that is damaged is as if it were not there: its piece is made again.
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError, TypeError):
                key, value = json.loads(line)
                notes[tuple(key) if isinstance(key, list) else key] = value
    return notes


def first_difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """Tell in which setting two runs differ: ``another NAME (BEFORE, now NOW)`` of the first one.

    None if all of ``now`` are the same.
    """
    for name, value in json.loads(json.dumps(now)).items():
        if before.get(name) != value:
            return f"another {name} ({_shown(before.get(name))}, now {_shown(value)})"
    return None


def _shown(setting: object) -> str:
    text = json.dumps(setting)
    return text if len(text) <= 40 else "".join(islice(text, 37)) + "…"
