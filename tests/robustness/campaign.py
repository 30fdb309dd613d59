"""Runs commands on what they must not survive silently, and judges how they end.

``python tests/robustness/campaign.py --out build/robustness`` runs all of it and writes a table.
Commands run in copies of one process in which the libraries are loaded already.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

# Its parts are imported as a package of the tests.
sys.path.insert(0, str(Path(__file__).parents[1]))

from robustness.cases import (
    Case,
    cases_of_files,
    cases_of_full_disks,
    cases_of_good_inputs,
    cases_of_options,
    fuzz_cases,
)
from robustness.commands import COMMANDS, MISSING
from robustness.fixtures import make_fixtures
from robustness.special_cases import special_cases

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Status of the commands' last resort, which counts as a failure.
UNFORESEEN = 70
#: Longest time of a command (s of a processor, and s), and most memory (bytes).
SECONDS, WAITED, MEMORY = 120, 400, 6 << 30
#: Between two looks at a command (s).
LOOK = 0.02
#: So many looks are taken at what a command has left running.
LEAVING = 500
#: What commands may leave beside inputs that are whole.
INDEXES = (".fai", ".gzi", ".bai", ".csi", ".tbi")


@dataclass(frozen=True)
class Outcome:
    """How a case ended; `faults` is empty if that was as it should be."""

    case: str
    arguments: str
    status: int
    message: str
    seconds: float
    megabytes: int
    faults: tuple[str, ...]


def _digest(path: Path) -> str:
    if path.is_symlink() or not path.is_file():
        return "link" if path.is_symlink() else "other"
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _listing(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): _digest(path)
        for path in sorted(folder.rglob("*"))
        if not path.is_dir() or path.is_symlink()
    }


def _run(arguments: tuple[str, ...], folder: Path) -> tuple[int, str, float, int]:
    """Run a command in a copy of this process: status, output, seconds, megabytes."""
    log = folder.with_suffix(".log")
    began = time.monotonic()
    pid = os.fork()
    if not pid:
        status = 70
        try:
            os.chdir(folder)
            file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for stream in (1, 2):
                os.dup2(file, stream)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
            status = run_command(arguments)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    found, code, usage = os.wait4(pid, os.WNOHANG)
    looks = 0
    while not found:
        # Who waits for what never comes, such as a pipe's other end, takes no processor's time.
        # Looks are counted, not the clock, for the campaign may itself be stopped (SIGSTOP).
        looks += 1
        if looks * LOOK > WAITED:
            os.kill(pid, signal.SIGXCPU)
        time.sleep(LOOK)
        found, code, usage = os.wait4(pid, os.WNOHANG)
    text = log.read_text(errors="replace")
    log.unlink()
    status = os.waitstatus_to_exitcode(code)
    return status, text, time.monotonic() - began, usage.ru_maxrss // 1024


def run_command(arguments: tuple[str, ...]) -> int:
    """Run a command in this process; return its exit status."""
    program, *rest = arguments
    if program == "B":
        from basenji_kipoi.cli.app import app
    else:
        from basenji_training.cli.app import app
    sys.argv = [{"B": "basenji", "T": "basenji-train"}[program], *rest]
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1 if end.code else 0
    except BaseException:  # noqa: BLE001 - what is not caught is what is looked for
        import traceback

        traceback.print_exc()
        return 1
    return 0


def judge(
    status: int,
    text: str,
    before: dict[str, str],
    after: dict[str, str],
    *,
    is_good: bool = False,
    replaced: frozenset[str] = frozenset(),
) -> list[str]:
    """List what is wrong with the way in which a command ended.

    Parameters
    ----------
    status, text
        Its exit status, and what it printed.
    before, after
        Files that were there before it, and are there now, and their checksums.
    is_good
        Whether it had to succeed.
    replaced
        Earlier outputs, which it replaces if it succeeds.
    """
    faults = ["good inputs are refused"] if is_good and status else []
    if "Traceback (most recent call last)" in text or "panicked at" in text:
        last = [line for line in text.splitlines() if line.strip()][-1]
        faults.append(f"traceback: {last[:120]}")
    elif status < 0:
        faults.append("hang" if -status == signal.SIGXCPU else f"signal {-status}")
    elif status == UNFORESEEN:
        faults.append(f"unforeseen: {text.strip().splitlines()[-1][:200]}")
    elif status not in (0, 2):
        faults.append(f"status {status}")
    elif status == 2:
        errors = [line for line in text.splitlines() if line.startswith("error: ")]
        if not errors and "Usage: " not in text:
            faults.append("no line that begins with 'error: '")
        elif len(errors) > 1:
            faults.append(f"{len(errors)} lines of errors")
        elif errors and not text.rstrip().splitlines()[-1].startswith("error: "):
            faults.append("an error of several lines")
    kept = [name for name in before if status or name.split("/")[0] not in replaced]
    harmed = [name for name in kept if after.get(name) != before[name]]
    if harmed:
        faults.append(f"harmed: {', '.join(harmed[:3])}")
    new = [name for name in after if name not in before and not name.endswith(INDEXES)]
    if "go on with --resume" in text:
        # What is finished is kept, and said to be.
        new = [name for name in new if ".unfinished" not in name.split("/")[0]]
    if status != 0 and new:
        faults.append(f"left: {', '.join(new[:3])}")
    hidden = [name for name in new if any(part.startswith(".") for part in Path(name).parts)]
    if status == 0 and hidden:
        faults.append(f"left: {', '.join(hidden[:3])}")
    return faults


def copy_needs(case: Case, fixtures: Path, folder: Path) -> None:
    """Copy the files and folders that a case needs, files with their indexes."""
    for name in case.needs:
        source = fixtures / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        else:
            for each in fixtures.glob(f"{name}*"):
                if each.is_file() and (each.name == name or each.suffix in INDEXES):
                    shutil.copy2(each, folder / each.name)


#: Size of a small disk (bytes).
DISK = 64 << 20


def mount(folder: Path) -> None:
    """Mount a small disk on a folder."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder]
    subprocess.run(command, check=True, capture_output=True)


