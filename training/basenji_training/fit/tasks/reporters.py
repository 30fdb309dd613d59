"""Learning activities: the sequences of a reporter store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.networks.reporter_passes import standardised_activities
from basenji_training.measures.activities import correlations
from basenji_training.optimisation.losses import ReporterLoss
from basenji_training.store.reporter_batches import ReporterSequences

if TYPE_CHECKING:
    from collections.abc import Iterator

    import keras

    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.models.networks.assays import Assay
    from basenji_training.optimisation.settings import Settings
    from basenji_training.store.reporters import ReporterStore

__all__ = ["ReporterTask"]


class ReporterTask:
    """The sequences of a reporter store.

    Parameters
    ----------
    store
        The store.
    assay
        Its construct.
    architecture
        The network, with a reporter of the store's name.
    settings
        How to train.

    Raises
    ------
    InputError
        If too few sequences train or validate.
    """

    def __init__(
        self, store: ReporterStore, assay: Assay, architecture: Architecture, settings: Settings
    ) -> None:
        self._settings, self._architecture = settings, architecture
        self._training = ReporterSequences(store, "train", architecture, assay)
        self._validation = ReporterSequences(store, "validation", architecture, assay)
        for sequences, least in ((self._training, 2), (self._validation, 3)):
            if len(sequences) < least:
                raise InputError(
                    f"{store.path} has {len(sequences)} sequences to {sequences.split} with: "
                    f"expected {least} or more; make it with other shares"
                )
        self.steps = max(len(self._training) // settings.reporter_batch_size, 1)
        self.loss = ReporterLoss(settings.reporter_pair_weight)

    def batches(self, first_step: int, rows: slice) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Batches of sequences, as `ReporterSequences.training_batches` has them."""
        size = self._settings.reporter_batch_size
        if rows != slice(None):
            # The same share of a batch of another size.
            share = size / self._settings.batch_size
            rows = slice(round(rows.start * share), round(rows.stop * share))
        return self._training.training_batches(
            batch_size=size,
            steps=self._settings.epochs * self.steps,
            seed=self._settings.seed,
            first_step=first_step,
            rows=rows,
        )

    def validate(self, network: keras.Model) -> tuple[float, float]:
        """Weighted mean squared error, mean over activities of Pearson's r."""
        sequences = self._validation
        rows = sequences.rows
        store = sequences.store
        predicted = standardised_activities(
            network,
            self._architecture,
            store.name,
            sequences.assay,
            store.codes[rows],
            store.lengths[rows],
        )
        r = correlations(predicted, sequences.values[rows])
        if not np.isfinite(r).any():
            raise InputError(
                f"{sequences.store.path}: no activity differs between sequences that validate"
            )
        loss = self.loss(sequences.targets(rows), predicted)
        return float(loss), float(np.nanmean(r))
