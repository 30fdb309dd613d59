"""The command ``basenji locus``: pages of loci."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from basenji_kipoi.base.remote.local import local_path
from basenji_kipoi.cli.console import command_line, counted, noting
from basenji_kipoi.cli.evidence.loci_options import Columns, Gap, Linkage, Rsids, TableFormat
from basenji_kipoi.cli.options import (
    BothStrands,
    ChosenTracks,
    Fasta,
    JoinShards,
    Models,
    Overwrite,
    Quiet,
    Resume,
    Shard,
    read_named,
    read_shard,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from basenji_kipoi.locus.page.run import Summary

# What a command needs is imported when it runs: TensorFlow alone takes seconds, and --help none.
# ruff: noqa: PLC0415

__all__ = ["locus"]


def locus(
    model: Models,
    fasta: Fasta,
    variants: Annotated[
        Path,
        typer.Option(
            help="Table of the variants: credible sets, summary statistics, or a VCF; chrom, pos, "
            "ref, alt, and as far as known pip, p, beta, se, trait, gene, locus."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(help="Page to write, x.html; of several loci a folder, with index.html."),
    ],
    genes: Annotated[Optional[Path], typer.Option(help="GTF file of the genes.")] = None,
    tracks: ChosenTracks = None,
    linkage: Linkage = None,
    ranking: Annotated[
        Optional[Path],
        typer.Option(
            help="Folder of basenji rank of the same table: its posteriors are shown, and what it "
            "scored is not computed again."
        ),
    ] = None,
    motifs: Annotated[
        Optional[str],
        typer.Option(
            help="Known motifs: a MEME file, jaspar, or jaspar:GROUP (fungi, vertebrates, …)."
        ),
    ] = None,
    elements: Annotated[
        Optional[Path],
        typer.Option(
            help="BED of elements that are knocked out.", show_default="--size bases around each"
        ),
    ] = None,
    size: Annotated[int, typer.Option(min=1, help="Bases of an element (bp).")] = 200,
    observed: Annotated[
        Optional[list[str]],
        typer.Option(help="NAME=FILE.bw: an observed track, or its address; may be repeated."),
    ] = None,
    explain: Annotated[
        int, typer.Option(min=0, help="Variants of each locus whose mechanism is shown.")
    ] = 10,
    show_tracks: Annotated[
        int, typer.Option(min=1, help="Tracks of each of these: those that change most.")
    ] = 4,
    table_format: TableFormat = None,
    column: Columns = None,
    rsids: Rsids = None,
    gap: Gap = 500_000,
    draws: Annotated[
        int, typer.Option(min=1, max=1000, help="Shuffled sequences for each element.")
    ] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the shuffles.")] = 0,
    both_strands: BothStrands = None,
    shard: Shard = None,
    join_shards: JoinShards = False,
    resume: Resume = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Make the page of a locus: which variant, which gene, which tracks, how, and how sure."""
    from basenji_kipoi.base.atomic import check_place
    from basenji_kipoi.locus.mechanisms.options import MechanismOptions
    from basenji_kipoi.locus.page.options import PageOptions
    from basenji_kipoi.locus.page.run import locus_file

    part = None if shard is None else read_shard(shard)
    check_place(out, overwrite=overwrite or resume or part is not None)
    began = time.monotonic()
    found = locus_file(
        model,
        fasta,
        out,
        PageOptions(
            variants,
            MechanismOptions(
                genes=genes,
                tracks=tracks,
                elements=elements,
                size=size,
                motifs=motifs,
                most_tracks=show_tracks,
                draws=draws,
                seed=seed,
                both_strands=both_strands,
            ),
            format=table_format,
            columns=read_named("--column", column or []),
            rsids=rsids,
            gap=gap,
            linkage=linkage,
            ranking=ranking,
            observed={
                name: local_path(path)
                for name, path in read_named("--observed", observed or []).items()
            },
            explain=explain,
        ),
        shard=part,
        join_shards=join_shards,
        resume=resume,
        overwrite=overwrite,
        progress=not quiet,
        note=noting(quiet=quiet),
        command=command_line("basenji"),
    )
    if not quiet:
        made = str(out) if shard is None else f"the shard {shard} of {out}"
        for line in _lines(found, made, time.monotonic() - began):
            typer.echo(line, err=True)


def _lines(found: Summary, made: str, seconds: float) -> Iterator[str]:
    loci, variants = counted(found.loci, "locus", "loci"), counted(found.variants, "variant")
    yield f"wrote {made}: {loci}, {variants}, {found.explained:,} explained, in {seconds:.1f} s"
    for reason, number in found.reasons.items():
        yield f"  {number:,} without predictions: {reason}"
    if found.loci == 1 and found.first:
        yield found.first
