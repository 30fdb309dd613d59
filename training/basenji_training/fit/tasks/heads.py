"""The network that stores are trained on: a head for each, and batches that memory holds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import ValidationError

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.networks.reporter_heads import ReporterHead
from basenji_training.fit.tasks.assays import usual_reporter
from basenji_training.store.reporters import ReporterStore
from basenji_training.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_training.fit.tasks.stores import AnyStore

__all__ = ["check_batch_size", "with_heads_of"]

#: Bytes of the largest batch; several are held at a time.
_LARGEST_BATCH = 2**34


def with_heads_of(stores: Sequence[AnyStore], architecture: Architecture) -> Architecture:
    """Give a network one head a store.

    Parameters
    ----------
    stores
        The stores, those of reporters too.
    architecture
        The network, with any heads.

    Returns
    -------
    Architecture
        The same trunk with a head for each store, of its name and as many tracks, and a reporter
        for each reporter store: the network's of this name, or its first one, or `usual_reporter`.

    Raises
    ------
    InputError
        If a store's name cannot be a head's, or two have the same.
    """
    for store in stores:
        # It becomes part of the names of layers, files and columns.
        if not re.fullmatch(r"[\w.-]+", store.name):
            raise InputError(
                f"{store.path} is called {store.name!r}, which cannot name a head: make it under a "
                "name of letters, digits, dots, dashes and underscores"
            )
    if len({store.name for store in stores}) < len(stores):
        raise InputError(
            f"two stores have the same name ({', '.join(store.name for store in stores)}), and a "
            "head is called as its store: make them under different names"
        )
    coverage = [store for store in stores if isinstance(store, Store)]
    reporters = {}
    for store in stores:
        if not isinstance(store, ReporterStore):
            continue
        known = architecture.reporters
        usual = known.get(store.name) or next(iter(known.values()), None)
        usual = usual or usual_reporter(architecture, store)
        reporters[store.name] = ReporterHead.model_validate(
            {**usual.model_dump(), "activities": len(store.activities)}
        )
    try:
        # At once: without heads there must be reporters.
        return Architecture.model_validate(
            {
                **architecture.model_dump(),
                "heads": {}
                if not coverage
                else architecture.with_heads(
                    {store.name: len(store.targets) for store in coverage}
                ).model_dump()["heads"],
                "reporters": {name: each.model_dump() for name, each in reporters.items()},
            }
        )
    except ValidationError as error:
        raise InputError(f"the network: {error.errors()[0]['msg']}") from None


def check_batch_size(number: int, architecture: Architecture) -> None:
    """Check that a batch of so many windows fits in memory, before one is asked for.

    Raises
    ------
    InputError
        If it does not; with the arithmetic.
    """
    tracks = max((head.tracks for head in architecture.heads.values()), default=0)
    size = 4 * number * (4 * architecture.window + architecture.bins * tracks)
    if size > _LARGEST_BATCH:
        raise InputError(
            f"a batch has {size:,} bytes: {number:,} windows x (4 x {architecture.window:,} + "
            f"{architecture.bins:,} bins x {tracks:,} tracks) x 4, more than {_LARGEST_BATCH:,}: "
            "lower --batch-size"
        )
