"""The command ``basenji import``: from the files of a published network to a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.cli.console import command_line, evaluated

# What a command needs is imported when it runs: TensorFlow alone takes seconds, and --help none.
# ruff: noqa: PLC0415

__all__ = ["import_published"]


@evaluated
def import_published(
    params: Annotated[
        Path, typer.Option(help="The network's params.txt (2018) or params.json (2020).")
    ],
    out: Annotated[Path, typer.Option(help="The bundle to write, a directory.")],
    checkpoint: Annotated[
        Optional[Path],
        typer.Option(
            help="A 2018 network: its TensorFlow 1 checkpoint, named without .index and .data-..."
        ),
    ] = None,
    h5: Annotated[
        Optional[Path], typer.Option(help="A 2020 network: its Keras 2 file, model_best.h5.")
    ] = None,
    head: Annotated[
        Optional[str],
        typer.Option(help="The head of a 2020 network with several, for instance human."),
    ] = None,
    targets: Annotated[
        Optional[Path],
        typer.Option(
            help="The tracks' table, the original program's or ours.",
            show_default="track_0, track_1, ...",
        ),
    ] = None,
    name: Annotated[
        Optional[str], typer.Option(help="The model's name.", show_default="that of the directory")
    ] = None,
    assembly: Annotated[
        str, typer.Option(help="The genome assembly that it was trained on.")
    ] = "not stated",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing bundle.")
    ] = False,
) -> None:
    """Make a bundle of a published network: its weights, unchanged and checked.

    At the end the bundle predicts a fixed sequence, and must give what the files' network gives.
    """
    from basenji_kipoi.base.atomic import check_output
    from basenji_kipoi.models.bundle import BUNDLE
    from basenji_kipoi.models.inspection import count_parameters
    from basenji_kipoi.published.family_2018 import Checkpoint, read_checkpoint
    from basenji_kipoi.published.family_2020 import read_keras_file

    if (checkpoint is None) == (h5 is None):
        raise InputError("name the weights: either --checkpoint (2018) or --h5 (2020)")
    if checkpoint is not None and head is not None:
        raise InputError("--head: networks of 2018 have one head: leave it out")
    files = [h5] if checkpoint is None else Checkpoint(checkpoint).files
    check_output(out, overwrite=overwrite, inputs=[params, targets, *files], folder=BUNDLE)
    details = {
        "targets": targets,
        "name": name or out.absolute().name,
        "assembly": assembly,
    }
    if checkpoint is not None:
        model = read_checkpoint(checkpoint, params, **details)
    else:
        model = read_keras_file(h5, params, head=head, **details)
    bundle = model.save(out, command=command_line("basenji"), overwrite=overwrite)
    shape = bundle.architecture
    check = bundle.metadata.training.self_check
    typer.echo(
        f"wrote {out}: {shape.window:,} bp to {shape.bins:,} bins of {shape.bin} bp and "
        f"{len(bundle.targets):,} tracks, {count_parameters(shape)['trainable']:,} trained "
        f"weights; it predicts the check sequence as the files do (mean {check.mean:.6g})",
        err=True,
    )
