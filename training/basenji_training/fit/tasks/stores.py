"""Stores of either kind: tracks along a genome, and measured sequences of a reporter assay."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from basenji_training.store.reporter_description import DESCRIPTION
from basenji_training.store.reporters import ReporterStore
from basenji_training.store.store import Store

if TYPE_CHECKING:
    import os

__all__ = ["AnyStore", "in_memory", "open_store"]

AnyStore = Store | ReporterStore


def open_store(path: str | os.PathLike[str]) -> AnyStore:
    """Open a store of either kind, by what its directory holds.

    Raises
    ------
    InputError
        If it is none, or damaged.
    """
    if (Path(path) / DESCRIPTION).is_file():
        return ReporterStore.open(path)
    return Store.open(path)


def in_memory(store: AnyStore) -> AnyStore:
    """Load the tracks of a store; sequences are there already."""
    return store.load() if isinstance(store, Store) else store
