"""What a job costs: a command that is timed, and the cost that follows from some runs of it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from resources import machine

from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: What keeps a command to one core.
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")


class Run(NamedTuple):
    """What a job took.

    Attributes
    ----------
    size
        Alleles or bases in it.
    parts
        Parts that they were in.
    seconds, wall
        Processor time and wall time (s).
    memory
        Largest resident memory (bytes).
    written
        Size of the output (bytes).
    """

    size: int
    parts: int
    seconds: float
    wall: float
    memory: int
    written: int


@dataclass(frozen=True)
class Cost:
    """What a job takes.

    Attributes
    ----------
    start
        Processor time of a job without work (s).
    part
        Processor time of a part, beside that of what is in it (s).
    each
        Processor time of an allele or a base (s).
    written, beside
        Bytes that it adds to the output, and those of a part.
    empty
        Bytes of an output without any.
    memory
        Most memory of a job (bytes).
    """

    start: float
    part: float
    each: float
    written: float = 0.0
    beside: float = 0.0
    empty: float = 0.0
    memory: int = 0

    def seconds(self, size: float, parts: float = 1) -> float:
        """Return the processor time of a job of so much in so many parts (s)."""
        return self.start + self.part * parts + self.each * size


class Chosen(NamedTuple):
    """Runs that tell a cost: of little, of much, and of many parts, if any has more than others."""

    few: Run
    many: Run
    parted: Run | None


def fitted(runs: Chosen) -> Cost:
    """Find the cost by three runs; without one of more parts than the others, nothing is theirs.

    Nothing is below zero: what is, is less than what a machine with other work can tell.
    """
    each = [run for run in runs if run is not None]
    rows = [[1.0, run.size, run.parts][: len(each)] for run in each]
    try:
        found = np.linalg.solve(rows, [[run.seconds, run.written] for run in each])
    except np.linalg.LinAlgError:
        raise SystemExit(
            "error: --sizes: these runs are too much alike to tell a cost: expected three, of "
            "other sizes"
        ) from None
    found = found.clip(min=0.0)
    (start, empty), (size, written), (part, beside) = [*found.tolist(), [0.0, 0.0]][:3]
    return Cost(start, part, size, written, beside, empty, max(run.memory for run in each))


def sizes_of(text: str, names: Sequence[str]) -> list[tuple[int, ...]]:
    """Read what ``--sizes`` asks for: numbers of each run, divided by slashes, and runs by commas.

    Raises
    ------
    SystemExit
        If a run has other numbers.
    """
    found = []
    for each in text.split(","):
        numbers = each.split("/")
        if len(numbers) != len(names) or not all(number.isdecimal() for number in numbers):
            raise SystemExit(f"error: --sizes: {each!r}: expected numbers, {'/'.join(names)}")
        found.append(tuple(map(int, numbers)))
    return found


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """End the program in one line where an input is wrong, as the commands do."""
    try:
        yield
    except InputError as error:
        raise SystemExit(f"error: {error}") from None


def chosen(runs: list[Run]) -> Chosen:
    """Choose the smallest run, the largest, and the one of most parts."""
    least = min(run.parts for run in runs)
    plain = [run for run in runs if run.parts == least]
    parted = max(runs, key=lambda run: run.parts)
    return Chosen(min(plain), max(plain), parted if parted.parts > least else None)


def timed(command: list[str | Path], out: Path, size: int, parts: int) -> Run:
    """Run a command in one thread, which writes a file or a folder."""
    environment = {**os.environ, **dict.fromkeys(THREADS, "1")}
    began = time.monotonic()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(process.returncode)
    files = [out, *out.rglob("*")]
    return Run(
        size,
        parts,
        usage.ru_utime + usage.ru_stime,
        time.monotonic() - began,
        usage.ru_maxrss * 1024,
        sum(path.stat().st_size for path in files if path.is_file()),
    )


def described(
    command: str,
    model: str | None,
    options: dict[str, Any],
    of: str,
    runs: list[Run],
    told_by: Chosen,
) -> dict[str, Any]:
    """Describe what was measured of a command, as dry runs read it; print what it says of others.

    Parameters
    ----------
    command, model, options
        What was measured.
    of
        The same in words.
    runs, told_by
        All of them, and those that tell the cost.
    """
    cost = fitted(told_by)
    compared = [
        {
            "size": run.size,
            "parts": run.parts,
            "measured": run.seconds,
            "told": cost.seconds(run.size, run.parts),
        }
        for run in runs
        if run not in told_by
    ]
    for each in compared:
        print(command, *options.values(), each, flush=True)
    return {
        "command": command,
        "model": model,
        "options": options,
        "of": of,
        "cost": asdict(cost),
        "runs": [run._asdict() for run in runs],
        "compared": compared,
        "machine": machine(),
    }


def save(found: object, out: Path) -> None:
    """Write what was measured (JSON)."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(out, overwrite=True) as path:
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
