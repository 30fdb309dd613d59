"""Mutation testing: does a test fail when the code is wrong?

``make mutants`` runs it; ``SAMPLE=300 SEED=1 make mutants`` draws others. Of the rooms' modules a
sample of places is drawn, each is changed in one operator, comparison, small constant or flag
(`sampling`), and the quick tests that run the statement are run on it until one fails. Which tests
run a statement is measured first. All runs are copies of one process in which the libraries are
loaded, on a copy of the checkout.

What no test can kill because nothing behaves differently is listed, with the reason, in
``equivalent.tsv``; of the other mutants the tests must kill at least 95 %.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
# `make mutants` puts there what the environments lack; they come first.
sys.path.append(str(REPOSITORY / ".tools" / "mutation"))

import coverage  # noqa: E402 - found through the line above
from sampling import Mutant, sample  # noqa: E402 - likewise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

ROOMS = ("base", "genome", "effects", "models/incremental", "scoring")
#: Loaded before the runs part, because the tests would each load them again; none of them imports
#: the project.
LIBRARIES = ("hypothesis", "cyvcf2", "pysam", "pyarrow.csv", "zarr", "h5py", "keras", "tensorflow")
#: Least share of the mutants that behave differently which must be killed.
GOAL = 0.95
#: Bounds of a run: time (s, beside a multiple of what the tests take), and memory (bytes).
SPARE, MULTIPLE, MEMORY = 60, 5, 8 << 30
#: Between two looks at a run (s).
LOOK = 0.05


@dataclass(frozen=True)
class Coverage:
    """Which tests run which lines, and how long each takes (s of processors)."""

    tests: dict[str, dict[int, list[str]]]
    seconds: dict[str, float]

    def of(self, mutant: Mutant) -> list[str]:
        """List the tests that run a mutant's statement, the quick ones first.

        What runs when the module is imported is run by all that run anything of the module.
        """
        lines = self.tests.get(mutant.module, {})
        first, last = mutant.lines
        found = {test for line in range(first, last + 1) for test in lines.get(line, [])}
        if "" in found:
            found = {test for tests in lines.values() for test in tests}
        return sorted(found - {""}, key=lambda test: (self.seconds[test], test))

    def within(self, tests: Sequence[str], seconds: float) -> list[str]:
        """Take the first of some tests, as many as take so long together; at least one."""
        together = itertools.accumulate(self.seconds[test] for test in tests)
        number = sum(total <= seconds for total in together)
        return list(tests[: max(number, 1)])


class _Recorder:
    """Tells coverage which test runs; a test's setup belongs to it."""

    def __init__(self, measured: coverage.Coverage) -> None:
        self.measured, self.seconds = measured, {}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        # All examples of a test are one.
        name = item.nodeid.partition("[")[0]
        self.measured.switch_context(name)
        # Time of processors, for others may use them too.
        began = sum(os.times()[:4])
        yield
        self.seconds[name] = self.seconds.get(name, 0) + sum(os.times()[:4]) - began
        self.measured.switch_context("")


def in_copy(run: Callable[[], int], tree: Path, log: Path, seconds: float) -> int | None:
    """Run something in a copy of this process; return its status, None if it took too long.

    Looks at it are counted, not the clock: while everything is stopped (SIGSTOP), or the machine
    sleeps, no time goes by.
    """
    pid = os.fork()
    if not pid:
        status = 99
        try:
            os.setsid()
            os.chdir(tree)
            os.environ.update(PYTHONPATH=str(tree), PYTHONDONTWRITEBYTECODE="1")
            sys.dont_write_bytecode = True
            sys.path.insert(0, str(tree))
            file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for stream in (1, 2):
                os.dup2(file, stream)
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
            status = int(run())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    code = None
    for _ in range(math.ceil(seconds / LOOK)):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            code = status
            break
        time.sleep(LOOK)
    # What a test started goes with it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    if code is None:
        os.waitpid(pid, 0)
        return None
    return os.waitstatus_to_exitcode(code)


def _pytest(arguments: Sequence[str], plugins: Sequence[object] = ()) -> int:
    options = ["-q", "-m", "not slow", "-p", "no:cacheprovider", *arguments]
    return pytest.main(options, plugins=list(plugins))


def measure(tree: Path, folders: Sequence[str], out: Path) -> Coverage:
    """Run all tests once, and see which lines each runs."""

    def run() -> int:
        measured = coverage.Coverage(data_file=None, source=[str(tree / "basenji_kipoi")])
        recorder = _Recorder(measured)
        measured.start()
        status = _pytest(folders, [recorder])
        measured.stop()
        data = measured.get_data()
        tests = {
            str(Path(file).relative_to(tree)): data.contexts_by_lineno(file)
            for file in data.measured_files()
        }
        out.write_text(json.dumps({"tests": tests, "seconds": recorder.seconds}))
        return status

    status = in_copy(run, tree, out.with_suffix(".log"), 7200)
    if status != 0:
        raise SystemExit(f"the tests fail without any change: {out.with_suffix('.log')}")
    return read_coverage(out)


