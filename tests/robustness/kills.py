"""Kills commands at random moments, runs them again, and compares with a run that nobody stopped.

``python tests/robustness/kills.py --out build/kills`` kills 100 runs and writes a table. A killed
process gets no signal that it could answer (signal 9). Commands that can be gone on with get
``--resume``; others are run once more as they were. Outputs must be the same, file by file.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import random
import re
import shutil
import signal
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

# The campaign and its parts are a package of the tests; how outputs are compared is a benchmark's.
sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import same_outputs
from robustness.campaign import INDEXES, preload, run_command
from robustness.commands import is_here
from robustness.fixtures import make_fixtures
from robustness.killed_runs import RUNS, Run


@dataclass
class Trial:
    """What became of a command that was killed.

    Attributes
    ----------
    run : str
        The command.
    kills : list of float
        When it was killed (s from its start, or from that of the try before).
    is_early : bool
        Whether it was complete before it could be killed, so that nothing was tried.
    faults : list of str
        What is wrong; empty if the outputs are the same.
    after_kill, at_end : list of str
        What lay beside inputs and outputs then; digits and random letters of names are stars.
    """

    run: str
    kills: list[float] = field(default_factory=list)
    is_early: bool = False
    faults: list[str] = field(default_factory=list)
    after_kill: list[str] = field(default_factory=list)
    at_end: list[str] = field(default_factory=list)


def start(arguments: list[str], folder: Path, log: Path) -> int:
    """Start a command in a copy of this process, in a group of its own; return its number."""
    pid = os.fork()
    if pid:
        return pid
    status = 70
    try:
        os.setsid()
        os.chdir(folder)
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(file, stream)
        status = run_command(tuple(arguments))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def wait(pid: int, seconds: float | None = None) -> int | None:
    """Wait for a process; after some seconds kill it and all it started, and return None."""
    end = None if seconds is None else time.monotonic() + seconds
    while True:
        found, code = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(code)
        if end is not None and time.monotonic() >= end:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return None
        time.sleep(0.002)


def prepare(run: Run, fixtures: Path, folder: Path) -> set[str]:
    """Make a folder with what a command reads; return the names in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in run.needs:
        for source in fixtures.glob(f"{name}*"):
            if source.name == name and source.is_dir():
                shutil.copytree(source, folder / name)
            elif source.name == name or source.suffix in INDEXES:
                shutil.copy2(source, folder)
    return {path.name for path in folder.iterdir()}


def beside(folder: Path, known: set[str]) -> list[str]:
    """List what lies in a folder but for known names and indexes."""
    names = {path.name for path in folder.iterdir()} - known
    stars = {re.sub(r"^(\..*\.)[a-z0-9_]{8}$", r"\1*", name) for name in names}
    return sorted(name for name in stars if not name.endswith(INDEXES))


def whole(run: Run, fixtures: Path, folder: Path, kept: Path) -> tuple[float, set[str]]:
    """Run a command to its end and keep its outputs: seconds, and names of the outputs."""
    inputs = prepare(run, fixtures, folder)
    log = folder.with_suffix(".log")
    began = time.monotonic()
    status = wait(start(run.line.split(), folder, log))
    seconds = time.monotonic() - began
    assert status == 0, f"{run.line}: {log.read_text()}"
    outputs = {
        path.name
        for path in folder.iterdir()
        if path.name not in inputs and path.suffix not in INDEXES
    }
    kept.mkdir(parents=True)
    for name in outputs:
        (folder / name).rename(kept / name)
    return seconds, outputs


def kill(
    run: Run, fixtures: Path, folder: Path, kept: Path, seconds: float, draw: random.Random
) -> Trial:
    """Kill a command once to three times, let it end, and compare its outputs with kept ones."""
    trial = Trial(run.name)
    inputs = prepare(run, fixtures, folder)
    outputs = {path.name for path in kept.iterdir()}
    log, words, seen = folder.with_suffix(".log"), run.line.split(), set()
    for number in range(draw.choice([1, 1, 2, 3])):
        at = draw.uniform(0, seconds)
        again = ["--resume"] if number and run.resumes else []
        if wait(start([*words, *again], folder, log), at) is not None:
            break
        trial.kills.append(round(at, 2))
        seen.update(beside(folder, inputs | outputs))
    trial.is_early = not trial.kills
    trial.after_kill = sorted(seen)
    there = {path.name for path in folder.iterdir()}
    status = wait(start([*words, *(["--resume"] if run.resumes else [])], folder, log))
    text = log.read_text(errors="replace")
    # One that was killed behind its last step, or ended before, has its output already.
    is_there = outputs <= there and "exists already" in text
    if status != 0 and not is_there:
        trial.faults.append(f"status {status}: {text.strip().splitlines()[-1:]}")
    for file in same_outputs.files([kept, folder], sorted(outputs)):
        verdict, place = same_outputs.compare(kept / file, folder / file)
        if verdict not in (same_outputs.EQUAL, same_outputs.BUT_FOR):
            trial.faults.append(f"{file}: {verdict} {place}")
    trial.at_end = beside(folder, inputs | outputs)
    return trial


