"""Thresholds and scales of tracks, measured on the training part of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.targets import Targets
from basenji_training.tracks.bins import transform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from basenji_training.store.store import Store

__all__ = ["suggest_thresholds"]

#: Values that quantiles and means are taken of; of larger stores, bins at equal distances.
_SAMPLED_VALUES = 2**25
#: Scaled values are held as float32.
_SMALLEST, _LARGEST = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)


def suggest_thresholds(
    store: Store,
    *,
    quantile: float = 0.97,
    least: float = 0.0,
    weights: Mapping[str, float] | None = None,
) -> Targets:
    """Choose `clip_soft` and `scale` of every track.

    `clip_soft` is a quantile of the bins' statistics, and `scale` makes the mean of the softly
    clipped values the assay's weight: a track's share in a Poisson loss is about proportional to
    its mean. Both have two significant digits, and the two strands of a track share both, because
    training with reverse complements exchanges them.

    Parameters
    ----------
    store
        Scale and soft clipping of its values are undone; only bins of the training split count.
    quantile
        Share of bins below `clip_soft`, between 0 and 1.
    least
        Smallest `clip_soft`: of counts 1, where most bins are empty.
    weights
        Assay -> mean that its tracks shall have; 1 where it has none.

    Returns
    -------
    Targets
        The store's table with the new columns.

    Raises
    ------
    InputError
        If the quantile is out of range, a weight names no assay of the store or is not positive,
        or a track has nothing to be measured by.
    """
    weights = weights or {}
    if not 0 < quantile < 1:
        raise InputError(f"--quantile is {quantile}: it must be between 0 and 1")
    assays = {target.assay for target in store.targets}
    if not 0 <= least < np.inf:
        raise InputError(f"--least is {least}: it must be 0 or more, and finite")
    for assay, weight in weights.items():
        if assay not in assays:
            raise InputError(
                f"--weight: no track has the assay {assay!r}: they have {', '.join(sorted(assays))}"
            )
        if not 0 < weight < np.inf:
            raise InputError(f"--weight: {assay} has {weight:g}: it must be above 0, and finite")
    values = store.targets.statistics(_sample(store))
    # Each column next to its other strand's (an unstranded track next to itself).
    pooled = np.concatenate([values, values[:, store.targets.strand_permutation]])
    rows = []
    for target, column in zip(store.targets, pooled.T, strict=True):
        known = column[np.isfinite(column)]
        clip_soft = _rounded(max(np.quantile(known, quantile), least)) if known.any() else 0.0
        if clip_soft <= 0:
            raise InputError(
                f"track {target.identifier}: {quantile:.0%} of its training bins are empty or all "
                "are missing: raise --quantile, give --least, or leave the track out"
            )
        mean = transform(known, clip_soft=clip_soft, clip=np.inf, scale=1.0).mean(dtype=np.float64)
        scale = _rounded(weights.get(target.assay, 1.0) / mean) if mean > 0 else np.inf
        if not _SMALLEST < scale < _LARGEST or not np.isfinite(clip_soft):
            raise InputError(
                f"track {target.identifier}: no scale makes its mean, {mean:g} after soft clipping "
                f"at {clip_soft:g}, the weight {weights.get(target.assay, 1.0):g}: correct "
                "--weight, --least or the track"
            )
        rows.append(
            target.model_copy(update={"clip_soft": clip_soft, "clip": None, "scale": scale})
        )
    return Targets(rows)


def _rounded(value: float) -> float:
    return float(f"{value:.2g}")


def _sample(store: Store) -> np.ndarray:
    """Read bins of the training split at equal distances: float32, (bins, tracks)."""
    regions = [region for label in store.folds["train"] for region in store.regions[label]]
    bins = sum(end - start for _, start, end in regions) // store.bin
    every = max(bins * len(store.targets) // _SAMPLED_VALUES, 1)
    # Pieces, so that only what is kept is held.
    piece = max(_SAMPLED_VALUES // len(store.targets) // every, 1) * every
    return np.concatenate(
        [
            store.coverage(name, first, min(first + piece, end // store.bin))[::every]
            for name, start, end in regions
            for first in range(start // store.bin, end // store.bin, piece)
        ]
    )