def can_mount() -> bool:
    """Tell whether small disks can be mounted, for which one must be root."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            mount(Path(folder))
        except (OSError, subprocess.CalledProcessError):
            return False
        subprocess.run(["umount", folder], check=True)
        return True


def unmount(folder: Path) -> None:
    """Take a small disk away, when what the command began is gone: helpers end after it."""
    for _ in range(LEAVING):
        busy = subprocess.run(["umount", folder], capture_output=True, check=False)
        if not busy.returncode:
            return
        time.sleep(LOOK)
    raise OSError(f"{folder}: {busy.stderr.decode().strip()}: a process has stayed")


def fill(folder: Path, space: int) -> None:
    """Fill the disk of a folder but for some bytes."""
    found = os.statvfs(folder)
    with (folder / "full").open("wb") as file:
        size = found.f_bavail * found.f_frsize - space
        os.posix_fallocate(file.fileno(), 0, size)


def run_case(case: Case, fixtures: Path, scratch: Path) -> Outcome:
    """Copy what a case needs, spoil it, run the command and judge."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    try:
        if case.space is not None:
            mount(folder)
        copy_needs(case, fixtures, folder)
        if case.spoil is not None:
            case.spoil(folder)
        earlier = fixtures / case.earlier
        replaced = frozenset(p.name for p in earlier.iterdir()) if case.earlier else frozenset()
        if case.earlier:
            shutil.copytree(earlier, folder, dirs_exist_ok=True)
        if case.space is not None:
            fill(folder, case.space)
        before = _listing(folder)
        status, text, seconds, megabytes = _run(case.arguments, folder)
        after = _listing(folder)
        faults = judge(status, text, before, after, is_good=case.is_good, replaced=replaced)
    finally:
        if folder.is_mount():
            unmount(folder)
        shutil.rmtree(folder)
    lines = [line for line in text.splitlines() if line.strip()]
    message = next(
        (line for line in lines if line.startswith("error: ")), lines[-1] if lines else ""
    )
    words = " ".join(word if len(word) < 40 else word[:37] + "..." for word in case.arguments)
    return Outcome(
        case.name, words, status, message[:300], round(seconds, 2), megabytes, tuple(faults)
    )


