"""Agreement of predicted with observed coverage, accumulated over batches in bounded memory."""

from __future__ import annotations

import numpy as np

from basenji_kipoi.errors import InputError

__all__ = ["Correlation", "sum_bins"]


def sum_bins(values: np.ndarray, factor: int) -> np.ndarray:
    """Sum neighbouring bins.

    Parameters
    ----------
    values : ndarray, shape (..., bins, tracks)
        Values of bins.
    factor
        Bins that become one.

    Returns
    -------
    ndarray, shape (..., bins // factor, tracks)
        NaN where one of the parts is.

    Raises
    ------
    InputError
        If `factor` does not divide the number of bins.
    """
    *batch, bins, tracks = values.shape
    if bins % factor:
        raise InputError(f"{bins} bins cannot be summed in groups of {factor} without a rest")
    return values.reshape(*batch, bins // factor, factor, tracks).sum(axis=-2)


class Correlation:
    """Pearson correlation of each track over everything added so far.

    Parameters
    ----------
    tracks
        Number of tracks.
    """

    def __init__(self, tracks: int) -> None:
        self.number = np.zeros(tracks, dtype=np.int64)
        self._mean = np.zeros((2, tracks))
        # Co-moments: of the predictions, of the observations, of both.
        self._moments = np.zeros((3, tracks))
        # Extremes tell a constant exactly: its moments are not zero, only as small as rounding.
        self._least = np.full((2, tracks), np.inf)
        self._most = np.full((2, tracks), -np.inf)

    def add(self, predicted: np.ndarray, observed: np.ndarray) -> None:
        """Add values.

        Uses the pairwise update of Chan, Golub and LeVeque (1983), which keeps its precision where
        sums of squares would lose it.

        Parameters
        ----------
        predicted, observed : ndarray, shape (..., tracks)
            Pairs; those with a NaN are left out.
        """
        tracks = self.number.size
        pair = np.stack([predicted.reshape(-1, tracks), observed.reshape(-1, tracks)])
        exists = np.isfinite(pair).all(axis=0)
        number = exists.sum(axis=0)
        self._least = np.minimum(self._least, pair.min(axis=1, initial=np.inf, where=exists))
        self._most = np.maximum(self._most, pair.max(axis=1, initial=-np.inf, where=exists))
        pair = np.where(exists, pair, 0).astype(np.float64)
        mean = pair.sum(axis=1) / np.maximum(number, 1)
        x, y = np.where(exists, pair - mean[:, None], 0)
        moments = np.stack([(x * x).sum(axis=0), (y * y).sum(axis=0), (x * y).sum(axis=0)])
        total = self.number + number
        weight = self.number * number / np.maximum(total, 1)
        dx, dy = mean - self._mean
        self._moments += moments + weight * np.stack([dx * dx, dy * dy, dx * dy])
        self._mean += (mean - self._mean) * (number / np.maximum(total, 1))
        self.number = total

    def result(self) -> np.ndarray:
        """Return the correlations: float64, shape (tracks,).

        NaN where a track has fewer than two values or is constant: such a track has no
        correlation, and a mean over tracks has to leave it out (`numpy.nanmean`).
        """
        xx, yy, xy = self._moments
        product = np.sqrt(xx) * np.sqrt(yy)
        defined = (product > 0) & (self._least < self._most).all(axis=0)
        return np.where(defined, xy / np.where(defined, product, 1), np.nan)
