"""Shards of a run: what jobs on any machines finish of it, and the output that is joined of them.

Beside an output ``x`` stands a folder ``x.shards``, and in it a folder ``2-of-8`` for the second of
eight shards when it is complete: its pieces, those that one run would have made, and
``shard.json``, which tells what they were made with. Whoever joins the shards writes the output of
these pieces, as one run writes it of its own. Where pieces have notes, they lie there too.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from basenji_kipoi.base.atomic import Folder, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.json_files import read_json
from basenji_kipoi.base.unfinished import NOTES, RunRecord, UnfinishedRun, read_notes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["ShardedRun", "check_shard", "shard_of", "shards_folder", "whole_command"]

_RECORD = "shard.json"
_SHARD = Folder("a shard", holds=(_RECORD,))


class _Record(RunRecord):
    format: Literal["basenji-shard"]
    format_version: Literal[1]


def shard_of(parts: Sequence[object], shard: tuple[int, int]) -> range:
    """Find the parts of a shard.

    Parameters
    ----------
    parts
        All parts.
    shard
        Number of the shard, from 1, and number of shards.

    Returns
    -------
    range
        Numbers of its parts, which are consecutive; shards differ by one part at most.
    """
    number, shards = shard
    return range(len(parts) * (number - 1) // shards, len(parts) * number // shards)


def shards_folder(out: Path) -> Path:
    """Return the folder of an output's shards."""
    return out.with_name(f"{out.name}.shards")


def check_shard(shard: tuple[int, int] | None, *, join: bool, whole: Sequence[str] = ()) -> None:
    """Check that options of shards go together.

    Parameters
    ----------
    shard
        Number of the shard, from 1, and number of shards; None to make the output.
    join
        Whether it is joined of shards.
    whole
        Options that were given and need the whole output.

    Raises
    ------
    InputError
        If they do not.
    """
    if shard is None:
        return
    if join:
        raise InputError("--join-shards joins what calls with --shard made: pass one of the two")
    for option in whole:
        raise InputError(f"--{option} needs all of the output: pass it with --join-shards")


def whole_command(command: str) -> str:
    """Return the command that makes at once what shards make: without the options of shards."""
    kept: list[str] = []
    is_value = False
    for word in shlex.split(command):
        if not (is_value or word in ("--shard", "--join-shards") or word.startswith("--shard=")):
            kept.append(word)
        is_value = word == "--shard"
    return shlex.join(kept)


