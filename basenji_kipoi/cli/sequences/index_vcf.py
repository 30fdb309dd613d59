"""The command ``basenji index-vcf``: a VCF as Kipoi's programs want it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from basenji_kipoi.cli.console import counted
from basenji_kipoi.cli.options import Overwrite, Quiet

# What a command needs is imported when it runs: TensorFlow alone takes seconds, and --help none.
# ruff: noqa: PLC0415

__all__ = ["index_vcf"]


def index_vcf(
    vcf: Annotated[
        str,
        typer.Argument(
            help="VCF or BCF in any order, plain, gzip or bgzip; '-' is standard input."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The output, x.vcf.gz; its index stands beside it.")],
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Sort a VCF, compress it by bgzip, and index it, as Kipoi's programs and browsers want it.

    `basenji score` needs none of that.
    """
    from basenji_kipoi.genome.vcf_index import index_vcf as write_index

    records, index = write_index(vcf, out, overwrite=overwrite)
    if not quiet:
        typer.echo(f"wrote {out} and {index.name}: {counted(records, 'record')}", err=True)
