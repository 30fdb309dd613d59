"""Whole passes of a reporter: sequences at several places of its window, averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.sequence import UNKNOWN, one_hot

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras

    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.models.networks.assays import Assay

__all__ = ["BATCH", "standardised_activities"]

#: Sequences predicted at once by default.
BATCH = 512


def standardised_activities(
    network: keras.Model,
    architecture: Architecture,
    reporter: str,
    assay: Assay,
    codes: np.ndarray,
    lengths: np.ndarray,
    *,
    batch_size: int = BATCH,
    advance: Callable[[int], object] | None = None,
) -> np.ndarray:
    """Predict sequences, each put at several places of the window, whose predictions are averaged.

    The places differ by less than the coarsest position that the reporter pools: where a sequence
    lies between the borders of those is nothing that an assay knows of.

    Parameters
    ----------
    network
        float32 (batch, window, 4) -> (batch, activities), or what is behind another of its layers.
    architecture, reporter
        The network's description, and the reporter's name.
    assay
        The construct around each sequence.
    codes : ndarray, uint8, shape (sequences, longest)
        Codes of the sequences; behind a shorter one is anything.
    lengths : ndarray, integer, shape (sequences,)
        Bases of each.
    batch_size
        Sequences predicted at once.
    advance
        Called with a number of sequences that are done.

    Returns
    -------
    ndarray, float32, shape (sequences, activities)
        In standard deviations (`Assay.raw` turns them into the assay's units).
    """
    head = architecture.reporters[reporter]
    moves = assay.moves(head.stride(architecture.trunk))
    total = np.zeros((len(codes), network.output_shape[-1]), dtype=np.float32)
    size = max(1, min(batch_size, len(codes)))
    # Every call has this size, so that it is compiled once.
    batch = np.full((size, head.window), UNKNOWN, dtype=np.uint8)
    for first in range(0, len(codes), size):
        part = slice(first, min(first + size, len(codes)))
        for move in moves:
            placed = assay.place(codes[part], lengths[part], head.window, move)
            batch[: len(placed)] = placed
            total[part] += network.predict_on_batch(one_hot(batch))[: len(placed)]
        if advance is not None:
            advance(part.stop - first)
    return total / len(moves)
