"""The command ``basenji import``: from the files of a published network to a bundle."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Optional

import typer

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.cli.console import command_line, evaluated

if TYPE_CHECKING:
    from collections.abc import Callable

    from basenji_kipoi.published.gelu import Gelu
    from basenji_kipoi.published.model import PublishedModel

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
            help="The tracks' table, the original program's (of 2018 without a header) or ours.",
            show_default="of Basenji2, the published names; otherwise track_0, track_1, ...",
        ),
    ] = None,
    gelu: Annotated[
        Optional[Literal["tanh", "sigmoid", "erf"]],
        typer.Option(
            help="Which function a 2020 network's gelu is: by tanh (what its program computes "
            "today), by sigmoid (what it computed when Basenji2 was trained), or itself (erf, as "
            "in PyTorch).",
            show_default="what fits --reference best; without it, tanh",
        ),
    ] = None,
    reference: Annotated[
        Optional[Path],
        typer.Option(
            help="Table of another program's predictions (chrom, start, bin, track, value), which "
            "the three functions are compared with; with --fasta."
        ),
    ] = None,
    fasta: Annotated[Optional[Path], typer.Option(help="Genome of the reference.")] = None,
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
    for option, value in {"head": head, "gelu": gelu, "reference": reference}.items():
        if checkpoint is not None and value is not None:
            raise InputError(f"--{option} is of networks of 2020: leave it out")
    if (reference is None) != (fasta is None):
        raise InputError("--reference and --fasta go together: pass both, or neither")
    files = [h5] if checkpoint is None else Checkpoint(checkpoint).files
    inputs = [params, targets, reference, fasta, *files]
    check_output(out, overwrite=overwrite, inputs=inputs, folder=BUNDLE)
    details = {
        "targets": targets,
        "name": name or out.absolute().name,
        "assembly": assembly,
    }
    if checkpoint is not None:
        model = read_checkpoint(checkpoint, params, **details)
    else:
        read = partial(read_keras_file, h5, params, head=head, **details)
        if reference is not None:
            gelu = _fitting(read, reference, fasta, gelu)
        model = read(gelu=gelu)
    bundle = model.save(out, command=command_line("basenji"), overwrite=overwrite)
    shape = bundle.architecture
    check = bundle.metadata.training.self_check
    typer.echo(
        f"wrote {out}: {shape.window:,} bp to {shape.bins:,} bins of {shape.bin} bp and "
        f"{len(bundle.targets):,} tracks, {count_parameters(shape)['trainable']:,} trained "
        f"weights; it predicts the check sequence as the files do (mean {check.mean:.6g})",
        err=True,
    )


def _fitting(
    read: Callable[..., PublishedModel], reference: Path, fasta: Path, wanted: Gelu | None
) -> Gelu:
    """Compare the three functions with a table, and return the wanted one, or the best."""
    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.published.gelu import compare_gelus, read_reference

    with Genome(fasta) as genome:
        table = read_reference(reference, read(gelu=wanted), genome)
        fits = compare_gelus(lambda gelu: read(gelu=gelu), table, genome)
    typer.echo(f"{len(table.value):,} predictions of {reference}, and what is computed:", err=True)
    for fit in fits:
        typer.echo(
            f"  gelu {fit.gelu:<8} mean difference {fit.mean:.3g}, largest {fit.largest:.3g}",
            err=True,
        )
    if wanted is None:
        typer.echo(f"taking {fits[0].gelu}, which fits best", err=True)
    return wanted or fits[0].gelu
