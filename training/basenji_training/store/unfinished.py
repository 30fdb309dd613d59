"""Stores under way: written out of sight, and gone on with after an interruption."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter

from basenji_kipoi.base.errors import full_disk_named
from basenji_kipoi.base.unfinished import UnfinishedRun
from basenji_training.store.writing import Sums

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping
    from pathlib import Path

__all__ = ["UnfinishedStore", "unfinished_store"]

_SUMS = TypeAdapter(tuple[list[int], list[int], list[float], list[float]])


class UnfinishedStore:
    """A store under way.

    Attributes
    ----------
    path : Path
        The unfinished store.
    is_new : bool
        Whether nothing of it exists yet.
    command : str
        The command that began it.
    finished : dict of Hashable to Sums
        What its finished pieces add to the statistics.
    """

    def __init__(self, run: UnfinishedRun, out: Path) -> None:
        # If it has come to its place already, the rest of the work finds nothing to do there.
        self.path = out if run.is_placed else run.output(out)
        self.is_new, self.command = not run.is_resumed, run.command
        self._run = run
        self.finished: dict[Hashable, Sums] = {}
        for piece, arrays in run.notes.items():
            # Like a line that is cut, one that holds something else is as if it were not there.
            with contextlib.suppress(ValueError):
                sums = Sums(*map(np.array, _SUMS.validate_python(arrays)))
                if isinstance(piece, tuple) and len({array.shape for array in sums}) == 1:
                    self.finished[piece] = sums
        # What a killed process was writing.
        for stray in self.path.rglob("*.partial"):
            stray.unlink()

    def add(self, piece: tuple[str | int, ...], sums: Sums) -> None:
        """Note that a piece is written."""
        self.finished[piece] = sums
        self._run.note(piece, [array.tolist() for array in sums])


@contextlib.contextmanager
def unfinished_store(
    out: Path,
    kind: str,
    settings: Mapping[str, Any],
    *,
    command: str,
    resume: bool,
    overwrite: bool,
) -> Iterator[UnfinishedStore]:
    """Write a store out of sight and move it to its place once complete.

    Parameters
    ----------
    out
        The store.
    kind
        The command's name.
    settings
        All that its content depends on, as JSON can hold it.
    command
        The command, as it was typed.
    resume
        Whether what an interrupted call left is gone on with, and kept for the next one if this
        call is interrupted too. Otherwise nothing is left behind, unless the process is killed.
    overwrite
        Whether an existing store may be replaced, and what is left of an earlier call deleted.

    Yields
    ------
    UnfinishedStore
        Where to write, and what is there already.

    Raises
    ------
    InputError
        As `UnfinishedRun` does.
    """
    with (
        full_disk_named(out),
        UnfinishedRun(
            [out],
            kind,
            settings,
            command=command,
            resume=resume,
            overwrite=overwrite,
            grows_outputs=True,
            keep=resume,
        ) as run,
    ):
        yield UnfinishedStore(run, out)
        run.place()
