"""Agreement of predicted with observed coverage, accumulated over batches in bounded memory."""

from __future__ import annotations

import numpy as np

__all__ = ["LEAST_BLOCKS", "Correlation", "block_draws"]


class Correlation:
    """Agreement of each track over everything added so far, and how sure it is.

    Values belong to blocks, for instance stretches of a chromosome. Each block keeps six numbers a
    track (count, means, centred second moments), from which the statistics of any choice of blocks
    follow: bootstrap intervals need no value again.

    Parameters
    ----------
    tracks
        Number of tracks.
    blocks
        Number of blocks.

    Attributes
    ----------
    statistics : tuple of str
        What `result` and `interval` know: ``pearson``, the correlation, and ``r2``, the coefficient
        of determination 1 - sum((y - x)^2) / sum((y - mean(y))^2) of predictions x and
        observations y. Unlike the correlation it falls where predictions have the wrong size.
    """

    statistics = ("pearson", "r2")

    def __init__(self, tracks: int, blocks: int = 1) -> None:
        self._number = np.zeros((blocks, tracks), dtype=np.int64)
        self._mean = np.zeros((2, blocks, tracks))
        # Co-moments: of the predictions, of the observations, of both.
        self._moments = np.zeros((3, blocks, tracks))
        # Extremes tell a constant exactly: its moments are not zero, only as small as rounding.
        self._least = np.full((2, tracks), np.inf)
        self._most = np.full((2, tracks), -np.inf)

    @property
    def number(self) -> np.ndarray:
        """Pairs of values: int64 (tracks,)."""
        return self._number.sum(axis=0)

    @property
    def constant(self) -> np.ndarray:
        """Whether predictions and observations have one value only: bool (2, tracks)."""
        return self._least >= self._most

    def add(self, predicted: np.ndarray, observed: np.ndarray, block: int = 0) -> None:
        """Add values to a block.

        Uses the pairwise update of Chan, Golub and LeVeque (1983), which keeps its precision where
        sums of squares would lose it.

        Parameters
        ----------
        predicted, observed : ndarray, shape (..., tracks)
            Pairs; those with a NaN are left out.
        block
            The block that they belong to.
        """
        tracks = self._number.shape[1]
        pair = np.stack([predicted.reshape(-1, tracks), observed.reshape(-1, tracks)])
        exists = np.isfinite(pair).all(axis=0)
        number = exists.sum(axis=0)
        self._least = np.minimum(self._least, pair.min(axis=1, initial=np.inf, where=exists))
        self._most = np.maximum(self._most, pair.max(axis=1, initial=-np.inf, where=exists))
        pair = np.where(exists, pair, 0).astype(np.float64)
        mean = pair.sum(axis=1) / np.maximum(number, 1)
        x, y = np.where(exists, pair - mean[:, None], 0)
        moments = np.stack([(x * x).sum(axis=0), (y * y).sum(axis=0), (x * y).sum(axis=0)])
        before = self._number[block]
        total = before + number
        weight = before * number / np.maximum(total, 1)
        dx, dy = mean - self._mean[:, block]
        self._moments[:, block] += moments + weight * np.stack([dx * dx, dy * dy, dx * dy])
        self._mean[:, block] += (mean - self._mean[:, block]) * (number / np.maximum(total, 1))
        self._number[block] = total

    def result(self, statistic: str = "pearson") -> np.ndarray:
        """Return a statistic of all values: float64, shape (tracks,).

        NaN where a track has fewer than two values or is constant: such a track has no
        correlation, and a mean over tracks has to leave it out (`numpy.nanmean`).
        """
        centres, sums = self._sums()
        values = _STATISTICS[statistic](sums.sum(axis=1), centres)
        return np.where(self.constant.any(axis=0), np.nan, values)

    def interval(
        self, statistic: str = "pearson", *, level: float = 0.95, draws: int = 1000, seed: int = 0
    ) -> np.ndarray:
        """Estimate how far a statistic varies, by the block bootstrap (Künsch 1989).

        Each draw takes as many blocks as there are, with replacement, and computes the statistic
        of their values. Neighbouring bins are not independent, blocks far longer than their
        dependence nearly are.

        Parameters
        ----------
        statistic
            One of `statistics`.
        level
            Share of the draws that lie in the interval.
        draws
            Number of draws.
        seed
            Seed of the draws: the same for all tracks and statistics.

        Returns
        -------
        ndarray, float64, shape (2, tracks)
            The quantiles (1 - level) / 2 and (1 + level) / 2 of the draws that have a value. NaN
            where the statistic is, and where fewer than `LEAST_BLOCKS` blocks have values.
        """
        blocks, tracks = self._number.shape
        centres, sums = self._sums()
        weights = block_draws(blocks, draws=draws, seed=seed)
        tail = (1 - level) / 2
        found = np.full((2, tracks), np.nan)
        exists = np.isfinite(self.result(statistic))
        exists &= (self._number > 0).sum(axis=0) >= LEAST_BLOCKS
        known = np.flatnonzero(exists)
        for some in np.split(known, range(_TRACKS_AT_ONCE, len(known), _TRACKS_AT_ONCE)):
            drawn = np.einsum("db,mbt->mdt", weights, sums[:, :, some], optimize=True)
            values = _STATISTICS[statistic](drawn, centres[:, some])
            found[:, some] = np.nanquantile(values, [tail, 1 - tail], axis=0)
        return found

    def _sums(self) -> tuple[np.ndarray, np.ndarray]:
        """Sum up each block about the means of all values: sums that may be added and keep digits.

        Returns
        -------
        centres : ndarray, shape (2, tracks)
            Means of predictions and observations.
        sums : ndarray, shape (6, blocks, tracks)
            Of 1, x, y, x x, y y, x y.
        """
        number = self._number
        centres = (number * self._mean).sum(axis=1) / np.maximum(number.sum(axis=0), 1)
        dx, dy = np.where(number > 0, self._mean - centres[:, None], 0)
        second = self._moments + number * np.stack([dx * dx, dy * dy, dx * dy])
        return centres, np.stack([number, number * dx, number * dy, *second])


