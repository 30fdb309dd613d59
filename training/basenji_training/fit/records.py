"""What a run directory's files say, in a form that is checked when they are read."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter, ValidationError

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.json_files import read_json
from basenji_kipoi.base.text_files import check_seekable, decoded
from basenji_kipoi.models.training_record import Origin, Splits
from basenji_training.optimisation.settings import LARGEST_SEED, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["History", "Progress", "read_history", "read_settings"]

History = list[dict[str, float]]

#: Columns that each history has; one of several heads has more.
_COLUMNS = {"epoch", "seconds", "validation_seconds", "loss", "validation_loss", "validation_r"}
_ROW = TypeAdapter(dict[str, FiniteFloat])


class Progress(BaseModel):
    """Where a run stands, as its checkpoint has it.

    Attributes
    ----------
    history
        A row for each finished epoch.
    losses
        Of the steps of the epoch that is under way.
    seconds
        That it took so far.
    """

    history: list[dict[str, int | FiniteFloat]]
    losses: list[FiniteFloat]
    seconds: FiniteFloat


class _StoreOfRun(BaseModel):
    """The store that a head learned from."""

    model_config = ConfigDict(extra="allow")

    path: str
    command: str
    folds: Splits


class _Record(Settings):
    """``settings.json``; a run of an earlier version may lack settings that came later."""

    model_config = ConfigDict(extra="allow")

    seed: int = Field(ge=0, le=LARGEST_SEED)
    dtype: Literal["float32", "bfloat16"]
    stores: dict[str, _StoreOfRun]
    network: dict[str, Any]
    command: str
    origin: Origin | None = None


def read_settings(path: Path, heads: Sequence[str] = ()) -> dict[str, Any]:
    """Read what a run was asked for.

    Parameters
    ----------
    path
        The file ``settings.json``.
    heads
        Heads of which it must tell.

    Returns
    -------
    dict
        What stands there.

    Raises
    ------
    InputError
        If the file is missing or damaged, or of other heads; names the entry.
    """
    check_seekable(path, "JSON")
    settings = read_json(_Record, path)
    if lacking := set(heads) - set(settings.stores):
        raise InputError(f"{path}: stores: there is none of the head {min(lacking)}")
    return settings.model_dump(mode="json", exclude_unset=True)


def read_history(path: Path) -> History:
    """Read how a run went: one entry for each finished epoch.

    Raises
    ------
    InputError
        If the file is damaged; names the line.
    """
    check_seekable(path, "CSV")
    try:
        # A table of few numbers: what is no text has no such columns.
        lines = csv.reader(io.StringIO(decoded(path.read_bytes()), newline=""), strict=True)
        header, *rows = [cells for cells in lines if cells]
        if lacking := _COLUMNS - set(header):
            raise ValueError(f"no column {min(lacking)}")
        history = []
        for number, cells in enumerate(rows, 1):
            row = _ROW.validate_python(dict(zip(header, cells, strict=True)))
            if row["epoch"] != number:
                raise ValueError(f"epoch {row['epoch']:g} where {number} was expected")
            history.append(row)
    except (ValidationError, ValueError, csv.Error) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise InputError(
            f"{path} is damaged ({reason}): expected a line of numbers for each epoch; "
            "`basenji-train fit --resume` writes it again"
        ) from None
    return history
