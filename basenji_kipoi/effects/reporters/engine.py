"""Activities of alleles' oligos: each different sequence is predicted once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.models.networks.reporter_passes import standardised_activities

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from basenji_kipoi.effects.reporters.oligos import OligoPair, OligoRule
    from basenji_kipoi.models.model import Model

__all__ = ["ReporterEngine"]


class ReporterEngine:
    """Predicts what a reporter would measure of alleles.

    Parameters
    ----------
    model, reporter
        The model and the name of one of its reporters.
    rule
        What an oligo is.
    """

    def __init__(self, model: Model, reporter: str, rule: OligoRule) -> None:
        self._model, self._reporter = model, reporter
        self._assay = model.assays[reporter]
        self._rule = rule

    def activities(
        self, pairs: Sequence[OligoPair], advance: Callable[[int], object]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Predict the activities of pairs of alleles.

        Parameters
        ----------
        pairs
            Their oligos.
        advance
            Called with a number of pairs that are done.

        Returns
        -------
        reference, alternative : ndarray, float64, shape (pairs, activities)
            Means over a pair's oligos, in the assay's units. Equal oligos have equal activities, to
            the last digit.
        """
        if not pairs:
            empty = np.zeros((0, len(self._assay.activities)))
            return empty, empty
        # The oligos of a pair side by side, so that what comes first is done first.
        inserts = np.concatenate([each for pair in pairs for each in pair[:2]])
        counts = np.array([len(pair.reference) for pair in pairs])
        distinct, places = _distinct(inserts)
        done_with = np.maximum.reduceat(places, np.cumsum(2 * counts) - 2 * counts)
        waiting = np.sort(done_with)
        done = reported = 0

        def tell(number: int) -> None:
            nonlocal done, reported
            done += number
            ready = int(np.searchsorted(waiting, done))
            advance(ready - reported)
            reported = ready

        values = self._of_distinct(distinct, tell)[places]
        # Rows of a pair: those of the reference, then as many of the alternative.
        starts = np.cumsum(np.repeat(counts, 2)) - np.repeat(counts, 2)
        means = np.add.reduceat(values, starts, axis=0) / np.repeat(counts, 2)[:, None]
        return means[::2], means[1::2]

    def of_inserts(self, inserts: np.ndarray) -> np.ndarray:
        """Predict the activities of inserts.

        Parameters
        ----------
        inserts : ndarray, uint8, shape (inserts, bases)
            Their codes.

        Returns
        -------
        ndarray, float64, shape (inserts, activities)
            In the assay's units.
        """
        distinct, places = _distinct(inserts)
        return self._of_distinct(distinct, None)[places]

    def _of_distinct(
        self, inserts: np.ndarray, advance: Callable[[int], object] | None
    ) -> np.ndarray:
        codes = self._rule.sequences(inserts)
        predicted = standardised_activities(
            self._model.reporter_network(self._reporter),
            self._model.architecture,
            self._reporter,
            self._assay,
            codes,
            np.full(len(codes), codes.shape[1]),
            advance=advance,
        )
        return self._assay.raw(predicted.astype(np.float64))


def _distinct(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the different rows, in the order in which they come, and the place of each row."""
    _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rows[first[order]], rank[inverse.reshape(-1)]
