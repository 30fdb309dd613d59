"""All of a genome as intervals."""

from __future__ import annotations

import gzip
from pathlib import Path

__all__ = ["write_contigs"]


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
    path = Path(fasta)
    index = path.with_name(f"{path.name}.fai")
    if index.exists() and index.stat().st_mtime >= path.stat().st_mtime:
        lines = index.read_text(encoding="utf-8").splitlines()
        lengths = {name: int(length) for name, length, *_ in (line.split("\t") for line in lines)}
    else:
        lengths = _lengths(path)
    if not lengths:
        raise SystemExit(f"error: {fasta} has no contigs: expected FASTA")
    rows = (f"{name}\t0\t{length}\n" for name, length in lengths.items() if length)
    Path(bed).write_text("".join(rows), encoding="utf-8")


def _lengths(path: Path) -> dict[str, int]:
    with path.open("rb") as file:
        is_compressed = file.read(2) == b"\x1f\x8b"
    lengths: dict[str, int] = {}
    name = ""
    with gzip.open(path) if is_compressed else path.open("rb") as lines:
        for line in lines:
            if line.startswith(b">"):
                name = (line[1:].split() or [b""])[0].decode()
                lengths[name] = 0
            elif name:
                lengths[name] += len(line.strip())
    return lengths
