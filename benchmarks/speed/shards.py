"""What a shard of a large file costs beside a file of its own size, as JSON and a Markdown table.

    python benchmarks/speed/shards.py --out build/shards.json

A file of random variants is planned once and scored in shards by a tiny network. The last shard is
measured with and without the plan, beside a file that holds its records alone, and one of a single
record, which is what every run begins with. Each is run several times, in turns; the medians are
compared.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pysam
import typer
from random_model import save_random
from resources import machine

from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.base.sequence import ALPHABET
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.networks.building import build_network

#: A network that takes next to nothing: what remains is the work around it.
_TINY = {
    "window": 512,
    "trunk": [
        {"op": "convolution", "filters": 4, "kernel": 5},
        {"op": "pooling", "size": 32},
    ],
    "heads": {"tracks": {"tracks": 1}},
}
_HEADER = (
    "##fileformat=VCFv4.2\n##contig=<ID=chr1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)
_PLANNED, _ALONE, _START = (
    "last shard, with the plan",
    "its records as a file of their own",
    "a file of one record",
)


def make_files(folder: Path, *, records: int, shards: int, bases: int) -> None:
    """Write a genome, a file of variants (bgzip), one of the last shard's and one of the last."""
    random = np.random.default_rng(0)
    codes = random.integers(0, 4, bases, dtype=np.uint8)
    letters = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)[codes].tobytes().decode()
    (folder / "genome.fa").write_text(
        ">chr1\n" + "\n".join(letters[i : i + 80] for i in range(0, bases, 80)) + "\n"
    )
    Genome(folder / "genome.fa").close()
    positions = np.sort(random.choice(np.arange(1, bases + 1), records, replace=False))
    alternatives = (codes[positions - 1] + random.integers(1, 4, records)) % 4
    lines = [
        f"chr1\t{pos}\trs{number}\t{letters[pos - 1]}\t{ALPHABET[alt]}\t.\tPASS\tDP=30;AF=0.5\n"
        for number, (pos, alt) in enumerate(zip(positions.tolist(), alternatives.tolist()))
    ]
    files = {"all": lines, "last": lines[-(records // shards) :], "one": lines[-1:]}
    for name, some in files.items():
        (folder / "x.vcf").write_text(_HEADER + "".join(some))
        pysam.tabix_compress(str(folder / "x.vcf"), str(folder / f"{name}.vcf.gz"))
    architecture = Architecture.model_validate(_TINY)
    save_random(folder / "model", build_network(architecture), architecture)


def run(folder: Path, *words: str) -> dict[str, float]:
    """Run a command; return its processor time, its wall time (s) and the bytes that it read."""
    start = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "basenji_kipoi", *words, "--quiet", "--overwrite"], cwd=folder
    ) as process:
        # What the kernel counted is there as long as the process is not waited for.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        counted = Path(f"/proc/{process.pid}/io").read_text(encoding="ascii")
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(process.returncode)
    return {
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "seconds": time.monotonic() - start,
        "bytes_read": int(counted.split("rchar: ")[1].split()[0]),
    }


def measure(folder: Path, *, records: int, shards: int, repeats: int) -> dict[str, Any]:
    """Run the plan once and the others in turns."""
    part_size = str(max(1, records // shards // 10))
    common = ["--model", "model", "--fasta", "genome.fa", "--part-size", part_size]
    every = [*common, "--vcf", "all.vcf.gz"]
    score = ["score", "--window", "grid", "--out", "x.parquet"]
    commands = {
        _PLANNED: [*score, *every, "--shard", f"{shards}/{shards}", "--plan", "x.plan.json"],
        "last shard, without a plan": [*score, *every, "--shard", f"{shards}/{shards}"],
        _ALONE: [*score, *common, "--vcf", "last.vcf.gz"],
        _START: [*score, *common, "--vcf", "one.vcf.gz"],
    }
    plan = run(folder, "plan-scores", *every, "--out", "x.plan.json")
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            runs[name].append(run(folder, *command))
    medians = {
        name: {key: statistics.median(each[key] for each in found) for key in found[0]}
        for name, found in runs.items()
    }
    planned, alone, start = (medians[name]["cpu_seconds"] for name in (_PLANNED, _ALONE, _START))
    ratios = {
        "ratio": planned / alone,
        "ratio_behind_the_start": (planned - start) / (alone - start),
    }
    return {"plan": plan, "medians": medians, "runs": runs, **ratios}


def table(found: dict[str, Any]) -> str:
    """Format the measurements as a Markdown table with the machine below it."""
    host = found["machine"]
    records, shards = found["records"], found["shards"]
    rows = {f"plan of {records:,} records": found["plan"], **found["medians"]}
    lines = ["| run | processor time | wall time | read |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {name} | {row['cpu_seconds']:.1f} s | {row['seconds']:.1f} s | "
        f"{row['bytes_read'] / 1e6:.0f} MB |"
        for name, row in rows.items()
    ]
    return "\n".join(
        [
            *lines,
            "",
            f"{records:,} records in {shards} shards, medians of {found['repeats']} runs: the last "
            f"shard takes {found['ratio']:.2f} times the processor time of a file of its "
            f"{records // shards:,} records, {found['ratio_behind_the_start']:.2f} times without "
            f"what one record takes. {host['processor']}, {host['cores']} cores.",
        ]
    )


def main(
    out: Annotated[Path, typer.Option(help="JSON file of the measurements.")],
    records: Annotated[int, typer.Option(min=1, help="Records of the file.")] = 1_000_000,
    shards: Annotated[int, typer.Option(min=1, help="Shards.")] = 100,
    bases: Annotated[int, typer.Option(min=1, help="Length of the genome (bp).")] = 20_000_000,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each command.")] = 3,
) -> None:
    """Measure, print the table and write the JSON file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_files(folder, records=records, shards=shards, bases=bases)
        found = measure(folder, records=records, shards=shards, repeats=repeats)
    found |= {"records": records, "shards": shards, "repeats": repeats, "machine": machine()}
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(out, overwrite=True) as path:
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    typer.echo(table(found))


if __name__ == "__main__":
    typer.run(main)
