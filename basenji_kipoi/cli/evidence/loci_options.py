"""The options of commands that read tables of loci."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

__all__ = ["Columns", "Gap", "Linkage", "Rsids", "TableFormat"]

Linkage = Annotated[
    Optional[Path],
    typer.Option(help="Linkage: genotypes (VCF, BCF), or a matrix of r (.npz or text)."),
]
Rsids = Annotated[
    Optional[Path],
    typer.Option(help="VCF with the places of rsIDs, for tables without positions."),
]
TableFormat = Annotated[
    Optional[str],
    typer.Option(
        "--format",
        help="Format of the table, such as eqtl-catalogue, finngen-susie, gtex or plain.",
        show_default="the one whose columns it has",
    ),
]
Columns = Annotated[
    Optional[list[str]],
    typer.Option(help="ROLE=NAME: what a column is called, such as pip=PP; may be repeated."),
]
Gap = Annotated[
    int,
    typer.Option(min=1, help="Without a column of loci, variants further apart lie in two (bp)."),
]
