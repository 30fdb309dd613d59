"""What the output of a scoring run says of itself: what it was made of, with and how."""

from __future__ import annotations

import gzip
import zlib
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pydantic_core
import pysam
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import check_seekable
from basenji_kipoi.scoring.tables import METADATA_KEY, ROWS_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from basenji_kipoi.effects.reporters.scores import ReporterScore
    from basenji_kipoi.effects.scores import GeneScore, Score
    from basenji_kipoi.models.bundle import Bundle
    from basenji_kipoi.scoring.options import ScoreOptions

__all__ = [
    "METADATA_LINE",
    "definitions_of",
    "describe_run",
    "open_text",
    "read_metadata",
    "settings_of",
]

#: Beginning of the line of a VCF or TSV that holds the metadata.
METADATA_LINE = f"##{METADATA_KEY}=".encode()


def describe_run(
    options: ScoreOptions,
    settings: dict[str, Any],
    bundles: Sequence[Bundle],
    defined: Sequence[Score | GeneScore | ReporterScore],
    symbols: str,
    command: str,
) -> dict[str, Any]:
    """Describe an output: what it was made of and with, and what its columns mean.

    Parameters
    ----------
    options
        The run's options.
    settings
        All that its scores depend on.
    bundles
        Its models, an ensemble's members each for itself.
    defined, symbols
        All scores of its tables, and what the symbols of their formulas are.
    command
        The command that began it.

    Returns
    -------
    dict
        As JSON can hold it; `settings_of` finds the settings in it again.
    """
    import keras  # noqa: PLC0415 - merging shards needs no network

    files = {
        "fasta": options.fasta,
        "vcf": options.vcf,
        "genes": options.genes,
        "background": options.background,
    }
    return {
        "format": "basenji-scores",
        "format_version": 1,
        "commands": [command],
        **settings,
        "long": options.long,
        **{
            name: path and {"file": Path(path).name, "sha256": settings[name]}
            for name, path in files.items()
        },
        "model": [
            {
                "name": bundle.metadata.name,
                "assembly": bundle.metadata.assembly,
                "sha256": bundle.weights_sha256[0],
            }
            for bundle in bundles
        ],
        "versions": {
            "keras": keras.__version__,
            "backend": keras.config.backend(),
            "numpy": np.__version__,
            "pyarrow": pa.__version__,
            "pysam": pysam.__version__,
        },
        "definitions": definitions_of(defined),
        "symbols": symbols,
        "quantiles": "fraction of the background's alleles with a smaller score, plus half of "
        "those with an equal one"
        if options.background
        else None,
    }


def definitions_of(
    scores: Sequence[Score | GeneScore | ReporterScore],
) -> dict[str, dict[str, Any]]:
    """Define scores, as the metadata of an output hold it."""
    return {
        score.name: {
            "formula": score.formula,
            "meaning": score.meaning,
            "units": score.units,
            "signed": score.signed,
            "source": score.source,
        }
        for score in scores
    }


def settings_of(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Find what the scores of an output depend on in its metadata.

    Parameters
    ----------
    metadata
        As `describe_run` made it.

    Returns
    -------
    dict
        The settings, and much that is not among them.
    """
    files = {
        name: metadata.get(name) and metadata[name]["sha256"]
        for name in ("fasta", "vcf", "genes", "background")
    }
    return {**metadata, **files, "model": [model["sha256"] for model in metadata.get("model", ())]}


def read_metadata(path: Path) -> dict[str, Any]:
    """Read the metadata of an output.

    Raises
    ------
    InputError
        If the file cannot be read, or has none.
    """
    text = rows = None
    check_seekable(path, "score")  # they are read twice
    try:
        if path.suffix == ".parquet":
            with path.open("rb") as file:
                footer = pyarrow.parquet.read_metadata(file).metadata or {}
            text, rows = footer.get(METADATA_KEY.encode()), footer.get(ROWS_KEY.encode())
        else:
            with open_text(path) as lines:
                for line in takewhile(lambda line: line.startswith(b"##"), lines):
                    if line.startswith(METADATA_LINE):
                        text = line[len(METADATA_LINE) :]
    except (OSError, EOFError, ValueError, zlib.error, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read ({reason}): score it again") from None
    if text is None:
        raise InputError(f"{path} was not written by basenji score")
    try:
        _Metadata.model_validate_json(text)
        content = pydantic_core.from_json(text)
        if rows is not None:
            content["rows"] = {"number": int(rows)}
    except ValueError as error:
        problem = str(error)
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            place = ".".join(str(step) for step in first["loc"]) or "they"
            problem = f"{place}: {first['msg']}"
        raise InputError(f"{path}: its metadata are damaged ({problem}): score it again") from None
    return content


class _Entries(BaseModel):
    model_config = ConfigDict(extra="allow")


class _Source(_Entries):
    sha256: str


class _Rows(_Entries):
    number: int = Field(ge=0)
    sha256: Optional[str] = None


class _Metadata(_Entries):
    """What commands use of the metadata of an output."""

    commands: list[str] = []
    shard: str = Field(default="1/1", pattern=r"^[1-9]\d{0,8}/[1-9]\d{0,8}$")
    model: list[_Source] = []
    fasta: Optional[_Source] = None
    vcf: Optional[_Source] = None
    genes: Optional[_Source] = None
    background: Optional[_Source] = None
    rows: Optional[_Rows] = None


def open_text(path: Path) -> Any:  # noqa: ANN401 - one of two kinds of binary files
    """Open an output that is text, compressed or not, to read its bytes."""
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")
