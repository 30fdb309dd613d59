"""The commands ``basenji score``, effects of the alleles of a VCF file, and ``merge-scores``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Optional

import typer

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.resources import MEMORY
from basenji_kipoi.cli.console import command_line, counted, noting
from basenji_kipoi.cli.options import (
    Activities,
    BothStrands,
    Counts,
    Devices,
    Ends,
    Fasta,
    Indels,
    Insert,
    Memory,
    Models,
    Overwrite,
    Places,
    Quiet,
    Resume,
    Tracks,
    read_bins,
    read_names,
    read_oligos,
    read_shard,
    read_shifts,
    read_window,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from basenji_kipoi.scoring.outputs import Summary

# What a command needs is imported when it runs: TensorFlow alone takes seconds, and --help none.
# ruff: noqa: PLC0415

__all__ = ["merge_scores", "plan_scores", "score"]

#: Options that both commands have.
_Vcf = Annotated[
    str,
    typer.Option(
        help="Variants: VCF or BCF, plain, gzip or bgzip, with or without index, or their address; "
        "'-' is standard input."
    ),
]
_Scores = Annotated[
    str,
    typer.Option(
        help="Scores, separated by commas: SAD, sqrtSAD, SAX, D1, D2, REF, ALT (in the units "
        "of the targets table), logSAD, logFC, centre, centre501, centre2001 (log2), JS (bits)."
    ),
]
_CheckRef = Annotated[
    Optional[Literal["warn", "fail", "skip", "off"]],
    typer.Option(
        help="Where REF is not the genome's sequence: score and say so (warn), end (fail), "
        "give no scores (skip), do not compare (off).",
        show_default="warn, but end early if most REFs differ",
    ),
]
_PartSize = Annotated[
    Optional[int],
    typer.Option(
        min=1,
        help="Alleles that are computed and saved together: neighbours share work, and an "
        "interruption costs at most so many.",
        show_default="1024, fewer where windows are long or tracks many",
    ),
]


def score(
    model: Models,
    fasta: Fasta,
    vcf: _Vcf,
    out: Annotated[
        Path,
        typer.Option(help="x.parquet, x.tsv, x.tsv.gz, x.vcf or x.vcf.gz (with an index)."),
    ],
    also: Annotated[
        Optional[Path],
        typer.Option(help="A second output of the same scores, such as x.vcf.gz beside x.parquet."),
    ] = None,
    scores: _Scores = "SAD",
    tracks: Tracks = None,
    genes: Annotated[
        Optional[Path],
        typer.Option(
            help="GTF: SED and logSED of each gene with a TSS in the window, or with --reporter "
            "SED of each whose promoter holds the allele, in a second table, x.genes.parquet or "
            "x.genes.tsv."
        ),
    ] = None,
    bins: Annotated[
        str,
        typer.Option(help="Bins that count: all, or center:N for N bins around the variant's."),
    ] = "all",
    window: Annotated[
        str,
        typer.Option(
            help="Where windows lie: centred (the variant's first base at window / 2 - 1), grid "
            "(within half a bin of that, on multiples of the bin), or cluster:BP (one window for "
            "all variants of BP bp)."
        ),
    ] = "centred",
    both_strands: BothStrands = None,
    shifts: Annotated[
        str,
        typer.Option(
            help="Shifts of the window (bp), separated by commas, over which predictions are "
            "averaged; positive ones move it to the right."
        ),
    ] = "0",
    indels: Indels = "stitch",
    check_ref: _CheckRef = None,
    max_allele: Annotated[
        Optional[int],
        typer.Option(
            min=1,
            help="Longest REF or ALT that is scored (bp).",
            show_default="a quarter of the predicted part of a window; of a reporter, the insert",
        ),
    ] = None,
    reporter: Annotated[
        Optional[str],
        typer.Option(
            help="Score activities of this reporter of the model in the place of tracks: SAD, REF, "
            "ALT, and SED of genes whose promoter holds the allele.",
            show_default="tracks",
        ),
    ] = None,
    activities: Activities = None,
    insert: Insert = None,
    places: Places = None,
    ends: Ends = None,
    strand: Annotated[
        Literal["both", "+", "-", "gene"],
        typer.Option(
            help="Direction of the oligos; both and gene average those there are, gene leaves out "
            "alleles in no promoter. Rows of genes have the gene's."
        ),
    ] = "both",
    promoter: Annotated[
        str,
        typer.Option(
            help="A gene's variants with --reporter: bases before and behind a start of "
            "transcription."
        ),
    ] = "300,50",
    counts: Counts = False,
    background: Annotated[
        Optional[Path],
        typer.Option(
            help="Parquet file of an earlier run, for instance of random variants: adds the "
            "quantile of each score among its alleles (0 to 1)."
        ),
    ] = None,
    long: Annotated[
        bool, typer.Option("--long", help="One row an allele, score and track (Parquet and TSV).")
    ] = False,
    shard: Annotated[
        str,
        typer.Option(help="i/n scores the i-th of n parts of the file (basenji merge-scores)."),
    ] = "1/1",
    plan: Annotated[
        Optional[Path],
        typer.Option(
            help="Plan of the file (basenji plan-scores): shards read their part alone, and "
            "compute no checksums."
        ),
    ] = None,
    resume: Resume = False,
    part_size: _PartSize = None,
    memory: Memory = MEMORY,
    devices: Devices = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Score what each alternative allele of a VCF file changes.

    Every allele keeps a row; one that cannot be scored has a status that says why. The output
    appears when it is complete; until then, finished parts wait in the folder OUT.unfinished.
    """
    _check_libraries()
    from basenji_kipoi.scoring.options import ScoreOptions
    from basenji_kipoi.scoring.run import score_file

    options = ScoreOptions(
        model=tuple(model),
        fasta=fasta,
        vcf=vcf,
        out=out,
        also=also,
        scores=read_names(scores),
        tracks=None if tracks is None else read_names(tracks),
        genes=genes,
        bins=read_bins(bins),
        window=read_window(window),
        both_strands=both_strands,
        shifts=read_shifts(shifts),
        indels=indels,
        check_ref=check_ref,
        max_allele=max_allele,
        reporter=reporter,
        oligos=read_oligos(insert, places, ends, strand, activities, promoter),
        counts=counts,
        background=background,
        long=long,
        shard=read_shard(shard),
        plan=plan,
        part_size=part_size,
        memory=memory,
        devices=devices,
    )
    began = time.monotonic()
    summary = score_file(
        options,
        command=command_line("basenji"),
        resume=resume,
        overwrite=overwrite,
        quiet=quiet,
        note=noting(quiet=quiet),
    )
    if summary is None:
        typer.echo(f"{out} is complete", err=True)
        return
    if not quiet:
        columns = counted(
            summary.tracks, *(("track",) if reporter is None else ("activity", "activities"))
        )
        for line in _lines(summary, out, time.monotonic() - began, columns):
            typer.echo(line, err=True)
    if summary.mismatches:
        typer.echo(
            f"warning: REF is not the genome's sequence in "
            f"{counted(summary.mismatches, 'allele')}, scored all the same; their "
            "ref_match is false",
            err=True,
        )


