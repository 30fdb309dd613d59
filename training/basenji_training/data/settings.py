"""What `basenji-train data` makes of tracks: bins, what is missing, splits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from basenji_training.optimisation.settings import LARGEST_SEED
from basenji_training.splits.folds import CONTIG_LENGTH
from basenji_training.store.description import WIDEST_BIN

__all__ = ["StoreSettings"]

# Headings of the options in --help.
_BINS, _SPLITS, _MISSING = "Bins", "Splits", "What is missing"


def _split(value: object) -> object:
    return [name for name in value.split(",") if name] if isinstance(value, str) else value


#: Names; of a text, those between its commas.
Names = Annotated[tuple[str, ...], BeforeValidator(_split)]


class StoreSettings(BaseModel):
    """What a store is to hold.

    Each field is declared here alone: it is an option of `basenji-train data` and a row of the
    table in ``docs/how-to/data.md``, with its description, unit and bounds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    bin: int = Field(
        default=32,
        ge=1,
        le=WIDEST_BIN,
        description="Width of a bin.",
        json_schema_extra={"group": _BINS, "unit": "bp"},
    )
    test: Names = Field(
        default=(), description="Test chromosomes.", json_schema_extra={"group": _SPLITS}
    )
    validation: Names = Field(
        default=(), description="Validation chromosomes.", json_schema_extra={"group": _SPLITS}
    )
    folds: int | None = Field(
        default=None,
        description="Instead of holding out chromosomes, draw contigs into so many folds, 3 or "
        "more; the first tests and the second validates until others are chosen.",
        json_schema_extra={"group": _SPLITS},
    )
    contig_length: int = Field(
        default=CONTIG_LENGTH,
        ge=1,
        description="Longest contig of a fold, at least a bin; chromosomes are also cut at their "
        "gaps.",
        json_schema_extra={"group": _SPLITS, "unit": "bp"},
    )
    homology: Path | None = Field(
        default=None,
        description="BED file of regions, named by group, whose contigs stay in one fold.",
        json_schema_extra={"group": _SPLITS},
    )
    seed: int = Field(
        default=0,
        ge=0,
        le=LARGEST_SEED,
        description="Seed of the drawing of folds.",
        json_schema_extra={"group": _SPLITS},
    )
    exclude: Names = Field(
        default=(),
        description="Chromosomes or patterns to leave out, such as 'chrM,*_random'.",
        json_schema_extra={"group": _SPLITS},
    )
    blacklist: Path | None = Field(
        default=None,
        description="BED file of intervals whose coverage is not to be believed: bins that touch "
        "one are missing.",
        json_schema_extra={"group": _MISSING},
    )
    unmappable: Path | None = Field(
        default=None,
        description="BED file of intervals that reads cannot be placed in, such as `basenji-train "
        "unmappable` finds.",
        json_schema_extra={"group": _MISSING},
    )
    unmappable_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Share of a bin's bases from which it is unmappable, and missing.",
        json_schema_extra={"group": _MISSING},
    )
    missing_share: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Leave out training windows of which a larger share of predicted bins is "
        "missing in all tracks; validation and test keep theirs.",
        json_schema_extra={"group": _MISSING},
    )
    name: str | None = Field(
        default=None,
        description="Name of the data set.",
        json_schema_extra={"group": _BINS, "otherwise": "the output's stem"},
    )
