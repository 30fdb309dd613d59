"""The networks of models in the form that incremental engines share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basenji_kipoi.models.incremental.steps import lower

if TYPE_CHECKING:
    import numpy as np

    from basenji_kipoi.models.incremental.steps import Lowered
    from basenji_kipoi.models.trained import TrainedModel

__all__ = ["LoweredModels"]


class LoweredModels:
    """Lowers the network of each model once, when the first engine asks for it.

    Engines that are given the same object hold one copy of the weights between them. The Keras
    networks are not kept.

    Parameters
    ----------
    tracks : ndarray, int, shape (tracks,)
        Indices of the tracks to predict.
    dtype
        As `basenji_kipoi.models.incremental.steps.lower` takes it.
    """

    def __init__(self, tracks: np.ndarray, *, dtype: str = "float32") -> None:
        self._tracks, self._dtype = tracks, dtype
        self._lowered: dict[TrainedModel, Lowered] = {}

    def of(self, bundle: TrainedModel) -> Lowered:
        """Return the lowered network of a model of one network.

        Raises
        ------
        NotIncrementalError
            If it has an operation whose changes are not known to stay local.
        """
        if bundle not in self._lowered:
            network = bundle.network(both_strands=False)
            self._lowered[bundle] = lower(
                bundle.architecture, network, tracks=self._tracks, dtype=self._dtype
            )
        return self._lowered[bundle]
