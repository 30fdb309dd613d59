"""What is put into which backgrounds, and what is predicted of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base import __version__
from basenji_kipoi.base.progress import label_of, progress_bar
from basenji_kipoi.base.sequence import reverse_complement
from basenji_kipoi.interpretation.insertion.arrangements import arrangements_of, span_of
from basenji_kipoi.interpretation.insertion.inserts import read_inserts
from basenji_kipoi.interpretation.insertion.predictors import Sites
from basenji_kipoi.interpretation.insertion.result import Insertions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from basenji_kipoi.interpretation.insertion.arrangements import Placed
    from basenji_kipoi.interpretation.insertion.backgrounds import Background
    from basenji_kipoi.interpretation.insertion.options import InsertOptions
    from basenji_kipoi.interpretation.insertion.predictors import Predictor

__all__ = ["Experiment"]


class Experiment:
    """Inserts at their places in backgrounds.

    Parameters
    ----------
    predictor
        What predicts a sequence.
    backgrounds
        What is inserted into, of one length, at least one.
    options
        What is inserted where.

    Attributes
    ----------
    inserts : list of Insert
        What is inserted.

    Raises
    ------
    InputError
        If an insert cannot be read, or has no room.
    """

    def __init__(
        self, predictor: Predictor, backgrounds: Sequence[Background], options: InsertOptions
    ) -> None:
        self._predictor, self._options = predictor, options
        self._backgrounds = backgrounds
        self._length = len(backgrounds[0].codes)
        self.inserts = read_inserts(options.inserts)
        self._arrangements = arrangements_of(
            self.inserts,
            self._length,
            positions=options.positions,
            spacings=options.spacings,
            orientations=options.orientations,
        )
        # What several arrangements have in common is predicted once.
        parts = dict.fromkeys(part for each in self._arrangements for part in each.parts)
        self._parts = {part: number for number, part in enumerate(parts)}

    def bar(self, numbers: Sequence[int], progress: bool | None) -> Iterator[int]:
        """Go through numbers of backgrounds under a progress bar."""
        label, total = label_of("inserting", progress), len(self._backgrounds)
        done = total - len(numbers)
        with progress_bar(label, total=total, unit="backgrounds", done=done) as advance:
            for number in numbers:
                yield number
                advance(1)

    def predict(self, number: int) -> np.ndarray:
        """Predict a background, and with each part: float64 (1 + parts, outputs)."""
        codes = self._backgrounds[number].codes
        return self._predictor.predict(codes, [self._sites(number, part) for part in self._parts])

    def _sites(self, number: int, part: Sequence[Placed]) -> Sites:
        codes = self._backgrounds[number].codes
        changed = codes.copy()
        spans = [span_of(placed, self.inserts, self._length) for placed in part]
        for placed, (start, end) in zip(part, spans):
            # The same letters of an insert wherever it stands in a background.
            random = np.random.default_rng([self._options.seed, number, placed.insert])
            turn = reverse_complement if placed.orientation == "-" else np.asarray
            site = self.inserts[placed.insert].site(
                turn(codes[start:end]), random, sampled=self._options.sampled
            )
            changed[start:end] = turn(site)
        first, last = min(start for start, _ in spans), max(end for _, end in spans)
        return Sites(first, changed[first:last])

    def result(
        self, found: Sequence[np.ndarray], origin: Mapping[str, str | int] | None = None
    ) -> Insertions:
        """Put together what was predicted of all backgrounds.

        Parameters
        ----------
        found
            What `predict` gave of each background, in order.
        origin
            What predicted it.
        """
        predicted = np.stack(found)
        return Insertions(
            [each.name for each in self.inserts],
            self._arrangements,
            [each.name for each in self._backgrounds],
            self._predictor.labels,
            self._parts,
            predicted,
            self._predictor.effects(predicted),
            {"scale": self._predictor.scale, **(origin or {}), "version": __version__},
        )
