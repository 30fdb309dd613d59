"""Commands that find out what ``basenji-train data`` is told: ``thresholds`` and ``unmappable``."""
# What a command needs is imported when it runs, so that --help answers at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["thresholds", "unmappable"]


def thresholds(
    store: Annotated[Path, typer.Argument(help="Store of the tracks, best without thresholds.")],
    out: Annotated[Path, typer.Option(help="Targets table to write.")],
    quantile: Annotated[
        float, typer.Option(help="Share of training bins that are not clipped softly.")
    ] = 0.97,
    least: Annotated[
        float, typer.Option(min=0, help="Smallest clip_soft; 1 for counts of mostly empty bins.")
    ] = 0,
    weight: Annotated[
        list[str] | None,
        typer.Option(
            help="Mean that an assay's tracks shall have, such as 'ATAC-seq=3'; may be repeated.",
            show_default="1 for each",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
) -> None:
    """Choose clip_soft and scale of every track by its training bins, and write the targets table.

    The names of files stay as they are: write the table beside the one that the store was made of,
    then make the store again with it.
    """
    from basenji_kipoi.base.atomic import atomic_path, check_output
    from basenji_kipoi.base.errors import InputError
    from basenji_training.store.description import read_description

    check_output(out, overwrite=overwrite, inputs=[store])
    read_description(store)
    weights = {}
    for text in weight or []:
        assay, _, number = text.rpartition("=")
        try:
            weights[assay] = float(number)
        except ValueError:
            raise InputError(f"--weight: {text!r} is not of the form ASSAY=NUMBER") from None
    # Only now what takes long to import: an error above comes at once.
    from basenji_training.data.scaling import suggest_thresholds
    from basenji_training.store.store import Store

    table = suggest_thresholds(Store.open(store), quantile=quantile, least=least, weights=weights)
    with atomic_path(out, overwrite=overwrite) as path:
        table.write(path)
    typer.echo(f"{out}: next, basenji-train data {out} ... as before")


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
    from basenji_kipoi.base.atomic import atomic_path, check_output
    from basenji_kipoi.genome.fasta import Genome
    from basenji_training.data.mappability import unmappable_intervals

    check_output(out, overwrite=overwrite, inputs=[fasta])
    with Genome(fasta) as genome, atomic_path(out, overwrite=overwrite) as path:
        found = unmappable_intervals(genome, read_length, label="comparing k-mers")
        with path.open("w", encoding="utf-8") as lines:
            for name, intervals in found.items():
                lines.writelines(f"{name}\t{start}\t{end}\n" for start, end in intervals.tolist())
    bases = sum(int((pairs[:, 1] - pairs[:, 0]).sum()) for pairs in found.values())
    share = bases / sum(genome.lengths.values())
    typer.echo(f"{out}: {bases:,} bases ({share:.2%}) are unmappable at {read_length} bp")
