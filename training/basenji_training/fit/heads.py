"""The network that stores are trained on: a head for each, and batches that memory holds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_training.store.store import Store

__all__ = ["check_batch_size", "with_heads_of"]

#: Bytes of the largest batch; several are held at a time.
_LARGEST_BATCH = 2**34


def with_heads_of(stores: Sequence[Store], architecture: Architecture) -> Architecture:
    """Give a network one head a store.

    Parameters
    ----------
    stores
        The stores.
    architecture
        The network, with any heads.

    Returns
    -------
    Architecture
        The same trunk with a head for each store, of its name and as many tracks.

    Raises
    ------
    InputError
        If a store's name cannot be a head's, or two have the same.
    """
    tracks = {store.name: len(store.targets) for store in stores}
    for store in stores:
        # It becomes part of the names of layers, files and columns.
        if not re.fullmatch(r"[\w.-]+", store.name):
            raise InputError(
                f"{store.path} is called {store.name!r}, which cannot name a head: make it under a "
                "name of letters, digits, dots, dashes and underscores"
            )
    if len(tracks) < len(stores):
        raise InputError(
            f"two stores have the same name ({', '.join(store.name for store in stores)}), and a "
            "head is called as its store: make them under different names"
        )
    return architecture.with_heads(tracks)


def check_batch_size(number: int, architecture: Architecture) -> None:
    """Check that a batch of so many windows fits in memory, before one is asked for.

    Raises
    ------
    InputError
        If it does not; with the arithmetic.
    """
    tracks = max(head.tracks for head in architecture.heads.values())
    size = 4 * number * (4 * architecture.window + architecture.bins * tracks)
    if size > _LARGEST_BATCH:
        raise InputError(
            f"a batch has {size:,} bytes: {number:,} windows x (4 x {architecture.window:,} + "
            f"{architecture.bins:,} bins x {tracks:,} tracks) x 4, more than {_LARGEST_BATCH:,}: "
            "lower --batch-size"
        )
