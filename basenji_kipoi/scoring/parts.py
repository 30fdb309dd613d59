"""The parts of a scoring run: saved as they come, so that an interrupted run goes on where it was.

Beside an output ``x`` stands a folder ``x.parts`` while the run lasts: ``run.json`` with what the
scores depend on, and one Arrow file a part and table. A part is there whole or not at all.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.scoring.metadata import first_difference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import TracebackType

    from basenji_kipoi.genome.vcf import Variant

__all__ = ["Parts", "cut", "shard_of"]

_RUN = "run.json"
_LOCK = "lock"
_FINISHED = "finished"
_PART = ".arrow"


def cut(variants: Iterable[Variant], alleles: int) -> Iterator[list[Variant]]:
    """Cut a stream of alleles into parts, each of whole records.

    Parameters
    ----------
    variants
        Alleles in the order of their file.
    alleles
        A part ends with the record by which it has at least so many alleles.

    Yields
    ------
    list of Variant
        The alleles of a part.
    """
    part: list[Variant] = []
    for variant in variants:
        if len(part) >= alleles and variant.record != part[-1].record:
            yield part
            part = []
        part.append(variant)
    if part:
        yield part


def shard_of(parts: Sequence[int], shard: tuple[int, int]) -> range:
    """Find the parts of a shard.

    Parameters
    ----------
    parts
        Number of alleles of each part.
    shard
        Number of the shard, from 1, and number of shards.

    Returns
    -------
    range
        Numbers of its parts, which are consecutive; shards differ by one part at most.
    """
    number, shards = shard
    return range(len(parts) * (number - 1) // shards, len(parts) * number // shards)


class Parts:
    """The folder of a run's parts. A context manager that keeps other runs out.

    Parameters
    ----------
    out
        The output of the run.
    settings
        All that the scores depend on, as JSON can hold it.
    command
        The command.
    resume
        Whether to go on with parts that an interrupted run left.
    overwrite
        Whether to delete such parts.

    Attributes
    ----------
    command : str
        The command that began the run.

    Raises
    ------
    InputError
        If parts are there and neither is wanted, they were made with other settings, or another run
        is making them now.
    """

    def __init__(
        self,
        out: Path,
        settings: Mapping[str, Any],
        *,
        command: str,
        resume: bool,
        overwrite: bool,
    ) -> None:
        self.folder = _folder_of(out)
        self._out, self._settings = out, settings
        self.command = command
        self._resume, self._overwrite = resume, overwrite

    @staticmethod
    def begun(out: Path) -> bool:
        """Tell whether a run of an output saved parts and is not complete."""
        folder = _folder_of(out)
        return (folder / _RUN).exists() and any(folder.glob(f"*{_PART}"))

    def __enter__(self) -> Parts:
        self.folder.mkdir(exist_ok=True)
        self._lock = (self.folder / _LOCK).open("w")
        try:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(
                    f"another run is writing {self._out}: wait until it ends"
                ) from None
            self._begin()
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            # Outputs that are not complete only take space, and so does a folder without parts.
            begun = self.begun(self._out)
            shutil.rmtree(self.folder / _FINISHED if begun else self.folder, ignore_errors=True)
        self._lock.close()

    def _begin(self) -> None:
        run = self.folder / _RUN
        if not self.begun(self._out):
            run.unlink(missing_ok=True)
        if run.exists() and not self._resume:
            if not self._overwrite:
                raise InputError(
                    f"{self.folder} holds parts of an interrupted run: pass --resume to go on with "
                    "it, or --overwrite to begin anew"
                )
            run.unlink()
        if run.exists():
            begun = json.loads(run.read_text(encoding="utf-8"))
            if difference := first_difference(begun["settings"], self._settings):
                raise InputError(
                    f"{self.folder} was begun with {difference}: give the same, or pass "
                    "--overwrite without --resume to begin anew"
                )
            self.command = begun["command"]
        self._clean(keep_parts=run.exists())
        if not run.exists():
            content = {"command": self.command, "settings": self._settings}
            with atomic_path(run) as path:
                path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def _clean(self, *, keep_parts: bool) -> None:
        """Remove what an interrupted run left half-written, or all that it left."""
        for path in self.folder.iterdir():
            if path.name in (_RUN, _LOCK) or (keep_parts and path.name.endswith(_PART)):
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def has(self, number: int) -> bool:
        """Tell whether a part is there."""
        return self._path(number, "alleles").exists()

    def save(self, number: int, batches: Mapping[str, Any]) -> None:
        """Save a part.

        Parameters
        ----------
        number
            Its number.
        batches
            Its record batch of each table; that of the table ``alleles`` completes the part.
        """
        for name in sorted(batches, key=lambda name: name == "alleles"):
            path = self._path(number, name)
            with (
                atomic_path(path, overwrite=True) as temporary,
                pa.OSFile(str(temporary), "wb") as file,
                pa.ipc.new_file(file, batches[name].schema) as writer,
            ):
                writer.write_batch(batches[name])

    def read(self, numbers: Iterable[int], name: str) -> Iterator[Any]:
        """Read a table's record batches of some parts, one at a time."""
        for number in numbers:
            with pa.OSFile(str(self._path(number, name))) as file:
                reader = pa.ipc.open_file(file)
                for place in range(reader.num_record_batches):
                    yield reader.get_batch(place)

    def finished(self) -> Path:
        """Return a new folder for the outputs, in the file system where they will stand."""
        folder = self.folder / _FINISHED
        folder.mkdir()
        return folder

    def publish(self, outputs: Sequence[Path]) -> None:
        """Move the outputs from the folder `finished` to where they belong; remove the parts.

        An interrupted run that has all parts makes the outputs again, so that a moment with only
        some of them leaves nothing that cannot be mended.
        """
        for output in outputs:
            (self.folder / _FINISHED / output.name).replace(output)
        # Without this file the folder counts as no run, should its removal be interrupted.
        (self.folder / _RUN).unlink()
        shutil.rmtree(self.folder)

    def _path(self, number: int, name: str) -> Path:
        return self.folder / f"{number:06d}.{name}{_PART}"


def _folder_of(out: Path) -> Path:
    return Path(f"{out}.parts")
