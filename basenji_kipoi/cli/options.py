"""What the options of several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from basenji_kipoi.models.memory import MEMORY_BYTES

__all__ = [
    "INDEL_NAMES",
    "MEMORY",
    "BothStrands",
    "Fasta",
    "Memory",
    "Model",
    "Overwrite",
    "Quiet",
    "Tracks",
]

#: Names of the option that says how alleles of another length are compared.
INDEL_NAMES = ("--indels", "--indel")
#: Memory for predictions where none is named (GiB).
MEMORY = MEMORY_BYTES / (1 << 30)

Model = Annotated[Path, typer.Option(help="Directory of the trained model (a bundle).")]
Fasta = Annotated[Path, typer.Option(help="Genome: FASTA, plain or compressed with bgzip.")]
Tracks = Annotated[
    Optional[str],
    typer.Option(
        help="Tracks to write, by identifier, pattern (such as stripe_*) or index, separated by "
        "commas.",
        show_default="all",
    ),
]
BothStrands = Annotated[
    Optional[bool],
    typer.Option(
        "--both-strands/--one-strand",
        "--rc",
        help="Average predictions over both strands, or not.",
        show_default="as the model was evaluated",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show neither progress nor a summary.")]
Memory = Annotated[
    float, typer.Option(min=0.1, help="Memory for predictions and what they share (GiB).")
]
