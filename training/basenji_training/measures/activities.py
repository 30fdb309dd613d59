"""Agreement of predicted and measured activities of sequences."""

from __future__ import annotations

import numpy as np

__all__ = ["correlations"]


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
