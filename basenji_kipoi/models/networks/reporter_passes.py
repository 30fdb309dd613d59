"""Whole passes of a reporter: sequences at several places of its window, averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.sequence import UNKNOWN, one_hot
from basenji_kipoi.models.networks.reporter_spans import spanned_reporter

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras

    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.models.networks.assays import Assay

__all__ = ["BATCH", "standardised_activities"]

#: Sequences predicted at once by default.
BATCH = 512
#: So many sequences are worth functions of their own.
_MANY = 8192


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
    spanned = _spanned(network, architecture, reporter, assay, codes, lengths)
    for first in range(0, len(codes), size):
        part = slice(first, min(first + size, len(codes)))
        for move in moves:
            placed = assay.place(codes[part], lengths[part], head.window, move)
            batch[: len(placed)] = placed
            if move in spanned:
                found = spanned[move](batch)
            else:
                found = network.predict_on_batch(one_hot(batch))
            total[part] += found[: len(placed)]
        if advance is not None:
            advance(part.stop - first)
    return total / len(moves)


def _spanned(
    network: keras.Model,
    architecture: Architecture,
    reporter: str,
    assay: Assay,
    codes: np.ndarray,
    lengths: np.ndarray,
) -> dict[int, Callable[[np.ndarray], np.ndarray]]:
    """Make functions, one a move, that compute what differs between many sequences alone.

    None where there are few sequences, for compiling takes seconds, or of different lengths.
    """
    if len(codes) < _MANY or (lengths != lengths[0]).any():
        return {}
    differ = np.flatnonzero((codes[:, : lengths[0]] != codes[0, : lengths[0]]).any(axis=0))
    if not len(differ):
        return {}
    window, span = architecture.reporters[reporter].window, (int(differ[0]), int(differ[-1]) + 1)
    # Bases that are the same are vector: others with the same vector have the same functions.
    key = reporter, span, int(lengths[0]), *(codes[0, : span[0]]), *(codes[0, span[1] : lengths[0]])
    # They live as long as the network; an attribute would be one of Keras' own, which it saves.
    known = vars(network).setdefault("_spanned", {})
    if key not in known:
        known[key] = {}
        for move in assay.moves(architecture.reporters[reporter].stride(architecture.trunk)):
            first = assay.first(window) + move
            inside = max(first + span[0], 0), min(first + span[1], window)
            placed = assay.place(codes[:1], lengths[:1], window, move)[0]
            run = spanned_reporter(network, architecture, reporter, placed, inside)
            if run is not None:
                known[key][move] = run
    return known[key]
