"""Speed of `basenji-train coverage` beside that of Basenji's original bam_cov.py.

    .venv-training/bin/python benchmarks/speed/coverage.py --out build/coverage.json \
        --original CHECKOUT --original-python PYTHON

Both make the coverage of the same simulated BAM file (single reads, some with two alignments) with
the same recipe: multi-mapping reads shared by expectation-maximisation, GC content corrected,
smoothed. ``--original`` is a checkout of the original repository and ``--original-python`` a Python
that has what its program imports; without them only this project's program is measured. Run it on
a quiet machine.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import pysam
import typer
from resources import machine

from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import ALPHABET

READ = 50  # bp
#: Share of the reads that have two alignments.
SEVERAL = 0.1


def make_reads(folder: Path, size: int, reads: int) -> tuple[Path, Path]:
    """Write a random genome of one contig and reads from peaks of it; return both files."""
    generator = np.random.default_rng(0)
    fasta, bam = folder / "genome.fa", folder / "reads.bam"
    letters = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)
    sequence = letters[generator.integers(0, 4, size)].tobytes().decode("ascii")
    fasta.write_text(f">chr1\n{sequence}\n", encoding="ascii")
    pysam.faidx(str(fasta))
    peaks = generator.choice(np.arange(1000, size - 1000), size // 2000)
    place = generator.choice(peaks, reads) + np.rint(generator.normal(0, 150, reads))
    spread = generator.random(reads) < 0.5
    place = np.where(spread, generator.integers(500, size - 500, reads), place).astype(int)
    several = generator.random(reads) < SEVERAL
    flag = np.where(generator.random(reads) < 0.5, 16, 0)
    name = np.arange(reads)
    # A read's other alignment lies half a contig away.
    other = (place[several] + size // 2) % (size - 1000) + 500
    columns = {
        "name": np.concatenate([name, name[several]]),
        "flag": np.concatenate([flag, flag[several] + 256]),
        "place": np.clip(np.concatenate([place, other]), 1, size - READ),
        "quality": np.concatenate([np.where(several, 1, 60), np.full(several.sum(), 1)]),
        "hits": np.concatenate([np.where(several, 2, 1), np.full(several.sum(), 2)]),
    }
    order = np.argsort(columns["place"], kind="stable")
    rows = zip(*(columns[key][order].tolist() for key in columns), strict=True)
    sam = folder / "reads.sam"
    with sam.open("w", encoding="ascii") as file:
        file.write(f"@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:chr1\tLN:{size}\n")
        file.writelines(
            f"r{n}\t{f}\tchr1\t{p}\t{q}\t{READ}M\t*\t0\t0\t*\t*\tNH:i:{h}\n"
            for n, f, p, q, h in rows
        )
    pysam.view("-b", "-o", str(bam), str(sam), catch_stdout=False)
    pysam.index(str(bam))
    return fasta, bam


def measure(command: list[str], folder: Path) -> dict[str, float]:
    """Run a program; return its seconds, those of its processors, and its memory (bytes).

    The memory is that of the largest of its processes.
    """
    # Modules are compiled once, as after any installation, wherever the environments lie.
    environment = {
        **os.environ,
        "MPLBACKEND": "Agg",
        "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    with (folder / "log").open("w") as log:
        program = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        _, status, usage = os.wait4(program.pid, 0)
    seconds = time.perf_counter() - start
    # Popen does not know that its process was waited for.
    program.returncode = os.waitstatus_to_exitcode(status)
    if program.returncode:
        raise InputError(f"{command[1]} failed: {(folder / 'log').read_text()[-500:]}")
    return {
        "seconds": seconds,
        "processor_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": 1024 * usage.ru_maxrss,
    }


def main(
    out: Annotated[Path, typer.Option(help="The JSON file to write.")],
    original: Annotated[
        Path | None, typer.Option(help="Checkout of the original repository.")
    ] = None,
    original_python: Annotated[
        Path | None, typer.Option(help="Python that has what its bam_cov.py imports.")
    ] = None,
    size: Annotated[int, typer.Option(min=10_000, help="Length of the genome (bp).")] = 12_000_000,
    reads: Annotated[int, typer.Option(min=1000, help="Reads.")] = 1_000_000,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of this project's program.")] = 3,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing JSON file.")] = False,
) -> None:
    """Measure both programs on the same reads."""
    try:
        check_output(out, overwrite=overwrite)
        rows = {}
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            fasta, bam = make_reads(folder, size, reads)
            for processes in (1, 2):
                command = [
                    sys.executable, "-m", "basenji_training", "coverage", str(bam),
                    "--assay", "dnase", "--fasta", str(fasta), "--out", "ours.bw", "--overwrite",
                    "--processes", str(processes),
                ]  # fmt: skip
                # The first one compiles.
                runs = [measure(command, folder) for _ in range(1 + repeats)][1:]
                name = f"basenji-train coverage --processes {processes}"
                rows[name] = min(runs, key=lambda run: run["seconds"])
            if original is None or original_python is None:
                print("--original or --original-python is not given: not measured", file=sys.stderr)
            else:
                program = shutil.copy(original / "bin" / "bam_cov.py", folder)
                command = [
                    str(original_python), program, "-m", "10", "-t", "3", "-s", "16",
                    "--smooth_out", "8", "--clip_multi", "12", "-g", "-f", str(fasta),
                    str(bam), "original.bw",
                ]  # fmt: skip
                measure([*command[:2], "--help"], folder)
                rows["bam_cov.py"] = measure(command, folder)
        result = {"machine": machine(), "size": size, "reads": reads, "programs": rows}
        with atomic_path(out, overwrite=overwrite) as path:
            path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print(f"{reads:,} reads on {size / 1e6:g} Mb")
    print("| program | seconds | of processors | reads/s | peak memory |")
    print("| --- | --- | --- | --- | --- |")
    for name, row in rows.items():
        print(
            f"| {name} | {row['seconds']:.1f} | {row['processor_seconds']:.1f} "
            f"| {reads / row['seconds']:,.0f} | {row['peak_bytes'] / 2**20:,.0f} MiB |"
        )


if __name__ == "__main__":
    typer.run(main)
