"""The network with one value a track, for kipoi-veff: (window, 4) -> (tracks,)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

_DIRECTORY = Path(__file__).resolve().parent
# Kipoi loads this file by its path; the model that it builds on stands one directory above.
if str(_DIRECTORY.parent) not in sys.path:
    sys.path.append(str(_DIRECTORY.parent))

from basenji_kipoi.kipoi_compatibility import Postprocessing  # noqa: E402 - found above
from basenji_model import BasenjiModel  # noqa: E402

if TYPE_CHECKING:
    import keras

__all__ = ["BasenjiVariantEffects"]


class BasenjiVariantEffects(BasenjiModel):
    """A bundle whose prediction of a track is summed over the window's bins.

    The sum is the number of scaled, clipped counts that the whole predicted part of the window
    receives, so that kipoi-veff's ``diff`` is the SAD score of Kelley et al. 2018: the sum over
    bins of alternative minus reference.

    Parameters are those of `BasenjiModel`; predictions have shape (batch, tracks).
    """

    postprocessing = Postprocessing("model.yaml", _DIRECTORY)

    def _output(self, network: keras.Model) -> keras.Model:
        # Keras takes seconds to import, and Kipoi also loads this module to read descriptions.
        import keras  # noqa: PLC0415

        self._bins = network
        # For gradients and activations, whose final layer is this sum.
        total = keras.layers.Lambda(lambda bins: keras.ops.sum(bins, axis=1), name="sum_of_bins")
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
            In the units of the targets table. A float32 sum would round away the effect of most
            variants, which is thousands of times smaller than the sum itself.
        """
        return self._bins.predict_on_batch(self._windows(x)).sum(axis=1, dtype=np.float64)
