"""The command ``basenji inspect``: what a model is, as tables."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from basenji_kipoi.cli.options import Model

# What a command needs is imported when it runs: TensorFlow alone takes seconds, and --help none.
# ruff: noqa: PLC0415

__all__ = ["inspect"]


def inspect(
    model: Model,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Verify a model's checksums and show its network, tracks, training and evaluation."""
    from basenji_kipoi.cli.inspect_tables import render
    from basenji_kipoi.models.bundle import Bundle
    from basenji_kipoi.models.inspection import describe

    description = describe(Bundle.load(model))
    if as_json:
        text = json.dumps(description, indent=2, ensure_ascii=False)
        # Names of files may hold bytes that are no text; JSON has escapes for them.
        typer.echo(text.encode("utf-8", "backslashreplace").decode())
        return
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        # Tables of a file or a pipe need not be squeezed into 80 columns.
        console = Console(width=160)
    console.print(render(description))
