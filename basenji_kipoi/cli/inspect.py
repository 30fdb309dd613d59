"""The command ``basenji inspect``: what a model is, as tables."""

from __future__ import annotations

import json
from typing import Annotated, Optional

import typer

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.cli.options import Model, Tracks, read_names

# What a command needs is imported when it runs: TensorFlow alone takes seconds, and --help none.
# ruff: noqa: PLC0415

__all__ = ["inspect"]


def inspect(
    model: Model,
    details: Annotated[
        Optional[str],
        typer.Option(
            help="Tables of network, tracks, training, evaluation (separated by commas), or all."
        ),
    ] = None,
    tracks: Tracks = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print all there is as JSON, for programs.")
    ] = False,
) -> None:
    """Verify a model's checksums and show what it reads, what it predicts, and how well.

    With --tracks, a table of these tracks alone: what is meant by a pattern can be seen before
    anything is predicted.
    """
    from basenji_kipoi.cli.inspect_summary import summary
    from basenji_kipoi.cli.inspect_tables import PARTS, render
    from basenji_kipoi.models.bundle import Bundle
    from basenji_kipoi.models.inspection import describe

    parts = read_names(details or "")
    if details and parts != ("all",):
        for part in parts:
            if part not in PARTS:
                raise InputError(
                    f"--details: no details {part!r}: expected some of {', '.join(PARTS)}, or all"
                )
    bundle = Bundle.load(model)
    description = describe(bundle)
    if tracks is not None:
        columns = bundle.targets.columns_of(tracks)
        description["tracks"] = [description["tracks"][column] for column in columns]
        details, parts = details or "tracks", parts if details else ("tracks",)
    if as_json:
        text = json.dumps(description, indent=2, ensure_ascii=False)
        # Names of files may hold bytes that are no text; JSON has escapes for them.
        typer.echo(text.encode("utf-8", "backslashreplace").decode())
        return
    from rich.console import Console

    console = Console()
    if details is None:
        console.print(summary(description))
    else:
        wanted = PARTS if parts == ("all",) else parts
        console.print(render(description, wanted, width=console.width))