def make_earlier(fixtures: Path, wanted: set[str]) -> None:
    """Keep what commands make of good inputs, in folders that cases take as earlier outputs."""
    good = [case for case in cases_of_good_inputs() if not case.earlier]
    cases = {command.earlier: case for command, case in zip(COMMANDS, good, strict=True)}
    with tempfile.TemporaryDirectory() as scratch:
        for place, case in cases.items():
            if place in wanted and not (fixtures / place).exists():
                folder = Path(tempfile.mkdtemp(dir=scratch))
                copy_needs(case, fixtures, folder)
                names = {path.name for path in folder.iterdir()}
                status, text, *_ = _run(case.arguments, folder)
                assert status == 0, f"{case.arguments}: {text}"
                (fixtures / place).mkdir(parents=True)
                for path in folder.iterdir():
                    if path.name not in names and path.suffix not in INDEXES:
                        path.rename(fixtures / place / path.name)


def preload() -> None:
    """Import what commands import when they run, so that copies of this process need not."""
    import keras  # noqa: F401 - and tensorflow

    with contextlib.suppress(ImportError):
        import basenji_training.cli.app
        import basenji_training.cli.fit
        import basenji_training.evaluation.evaluate
        import basenji_training.evaluation.export
        import basenji_training.fit.loop  # noqa: F401 - likewise


def run_campaign(cases: Iterable[Case], fixtures: Path, workers: int = 2) -> Iterator[Outcome]:
    """Run cases, some at a time."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        ThreadPoolExecutor(workers) as pool,
    ):
        yield from pool.map(lambda case: run_case(case, fixtures, Path(scratch)), cases)


def main() -> None:
    """Run the whole campaign, or a part of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("build/robustness"))
    parser.add_argument("--fixtures", type=Path, help="made before; else made now")
    parser.add_argument(
        "--only", nargs="+", default=[""], help="cases whose names hold one of these texts"
    )
    parser.add_argument("--every", type=int, default=1, help="every n-th case only")
    parser.add_argument("--first", type=int, default=0, help="the first of these, from 0")
    parser.add_argument("--fuzz", type=int, default=2000, help="number of fuzzed cases")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    fixtures = asked.fixtures or asked.out / "fixtures"
    if not fixtures.exists():
        make_fixtures(fixtures)
    fixtures = fixtures.resolve()
    for command in MISSING:
        print(f"cannot run here: {command.line}", file=sys.stderr)
    preload()
    cases = [*cases_of_good_inputs(), *special_cases()]
    cases += [*cases_of_files(fixtures), *cases_of_options()]
    if can_mount():
        cases += cases_of_full_disks()
    else:
        print("no small disk can be mounted here: no cases of full disks", file=sys.stderr)
    cases += fuzz_cases(fixtures, asked.fuzz, asked.seed)
    here = {command.name.split()[0] for command in COMMANDS}
    asked_for = [
        case
        for case in cases
        if case.name.split()[0] in here and any(text in case.name for text in asked.only)
    ]
    cases = asked_for[asked.first :: asked.every]
    make_earlier(fixtures, {case.earlier for case in cases if case.earlier})
    counts: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    with (asked.out / "outcomes.jsonl").open("w") as file:
        for number, outcome in enumerate(run_campaign(cases, fixtures, asked.workers), start=1):
            file.write(json.dumps(asdict(outcome)) + "\n")
            file.flush()
            command = outcome.case.split()[0]
            kind = "fuzzed" if " fuzz " in outcome.case else "by hand"
            end = "failed" if outcome.faults else "refused" if outcome.status else "accepted"
            counts[command][kind, end] += 1
            if outcome.faults:
                print(f"{outcome.case}: {'; '.join(outcome.faults)}", flush=True)
            if number % 100 == 0:
                print(f"{number:,} of {len(cases):,}", file=sys.stderr, flush=True)
    table = _table(counts)
    (asked.out / "table.md").write_text(table)
    print(table)


def _table(counts: dict[str, collections.Counter]) -> str:
    kinds, ends = ("by hand", "fuzzed"), ("refused", "accepted", "failed")
    columns = [(kind, end) for kind in kinds for end in ends]
    rows = ["| command | " + " | ".join(f"{kind}: {end}" for kind, end in columns) + " |"]
    rows.append("| --- |" + " ---: |" * len(columns))
    total: collections.Counter = collections.Counter()
    for command, row in sorted(counts.items()):
        total.update(row)
        rows.append(f"| {command} | " + " | ".join(str(row[column]) for column in columns) + " |")
    rows.append("| all | " + " | ".join(str(total[column]) for column in columns) + " |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
