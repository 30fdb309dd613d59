"""The commands ``basenji-train evaluate`` and ``export``: a run measured, and made a model."""
# What a command needs is imported when it runs, so that --help answers at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.cli.console import command_line

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["evaluate", "export"]


def evaluate(
    models: Annotated[
        list[Path],
        typer.Argument(
            help="Run directory of `basenji-train fit`, or a bundle; several are an ensemble, "
            "whose predictions are averaged."
        ),
    ],
    store: Annotated[Path, typer.Option(help="Store to compare with.")],
    out: Annotated[
        Path,
        typer.Option(
            help="JSON file to write. Beside it appear NAME.parquet, a table of the tracks, and "
            "NAME.html, a page to look at."
        ),
    ],
    head: Annotated[
        str | None,
        typer.Option(
            help="Head of the runs.", show_default="the only one, or that of the store's name"
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    resolution: Annotated[
        int, typer.Option(help="Width of the bins that are compared (bp); finer ones are joined.")
    ] = 128,
    genes: Annotated[
        Path | None, typer.Option(help="GTF file: compare the expression of genes too.")
    ] = None,
    tss_flank: Annotated[
        int,
        typer.Option(min=0, help="Bases to each side of a transcription start that are a gene's."),
    ] = 256,
    contrast: Annotated[
        list[str] | None,
        typer.Option(
            help="TRACK,TRACK: compare log ratios of genes between two measurements, the first "
            "over the second; either track of a strand pair stands for both. May be repeated."
        ),
    ] = None,
    replicates: Annotated[
        Path | None,
        typer.Option(
            help="Tab-separated table with columns identifier, replicate, file (a bigWig): compare "
            "predictions with replicates, and those with each other."
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            help="Folder that the file names in --replicates start from.",
            show_default="the table's",
        ),
    ] = None,
    peaks: Annotated[
        list[str] | None,
        typer.Option(
            help="TRACK=BED: the peaks of a track; those of others are called. May be repeated."
        ),
    ] = None,
    reporters: Annotated[
        list[Path] | None,
        typer.Option(
            help="Store of `basenji-train reporters`, whose name is a reporter's of the models: "
            "compare its activities too. May be repeated."
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Windows predicted at once.")] = 8,
    both_strands: Annotated[
        bool | None,
        typer.Option(
            "--both-strands/--one-strand",
            help="Average predictions over both strands: better, at twice the time. An exported "
            "model then does so too.",
            show_default="as a bundle says; one strand for runs",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the outputs.")] = False,
) -> None:
    """Compare predictions with the coverage of held-out chromosomes, track by track."""
    from basenji_kipoi.base.atomic import check_output
    from basenji_training.store.description import read_description

    stores = (store, *(reporters or ()))
    given = (*models, *stores, genes, replicates, *(p.partition("=")[2] for p in peaks or ()))
    inputs = [path for path in given if path]
    if out.suffix in (".parquet", ".html"):
        raise InputError(f"--out {out}: name the JSON file, such as evaluation.json")
    check_output(out, overwrite=overwrite, inputs=inputs)
    table, page = out.with_suffix(".parquet"), out.with_suffix(".html")
    for path in (table, page):
        check_output(path, overwrite=overwrite, inputs=inputs)
    for model in models:
        if not model.is_dir():
            raise InputError(f"{model} is neither a run nor a bundle: there is no such folder")
    read_description(store)
    _check_files(genes, replicates, peaks or ())
    # Only now what takes long to import, Keras still longer: an error above comes at once.
    from basenji_training.evaluation.trained_model import joined, open_models, split_as_trained
    from basenji_training.store.reporters import ReporterStore
    from basenji_training.store.store import Store

    opened = Store.open(store)
    measured = [ReporterStore.open(each) for each in reporters or ()]
    described = open_models(models, head=head, usual_head=opened.name)
    from basenji_training.evaluation.annotations import read_annotations
    from basenji_training.evaluation.evaluate import evaluate as measure
    from basenji_training.evaluation.files import summary_table, write_evaluation, write_table
    from basenji_training.evaluation.report.page import write_report
    from basenji_training.evaluation.reporters.figures import evaluate_reporter, open_reporters

    trained = [open_reporters(models, each.name) for each in measured]
    model = joined(described, both_strands=both_strands)
    opened = split_as_trained(opened, model)
    annotations = read_annotations(
        opened,
        model.targets,
        split=split,
        genes=genes,
        flank=tss_flank,
        contrasts=contrast or (),
        replicates=replicates,
        folder=data_dir,
        peaks=peaks or (),
    )
    evaluation = measure(
        model,
        opened,
        split=split,
        resolution=resolution,
        annotations=annotations,
        batch_size=batch_size,
        command=command_line("basenji-train"),
    ).with_reporters(
        [
            evaluate_reporter(each, one, split, command=command_line("basenji-train"))
            for each, one in zip(trained, measured, strict=True)
        ]
    )
    write_report(evaluation, page, overwrite=overwrite)
    write_table(evaluation.figures, model.targets, table, overwrite=overwrite)
    # Last, since the next command reads it: where it is, the others are.
    write_evaluation(evaluation.figures, out, overwrite=overwrite)
    typer.echo(summary_table(evaluation.figures))
    size = page.stat().st_size / 1e6
    typer.echo(f"\nwrote {out}, {table.name} and {page.name} ({size:.1f} MB, to look at)")


def _check_files(genes: Path | None, replicates: Path | None, peaks: Sequence[str]) -> None:
    """Say early which file is missing; those who read them say what is wrong with one."""
    from basenji_kipoi.base.text_files import check_is_there

    named = [("GTF", genes), ("table of replicates", replicates)]
    named += [("BED", Path(text.partition("=")[2])) for text in peaks if "=" in text]
    for kind, path in named:
        if path is not None:
            check_is_there(path, kind)


def export(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Run directory of `basenji-train fit`; several of one architecture are an "
            "ensemble, whose predictions are averaged."
        ),
    ],
    evaluation: Annotated[Path, typer.Option(help="JSON file of `basenji-train evaluate`.")],
    out: Annotated[Path, typer.Option(help="Bundle to write (a directory).")],
    name: Annotated[str, typer.Option(help="Name of the model.")],
    assembly: Annotated[str, typer.Option(help="Genome assembly, such as sacCer3.")],
    description: Annotated[str, typer.Option(help="What it is trained on, for the card.")] = "",
    head: Annotated[
        str | None,
        typer.Option(help="Head to export.", show_default="the only one"),
    ] = None,
    tracks: Annotated[
        str | None,
        typer.Option(
            help="Tracks to export, as identifiers or indices separated by commas; both strands "
            "of a pair stay together.",
            show_default="all of the head",
        ),
    ] = None,
    half: Annotated[
        bool,
        typer.Option("--half", help="Store weights in float16: half of the size, three digits."),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
) -> None:
    """Write a trained model as a bundle: weights, targets, metadata, figures, model card."""
    from basenji_kipoi.base.atomic import check_output
    from basenji_kipoi.models.bundle import BUNDLE
    from basenji_training.evaluation.files import read_evaluation
    from basenji_training.evaluation.trained_model import RunHead

    check_output(out, overwrite=overwrite, inputs=(*runs, evaluation), folder=BUNDLE)
    measured = read_evaluation(evaluation)
    members = [RunHead.read(run, head) for run in runs]
    # Only now what imports Keras, for seconds: an error above comes at once.
    from basenji_training.evaluation.export import export as write
    from basenji_training.evaluation.export import rounding

    bundle = write(
        members,
        out,
        name=name,
        assembly=assembly,
        description=description,
        evaluation=measured,
        command=command_line("basenji-train"),
        tracks=tracks,
        half=half,
        overwrite=overwrite,
    )
    size = sum(file.stat().st_size for file in bundle.path.iterdir())
    typer.echo(f"{out}: {len(bundle.targets)} tracks, {size / 1e6:.1f} MB")
    if half:
        typer.echo(
            f"float16 weights change predictions for random sequences by at most "
            f"{rounding(bundle, members):.2%} of the largest one"
        )
