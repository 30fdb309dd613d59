"""What scores of many variants cost on many machines: measured here, projected, and simulated.

    python benchmarks/speed/cost.py --model model --fasta x.fa --vcf x.vcf.gz --out build/cost.json

The first records of the file are scored, few and many, each file as a shard with a plan. A start
and a time an allele follow from the fewest and the most; what they say of the files between is
compared with what was measured. Then shards of more variants are laid out over more jobs, with
failures, by a simulation of a scheduler. Times are processor time of one thread.
"""

from __future__ import annotations

import heapq
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import pysam
import typer
from resources import machine

from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.genome.vcf import VariantFile

#: What the workflow's own process takes before a job's command begins (s): Snakemake, on a node.
SNAKEMAKE_START = 10.0
#: Shards of a projection take so long (s), if there are so many alleles.
SHARD_SECONDS = 3600.0


class Run(NamedTuple):
    """What scoring a file took.

    Attributes
    ----------
    alleles
        Alleles in it.
    seconds, wall
        Processor time and wall time (s).
    memory
        Largest resident memory (bytes).
    written
        Size of the table (bytes).
    """

    alleles: int
    seconds: float
    wall: float
    memory: int
    written: int


@dataclass(frozen=True)
class Cost:
    """What a shard takes.

    Attributes
    ----------
    start
        Processor time of a shard without alleles (s).
    allele
        Processor time of an allele (s).
    written
        Bytes that an allele adds to the table.
    """

    start: float
    allele: float
    written: float = 0.0

    def seconds(self, alleles: float) -> float:
        """Return the processor time of a shard of so many alleles (s)."""
        return self.start + self.allele * alleles


def fitted(runs: list[Run]) -> Cost:
    """Find the cost by the smallest and the largest of some runs."""
    few, many = min(runs), max(runs)
    alleles = many.alleles - few.alleles
    allele = (many.seconds - few.seconds) / alleles
    return Cost(few.seconds - allele * few.alleles, allele, (many.written - few.written) / alleles)


class Outcome(NamedTuple):
    """What a simulated scheduler did.

    Attributes
    ----------
    wall
        When the last shard ended (s).
    computed
        What all jobs computed together, what was lost included (s).
    attempts
        Jobs that began.
    done
        Shards that ended.
    """

    wall: float
    computed: float
    attempts: int
    done: int


def schedule(
    shards: list[float],
    jobs: int,
    *,
    start: float,
    part: float,
    failure: float = 0.0,
    straggler: float = 0.0,
    seed: int = 0,
) -> Outcome:
    """Simulate a scheduler that starts shards in order, and failed ones again behind all others.

    Parameters
    ----------
    shards
        What each takes beside its start (s).
    jobs
        Jobs at a time.
    start
        What each attempt takes before it goes on (s).
    part
        What is saved together (s): a failure costs the part at hand.
    failure
        Probability that an attempt fails, at a moment that is drawn evenly.
    straggler
        Probability that an attempt takes three times as long.
    seed
        Of what is drawn.
    """
    drawn = random.Random(seed)
    waiting, left = deque(range(len(shards))), list(shards)
    running: list[tuple[float, int, bool]] = []
    now = computed = 0.0
    attempts = done = 0
    while waiting or running:
        while waiting and len(running) < jobs:
            shard = waiting.popleft()
            attempts += 1
            slow = 3.0 if drawn.random() < straggler else 1.0
            has_failed = drawn.random() < failure
            lasts = start + left[shard]
            if has_failed:
                lasts = drawn.uniform(0.0, lasts)
                left[shard] -= max(0.0, lasts - start) // part * part
            heapq.heappush(running, (now + slow * lasts, shard, has_failed))
            computed += lasts
        now, shard, has_failed = heapq.heappop(running)
        if has_failed:
            waiting.append(shard)
        else:
            done += 1
    return Outcome(now, computed, attempts, done)


