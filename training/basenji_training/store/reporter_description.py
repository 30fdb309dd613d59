"""What a store of reporter sequences says about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.json_files import read_json
from basenji_kipoi.models.networks.assays import Activity
from basenji_training.store.description import REPORTERS

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "DESCRIPTION",
    "MAKE_REPORTERS_AGAIN",
    "NAME",
    "PAIRS",
    "REPORTER_FORMAT",
    "SEQUENCES",
    "ReporterDescription",
    "read_reporter_description",
]

REPORTER_FORMAT = "basenji-reporters"
#: What to do about a store that is damaged.
MAKE_REPORTERS_AGAIN = "get the store again, or make it again with `basenji-train reporters`"
#: What a store, a table or a head may be called.
NAME = r"[A-Za-z0-9_.-]+"
#: Files of a store.
DESCRIPTION, SEQUENCES, PAIRS = REPORTERS, "sequences.parquet", "pairs.parquet"
#: Bytes of the largest description that is read.
_LARGEST_DESCRIPTION = 2**26

_Letters = Annotated[str, StringConstraints(pattern=r"^[ACGTN]*$")]
_Checksum = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Count = Annotated[int, Field(ge=0)]


class ReporterDescription(BaseModel):
    """The content of `DESCRIPTION`; entries that nothing reads are kept as they are."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    format: Literal["basenji-reporters"]
    format_version: Literal[1]
    name: Annotated[str, StringConstraints(pattern=rf"^{NAME}$")]
    activities: list[Activity] = Field(min_length=1)
    #: What stands before and behind a sequence in the assay, without what sequences carry of it.
    left: _Letters = ""
    right: _Letters = ""
    sequences: int = Field(ge=1)
    pairs: _Count
    #: What decided which sequences train, validate and test.
    folds: dict[Literal["train", "validation", "test"], str]
    #: SHA-256 of each file.
    files: dict[str, _Checksum]
    #: SHA-256 of what the store holds, whatever its files look like.
    content_sha256: _Checksum
    created: str = ""
    command: str = ""
    #: What was found while it was made.
    findings: dict[str, Any] = {}

    @model_validator(mode="after")
    def _fits(self) -> ReporterDescription:
        lacking = {SEQUENCES, PAIRS} - set(self.files)
        if lacking:
            raise ValueError(f"files have no {min(lacking)}")
        if set(self.folds) != {"train", "validation", "test"}:
            raise ValueError("folds must be train, validation and test")
        names = [activity.identifier for activity in self.activities]
        if len(set(names)) < len(names):
            raise ValueError("two activities have one identifier")
        return self


class _Format(BaseModel):
    format: Any = None
    format_version: Any = None


def read_reporter_description(path: Path) -> ReporterDescription:
    """Read what a store says about itself.

    Parameters
    ----------
    path
        The store.

    Raises
    ------
    InputError
        If it is no store of reporters, one of another format version, or its description is
        damaged; names the entry.
    """
    file = path / DESCRIPTION
    if not file.is_file():
        raise InputError(
            f"{path} is not a store of reporters: make one with `basenji-train reporters`"
        )
    if file.stat().st_size > _LARGEST_DESCRIPTION:
        raise InputError(f"{file} has {file.stat().st_size:,} bytes: it is no store's description")
    try:
        found = read_json(_Format, file)
        if found.format != REPORTER_FORMAT:
            raise InputError(f"{file}: it is no description of reporters")
        if found.format_version != 1:
            raise InputError(f"{file}: format version {found.format_version}, this program reads 1")
        return read_json(ReporterDescription, file)
    except InputError as error:
        raise InputError(f"{error}: {MAKE_REPORTERS_AGAIN}") from None
