"""The command ``basenji-train coverage``: reads become a bigWig track."""
# What a command needs is imported when it runs, so that --help answers at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from basenji_kipoi.cli.console import command_line

if TYPE_CHECKING:
    from basenji_training.coverage.report import Quality

__all__ = ["coverage"]

_CHOICE, _WHAT, _HOW = "Which reads count", "What counts", "Corrections"


def coverage(
    reads: Annotated[
        list[Path],
        typer.Argument(
            help="BAM or CRAM files sorted by position, or fragment files (BED: contig, start, "
            "end[, barcode, count]; plain or gzip), of one sample: their coverage is added."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="bigWig to write, x.bw; with strands x_plus.bw and x_minus.bw. Beside it come "
            "x.json and x.html, which say what was counted."
        ),
    ],
    assay: Annotated[
        Literal["atac", "dnase", "chip", "cage", "rna", "stripe"],
        typer.Option(help="Recipe: what the other options are unless given."),
    ],
    fasta: Annotated[
        Path | None,
        typer.Option(help="Genome: for CRAM, fragment files, --gc and --genes."),
    ] = None,
    genes: Annotated[
        Path | None, typer.Option(help="GTF file: show the coverage around starts of genes.")
    ] = None,
    format: Annotated[  # noqa: A002 - the option's name
        Literal["auto", "alignments", "fragments"] | None,
        typer.Option(
            help="What the files are: BAM or CRAM, or fragments; by default told by what they hold."
        ),
    ] = None,
    mode: Annotated[
        Literal["cut", "five-prime", "centre", "fragment", "read"] | None,
        typer.Option(
            help="Count the 5' end of every read or both ends of a fragment (cut), the 5' end of "
            "the chosen read, the fragment's middle or all its bases, or a read's aligned bases.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    mate: Annotated[
        int | None,
        typer.Option(
            min=0, max=2, help="Read of a pair that counts; 0: both.", rich_help_panel=_WHAT
        ),
    ] = None,
    shift_forward: Annotated[
        int | None,
        typer.Option(help="Added to the 5' ends of forward reads (bp).", rich_help_panel=_WHAT),
    ] = None,
    shift_reverse: Annotated[
        int | None,
        typer.Option(
            help="Added to the 5' ends of reverse reads (bp): -4 is what is written -5 where a "
            "read's end is the base behind its last.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    stranded: Annotated[
        bool | None,
        typer.Option("--stranded/--unstranded", help="Two tracks.", rich_help_panel=_WHAT),
    ] = None,
    flip_strands: Annotated[
        bool,
        typer.Option(
            "--flip-strands",
            help="The transcript is on the strand opposite to read 1 (dUTP).",
            rich_help_panel=_WHAT,
        ),
    ] = False,
    fragment_length: Annotated[
        int | None,
        typer.Option(
            min=1, help="Of single-end reads (bp); estimated unless given.", rich_help_panel=_WHAT
        ),
    ] = None,
    max_fragment: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Longest fragment to count whole or by its centre (bp).",
            rich_help_panel=_CHOICE,
        ),
    ] = None,
    duplicates: Annotated[
        Literal["keep", "mark", "drop"] | None,
        typer.Option(
            help="Count all; leave out those marked in the file; or also all but one of the "
            "fragments with the same ends and strand.",
            rich_help_panel=_CHOICE,
        ),
    ] = None,
    min_mapq: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=254,
            help="Least mapping quality of reads with one alignment.",
            rich_help_panel=_CHOICE,
        ),
    ] = None,
    max_soft_clip: Annotated[
        int | None,
        typer.Option(
            min=0, help="Most soft-clipped bases at a read's 5' end.", rich_help_panel=_CHOICE
        ),
    ] = None,
    multimap: Annotated[
        Literal["em", "uniform", "drop"] | None,
        typer.Option(
            help="Reads with several alignments: share them by the coverage around each "
            "(expectation-maximisation), evenly, or leave them out.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    max_multimap: Annotated[
        int | None,
        typer.Option(min=2, help="Reads with more alignments are left out.", rich_help_panel=_HOW),
    ] = None,
    multimap_sd: Annotated[
        float | None,
        typer.Option(
            help="Standard deviation (bp) within which coverage attracts them.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    clip: Annotated[
        float | None,
        typer.Option(help="Largest coverage that they add to a position.", rich_help_panel=_HOW),
    ] = None,
    gc: Annotated[
        bool | None,
        typer.Option(
            "--gc/--no-gc", help="Correct for the fragments' GC content.", rich_help_panel=_HOW
        ),
    ] = None,
    smooth: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Standard deviation (bp) of the Gaussian that smooths the track; 0: none.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="Processes that work.")] = 1,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on where an interrupted call with the same options stopped; keep what is "
            "done if this one is interrupted.",
        ),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the outputs.")] = False,
) -> None:
    """Make a bigWig track of aligned reads or fragments.

    \b
    recipe   mode        read  shifts  strands  GC   sd  smooth  duplicates
    atac     cut         both  +4 -4   one      yes  16  8       mark
    dnase    cut         both          one      yes  16  8       mark
    chip     centre      both          one      yes  16  8       mark
    cage     five-prime  1             two      no    4  2       keep
    stripe   five-prime  1             two      no    4  0       keep; soft clip up to 3
    rna      read        both          two      no   16  0       keep

    \b
    sd: --multimap-sd (bp); smooth: --smooth (bp)
    All: --multimap em --max-multimap 3 --min-mapq 10 --max-fragment 2000; all but rna: --clip 12
    """  # noqa: D301 - \b is typer's mark of lines that are not to be joined
    import dataclasses

    from basenji_training.coverage.run import make_coverage, outputs
    from basenji_training.reads.settings import RECIPES

    given = {
        "mode": mode,
        "mate": mate,
        "shift_forward": shift_forward,
        "shift_reverse": shift_reverse,
        # Shifts that are given hold for fragment files too, whatever these say.
        "move_fragments": shift_forward is not None or shift_reverse is not None or None,
        "stranded": stranded,
        "flip_strands": flip_strands or None,
        "fragment_length": fragment_length,
        "max_fragment": max_fragment,
        "duplicates": duplicates,
        "min_mapq": min_mapq,
        "max_soft_clip": max_soft_clip,
        "multimap": multimap,
        "max_multimap": max_multimap,
        "multimap_sd": multimap_sd,
        "clip": clip,
        "gc": gc,
        "smooth_sd": smooth,
        "format": format,
    }
    settings = dataclasses.replace(
        RECIPES[assay], **{name: value for name, value in given.items() if value is not None}
    )
    quality = make_coverage(
        reads,
        out,
        settings,
        fasta=fasta,
        genes=genes,
        processes=processes,
        resume=resume,
        overwrite=overwrite,
        command=command_line("basenji-train"),
        progress=True,
    )
    for line in _summary(quality):
        typer.echo(line)
    names = ", ".join(str(path) for path in outputs(out, settings))
    typer.echo(f"{names}; look at {out.with_suffix('.html')}")


def _summary(quality: Quality) -> list[str]:
    lines = [f"{number:>12,}  {reason}" for reason, number in quality.tally.items() if number]
    lines.append(f"{quality.reads_shared:>12,}  reads shared among several alignments")
    lines.append(f"{sum(quality.forward) + sum(quality.reverse):>12,.0f}  events that count")
    return lines
