"""Folders for work under way, kept for another try where that is wanted."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = [
    "PLAN",
    "UnfinishedFolder",
    "begun_folder",
    "discard_folder",
    "fingerprint",
    "unfinished_folder",
]

#: Its presence tells that a folder can be gone on with; its content, with what.
PLAN = "plan.json"
_PLACING = "placing"


def fingerprint(path: Path) -> list[object]:
    """Return what tells whether a file is still the same: its place, bytes and time of change.

    Raises
    ------
    InputError
        If there is no such file.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    return [str(path.resolve()), found.st_size, found.st_mtime_ns]


def begun_folder(out: Path, plan: Mapping[str, object], *, overwrite: bool) -> tuple[Path, bool]:
    """Have the folder of an output under way, emptied unless its `PLAN` is there already.

    Parameters
    ----------
    out
        The output, in whose folder this one lies.
    plan
        All that the output depends on, as JSON can hold it.
    overwrite
        Whether what was begun with another plan may be deleted.

    Returns
    -------
    folder : Path
        The folder.
    is_begun : bool
        Whether it is gone on with.

    Raises
    ------
    InputError
        If it was begun with another plan, and that may not be deleted.
    """
    folder = out.absolute().with_name(f".{out.name}.unfinished")
    is_begun = (folder / PLAN).exists()
    plan = json.loads(json.dumps(plan))
    if is_begun and json.loads((folder / PLAN).read_text(encoding="utf-8")) != plan:
        if not overwrite:
            raise InputError(
                f"{folder} was begun with other inputs or options: resume it as it was begun, or "
                "pass --overwrite to begin anew"
            )
        is_begun = False
    if not is_begun:
        if folder.exists():
            discard_folder(folder)
        folder.mkdir()
    return folder, is_begun


def discard_folder(folder: Path) -> None:
    """Remove the folder of an output under way."""
    # First its plan, without which nobody goes on with a folder of which a part is gone.
    (folder / PLAN).unlink(missing_ok=True)
    shutil.rmtree(folder)


@dataclass(frozen=True)
class UnfinishedFolder:
    """Several outputs under way.

    Attributes
    ----------
    folder
        For intermediate results.
    resumable
        Whether another call may go on with them.
    overwrite
        Whether the outputs may replace what is there.
    """

    folder: Path
    resumable: bool
    overwrite: bool

    def place(self) -> None:
        """Note that all outputs are complete and come to their places now, one by one.

        If that is interrupted, those that are there already are no strangers to the next call.
        """
        (self.folder / _PLACING).touch()


@contextlib.contextmanager
def unfinished_folder(
    outputs: Sequence[Path], plan: Mapping[str, object], *, resume: bool, overwrite: bool
) -> Iterator[UnfinishedFolder]:
    """Have a folder for the intermediate results of outputs.

    Parameters
    ----------
    outputs
        Files to be written; the folder lies beside the first.
    plan
        All that they depend on, as JSON can hold it.
    resume
        Whether what an interrupted call left is gone on with, and kept for the next one if the
        body is interrupted too. Otherwise it is removed, unless the process is killed.
    overwrite
        Whether the outputs may be replaced, and what is left of a call with another plan deleted.

    Yields
    ------
    UnfinishedFolder
        The folder.

    Raises
    ------
    InputError
        If an output may not be written, or what is left was begun with another plan.
    """
    out = outputs[0]
    placing = resume and out.absolute().with_name(f".{out.name}.unfinished") / _PLACING
    if not (placing and placing.exists()):
        for path in outputs:
            check_output(path, overwrite=overwrite)
    if not resume:
        with tempfile.TemporaryDirectory(
            prefix=f".{out.name}.", dir=out.absolute().parent
        ) as folder:
            yield UnfinishedFolder(Path(folder), resumable=False, overwrite=overwrite)
        return
    folder, is_begun = begun_folder(out, plan, overwrite=overwrite)
    if not is_begun:
        with atomic_path(folder / PLAN) as path:
            path.write_text(json.dumps(plan), encoding="utf-8")
    overwrite = overwrite or (folder / _PLACING).exists()
    yield UnfinishedFolder(folder, resumable=True, overwrite=overwrite)
    discard_folder(folder)
