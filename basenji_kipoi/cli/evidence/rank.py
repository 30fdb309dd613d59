"""The command ``basenji rank``: which variants of loci are likely causal."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Optional

import typer

from basenji_kipoi.base.resources import MEMORY
from basenji_kipoi.cli.console import command_line, counted, noting
from basenji_kipoi.cli.evidence.loci_options import Columns, Gap, Linkage, Rsids, TableFormat
from basenji_kipoi.cli.options import (
    BothStrands,
    Fasta,
    Memory,
    Models,
    Overwrite,
    Quiet,
    Resume,
    Tracks,
    read_named,
    read_names,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from basenji_kipoi.locus.ranking.result import Ranking

# What a command needs is imported when it runs: a model takes seconds, and --help none.
# ruff: noqa: PLC0415

__all__ = ["rank"]


def rank(
    model: Models,
    fasta: Fasta,
    variants: Annotated[
        Path,
        typer.Option(
            help="Credible sets or summary statistics: TSV, CSV (.gz), Parquet or VCF; of the eQTL "
            "Catalogue, FinnGen, GTEx, FINEMAP or any table."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(help="Directory to write: variants.tsv, sets.tsv, rank.json and scores."),
    ],
    genes: Annotated[
        Optional[Path], typer.Option(help="GTF: changes of genes, and directions.")
    ] = None,
    linkage: Linkage = None,
    rsids: Rsids = None,
    table_format: TableFormat = None,
    column: Columns = None,
    gap: Gap = 500_000,
    score: Annotated[str, typer.Option(help="Score of tracks.")] = "logSAD",
    tracks: Tracks = None,
    group_by: Annotated[
        Literal["assay", "sample", "track"], typer.Option(help="What makes a group of tracks.")
    ] = "assay",
    by: Annotated[
        Literal["tracks", "gene"],
        typer.Option(help="The prior is made of effects on tracks, or on the table's gene."),
    ] = "tracks",
    weight: Annotated[
        Optional[float],
        typer.Option(
            help="Weight of predicted effects in the prior; 0 leaves them out.",
            show_default="estimated, from ten sets or more",
        ),
    ] = None,
    signals: Annotated[
        int, typer.Option(min=1, help="Most signals of a locus, with linkage and without PIPs.")
    ] = 5,
    background: Annotated[
        Optional[Path],
        typer.Option(
            help="background.parquet of another ranking by the same model.",
            show_default="random variants that come with the model, or are like the table's",
        ),
    ] = None,
    random: Annotated[
        Optional[int],
        typer.Option(
            min=1,
            help="Draw so many random variants like the table's.",
            show_default="those that come with the model, else 1000",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random variants.")] = 0,
    both_strands: BothStrands = None,
    memory: Memory = MEMORY,
    resume: Resume = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Rank the variants of loci by association and by predicted effects together.

    For each credible set or locus its variants with predicted effects on groups of tracks and on
    genes, beside those of random variants; PIPs, given or made of association; and a posterior that
    joins both, with the weight of predicted effects estimated from the table.
    """
    from basenji_kipoi.base.atomic import check_place
    from basenji_kipoi.locus.ranking.files import RankInputs

    inputs = RankInputs(tuple(model), fasta, variants, genes, linkage, rsids, background)
    inputs.check()
    check_place(out, overwrite=overwrite or resume)
    from basenji_kipoi.locus.ranking.options import RankOptions

    options = RankOptions(
        format=table_format,
        columns=read_named("--column", column or []),
        gap=gap,
        score=score,
        tracks=None if tracks is None else read_names(tracks),
        group_by=group_by,
        by=by,
        weight=weight,
        signals=signals,
        random=random,
        seed=seed,
        both_strands=both_strands,
        memory=memory,
    )
    # Only now what takes long to import: an error above comes at once.
    from basenji_kipoi.locus.ranking.run import rank_file

    began = time.monotonic()
    found = rank_file(
        inputs,
        out,
        options,
        command=command_line("basenji"),
        resume=resume,
        overwrite=overwrite,
        quiet=quiet,
        note=noting(quiet=quiet),
    )
    if found is None:
        if not quiet:
            typer.echo(f"{out} is complete: nothing is left to do", err=True)
    elif not quiet:
        for line in _lines(found, out, time.monotonic() - began):
            typer.echo(line, err=True)


def _lines(found: Ranking, out: Path, seconds: float) -> Iterator[str]:
    sets = found.sets.to_pylist()
    ranked = [each for each in sets if not each["note"]]
    yield (
        f"wrote {out}: {counted(len(found.variants), 'variant')}, {len(ranked):,} of "
        f"{counted(len(sets), 'set')} ranked, in {seconds:.1f} s"
    )
    yield f"  PIPs: {found.method}; weight of predicted effects: {found.weight}"
    same = sum(each["first_by_pip"] == each["first_by_posterior"] for each in ranked)
    yield f"  another first variant than by PIP alone: {counted(len(ranked) - same, 'set')}"
    for reason in sorted({each["note"] for each in sets} - {""}):
        number = sum(each["note"] == reason for each in sets)
        yield f"  without posterior, {reason}: {counted(number, 'set')}"