class ShardedRun(UnfinishedRun):
    """A run that makes an output, one shard of it, or an output of its shards.

    Parameters
    ----------
    out
        The output.
    kind, settings, command, resume, overwrite
        As `UnfinishedRun` takes them.
    names
        Names of all pieces of the output.
    shard
        Number of the shard, from 1, and number of shards; None to make the output.
    join
        Whether the output is made of its shards.
    note
        Called with what the user should know, a line each.
    has_notes
        Whether each piece has a note, without which it is not finished.

    Attributes
    ----------
    names : sequence of str
        Names of all pieces of the output.
    wanted : range
        Numbers of those of the shard, or all.
    todo : list of int
        Numbers of those that are still to be made.
    is_complete : bool
        Whether the shard was made before, so that nothing is to be done.

    Raises
    ------
    InputError
        As `UnfinishedRun`, and if a shard that is to be joined is missing or was made with other
        settings.
    """

    def __init__(
        self,
        out: Path,
        kind: str,
        settings: Mapping[str, Any],
        *,
        names: Sequence[str],
        shard: tuple[int, int] | None = None,
        join: bool = False,
        command: str,
        resume: bool,
        overwrite: bool,
        note: Callable[[str], object],
        has_notes: bool = False,
    ) -> None:
        self._kind, self._settings = kind, settings  # shards are compared with them below
        self._has_notes = has_notes
        self._known: dict[Any, Any] = {}
        self.names, self._shard, self._note = names, shard, note
        self.wanted = shard_of(names, shard or (1, 1))
        self._shards, self.is_complete = shards_folder(out), False
        self._sources = self._find_shards() if join else {}
        if shard is not None:
            out = self._shards / "{}-of-{}".format(*shard)
            out.parent.mkdir(exist_ok=True)
            # One of other settings is for `_check_outputs` to refuse.
            self.is_complete = resume and self._is_made(out, overwrite=overwrite)
            check_output(out, overwrite=overwrite or self.is_complete, folder=_SHARD)
        super().__init__(
            [out], kind, settings, command=command, resume=resume,
            overwrite=overwrite or self.is_complete,
        )  # fmt: skip

    def __enter__(self) -> ShardedRun:
        super().__enter__()
        if self.is_complete:
            self._known = read_notes(self.outputs[0] / NOTES)
        self.notes.update(self._known)
        for name, path in self._sources.items():
            if not self.has(name):
                with self.piece(name) as temporary:
                    _link(path, temporary)
        if self.names and not self.wanted:
            self._note(
                "--shard {}/{} has nothing to do: ".format(*self._shard)
                + f"shards are whole pieces, and there are {len(self.names):,}"
            )
        missing = [number for number in self.wanted if not self._is_finished(self.names[number])]
        if self.is_resumed and 0 < len(missing) < len(self.wanted):
            done = 1 - len(missing) / len(self.wanted)
            self._note(f"going on with {self.folder}: {done:.0%} is done already")
        self.todo = [] if self.is_complete else missing
        return self

    def place_shard(self) -> Path:
        """Move the shard, whose pieces are there, to its place; return that."""
        folder = self.outputs[0]
        if self.is_complete:
            self._discard()
            return folder
        new = self.output(folder)
        new.mkdir()
        for number in self.wanted:
            name = self.names[number]
            _link(self.path(name), new / name)
        if (self.folder / NOTES).exists():
            _link(self.folder / NOTES, new / NOTES)
        made = {"kind": self._kind, "command": self.command, "settings": self._settings}
        _Record(format="basenji-shard", format_version=1, **made).write(new / _RECORD)
        self.place()
        return folder

    def _is_finished(self, name: str) -> bool:
        return self.has(name) and (name in self.notes or not self._has_notes)

    def _is_made(self, folder: Path, *, overwrite: bool) -> bool:
        """Tell whether a shard is there; raise InputError if another one is in its place."""
        if not folder.exists():
            return False
        try:
            self._check(folder)
        except InputError:
            if overwrite:
                return False
            raise
        return True

    def _check(self, folder: Path) -> None:
        """Check that a shard was made as this run would make it."""
        try:
            found = read_json(_Record, folder / _RECORD)
        except InputError as error:
            raise InputError(
                f"{folder} is no shard of this version ({error}): remove it and make it again "
                "(--shard)"
            ) from error
        difference = found.difference(self._kind, self._settings)
        if difference:
            raise InputError(
                f"{folder} was made with {difference}: give the same, or make it again "
                "(--shard with --overwrite)"
            )

    def _find_shards(self) -> dict[str, Path]:
        """Find where the pieces lie that the shards made."""
        folder = self._shards
        matches = [
            re.fullmatch(r"([1-9]\d*)-of-([1-9]\d*)", path.name) for path in folder.glob("*")
        ]
        found = sorted((int(match[2]), int(match[1])) for match in matches if match)
        if not found:
            raise InputError(
                f"there are no shards in {folder}: make them first, with --shard 1/4 and so on"
            )
        number = found[0][0]
        if found[-1][0] != number:
            raise InputError(
                f"{folder} holds shards of {number} and of {found[-1][0]}: remove those that are "
                "not wanted"
            )
        places = {}
        for each in range(1, number + 1):
            place = folder / f"{each}-of-{number}"
            if (number, each) not in found:
                raise InputError(
                    f"{folder} lacks the shard {each}-of-{number}: make it first, with --shard "
                    f"{each}/{number}"
                )
            self._check(place)
            if self._has_notes:
                self._known.update(read_notes(place / NOTES))
            for piece in shard_of(self.names, (each, number)):
                name = self.names[piece]
                places[name] = place / name
                if not places[name].exists() or (self._has_notes and name not in self._known):
                    raise InputError(
                        f"{place} lacks {name}: make the shard again (--shard with --overwrite)"
                    )
        return places


def _link(path: Path, new: Path) -> None:
    """Have a file in a second place, which is a copy where the file system has no links."""
    try:
        os.link(path, new)
    except OSError:
        shutil.copyfile(path, new)
