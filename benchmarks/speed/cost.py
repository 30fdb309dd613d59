r"""What much work costs on many machines: measured here, projected, and simulated.

    python benchmarks/speed/cost.py score --model model --fasta x.fa --vcf x.vcf.gz \
        --out build/cost.json
    python benchmarks/speed/cost.py predict --model model --fasta x.fa --out build/cost.json

The first records of the file are scored, few and many and many in small parts, each file as a shard
with a plan; or the first bases of the longest contig are predicted or mutated. A start, a time a
part and a time an allele (or base) follow from three of the runs; what they say of the others is
compared with what was measured. Then shards of more variants are laid out over more jobs, with
failures, by a simulation of a scheduler. Times are processor time of one thread.
"""

from __future__ import annotations

import heapq
import itertools
import json
import math
import random
import subprocess
import sys
import tempfile
from collections import deque
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import pysam
import typer
from job_costs import (
    Cost,
    Run,
    chosen,
    described,
    fitted,
    plain_errors,
    save,
    timed,
)

from basenji_kipoi.genome.vcf import VariantFile
from basenji_kipoi.scoring.plan import Plan

#: The commands, in this environment.
PROGRAM = (sys.executable, "-m", "basenji_kipoi")
_WRITING = ("--overwrite", "--quiet", "--out")
#: What the workflow's own process takes before a job's command begins (s): Snakemake, on a node.
SNAKEMAKE_START = 10.0
#: Shards of a projection take so long (s), if there are so many alleles.
SHARD_SECONDS = 3600.0


#: What is counted, and saved together where no option says so: alleles, or bases.
UNITS = {"score": ("alleles", 1024), "predict": ("bases", 0), "mutate": ("bases", 2048)}
#: What is measured of each command where nothing else is asked for: how many, and, behind a
#: slash, in parts of how many.
SIZES = {
    "score": "1,200,500,500/25,267/50",
    "predict": "20000,400000,1000000",
    "mutate": "50,1000,300",
}


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
    _, size = UNITS["score"]
    part = cost.part + cost.each * size
    number = max(1, round(alleles / size * part / max(part, SHARD_SECONDS - cost.start)))
    start = cost.start + SNAKEMAKE_START
    outcome = schedule(
        [part * alleles / size / number] * number,
        jobs,
        start=start,
        part=part,
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


def score(folder: Path, words: list[str], vcf: Path, part: int) -> Run:
    """Score a file as one shard, by a plan; count its alleles."""
    given = [*words, "--vcf", str(vcf), "--part-size", str(part)]
    plan = folder / "plan.json"
    subprocess.run(
        [*PROGRAM, "plan-scores", *_planned(given), "--overwrite", "--quiet", "--out", plan],
        check=True,
    )
    parts = Plan.model_validate_json(plan.read_text(encoding="utf-8")).parts
    out = folder / "x.parquet"
    alleles = sum(each.alleles for each in parts)
    given += ["--plan", str(plan)]
    return timed([*PROGRAM, "score", *given, *_WRITING, out], out, alleles, len(parts))


def _planned(words: list[str]) -> list[str]:
    """Leave out what a plan does not depend on."""
    pairs = zip(words[::2], words[1::2])
    return [word for pair in pairs if pair[0] != "--window" for word in pair]


def cover(command: str, folder: Path, words: list[str], contig: str, size: int) -> Run:
    """Predict or mutate the first bases of a contig."""
    bed, out, (_, part) = folder / "x.bed", folder / "x.h5", UNITS[command]
    bed.write_text(f"{contig}\t0\t{size}\n", encoding="ascii")
    parts = math.ceil(size / part) if part else 1
    given = [command, *words, "--bed", bed]
    return timed([*PROGRAM, *given, *_WRITING, out], out, size, parts)


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
    command: Annotated[Literal["score", "predict", "mutate"], typer.Argument(help="What is done.")],
    model: Annotated[Path, typer.Option(help="Bundle, or yeast.")],
    fasta: Annotated[Path, typer.Option(help="Genome.")],
    out: Annotated[Path, typer.Option(help="JSON file of the measurements.")],
    vcf: Annotated[Path | None, typer.Option(help="Variants that are scored, in order.")] = None,
    window: Annotated[str, typer.Option(help="Windows of the scores.")] = "grid",
    sizes: Annotated[
        str | None,
        typer.Option(help="Records or bases of each job, by commas, N/P in parts of P records."),
    ] = None,
    alleles: Annotated[float, typer.Option(help="Alleles of the projection.")] = 1e8,
) -> None:
    """Measure, compare, project."""
    unit, usual = UNITS[command]
    words, runs = ["--model", str(model), "--fasta", str(fasta)], []
    with tempfile.TemporaryDirectory() as name, pysam.FastaFile(str(fasta)) as genome:
        folder = Path(name)
        contig = max(genome.references, key=genome.get_reference_length)
        for asked in (sizes or SIZES[command]).split(","):
            size, _, part = asked.partition("/")
            if command != "score":
                runs.append(cover(command, folder, words, contig, int(size)))
            elif vcf is None:
                raise SystemExit("error: score needs variants: pass --vcf")
            else:
                file = first_records(vcf, int(size), folder / f"{size}.vcf.gz")
                more = ["--window", window]
                runs.append(score(folder, [*words, *more], file, int(part or usual)))
            print(runs[-1], flush=True)
    cost = fitted(chosen(runs))
    projected = [
        project(cost, alleles, jobs, failure)
        for jobs, failure in itertools.product((1, 64, 1000), (0.0, 0.05))
        if command == "score"
    ]
    options = {"window": window} if command == "score" else {}
    of = f"{model} ({f'window: {window}' if options else 'no options'})"
    found = described(command, str(model), options, of, runs, chosen(runs))
    found |= {"unit": unit, "projected": projected}
    save(found, out)
    print(json.dumps(found["cost"], indent=1))
    for each in projected:
        print(
            f"projected: {each['alleles']:.0e} alleles, {each['jobs']:,} jobs at a time, "
            f"{each['failure']:.0%} fail: {each['hours']:,.1f} h, "
            f"{each['processor_hours']:,.0f} processor hours, {each['gigabytes']:,.1f} GB"
        )


if __name__ == "__main__":
    with plain_errors():
        typer.run(main)
