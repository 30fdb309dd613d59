"""Score a whole file: killed and resumed, in shards, with the memory over time, as JSON and a plot.

    python benchmarks/speed/interrupted_score.py --model model_files --fasta genome.fa.gz \
        --vcf variants.vcf.gz --out build/interrupted

`basenji score` runs over all variants. It is killed with SIGKILL at random moments, three times by
default, and resumed. Then it runs again without interruption, in shards that are merged. The two
tables must be the same: columns, rows, row groups and metadata, but for the list of commands.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import pyarrow.parquet
import typer
from resources import machine

from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.base.errors import InputError

_METADATA = b"basenji_score"
#: Seconds between two looks at a running program.
_INTERVAL = 2.0


def resident_bytes(process: int) -> int:
    """Resident memory of a process now (bytes); 0 if it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except FileNotFoundError:
        return 0
    return next(
        (int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:")),
        0,
    )


def parts_of(out: Path) -> int:
    """Count the parts that a run has saved."""
    return len(list(Path(f"{out}.unfinished/pieces").glob("part-*")))


def run(command: list[str], out: Path, *, kill_at: int | None) -> dict[str, Any]:
    """Run a command to its end, or until so many parts are there and some seconds more.

    Returns
    -------
    dict
        Seconds, how it ended, the parts that it left, and (second, bytes) of its memory.
    """
    memory, start, parts = [], time.monotonic(), 0
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            memory.append((time.monotonic() - start, resident_bytes(process.pid)))
            parts = max(parts, parts_of(out))
            if kill_at is not None and parts >= kill_at:
                time.sleep(random.uniform(0, 4 * _INTERVAL))
                process.send_signal(signal.SIGKILL)
                kill_at = None
            time.sleep(_INTERVAL)
        if process.returncode not in (0, -signal.SIGKILL):
            raise SystemExit(process.returncode)
    return {
        "seconds": time.monotonic() - start,
        "killed": process.returncode != 0,
        "parts": parts,
        "memory": memory,
    }


def content(path: Path) -> tuple[Any, list[int], dict[str, Any]]:
    """Read a table: its columns, its row groups, and its metadata without the commands."""
    with pyarrow.parquet.ParquetFile(path) as file:
        groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        table = file.read()
    metadata = json.loads(table.schema.metadata[_METADATA])
    del metadata["commands"]
    return table.replace_schema_metadata(None), groups, metadata


def draw(runs: list[dict[str, Any]], path: Path) -> None:
    """Draw the memory of one run after the other."""
    import matplotlib  # noqa: PLC0415 - takes a second, and only the plot needs it

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, ax = plt.subplots(figsize=(8, 2.8), layout="constrained")
    begin = 0.0
    for each in runs:
        seconds, values = zip(*each["memory"])
        minutes = [(begin + second) / 60 for second in seconds]
        ax.plot(minutes, [value / 2**30 for value in values], color="#33638d", linewidth=1.2)
        begin += each["seconds"]
        if each["killed"]:
            ax.axvline(begin / 60, color="#b5403a", linestyle="--", linewidth=1)
            ax.annotate(
                f"killed\n{each['parts']} parts",
                (begin / 60, 0.06),
                xycoords=("data", "axes fraction"),
                xytext=(4, 0),
                textcoords="offset points",
                fontsize=8,
                color="#b5403a",
            )
    top = max(value for each in runs for _, value in each["memory"]) / 2**30
    ax.set(xlabel="minutes", ylabel="resident memory (GiB)", ylim=(0, 1.25 * top), xlim=(0, None))
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


def main(
    model: Annotated[Path, typer.Option(help="Directory of the model.")],
    fasta: Annotated[Path, typer.Option(help="The genome.")],
    vcf: Annotated[Path, typer.Option(help="The variants.")],
    out: Annotated[Path, typer.Option(help="Directory to make.")],
    window: Annotated[str, typer.Option(help="As `basenji score` takes it.")] = "cluster:2048",
    part_size: Annotated[int, typer.Option(min=1, help="Alleles of a part.")] = 1024,
    kills: Annotated[int, typer.Option(min=0, help="How often the run is killed.")] = 3,
    shards: Annotated[int, typer.Option(min=1, help="Shards of the second run.")] = 2,
    seed: Annotated[int, typer.Option(help="Seed of the moments.")] = 0,
) -> None:
    """Score a file, killed and resumed, and in shards."""
    random.seed(seed)
    try:
        with atomic_path(out) as folder:
            folder.mkdir()
            base = [sys.executable, "-m", "basenji_kipoi", "score", "--model", str(model)]
            base += ["--fasta", str(fasta), "--vcf", str(vcf), "--window", window]
            base += ["--indels", "stitch", "--part-size", str(part_size)]
            killed = folder / "killed.parquet"
            shard_files = [folder / f"shard.{number}.parquet" for number in range(1, shards + 1)]
            seconds_of_shards = []
            for number, file in enumerate(shard_files, start=1):
                command = [*base, "--out", str(file), "--shard", f"{number}/{shards}"]
                seconds_of_shards.append(run(command, file, kill_at=None)["seconds"])
            merged = folder / "merged.parquet"
            merge = [sys.executable, "-m", "basenji_kipoi", "merge-scores"]
            subprocess.run([*merge, *map(str, shard_files), "--out", str(merged)], check=True)
            alleles = pyarrow.parquet.read_metadata(merged).num_rows
            total = -(-alleles // part_size)
            moments = sorted(random.sample(range(1, total), kills))
            runs = [
                run([*base, "--out", str(killed), "--resume"], killed, kill_at=moment)
                for moment in [*moments, None]
            ]
            ours, theirs = content(killed), content(merged)
            same = ours[0].equals(theirs[0]) and ours[1:] == theirs[1:]
            if not same:
                raise ArithmeticError(f"{killed.name} and {merged.name} differ")
            result = {
                "machine": machine(),
                "alleles": alleles,
                "seconds": sum(each["seconds"] for each in runs),
                "seconds_of_shards": seconds_of_shards,
                "peak_bytes": max(value for each in runs for _, value in each["memory"]),
                "runs": runs,
                "same": same,
            }
            text = json.dumps(result, indent=1) + "\n"
            (folder / "interrupted.json").write_text(text, encoding="utf-8")
            draw(runs, folder / "memory.png")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print("| alleles | killed | seconds, resumed | seconds of the shards | peak | same tables |")
    print("| --- " * 6 + "|")
    times = " + ".join(f"{seconds:.0f}" for seconds in seconds_of_shards)
    print(
        f"| {alleles:,} | {sum(each['killed'] for each in runs)} times | {result['seconds']:.0f} | "
        f"{times} | {result['peak_bytes'] / 2**30:.2f} GiB | yes |"
    )


if __name__ == "__main__":
    typer.run(main)
