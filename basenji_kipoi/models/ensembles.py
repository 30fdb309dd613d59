"""Models whose predictions are averaged: which they are, and whether they can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.models.targets import Targets

__all__ = ["Described", "check_alike"]


class Described(Protocol):
    """A trained model as it describes itself: a bundle, or a run that may become one."""

    path: Path
    architecture: Architecture
    targets: Targets


def check_alike(models: Sequence[Described]) -> None:
    """Check that predictions of models can be averaged.

    Raises
    ------
    InputError
        If they differ in window, bins or tracks.
    """
    first = models[0]
    for other in models[1:]:
        where = f"the models {first.path} and {other.path} cannot be averaged: "
        for what in ("window", "bin", "crop"):
            ours, theirs = (getattr(model.architecture, what) for model in (first, other))
            if ours != theirs:
                raise InputError(f"{where}their {what} is {ours} and {theirs}")
        if first.architecture.reporters != other.architecture.reporters:
            raise InputError(f"{where}they have other reporters")
        ours, theirs = first.targets, other.targets
        if (
            ours.labels != theirs.labels
            or (ours.strand_permutation != theirs.strand_permutation).any()
        ):
            raise InputError(
                f"{where}their tracks have other identifiers, another order or other strand pairs"
            )