def plan_scores(
    model: Models,
    fasta: Fasta,
    vcf: _Vcf,
    out: Annotated[Path, typer.Option(help="The plan, such as x.plan.json.")],
    scores: _Scores = "SAD",
    tracks: Tracks = None,
    genes: Annotated[Optional[Path], typer.Option(help="GTF, as for basenji score.")] = None,
    background: Annotated[
        Optional[Path], typer.Option(help="Scores of a background, as for basenji score.")
    ] = None,
    check_ref: _CheckRef = None,
    part_size: _PartSize = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Plan the shards of `basenji score`: read a file of variants once for all of them.

    Scores, tracks and genes count where an allele has so many values that parts must be smaller.
    """
    _check_libraries()
    from basenji_kipoi.scoring.options import ScoreOptions
    from basenji_kipoi.scoring.run import plan_file

    options = ScoreOptions(
        model=tuple(model),
        fasta=fasta,
        vcf=vcf,
        out=out,
        scores=read_names(scores),
        tracks=None if tracks is None else read_names(tracks),
        genes=genes,
        background=background,
        check_ref=check_ref,
        part_size=part_size,
    )
    plan = plan_file(options, overwrite=overwrite, quiet=quiet, note=noting(quiet=quiet))
    if not quiet:
        alleles = sum(part.alleles for part in plan.parts)
        parts = counted(len(plan.parts), "part")
        typer.echo(f"wrote {out}: {counted(alleles, 'allele')} in {parts}", err=True)


def merge_scores(
    shards: Annotated[list[Path], typer.Argument(help="Outputs of all shards, in any order.")],
    out: Annotated[Path, typer.Option(help="The joined output, of the same format.")],
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Join the outputs of `basenji score --shard i/n` to what one run would have made."""
    _check_libraries()
    from basenji_kipoi.scoring.outputs import merge_shards

    merge_shards(shards, out, overwrite=overwrite, quiet=quiet)
    if not quiet:
        typer.echo(f"wrote {out}: joined of {len(shards)} shards", err=True)


def _check_libraries() -> None:
    try:
        import pyarrow  # noqa: F401 - whether it is there
    except ImportError:
        raise InputError("scoring needs pyarrow (pip install pyarrow)") from None


def _lines(summary: Summary, out: Path, seconds: float, columns: str) -> Iterator[str]:
    """Say what was done, with every status that some allele has."""
    from basenji_kipoi.genome.variant_checks import Status

    alleles, scored = summary.alleles, summary.statuses[Status.ok.value]
    yield (
        f"wrote {out}: {counted(alleles, 'allele')}, {scored:,} scored "
        f"({counted(summary.scores, 'score')}, {columns}), in {seconds:.1f} s"
    )
    for status in Status:
        count = summary.statuses[status.value]
        if count and status is not Status.ok:
            yield f"  {count:,} {status.value}: {status.meaning}"