def project(cost: Cost, alleles: float, jobs: int, failure: float) -> dict[str, float]:
    """Lay out the scores of many alleles over jobs, in shards of about `SHARD_SECONDS`."""
    each = max(1.0, (SHARD_SECONDS - cost.start) / cost.allele)
    number = max(1, round(alleles / each))
    start = cost.start + SNAKEMAKE_START
    outcome = schedule(
        [cost.allele * alleles / number] * number,
        jobs,
        start=start,
        part=cost.allele * 1024,
        failure=failure,
    )
    if outcome.done != number:
        raise SystemExit(f"error: {number - outcome.done} shards are lost")
    return {
        "alleles": alleles,
        "jobs": jobs,
        "failure": failure,
        "shards": number,
        "hours": outcome.wall / 3600,
        "processor_hours": outcome.computed / 3600,
        "attempts": outcome.attempts,
        "gigabytes": cost.written * alleles / 1e9,
    }


def score(folder: Path, words: list[str], vcf: Path) -> Run:
    """Score a file as one shard, by a plan; count its alleles."""
    command = [sys.executable, "-m", "basenji_kipoi"]
    given = [*words, "--vcf", str(vcf), "--quiet", "--overwrite"]
    plan, out = folder / "plan.json", folder / "x.parquet"
    subprocess.run([*command, "plan-scores", *given, "--out", plan], check=True)
    environment = {**os.environ, "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    began = time.monotonic()
    with subprocess.Popen(
        [*command, "score", *given, "--window", "grid", "--plan", plan, "--out", out],
        env=environment,
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(process.returncode)
    with VariantFile(str(vcf)) as variants:
        alleles = sum(1 for _ in variants.alleles())
    return Run(
        alleles,
        usage.ru_utime + usage.ru_stime,
        time.monotonic() - began,
        usage.ru_maxrss * 1024,
        out.stat().st_size,
    )


def first_records(vcf: Path, number: int, path: Path) -> Path:
    """Write the first records of a file (bgzip)."""
    with VariantFile(str(vcf)) as variants:
        lines = [line + "\n" for line in variants.header_lines()]
        offset = variants.alleles().offset
        for _, line in zip(range(number), variants.record_lines(offset)):
            lines.append(line + "\n")
    plain = path.with_suffix(".vcf")
    plain.write_text("".join(lines), encoding="utf-8")
    pysam.tabix_compress(str(plain), str(path), force=True)
    return path


def main(
    model: Annotated[Path, typer.Option(help="Bundle.")],
    fasta: Annotated[Path, typer.Option(help="Genome.")],
    vcf: Annotated[Path, typer.Option(help="Variants, in order.")],
    out: Annotated[Path, typer.Option(help="JSON file of the measurements.")],
    records: Annotated[str, typer.Option(help="Records of each file, by commas.")] = "1,200,600",
    alleles: Annotated[float, typer.Option(help="Alleles of the projection.")] = 1e8,
) -> None:
    """Measure, compare, project."""
    runs = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = ["--model", str(model), "--fasta", str(fasta)]
        for number in map(int, records.split(",")):
            file = first_records(vcf, number, folder / f"{number}.vcf.gz")
            runs.append(score(folder, words, file))
            print(runs[-1], flush=True)
    cost = fitted(runs)
    between = [
        {"alleles": run.alleles, "measured": run.seconds, "told": cost.seconds(run.alleles)}
        for run in runs
        if run not in (min(runs), max(runs))
    ]
    projected = [
        project(cost, alleles, jobs, failure) for jobs in (1, 64, 1000) for failure in (0.0, 0.05)
    ]
    found = {
        "runs": [run._asdict() for run in runs],
        "cost": asdict(cost),
        "between": between,
        "projected": projected,
        "machine": machine(),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(out, overwrite=True) as path:
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found["cost"] | {"between": between}, indent=1))
    for each in projected:
        print(
            f"projected: {each['alleles']:.0e} alleles, {each['jobs']:,} jobs at a time, "
            f"{each['failure']:.0%} fail: {each['hours']:,.1f} h, "
            f"{each['processor_hours']:,.0f} processor hours, {each['gigabytes']:,.1f} GB"
        )


if __name__ == "__main__":
    typer.run(main)
