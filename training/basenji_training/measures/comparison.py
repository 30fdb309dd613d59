"""Agreement of predictions with coverage, window by window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_training.measures.held_out import bins_summed
from basenji_training.measures.metrics import Correlation
from basenji_training.store.windows import Windows
from basenji_training.tracks.bins import join_bins

if TYPE_CHECKING:
    from basenji_kipoi.models.targets import Targets
    from basenji_training.measures.held_out import Place

__all__ = ["Comparison"]


class Comparison:
    """Agreement of counts and of log(1 + counts), accumulated over windows.

    Predictions and coverage are taken back to counts
    (`basenji_kipoi.models.targets.Targets.counts`) and joined to the resolution; bins with a
    missing part are left out.

    Parameters
    ----------
    windows
        Where the values come from.
    resolution
        Width of the bins that are compared (bp), a multiple of the network's bin.
    targets
        The tracks of what `see` gets; by default the store's.
    blocks
        Blocks of the bootstrap.

    Attributes
    ----------
    raw, logarithmic : Correlation
        Of counts and of log(1 + counts).

    Raises
    ------
    InputError
        If the resolution does not fit.
    """

    def __init__(
        self, windows: Windows, resolution: int, *, targets: Targets | None = None, blocks: int = 1
    ) -> None:
        self._factor = bins_summed(windows, resolution)
        self._targets = windows.store.targets
        self._sum_stats = (targets or self._targets).sum_stats
        self.raw = Correlation(len(self._sum_stats), blocks)
        self.logarithmic = Correlation(len(self._sum_stats), blocks)

    def add(self, predicted: np.ndarray, observed: np.ndarray) -> None:
        """Add a batch as `basenji_training.measures.held_out.compared` yields it."""
        self._add(self._targets.counts(predicted), self._targets.counts(observed), 0)

    def see(self, place: Place, predicted: np.ndarray, observed: np.ndarray) -> None:
        """Add the counts of a window (`basenji_training.measures.held_out.Collector`)."""
        self._add(predicted, observed, place.block)

    def _add(self, predicted: np.ndarray, observed: np.ndarray, block: int) -> None:
        pair = [
            join_bins(counts, self._factor, self._sum_stats) for counts in (predicted, observed)
        ]
        self.raw.add(*pair, block)
        self.logarithmic.add(*np.log1p(pair), block)

    @property
    def pearson_log1p(self) -> np.ndarray:
        """Correlation of log(1 + counts): float64 (tracks,).

        NaN if the observations are constant or missing, and 0 if the predictions alone are
        constant: left out, tracks of which nothing was learned would raise a mean.
        """
        constant_prediction, constant_observation = self.logarithmic.constant
        return np.where(constant_prediction & ~constant_observation, 0, self.logarithmic.result())
