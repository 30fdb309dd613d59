"""The command `basenji-train simulate`: a genome whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from basenji_training.optimisation.settings import LARGEST_SEED

__all__ = ["simulate"]


def simulate(
    out: Annotated[Path, typer.Option(help="Directory to write.")],
    seed: Annotated[
        int, typer.Option(min=0, max=LARGEST_SEED, help="Seed of everything random.")
    ] = 0,
    size: Annotated[int, typer.Option(help="Length of the genome (bp).")] = 1_600_000,
    variants: Annotated[
        int,
        typer.Option(help="Number of variants; causal ones have a matched control each besides."),
    ] = 600,
    reporters: Annotated[int, typer.Option(help="Number of oligos of the reporter assay.")] = 3000,
    elements: Annotated[
        int,
        typer.Option(
            help="Number of distal elements, half of them enhancers of the genes around and half "
            "decoys; with any, genes lie farther apart."
        ),
    ] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
) -> None:
    """Write a genome with known motifs, its genes, tracks, reporters, and variants of known effect.

    Training on it shows whether everything works: what there is to be found is known exactly.
    """
    from basenji_kipoi.base.atomic import check_place  # noqa: PLC0415 - when it runs

    check_place(out, overwrite=overwrite)
    # Only now what takes long to import: an error above comes at once.
    from basenji_training.simulation.simulate import simulate as write  # noqa: PLC0415

    write(
        out,
        seed=seed,
        size=size,
        variants=variants,
        reporters=reporters,
        elements=elements,
        overwrite=overwrite,
        label="simulating",
    )
    typer.echo(
        f"{out}: next, basenji-train data {out / 'targets.tsv'} --fasta {out / 'genome.fa'} "
        f"--validation chr7 --test chr8 --out {out.with_suffix('.zarr')}"
    )
    typer.echo(
        f"and basenji-train reporters {out / 'reporters.tsv'} --weight reads --weight-kind counts "
        f"--context {out / 'reporter_context.fa'} --pairs {out / 'reporter_pairs.tsv'} "
        f"--fasta {out / 'genome.fa'} --validation-contigs chr7 --test-contigs chr8 "
        f"--out {out.with_suffix('.reporters')}"
    )
