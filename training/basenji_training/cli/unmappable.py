"""The command ``basenji-train unmappable``: where reads of a length cannot be placed."""
# What a command needs is imported when it runs, so that --help answers at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["unmappable"]


def unmappable(
    fasta: Annotated[Path, typer.Argument(help="Genome, plain or bgzip.")],
    out: Annotated[Path, typer.Option(help="BED file to write.")],
    read_length: Annotated[int, typer.Option(help="Length of the reads (bp).")] = 50,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
) -> None:
    """List the bases of a genome that no read of a length with a single place can cover.

    For basenji-train data --unmappable. A read has a single place if its sequence occurs once on
    both strands of the genome, without mismatches.
    """
    from basenji_kipoi.base.atomic import atomic_path
    from basenji_kipoi.genome.fasta import Genome
    from basenji_training.data.mappability import unmappable_intervals

    with Genome(fasta) as genome, atomic_path(out, overwrite=overwrite) as path:
        found = unmappable_intervals(genome, read_length, label="comparing k-mers")
        with path.open("w", encoding="utf-8") as lines:
            for name, intervals in found.items():
                lines.writelines(f"{name}\t{start}\t{end}\n" for start, end in intervals.tolist())
    bases = sum(int((pairs[:, 1] - pairs[:, 0]).sum()) for pairs in found.values())
    share = bases / sum(genome.lengths.values())
    typer.echo(f"{out}: {bases:,} bases ({share:.2%}) are unmappable at {read_length} bp")
