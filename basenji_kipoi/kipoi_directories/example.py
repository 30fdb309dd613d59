"""An example for a model of any window: a random genome, intervals and variants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.sequence import ALPHABET

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write_example"]

#: Windows that the contig is long.
_WINDOWS = 4
_LINE = 60  # letters a line of FASTA
_CONTIG = "chrA"


def write_example(folder: Path, window: int) -> None:
    """Write ``genome.fa``, two files of intervals, and ``variants.vcf.gz`` with its index.

    Parameters
    ----------
    folder
        Where they are written; it is there.
    window
        The model's window (bp). Around the intervals of ``intervals_inside.bed``, and around all
        variants, a window lies inside the contig: kipoiseq's dataloader reads no other.
    """
    # Compresses and indexes, and takes a moment to import.
    import pysam  # noqa: PLC0415

    length = _WINDOWS * window
    letters = "".join(np.random.default_rng(0).choice(list(ALPHABET), length))
    lines = [letters[start : start + _LINE] for start in range(0, length, _LINE)]
    (folder / "genome.fa").write_text("\n".join([f">{_CONTIG}", *lines, ""]), encoding="ascii")
    middles = [window + window // 2, 2 * window + window // 2]
    inside = [f"{_CONTIG}\t{middle}\t{middle + 1}\n" for middle in middles]
    (folder / "intervals_inside.bed").write_text("".join(inside), encoding="ascii")
    ends = [f"{_CONTIG}\t0\t1\n", *inside, f"{_CONTIG}\t{length - 1}\t{length}\n"]
    (folder / "intervals.bed").write_text("".join(ends), encoding="ascii")
    rows = ["##fileformat=VCFv4.2", f"##contig=<ID={_CONTIG},length={length}>"]
    rows.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    for number, middle in enumerate(middles):
        ref = letters[middle]
        alt = ALPHABET[(ALPHABET.index(ref) + 1) % len(ALPHABET)]
        rows.append(f"{_CONTIG}\t{middle + 1}\tvariant_{number + 1}\t{ref}\t{alt}\t.\t.\t.")
    plain = folder / "variants.vcf"
    plain.write_text("\n".join([*rows, ""]), encoding="ascii")
    pysam.tabix_index(str(plain), preset="vcf", force=True)
