"""Compare how fast two checkouts read BED, GTF, VCF and fragment files.

    .venv-training/bin/python benchmarks/speed/reading.py --before CHECKOUT --out build/reading.json

Both read the same simulated files with the same interpreter and libraries, in turn, so that what
else the machine does meets both. The figure is the least processor time (of one core, without
start-up) of all rounds, which a busy machine disturbs least.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pysam
import typer
from measure_reading import READERS
from resources import machine

from basenji_kipoi.base.atomic import atomic_path, check_output

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("measure_reading.py")
CONTIGS = {f"chr{number}": 5_000_000 for number in range(1, 17)}
LETTERS = np.array(list("ACGT"))


def _places(random: np.random.Generator, number: int) -> tuple[list[str], list[int]]:
    """Draw places in the order of the genome: contigs and positions."""
    contig = np.sort(random.integers(0, len(CONTIGS), number))
    place = random.integers(1, 4_990_000, number)
    order = np.lexsort([place, contig])
    return np.array(list(CONTIGS))[contig].tolist(), place[order].tolist()


def write_bed(path: Path, random: np.random.Generator, number: int) -> None:
    """Write intervals with names and strands."""
    rows = zip(*_places(random, number), random.integers(0, 2, number))
    with path.open("w", encoding="ascii") as file:
        for row, (chrom, start, strand) in enumerate(rows):
            file.write(f"{chrom}\t{start}\t{start + 500}\tpeak{row}\t0\t{'+-'[strand]}\n")


def write_gtf(path: Path, random: np.random.Generator, number: int) -> None:
    """Write lines of genes: each a gene, a transcript, and three exons with their parts."""
    rows = zip(*_places(random, number // 8), random.integers(0, 2, number // 8))
    parts = [("exon", 0), ("CDS", 0), ("exon", 400), ("CDS", 400), ("exon", 800), ("CDS", 800)]
    with path.open("w", encoding="ascii") as file:
        for gene, (chrom, start, strand) in enumerate(rows):
            about = f'gene_id "G{gene}"; gene_name "name{gene}"; gene_biotype "protein_coding";'
            transcript = f'{about} transcript_id "T{gene}"; transcript_source "simulated";'
            lines = [("gene", start, start + 1000, about)]
            lines += [("transcript", start, start + 1000, transcript)]
            lines += [
                (feature, start + at, start + at + 200, f'{transcript} exon_number "{i // 2 + 1}";')
                for i, (feature, at) in enumerate(parts)
            ]
            for feature, first, last, attributes in lines:
                fields = chrom, "simulated", feature, first, last, ".", "+-"[strand], "."
                file.write("\t".join(map(str, fields)) + f"\t{attributes}\n")


def write_vcf(path: Path, random: np.random.Generator, number: int) -> None:
    """Write substitutions."""
    ref = random.integers(0, 4, number)
    alt = (ref + random.integers(1, 4, number)) % 4
    rows = zip(*_places(random, number), LETTERS[ref], LETTERS[alt])
    plain = path.with_suffix("")
    with plain.open("w", encoding="ascii") as file:
        file.write("##fileformat=VCFv4.2\n")
        file.writelines(f"##contig=<ID={name},length={size}>\n" for name, size in CONTIGS.items())
        file.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        for row, (chrom, place, one, other) in enumerate(rows):
            file.write(f"{chrom}\t{place}\trs{row}\t{one}\t{other}\t.\tPASS\t.\n")
    pysam.tabix_compress(str(plain), str(path), force=True)


def write_fragments(path: Path, random: np.random.Generator, number: int) -> None:
    """Write fragments with barcodes and counts."""
    cells = ["".join(letters) for letters in LETTERS[random.integers(0, 4, (1000, 16))]]
    rows = zip(*_places(random, number), random.integers(40, 900, number).tolist())
    chosen = random.integers(0, len(cells), number)
    with gzip.open(path, "wt", encoding="ascii", compresslevel=3) as file:
        for (chrom, start, size), cell in zip(rows, chosen):
            file.write(f"{chrom}\t{start}\t{start + size}\t{cells[cell]}-1\t{1 + cell % 3}\n")


#: Of each kind of file: its name, how it is written, and its lines.
FILES: dict[str, tuple[str, Callable[[Path, np.random.Generator, int], None], int]] = {
    "bed": ("x.bed", write_bed, 200_000),
    "gtf": ("x.gtf", write_gtf, 40_000),
    "vcf": ("x.vcf.gz", write_vcf, 100_000),
    "fragments": ("x.tsv.gz", write_fragments, 1_000_000),
}


def measured(checkout: Path, kind: str, path: Path, repeats: int) -> dict[str, Any]:
    """Let a checkout read a file in a process of its own."""
    paths = os.pathsep.join(str(checkout / folder) for folder in (".", "training"))
    command = [sys.executable, str(PROGRAM), kind, str(path), json.dumps(CONTIGS), str(repeats)]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": paths}, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


def main(
    *,
    before: Annotated[Path, typer.Option(help="Checkout to compare with.")],
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
    rounds: Annotated[int, typer.Option(min=1, help="Times that both are started.")] = 5,
    repeats: Annotated[int, typer.Option(min=1, help="Readings at each start.")] = 3,
    kinds: Annotated[str, typer.Option(help="Kinds of files, separated by commas.")] = ",".join(
        READERS
    ),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
) -> None:
    """Read each file with both checkouts in turn, and print the table."""
    check_output(out, overwrite=overwrite, inputs=(before,))
    checkouts = {"before": before.resolve(), "now": ROOT}
    figures = {}
    print("| file | records | before (s) | now (s) | now / before |")
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for kind in kinds.split(","):
            name, write, number = FILES[kind]
            path = Path(folder) / name
            write(path, np.random.default_rng(0), number)
            seconds: dict[str, list[float]] = {name: [] for name in checkouts}
            records = {}
            for turn in range(rounds):
                order = list(checkouts) if turn % 2 else list(reversed(checkouts))
                for checkout in order:
                    found = measured(checkouts[checkout], kind, path, repeats)
                    seconds[checkout] += found["seconds"]
                    records[checkout] = found["records"]
            if len(set(records.values())) > 1:
                raise SystemExit(f"the checkouts read different numbers of records: {records}")
            least = {name: min(times) for name, times in seconds.items()}
            ratio = least["now"] / least["before"]
            figures[kind] = {"records": records["now"], "seconds": seconds, "ratio": ratio}
            print(
                f"| {kind} | {records['now']:,} | {least['before']:.3f} | {least['now']:.3f} | "
                f"{ratio:.2f} |",
                flush=True,
            )
    with atomic_path(out, overwrite=overwrite) as temporary:
        content = {"machine": machine(), "rounds": rounds, "repeats": repeats, "files": figures}
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