def add_inputs(fixtures: Path) -> None:
    """Add inputs that keep commands busy for seconds."""
    draw = random.Random(0)
    regions = [
        f"chr{number % 8 + 1}\t{start}\t{start + 1200}\tr{number}\t0\t+\n"
        for number in range(40)
        for start in [number // 8 * 1500 + draw.randrange(200)]
    ]
    (fixtures / "many.bed").write_text("".join(regions))
    (fixtures / "some.bed").write_text(
        "".join(f"chr{n}\t{5000 + n}\t{5060 + n}\ts{n}\t0\t+\n" for n in range(1, 4))
    )
    shutil.copy(fixtures / "sim" / "variants.vcf", fixtures / "all.vcf")
    lines = [
        (chrom, start)
        for chrom in range(1, 9)
        for start in sorted(draw.randrange(19_700) for _ in range(400))
    ]
    (fixtures / "many.fragments").write_text(
        "".join(f"chr{chrom}\t{start}\t{start + 180}\tcell\t1\n" for chrom, start in lines)
    )
    rows = ("".join(draw.choices("ACGT", k=draw.randrange(60, 90))) for _ in range(20_000))
    (fixtures / "many.tsv").write_text("sequence\n" + "".join(f"{row}\n" for row in rows))


def main() -> None:
    """Kill runs of every command in turn, and write what became of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("build/kills"))
    parser.add_argument("--fixtures", type=Path, help="made before; else made now")
    parser.add_argument("--kills", type=int, default=100, help="number of runs that are killed")
    parser.add_argument(
        "--only", nargs="+", default=[""], help="runs whose names hold one of these texts"
    )
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    fixtures = (asked.fixtures or asked.out / "fixtures").resolve()
    if not fixtures.exists():
        make_fixtures(fixtures)
    add_inputs(fixtures)
    preload()
    folder, kept = (asked.out.resolve() / name for name in ("work", "whole"))
    shutil.rmtree(kept, ignore_errors=True)
    runs = [
        run
        for run in RUNS
        if is_here(run.line, run.library) and any(text in run.name for text in asked.only)
    ]
    draw, trials, times = random.Random(asked.seed), [], {}
    killed = 0
    with (asked.out / "trials.jsonl").open("w") as file:
        while killed < asked.kills:
            run = runs[len(trials) % len(runs)]
            place = kept / str(RUNS.index(run))
            if run not in times:
                times[run], _ = whole(run, fixtures, folder, place)
            trial = kill(run, fixtures, folder, place, times[run], draw)
            trials.append(trial)
            killed += not trial.is_early
            file.write(json.dumps(asdict(trial)) + "\n")
            file.flush()
            if trial.faults:
                print(
                    f"{trial.run}, killed at {trial.kills}: {'; '.join(trial.faults)}", flush=True
                )
    table = make_table(trials)
    (asked.out / "table.md").write_text(table)
    print(table)


def make_table(trials: list[Trial]) -> str:
    """Count by command: runs that were killed, times, same outputs, and what was left."""
    rows = [
        "| command | runs killed | kills | identical | beside it after a kill | at the end |",
        "| --- | ---: | ---: | ---: | --- | --- |",
    ]
    by_run: dict[str, list[Trial]] = collections.defaultdict(list)
    for trial in trials:
        if not trial.is_early:
            by_run[trial.run].append(trial)
    for name, mine in [
        *by_run.items(),
        ("all", [trial for each in by_run.values() for trial in each]),
    ]:
        left = [
            ", ".join(f"`{each}`" for each in sorted({x for t in mine for x in getattr(t, key)}))
            for key in ("after_kill", "at_end")
        ]
        if name == "all":
            left = ["", ""]
        cells = [
            name,
            len(mine),
            sum(len(t.kills) for t in mine),
            sum(not t.faults for t in mine),
            *left,
        ]
        rows.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