#: An interval from fewer blocks would be too narrow.
LEAST_BLOCKS = 10


def block_draws(blocks: int, *, draws: int = 1000, seed: int = 0) -> np.ndarray:
    """Draw as many blocks as there are, with replacement, again and again.

    Returns
    -------
    ndarray, int64, shape (draws, blocks)
        How often each block is in each draw.
    """
    return np.random.default_rng(seed).multinomial(blocks, np.full(blocks, 1 / blocks), draws)


#: Tracks whose draws are held at once: 1000 draws of 64 tracks take 3 MB.
_TRACKS_AT_ONCE = 64

#: A sum of squares below this share of its uncentred size is rounding: the draw is constant.
_ROUNDING = 1e-10


def _centred(sums: np.ndarray) -> tuple[np.ndarray, ...]:
    """Means and second moments of sums (6, ..., tracks); moments are NaN if constant."""
    number, x, y, xx, yy, xy = sums
    number = np.where(number > 0, number, np.nan)
    moments = [xx - x * x / number, yy - y * y / number, xy - x * y / number]
    for place, uncentred in enumerate((xx, yy)):
        moments[place] = np.where(moments[place] > _ROUNDING * uncentred, moments[place], np.nan)
    return number, x / number, y / number, *moments


def _pearson(sums: np.ndarray, _centres: np.ndarray) -> np.ndarray:
    *_, xx, yy, xy = _centred(sums)
    return xy / (np.sqrt(xx) * np.sqrt(yy))


def _r2(sums: np.ndarray, centres: np.ndarray) -> np.ndarray:
    number, x, y, xx, yy, xy = _centred(sums)
    bias = (y + centres[1]) - (x + centres[0])
    return 1 - (xx + yy - 2 * xy + number * bias * bias) / yy


_STATISTICS = {"pearson": _pearson, "r2": _r2}
