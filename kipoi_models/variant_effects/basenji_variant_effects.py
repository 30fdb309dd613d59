"""The network with one value a track, for kipoi-veff: (window, 4) -> (tracks,)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

_DIRECTORY = Path(__file__).resolve().parent
# Kipoi loads this file by its path; the model that it builds on stands two directories above.
if str(_DIRECTORY.parents[1]) not in sys.path:
    sys.path.append(str(_DIRECTORY.parents[1]))

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.kipoi_compatibility import Postprocessing
from basenji_model import BasenjiModel

if TYPE_CHECKING:
    import keras

__all__ = ["BasenjiVariantEffects"]

#: What becomes of the bins: of NumPy or keras.ops and predictions (batch, bins, tracks).
_STATISTICS = {
    "sum": lambda ops, bins: ops.sum(bins, axis=1),
    "log_sum": lambda ops, bins: ops.sum(ops.log2(1 + bins), axis=1),
    "log_of_sum": lambda ops, bins: ops.log2(1 + ops.sum(bins, axis=1)),
    "sqrt_sum": lambda ops, bins: ops.sum(ops.sqrt(bins), axis=1),
}


class BasenjiVariantEffects(BasenjiModel):
    """A bundle whose prediction of a track is summed over the window's bins.

    The sum is the number of scaled, clipped counts that the whole predicted part of the window
    receives, so that kipoi-veff's ``diff`` is the SAD score of Kelley et al. 2018: the sum over
    bins of alternative minus reference.

    Parameters
    ----------
    model_dir, dtype, incremental, cache_bytes, counts
        As `BasenjiModel` takes them.
    statistic
        What becomes of the predictions x of the bins: ``sum``; ``log_sum``, the sum of log2(1 + x);
        ``log_of_sum``, log2(1 + sum of x); ``sqrt_sum``, the sum of square roots. ``diff`` is then
        the score SAD, logSAD, logFC or sqrtSAD.

    Raises
    ------
    InputError
        As `BasenjiModel` raises it, and if there is no such statistic.
    """

    postprocessing = Postprocessing("model.yaml", _DIRECTORY)

    def __init__(
        self,
        model_dir: str = "model_files",
        dtype: str = "float32",
        incremental: bool = True,
        cache_bytes: int | None = None,
        statistic: str = "sum",
        counts: bool = False,
    ) -> None:
        if statistic not in _STATISTICS:
            raise InputError(
                f"no statistic {statistic!r}: expected one of {', '.join(_STATISTICS)}"
            )
        self._statistic = statistic
        super().__init__(model_dir, dtype, incremental, cache_bytes, counts)

    def _output(self, network: keras.Model) -> keras.Model:
        # Keras takes seconds to import, and Kipoi also loads this module to read descriptions.
        import keras  # noqa: PLC0415

        # For gradients and activations, whose final layer is this sum.
        total = keras.layers.Lambda(
            lambda bins: _STATISTICS[self._statistic](keras.ops, bins),
            name="sum_of_bins",
        )
        return keras.Model(network.input, total(network.output))

    def predict_on_batch(self, x: np.ndarray) -> np.ndarray:
        """Predict a batch of any size.

        Parameters
        ----------
        x : ndarray, shape (batch, window, 4)
            As `BasenjiModel.predict_on_batch` takes it.

        Returns
        -------
        ndarray, float64, shape (batch, tracks)
            The statistic, for sums in the units of the targets table. A float32 sum would round
            away the effect of most variants, which is thousands of times smaller than the sum.
        """
        windows = self._windows(x)
        if self._statistic != "sum" or self._counts or not self._shared:
            return self._total(self._predict(windows))
        return self._sequences_apart(
            windows,
            lambda codes: np.mean([shared.totals(codes) for shared in self._shared], axis=0),
            lambda windows: self._total(self._bins.predict_on_batch(windows)),
        )

    def _total(self, bins: np.ndarray) -> np.ndarray:
        return _STATISTICS[self._statistic](np, bins.astype(np.float64))
