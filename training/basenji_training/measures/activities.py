"""Agreement of predicted and measured activities of sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.sequence import one_hot

if TYPE_CHECKING:
    import keras

    from basenji_training.store.reporter_batches import ReporterSequences

__all__ = ["correlations", "predicted_activities"]


def predicted_activities(
    network: keras.Model, sequences: ReporterSequences, rows: np.ndarray, *, batch_size: int = 512
) -> np.ndarray:
    """Predict sequences, averaged over the places in their window.

    Parameters
    ----------
    network
        float32 (batch, window, 4) -> (batch, activities).
    sequences
        Where they are.
    rows : ndarray, integer, shape (sequences,)
        Rows of the store.
    batch_size
        Sequences predicted at once.

    Returns
    -------
    ndarray, float32, shape (sequences, activities)
        Standardised activities.
    """
    total = np.zeros((len(rows), len(sequences.assay.activities)), np.float32)
    for first in range(0, len(rows), batch_size):
        part = rows[first : first + batch_size]
        for move in sequences.moves:
            channels = one_hot(sequences.placed(part, move))
            total[first : first + len(part)] += network.predict_on_batch(channels)
    return total / len(sequences.moves)


def correlations(predicted: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Correlate activities.

    Parameters
    ----------
    predicted, observed : ndarray, floating, shape (sequences, activities)
        NaN in ``observed`` where nothing was measured.

    Returns
    -------
    ndarray, float64, shape (activities,)
        Pearson's r; NaN where the observations are constant or fewer than three, 0 where the
        predictions alone are constant: they explain nothing.
    """
    found = np.full(observed.shape[1], np.nan)
    for column, (ours, theirs) in enumerate(zip(predicted.T, observed.T, strict=True)):
        exists = np.isfinite(theirs)
        pair = ours[exists].astype(np.float64), theirs[exists].astype(np.float64)
        if exists.sum() >= 3 and np.ptp(pair[1]) > 0:
            found[column] = np.corrcoef(*pair)[0, 1] if np.ptp(pair[0]) > 0 else 0.0
    return found
