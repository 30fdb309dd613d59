"""What the files hold that a workflow begins with, as far as Snakemake must know it."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import IO

__all__ = ["count_alleles", "count_positions", "write_contigs"]

#: So much of a file is read to count its alleles (bytes); the rest is taken to be alike.
_MOST_READ = 1 << 27


def write_contigs(fasta: str, bed: str) -> None:
    """Write each contig of a FASTA file as an interval (BED).

    Parameters
    ----------
    fasta
        The genome, plain or compressed; its index tells the lengths where there is one that is not
        older.
    bed
        The intervals, in the order of the genome.

    Raises
    ------
    SystemExit
        If the file is no FASTA file.
    """
    lengths = _lengths(Path(fasta))
    if not lengths:
        raise SystemExit(f"error: {fasta} has no contigs: expected FASTA")
    rows = (f"{name}\t0\t{length}\n" for name, length in lengths.items() if length)
    Path(bed).write_text("".join(rows), encoding="utf-8")


def count_positions(fasta: str, bed: str | None) -> tuple[int, bool]:
    """Count the positions of intervals, or of a genome where there are none (bp).

    Returns
    -------
    tuple of int and bool
        How many there are, and that they were counted.
    """
    if bed is None:
        return sum(_lengths(Path(fasta)).values()), True
    with _opened(Path(bed)) as lines:
        fields = (line.split() for line in lines if re.match(rb"\S+\s+\d+\s+\d+", line))
        return sum(int(end) - int(start) for _, start, end, *_ in fields), True


def count_alleles(vcf: str, plan: str) -> tuple[int | None, bool]:
    """Count the alternative alleles of a file.

    Parameters
    ----------
    vcf
        The file. Of a long one the first part is read.
    plan
        Its plan, which tells their number where it is there and not older than the file.

    Returns
    -------
    tuple of int and bool
        How many there are, and whether they were counted, not estimated; None of BCF.
    """
    path, planned = Path(vcf), Path(plan)
    size, alleles, read = path.stat().st_size, 0, 0
    if planned.exists() and planned.stat().st_mtime >= path.stat().st_mtime:
        parts = json.loads(planned.read_text(encoding="utf-8"))["parts"]
        return sum(alleles for _, _, alleles in parts), True
    with path.open("rb") as raw, _opened(path, raw) as lines:
        for line in lines:
            if read == 0 and line.startswith(b"BCF"):
                return None, False
            read += len(line)
            if not line.startswith(b"#") and line.strip():
                fields = line.split(b"\t", 5)
                alleles += fields[4].count(b",") + 1 if len(fields) > 4 else 0
            if read > _MOST_READ:
                return round(alleles * size / raw.tell()), False
    return alleles, True


def _opened(path: Path, raw: IO[bytes] | None = None) -> IO[bytes]:
    """Open a file, plain or compressed, which may be open as it is."""
    with path.open("rb") as head:
        is_compressed = head.read(2) == b"\x1f\x8b"
    if is_compressed:
        return gzip.open(raw or path)
    return raw or path.open("rb")


def _lengths(path: Path) -> dict[str, int]:
    index = path.with_name(f"{path.name}.fai")
    if index.exists() and index.stat().st_mtime >= path.stat().st_mtime:
        rows = (line.split("\t") for line in index.read_text(encoding="utf-8").splitlines())
        return {name: int(length) for name, length, *_ in rows}
    lengths: dict[str, int] = {}
    name = ""
    with _opened(path) as lines:
        for line in lines:
            if line.startswith(b">"):
                name = (line[1:].split() or [b""])[0].decode()
                lengths[name] = 0
            elif name:
                lengths[name] += len(line.strip())
    return lengths