def read_coverage(path: Path) -> Coverage:
    """Read what `measure` wrote."""
    content = json.loads(path.read_text())
    tests = {
        module: {int(line): names for line, names in lines.items()}
        for module, lines in content["tests"].items()
    }
    return Coverage(tests, content["seconds"])


def try_mutant(mutant: Mutant, tests: Sequence[str], seconds: float, tree: Path, log: Path) -> str:
    """Tell how a mutant ended: killed, survived or not run."""
    if not tests:
        return "not run"
    path = tree / mutant.module
    whole = path.read_text(encoding="utf-8")
    path.write_text(mutant.code, encoding="utf-8")
    try:
        status = in_copy(lambda: _pytest(["-x", *tests]), tree, log, seconds)
    finally:
        path.write_text(whole, encoding="utf-8")
    if status == pytest.ExitCode.USAGE_ERROR and "ImportError" not in log.read_text():
        raise SystemExit(f"the tests of a mutant could not be run: {log}")
    return "survived" if status == 0 else "killed"


def read_equivalent(path: Path) -> dict[tuple[str, str, str], str]:
    """Read the mutants that behave as the code does: module, line before and after to reason."""
    _, *rows = path.read_text(encoding="utf-8").splitlines()
    return {tuple(cells[:3]): cells[3] for cells in (row.split("\t") for row in rows)}


def copy_checkout(tree: Path) -> None:
    """Copy the files of the checkout that git does not ignore."""
    shutil.rmtree(tree, ignore_errors=True)
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    for name in filter(None, names.stdout.split("\0")):
        if (REPOSITORY / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, tree / name)


def report(results: Iterable[dict], out: Path, about: dict[str, object]) -> bool:
    """Write and print how mutants ended; tell whether enough were killed."""
    results = list(results)
    count = {end: sum(each["end"] == end for each in results) for end in ("killed", "equivalent")}
    different = len(results) - count["equivalent"]
    share = count["killed"] / max(different, 1)
    (out / "mutants.json").write_text(
        json.dumps({**about, **count, "share": share, "mutants": results}, indent=1) + "\n"
    )
    for each in results:
        if each["end"] not in count:
            print(f"{each['end']}: {each['module']}:{each['line']}")
            print(f"    {each['before']}\n    {each['after']}")
    print(
        f"{len(results)} mutants, {count['equivalent']} of them equivalent: {count['killed']} of "
        f"{different} killed ({share:.1%})"
    )
    return share >= GOAL


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rooms", nargs="+", default=ROOMS)
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--seconds", type=float, default=math.inf, help="most that a mutant's tests take together"
    )
    parser.add_argument("--coverage", type=Path, help="of an earlier run with the same tests")
    options = parser.parse_args()
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    tree = out / "tree"
    copy_checkout(tree)
    for name in LIBRARIES:
        __import__(name)
    folders = [f"tests/{room}" for room in ROOMS]
    known = options.coverage
    measured = read_coverage(known) if known else measure(tree, folders, out / "coverage.json")
    equivalent = read_equivalent(Path(__file__).with_name("equivalent.tsv"))
    modules = [
        path
        for room in options.rooms
        for path in sorted((tree / "basenji_kipoi" / room).glob("*.py"))
    ]
    results = []
    for number, mutant in enumerate(sample(tree, modules, options.sample, options.seed)):
        tests = measured.within(measured.of(mutant), options.seconds)
        limit = SPARE + MULTIPLE * sum(measured.seconds[test] for test in tests)
        key = mutant.module, mutant.before, mutant.after
        began = time.monotonic()
        if key in equivalent:
            end = "equivalent"
        else:
            end = try_mutant(mutant, tests, limit, tree, out / f"{number}.log")
        content = {name: value for name, value in asdict(mutant).items() if name != "code"}
        results.append(
            {
                **content,
                "line": mutant.lines[0],
                "tests": len(tests),
                "end": end,
                "seconds": round(time.monotonic() - began, 1),
            }
        )
        print(f"{number + 1}: {end} {mutant.module}:{mutant.lines[0]}: {mutant.after}", flush=True)
    return 0 if report(results, out, {"sample": options.sample, "seed": options.seed}) else 1


if __name__ == "__main__":
    sys.exit(main())
