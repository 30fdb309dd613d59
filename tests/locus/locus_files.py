"""A small genome whose letters are known, and tables of variants on it."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

#: Letters of the contig chrA (and, backwards, of chrB).
LENGTH = 4000


def letters() -> str:
    return "".join(np.random.default_rng(3).choice(list("ACGT"), LENGTH))


def write_genome(folder: Path) -> Path:
    path = folder / "genome.fa"
    path.write_text(f">chrA\n{letters()}\n>chrB\n{letters()[::-1]}\n")
    return path


def other_base(base: str, *, palindromic: bool = False) -> str:
    """Choose another base: the complement, or one that is not."""
    complement = "ACGT"[3 - "ACGT".index(base)]
    return (
        complement
        if palindromic
        else next(each for each in "ACGT" if each not in base + complement)
    )


def snvs(number: int, first: int = 100, step: int = 30) -> list[tuple[str, int, str, str]]:
    """List SNVs of chrA whose alleles read differently on the two strands."""
    text = letters()
    places = range(first, first + number * step, step)
    return [("chrA", pos, text[pos - 1], other_base(text[pos - 1])) for pos in places]


def complement(text: str) -> str:
    return text[::-1].translate(str.maketrans("ACGT", "TGCA"))


def write(path: Path, header: str, rows: list, *, separator: str = "\t", end: str = "\n") -> Path:
    """Write a table; gzip by its name."""
    lines = [header.replace(" ", separator), *(separator.join(map(str, row)) for row in rows)]
    text = end.join(lines) + end
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix in (".gz", ".bgz") else data)
    return path
