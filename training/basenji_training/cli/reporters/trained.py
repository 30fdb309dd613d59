"""The commands ``basenji-train evaluate-reporter`` and ``add-reporter``."""
# What a command needs is imported when it runs, so that --help answers at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.cli.console import command_line

__all__ = ["add_reporter", "evaluate_reporter"]


def evaluate_reporter(
    models: Annotated[
        list[Path],
        typer.Argument(
            help="Run directory of `basenji-train fit`, or a bundle; several are an ensemble, "
            "whose predictions are averaged."
        ),
    ],
    store: Annotated[
        Path,
        typer.Option(help="Store of `basenji-train reporters`, whose name is the reporter's."),
    ],
    out: Annotated[
        Path,
        typer.Option(help="JSON file to write. Beside it appears NAME.html, a page to look at."),
    ],
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    predictions: Annotated[
        Path | None,
        typer.Option(help="Table to write besides: sequence, measured and predicted activities."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the outputs.")] = False,
) -> None:
    """Compare a reporter's predictions with what was measured of held-out sequences."""
    from basenji_kipoi.base.atomic import check_output
    from basenji_training.splits.folds import SPLITS
    from basenji_training.store.reporters import ReporterStore

    if split not in SPLITS:
        raise InputError(f"--split {split}: expected one of {', '.join(SPLITS)}")
    if out.suffix == ".html":
        raise InputError(f"--out {out}: name the JSON file, such as reporter.json")
    check_output(out, overwrite=overwrite, inputs=[*models, store])
    page = out.with_suffix(".html")
    for path in filter(None, (page, predictions)):
        check_output(path, overwrite=overwrite, inputs=[*models, store])
    opened = ReporterStore.open(store)
    # Only now what imports Keras, for seconds: an error above comes at once.
    from basenji_training.evaluation.files import write_evaluation
    from basenji_training.evaluation.report.reporter_sections import write_reporter_report
    from basenji_training.evaluation.reporters.figures import evaluate_reporter as measure
    from basenji_training.evaluation.reporters.figures import open_reporters, write_predictions

    described = open_reporters(models, opened.name)
    compared = measure(described, opened, split, command=command_line("basenji-train"))
    if predictions is not None:
        write_predictions(compared, predictions, overwrite=overwrite)
    write_reporter_report(compared, page, overwrite=overwrite)
    # Last, since the next command reads it: where it is, the others are.
    write_evaluation(compared.figures, out, overwrite=overwrite)
    for activity in compared.figures["activities"]:
        pairs = "; ".join(
            f"pairs ({name}, {each['spearman']['rows']:,}): rho {_number(each['spearman'])}"
            for name, each in activity["pairs"].items()
        )
        typer.echo(
            f"{activity['identifier']}: {activity['pearson']['rows']:,} sequences, r "
            f"{_number(activity['pearson'])}, rho {_number(activity['spearman'])}; {pairs}"
        )


def add_reporter(
    bundle: Annotated[Path, typer.Argument(help="Bundle to begin with.")],
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Runs of one reporter, on each of the bundle's networks in their order: "
            "`basenji-train fit STORE --init BUNDLE --init-member N --freeze-trunk`."
        ),
    ],
    evaluation: Annotated[
        Path, typer.Option(help="JSON file of `basenji-train evaluate-reporter` of these runs.")
    ],
    out: Annotated[Path, typer.Option(help="Bundle to write (a directory).")],
    half: Annotated[
        bool,
        typer.Option("--half", help="Store weights in float16: half of the size, three digits."),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
) -> None:
    """Add a reporter to a bundle, whose tracks stay what they are."""
    from basenji_kipoi.base.atomic import check_output
    from basenji_kipoi.base.text_files import check_is_there
    from basenji_kipoi.models.bundle import BUNDLE, Bundle
    from basenji_training.evaluation.files import read_reporter_evaluation
    from basenji_training.fit.run_directory import Run

    check_output(out, overwrite=overwrite, inputs=(bundle, *runs, evaluation), folder=BUNDLE)
    check_is_there(evaluation, "JSON")
    figures = read_reporter_evaluation(evaluation)
    opened, trained = Bundle.load(bundle), [Run(run) for run in runs]
    if figures["reporter"] not in trained[0].assays:
        raise InputError(
            f"{evaluation} is no evaluation of these runs' reporter: make it with `basenji-train "
            "evaluate-reporter`"
        )
    from basenji_training.evaluation.reporters.addition import add_reporter as add

    made = add(
        opened,
        trained,
        out,
        figures=figures,
        command=command_line("basenji-train"),
        half=half,
        overwrite=overwrite,
    )
    size = sum(file.stat().st_size for file in made.path.iterdir())
    typer.echo(
        f"{out}: {len(made.targets)} tracks, reporters {', '.join(made.assays)}, "
        f"{size / 1e6:.1f} MB"
    )


def _number(figure: dict) -> str:
    return "none" if figure["value"] is None else f"{figure['value']:.3f}"
