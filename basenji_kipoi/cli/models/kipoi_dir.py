"""The command ``basenji kipoi-dir``: from a bundle to a directory for Kipoi."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from basenji_kipoi.cli.options import MODEL_HELP, Overwrite, Quiet

# What a command needs is imported when it runs: TensorFlow alone takes seconds, and --help none.
# ruff: noqa: PLC0415

__all__ = ["kipoi_dir"]


def kipoi_dir(
    model: Annotated[Path, typer.Argument(help=MODEL_HELP)],
    out: Annotated[Path, typer.Argument(help="Directory to write.")],
    author: Annotated[str, typer.Option(help="Author that the descriptions name.")] = "not stated",
    licence: Annotated[
        str, typer.Option("--license", help="The model's licence, such as Apache-2.0.")
    ] = "not stated",
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Write a directory that Kipoi's programs take for a model.

    It holds the bundle, the program, all views of the model (kipoi predict, kipoi-veff,
    kipoi-veff2, mutation maps), and an example with expected predictions for kipoi test. Kipoi must
    be installed.
    """
    from basenji_kipoi.kipoi_directories.writing import write_kipoi_directory

    write_kipoi_directory(model, out, author=author, licence=licence, overwrite=overwrite)
    if not quiet:
        typer.echo(f"wrote {out}: next, cd {out} && kipoi test . --source=dir", err=True)
