"""Stores under way: written out of sight, and kept for another try where that is wanted."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.unfinished import PLAN, begun_folder, discard_folder
from basenji_training.store.writing import Sums

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping
    from pathlib import Path

__all__ = ["Unfinished", "unfinished_store"]

_FINISHED = "finished.jsonl"


class Unfinished:
    """A store under way.

    Attributes
    ----------
    path : Path
        The unfinished store.
    is_new : bool
        Whether nothing of it exists yet.
    finished : dict of Hashable to Sums
        What its finished pieces add to the statistics.
    """

    def __init__(
        self, path: Path, folder: Path | None = None, plan: Mapping[str, object] | None = None
    ) -> None:
        self.path, self._folder, self._plan = path, folder, plan
        self.is_new = folder is None or not (folder / PLAN).exists()
        self.finished: dict[Hashable, Sums] = {}
        # What a killed process was writing.
        for stray in path.rglob("*.partial"):
            stray.unlink()
        if folder is None or not (folder / _FINISHED).exists():
            return
        # The last line may have been cut with the process that wrote it.
        for line in (folder / _FINISHED).read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                piece, *arrays = json.loads(line)
                self.finished[tuple(piece)] = Sums(*(np.array(array) for array in arrays))

    def begin(self) -> None:
        """Note that the empty store is there, so that pieces may follow."""
        if self._folder is not None:
            with atomic_path(self._folder / PLAN) as path:
                path.write_text(json.dumps(self._plan), encoding="utf-8")

    def add(self, piece: tuple[str | int, ...], sums: Sums) -> None:
        """Note that a piece is written."""
        self.finished[piece] = sums
        if self._folder is not None:
            # A line of its own even behind one that was cut.
            with (self._folder / _FINISHED).open("a", encoding="utf-8") as lines:
                lines.write("\n" + json.dumps([piece, *(array.tolist() for array in sums)]) + "\n")


@contextlib.contextmanager
def unfinished_store(
    out: Path, plan: Mapping[str, object], *, resume: bool, overwrite: bool
) -> Iterator[Unfinished]:
    """Write a store out of sight and move it to its place once complete.

    Parameters
    ----------
    out
        The store.
    plan
        All that its content depends on, as JSON can hold it.
    resume
        Whether what an interrupted call left is gone on with, and kept for the next one if this
        call is interrupted too. Otherwise nothing is left behind, unless the process is killed.
    overwrite
        Whether an existing store may be replaced, and what is left of an earlier call deleted.

    Yields
    ------
    Unfinished
        Where to write, and what is there already.

    Raises
    ------
    InputError
        If the output may not be written, or what is left was begun with another plan.
    """
    check_output(out, overwrite=overwrite)
    if not resume:
        with atomic_path(out, overwrite=overwrite) as path:
            yield Unfinished(path)
        return
    folder, _ = begun_folder(out, plan, overwrite=overwrite)
    unfinished = Unfinished(folder / out.name, folder, plan)
    yield unfinished
    with atomic_path(out, overwrite=overwrite) as path:
        unfinished.path.replace(path)
    discard_folder(folder)
