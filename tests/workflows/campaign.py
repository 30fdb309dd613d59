"""Scores a file by the workflow many times, harms each run in another way, and compares the scores.

    .venv-training/bin/python tests/workflows/campaign.py --out build/failures --runs 100

Jobs are killed, shards find a full disk, and Snakemake is killed and started again, at moments that
are drawn. Commands run in copies of one process in which the libraries are loaded already.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

# Modules of the tests lie beside this folder.
sys.path.insert(0, str(Path(__file__).parents[1]))

import pyarrow.parquet
from robustness.campaign import can_mount, fill, mount, preload, run_command
from score_command import HEADER, LETTERS, snvs
from small_network import make_small_bundle
from snakemake_command import snakemake

if TYPE_CHECKING:
    from collections.abc import Iterator

ALLELES, PART, SHARDS = 60, 5, 2
#: Share of the attempts of a job that are killed, and of those of a shard that find a full disk.
KILLED, FULL = 0.3, 0.25
#: Share of the runs whose Snakemake is killed.
ENDED = 0.25
#: How long a shard takes (s), about: jobs are killed at a moment within it.
SECONDS = 4.0
#: How often Snakemake is started for a run, at most.
STARTS = 6
#: What a workflow calls in the place of `basenji`: it asks for a copy of the process that has all.
CLIENT = """#!{python} -IS
import json, os, socket, sys
asked = socket.socket(socket.AF_UNIX)
asked.connect({path!r})
socket.send_fds(asked, [json.dumps([sys.argv[1:], os.getcwd()]).encode()], [2])
told = asked.recv(16)
sys.exit(int(told) if told else 137)
"""


def make_inputs(folder: Path) -> None:
    """Make a model, a genome, variants, and the configuration of a run."""
    make_small_bundle(folder / "model")
    (folder / "genome.fa").write_text(f">chrI\n{LETTERS}\n")
    rows = snvs(ALLELES, step=211)
    (folder / "in.vcf").write_text(HEADER + "".join(f"{row}\n" for row in rows))
    (folder / "score.yaml").write_text(
        f"model: {folder}/model\nfasta: {folder}/genome.fa\nvariants: [{folder}/in.vcf]\n"
        f"shards: {SHARDS}\noptions: {{window: grid, part_size: {PART}}}\n"
        f"programs: {{basenji: {folder}/basenji}}\n"
    )


def serve(listening: socket.socket, driver: int, folder: Path, seed: int) -> int:
    """Run what clients ask for until the driver ends; return its exit status."""
    listening.settimeout(0.2)
    # Handlers that have ended are nobody's.
    handlers: set[int] = set()
    number = 0
    while True:
        for pid in (driver, *handlers):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended == driver:
                return os.waitstatus_to_exitcode(status)
            handlers.discard(ended)
        try:
            asked, _ = listening.accept()
        except TimeoutError:
            continue
        number += 1
        pid = os.fork()
        if not pid:
            with contextlib.suppress(BaseException):
                _handle(asked, folder, random.Random(f"{seed} {number}"))
            os._exit(0)
        asked.close()
        handlers.add(pid)


def _handle(asked: socket.socket, folder: Path, drawn: random.Random) -> None:
    """Run a command in a copy of this process, and perhaps harm it; tell the client its status."""
    asked.settimeout(None)
    message, (stderr,), *_ = socket.recv_fds(asked, 1 << 16, 1)
    words, place = json.loads(message)
    is_shard = "--shard" in words
    # The run without harm is the one that others are compared with.
    is_calm = Path(place).name == "calm"
    is_killed = not is_calm and drawn.random() < KILLED
    disk = Path(place) / "shards"
    is_full = not is_calm and is_shard and not is_killed and drawn.random() < FULL
    with _full(disk, drawn.randrange(0, 40_000)) if is_full else contextlib.nullcontext():
        pid = os.fork()
        if not pid:
            os.chdir(place)
            os.dup2(stderr, 2)
            os._exit(run_command(("B", *words)))
        if is_killed:
            time.sleep(drawn.uniform(0.0, SECONDS if is_shard else 1.0))
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    harm = "killed" if code == -signal.SIGKILL else "full disk" if is_full and code else None
    if harm or code:
        with (folder / "harm.jsonl").open("a") as lines:
            kind = "shard" if is_shard else words[0]
            lines.write(json.dumps([Path(place).name, kind, harm, code]) + "\n")
    asked.send(str(code if code >= 0 else 128 - code).encode())


@contextlib.contextmanager
def _full(disk: Path, space: int) -> Iterator[None]:
    """Fill a small disk but for some bytes, unless another job does."""
    has_filled = False
    with contextlib.suppress(OSError):
        if disk.is_mount() and not (disk / "full").exists():
            fill(disk, space)
            has_filled = True
    try:
        yield
    finally:
        if has_filled:
            (disk / "full").unlink()


def run_workflow(folder: Path, drawn: random.Random, *, cores: int) -> tuple[int, int]:
    """Run the workflow in a folder until it is done; return starts and kills of Snakemake."""
    kills = 0
    with (folder / "snakemake.log").open("ab") as log:

        def start(*more: str) -> subprocess.Popen[bytes]:
            words = snakemake("score", *more, "--retries", "6", "--cores", str(cores))
            return subprocess.Popen(words, cwd=folder, stdout=log, stderr=log)

        for number in range(1, STARTS + 1):
            if number > 1:
                start("--unlock").wait()
            running = start()
            if number == 1 and folder.name != "calm" and drawn.random() < ENDED:
                try:
                    running.wait(drawn.uniform(4.0, 15.0))
                except subprocess.TimeoutExpired:
                    running.kill()
                    kills += 1
            if running.wait() == 0:
                return number, kills
    raise SystemExit(f"error: {folder} did not end in {STARTS} starts: see its snakemake.log")


def drive(out: Path, runs: int, seed: int, cores: int) -> None:
    """Run the workflow without harm, then with harm, and compare."""
    inputs, harmed = out / "inputs", collections.Counter()
    tables = {}
    has_disks = can_mount()
    for name in ["calm", *(f"run{number:03}" for number in range(1, runs + 1))]:
        folder = out / name
        (folder / "shards").mkdir(parents=True)
        shutil.copy(inputs / "score.yaml", folder)
        if has_disks:
            mount(folder / "shards")
        try:
            starts, kills = run_workflow(folder, random.Random(f"{seed} {name}"), cores=cores)
            left = [path.name for path in folder.rglob("*.unfinished")]
        finally:
            if has_disks:
                subprocess.run(["umount", folder / "shards"], check=True)
        tables[name] = pyarrow.parquet.read_table(folder / "scores" / "in.parquet")
        harmed["starts of Snakemake"] += starts
        harmed["kills of Snakemake"] += kills
        if left or not tables[name].equals(tables["calm"]):
            raise SystemExit(f"error: {name} has other scores, or leaves {left}")
        if name != "calm":
            shutil.rmtree(folder)
    if tables["calm"].num_rows != ALLELES:
        raise SystemExit(f"error: {tables['calm'].num_rows} alleles are scored, not {ALLELES}")
    if (inputs / "harm.jsonl").exists():
        for line in (inputs / "harm.jsonl").read_text().splitlines():
            _, kind, harm, code = json.loads(line)
            harmed[f"{kind}: {harm or f'status {code}'}"] += 1
    print(f"{runs} runs with harm, all with the same {ALLELES} alleles: {dict(harmed)}", flush=True)


def main() -> None:
    """Make the inputs, become what runs the commands, and have a child drive the workflows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("build/failures"))
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cores", type=int, default=2, help="jobs at a time")
    asked = parser.parse_args()
    out = asked.out.resolve()
    inputs = out / "inputs"
    inputs.mkdir(parents=True)
    client = inputs / "basenji"
    client.write_text(CLIENT.format(python=sys.executable, path=str(inputs / "socket")))
    client.chmod(0o755)
    # What computes must not have begun when this process is copied: another one makes the model.
    maker = os.fork()
    if not maker:
        make_inputs(inputs)
        os._exit(0)
    if os.waitpid(maker, 0)[1]:
        raise SystemExit("error: the inputs were not made")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(inputs / "socket"))
    listening.listen()
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), "1"))
    preload()
    driver = os.fork()
    if not driver:
        listening.close()
        status = 1
        try:
            drive(out, asked.runs, asked.seed, asked.cores)
            status = 0
        except SystemExit as end:
            print(end, file=sys.stderr)
        finally:
            sys.stdout.flush()
            os._exit(status)
    sys.exit(serve(listening, driver, inputs, asked.seed))


if __name__ == "__main__":
    main()
