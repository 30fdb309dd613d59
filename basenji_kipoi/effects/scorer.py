"""Scores of alleles from their predictions: which bins count, and the compiled computation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import Allele
from basenji_kipoi.effects.passes import changed_bins
from basenji_kipoi.effects.scores import is_histone
from basenji_kipoi.genome.alleles import AlleleWindow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.effects.engine import Effects
    from basenji_kipoi.effects.passes import Pass
    from basenji_kipoi.effects.scores import Score
    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.models.targets import Target

    Tensor = Any

__all__ = ["CountedBins", "Scorer"]

#: Predictions of an allele that are scored at a time (32 MiB); scores make several copies of them.
_BATCH_VALUES = 1 << 23


@dataclass(frozen=True)
class CountedBins:
    """Which bins count, by where they lie from the variant's first base.

    Attributes
    ----------
    bins : int or None
        So many bins around that of the variant; of an even number, one more behind it.
    width : int or None
        All bins that overlap so many bases (bp) around the variant's first one.

    Both None: every bin that is predicted.
    """

    bins: int | None = None
    width: int | None = None

    @classmethod
    def around(cls, bins: int | None, architecture: Architecture) -> CountedBins:
        """Count so many bins around the variant's, or all.

        Raises
        ------
        InputError
            If the number is none of 1 to the number of predicted bins.
        """
        if bins is not None and not 1 <= bins <= architecture.bins:
            raise InputError(
                f"--bins: expected all or center:N with N from 1 to {architecture.bins} bins, "
                f"not {bins}"
            )
        return cls(bins=bins)

    def span(self, position: np.ndarray, architecture: Architecture) -> np.ndarray:
        """Find the bins that count.

        Parameters
        ----------
        position : ndarray, int, shape (alleles,)
            First base of each variant in its window (0-based).
        architecture
            The network's geometry.

        Returns
        -------
        ndarray, int, shape (alleles, 2)
            Predicted bins [first, last), not limited to those that exist.
        """
        size, crop = architecture.bin, architecture.crop
        if self.bins is not None:
            first = position // size - crop - (self.bins - 1) // 2
            return np.stack([first, first + self.bins], axis=-1)
        if self.width is not None:
            begin = position - self.width // 2
            first, last = begin // size - crop, (begin + self.width - 1) // size + 1 - crop
            return np.stack([first, last], axis=-1)
        return np.stack([np.zeros_like(position), np.full_like(position, architecture.bins)], -1)


class Scorer:
    """Computes scores of groups of alleles.

    Parameters
    ----------
    scores
        The scores, at least one.
    targets
        The tracks, in the order of the predictions.
    architecture
        The network's geometry.
    bins
        The bins that count, for scores that have no width of their own.
    """

    def __init__(
        self,
        scores: Sequence[Score],
        targets: Sequence[Target],
        architecture: Architecture,
        bins: CountedBins,
    ) -> None:
        self._architecture = architecture
        self._scores = scores
        self._histone = np.array([is_histone(target) for target in targets])
        counted = [
            [CountedBins(width=width) for width in score.widths] or [bins] for score in scores
        ]
        self._counted = sorted({each for row in counted for each in row}, key=repr)
        #: For each score, the places of its bins among `_counted`.
        self._places = [[self._counted.index(each) for each in row] for row in counted]
        self._run = None

    def needs_whole_windows(self, passes: Sequence[Pass]) -> bool:
        """Tell whether some score needs bins that an allele may not change.

        Parameters
        ----------
        passes
            The predictions that are averaged.
        """
        needed = {
            self._counted[place]
            for score, places in zip(self._scores, self._places)
            if score.every_bin
            for place in places
        }
        if CountedBins() in needed:
            return True
        # The other spans move with the allele, as the interval that it changes does: one bin
        # farther on, both are one bin farther. So the positions of one bin stand for all.
        middle = self._architecture.window // 2
        # Where a base lies within its bin, or within coarser bins of the trunk, moves the interval.
        positions = middle + np.arange(self._architecture.bin)
        base = np.zeros(1, dtype=np.uint8)
        changed = np.array(
            [
                changed_bins(
                    self._architecture, passes, AlleleWindow("", 0, Allele(position, 1, base))
                )
                for position in positions.tolist()
            ]
        )
        for each in needed:
            span = each.span(positions, self._architecture)
            if (span[:, 0] < changed[:, 0]).any() or (span[:, 1] > changed[:, 1]).any():
                return True
        return False

    def __call__(self, effects: Effects, positions: np.ndarray) -> np.ndarray:
        """Score a group of alleles.

        Parameters
        ----------
        effects
            Their predictions.
        positions : ndarray, int, shape (alleles,)
            First base of each variant in its window (0-based).

        Returns
        -------
        ndarray, float32, shape (alleles, scores, tracks)
            Scores.
        """
        if self._run is None:
            # Keras takes seconds to import.
            from basenji_kipoi.models.networks.backend import compiled  # noqa: PLC0415

            self._run = compiled(
                _scores,
                any_shape=True,
                scores=self._scores,
                places=self._places,
                histone=self._histone,
            )
        spans = [each.span(positions, self._architecture)[:, None] for each in self._counted]
        places = effects.places
        counts = np.stack(
            [effects.valid & (places >= s[..., 0]) & (places < s[..., 1]) for s in spans]
        )
        alleles, rows, tracks = effects.reference.shape
        values = np.empty((alleles, len(self._scores), tracks), dtype=np.float32)
        # A group's predictions may fill the memory that the engine was given.
        step = max(1, _BATCH_VALUES // (rows * tracks))
        for begin in range(0, alleles, step):
            batch = slice(begin, begin + step)
            values[batch] = self._run(
                effects.reference[batch], effects.alternative[batch], counts[:, batch]
            )
        return values


def _scores(
    reference: Tensor,
    alternative: Tensor,
    counts: Tensor,
    *,
    scores: Sequence[Score],
    places: Sequence[Sequence[int]],
    histone: np.ndarray,
) -> Tensor:
    from keras import ops  # noqa: PLC0415 - takes seconds

    # Rows that do not count become zero in both, so that no score sees them.
    counted = {
        place: tuple(
            ops.where(counts[place][:, :, None], values, ops.zeros_like(values))
            for values in (reference, alternative)
        )
        for place in {place for row in places for place in row}
    }
    found = []
    for score, row in zip(scores, places):
        values = [score.compute(*counted[place]) for place in row]
        found.append(ops.where(histone, values[-1], values[0]) if len(values) > 1 else values[0])
    return ops.stack(found, axis=1)
