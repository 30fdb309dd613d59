"""How a model came about: what its metadata say of training, in a form that is checked."""

from __future__ import annotations

from typing import Any, Optional

from pydantic import BaseModel, ConfigDict, model_validator

__all__ = ["ImportedFile", "NetworkRecord", "Origin", "SelfCheck", "Splits", "TrainingRecord"]


class _Entries(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Splits(_Entries):
    """Labels (chromosomes or folds) that a network was trained, chosen and tested with."""

    train: list[str]
    validation: list[str]
    test: list[str]


class Origin(_Entries):
    """The network whose trunk was the beginning of another's.

    Attributes
    ----------
    name
        Its bundle's name or its run's folder.
    chromosomes
        Data set -> what it was trained with; empty if that is not known.
    origin
        The network that it began with itself.
    """

    name: str
    chromosomes: dict[str, Splits]
    origin: Optional[Origin] = None


class NetworkRecord(_Entries):
    """How one network came about; what is not known is None.

    Attributes
    ----------
    chromosomes
        What it was trained, chosen and tested with.
    origin
        Whose trunk it began with.
    settings
        What the training was asked for, by the names that the training package has for it.
    epochs_run, best_epoch
        Epochs that ran, and the one whose weights were kept, from 1.
    validation_r
        Mean correlation of the best epoch.
    seconds
        Time of training and validation.
    """

    chromosomes: Optional[Splits] = None
    origin: Optional[Origin] = None
    settings: Optional[dict[str, Any]] = None
    epochs_run: Optional[int] = None
    best_epoch: Optional[int] = None
    validation_r: Optional[float] = None
    seconds: Optional[float] = None

    def content(self) -> dict[str, Any]:
        """Return the record as JSON holds it, with what was said and nothing else."""
        return self.model_dump(mode="json", exclude_unset=True)


class ImportedFile(_Entries):
    """A file of an original program that a model was read from."""

    file: str
    sha256: str


class SelfCheck(_Entries):
    """What an imported network predicts for a sequence that can be made anywhere.

    Attributes
    ----------
    sequence
        How the sequence is made.
    mean, largest
        Of the predictions for all bins and tracks.
    """

    sequence: str
    mean: float
    largest: float


class TrainingRecord(NetworkRecord):
    """``training`` of a bundle's metadata: the record of its network, or of those of an ensemble.

    Attributes
    ----------
    members
        The networks of an ensemble; of one network, the entries of `NetworkRecord` stand here.
    commands
        The commands that made it, in their order.
    imported_from, self_check
        Of a network that was trained elsewhere.
    """

    members: Optional[list[NetworkRecord]] = None
    commands: list[str] = []
    imported_from: Optional[list[ImportedFile]] = None
    self_check: Optional[SelfCheck] = None

    @model_validator(mode="after")
    def _one_network_or_several(self) -> TrainingRecord:
        own = self.model_fields_set & set(NetworkRecord.model_fields)
        if self.members is not None and own:
            raise ValueError(f"expected either members or {', '.join(sorted(own))}, not both")
        if self.members == []:
            raise ValueError("expected at least one of members")
        return self

    @property
    def networks(self) -> list[NetworkRecord]:
        """What is known of each network: of an ensemble its members, of one network itself."""
        return [self] if self.members is None else self.members
