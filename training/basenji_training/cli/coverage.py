"""The command ``basenji-train coverage``: reads become a bigWig track."""
# What a command needs is imported when it runs, so that --help answers at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from basenji_kipoi.base.sharing.processes import MOST_PROCESSES
from basenji_kipoi.cli.console import command_line
from basenji_training.cli.settings import options_of
from basenji_training.reads.settings import RECIPES, Settings

if TYPE_CHECKING:
    from basenji_training.coverage.report import Quality

__all__ = ["coverage"]


@options_of(Settings, "the recipe's")
def coverage(
    *,
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
    given: dict[str, Any],
    processes: Annotated[
        int, typer.Option(min=1, max=MOST_PROCESSES, help="Processes that work.")
    ] = 1,
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
    from basenji_kipoi.base.errors import InputError
    from basenji_kipoi.base.text_files import check_is_there

    for path in reads:
        if not path.exists():
            raise InputError(f"there is no file of reads {path}")
    for kind, named in (("FASTA", fasta), ("GTF", genes)):
        if named is not None:
            check_is_there(named, kind)
    # Only now what takes long to import: an error above comes at once.
    from basenji_training.coverage.run import make_coverage, outputs

    settings = RECIPES[assay].model_copy(update=given)
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
