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

__all__ = ["History", "Progress", "RunSettings", "StoreOfRun", "read_history", "read_settings"]

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


class StoreOfRun(BaseModel):
    """The store that a head learned from.

    Attributes
    ----------
    path, command
        Where it was, and what made it.
    folds
        What each split holds.
    content_sha256
        Checksum of what the store says of its content; a run of an earlier version may have none.
    """

    model_config = ConfigDict(extra="allow")

    path: str
    command: str
    folds: Splits
    content_sha256: str | None = None


class RunSettings(Settings):
    """What a run was asked for: ``settings.json``.

    A run of an earlier version may lack settings that came later: they have their usual values
    here, and do not stand among those that were recorded.

    Attributes
    ----------
    stores
        Store of each head and reporter, by its name.
    network
        The architecture.
    command
        The command that began the run.
    origin
        Where its first weights come from, if not from chance.
    """

    model_config = ConfigDict(extra="allow")

    seed: int = Field(ge=0, le=LARGEST_SEED)
    dtype: Literal["float32", "bfloat16"]
    stores: dict[str, StoreOfRun]
    network: dict[str, Any]
    command: str
    origin: Origin | None = None

    def recorded(self) -> dict[str, Any]:
        """Return what stands in the file."""
        return self.model_dump(mode="json", exclude_unset=True)

    def settings(self) -> dict[str, Any]:
        """Return those of `basenji_training.optimisation.settings.Settings` that were recorded."""
        own = {"stores", "network", "command", "origin"}
        return self.model_dump(mode="json", exclude_unset=True, exclude=own)


def read_settings(path: Path, heads: Sequence[str] = ()) -> RunSettings:
    """Read what a run was asked for.

    Parameters
    ----------
    path
        The file ``settings.json``.
    heads
        Heads of which it must tell.

    Returns
    -------
    RunSettings
        What stands there.

    Raises
    ------
    InputError
        If the file is missing or damaged, or of other heads; names the entry.
    """
    settings = read_json(RunSettings, path)
    if lacking := set(heads) - set(settings.stores):
        raise InputError(f"{path}: stores: there is none of the head {min(lacking)}")
    return settings


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
