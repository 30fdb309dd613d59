"""What is predicted of inserts in a background: tracks in chosen bins, or a reporter's activities.

Tracks are compared on the scale of log2 ratios, on which independent effects add up where they
multiply counts. Activities are compared as they are: an assay measures them as logarithms already.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import letters
from basenji_kipoi.effects.scorer import CountedBins
from basenji_kipoi.genome.intervals import Interval
from basenji_kipoi.interpretation.attribution.outputs import choose_outputs, weights_of
from basenji_kipoi.interpretation.attribution.questions import Question
from basenji_kipoi.interpretation.insertion.options import DEFAULT_WIDTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.interpretation.insertion.options import InsertOptions
    from basenji_kipoi.models.model import Model

__all__ = ["ActivityPredictor", "Predictor", "Sites", "TrackPredictor"]

#: Share of the window from which on whole passes are cheaper than what an allele changes.
_WHOLE = 0.25


class Sites(NamedTuple):
    """What stands in a background instead of its own bases.

    Attributes
    ----------
    start : int
        First changed base.
    codes : ndarray, uint8, shape (bases,)
        The bases from there on.
    """

    start: int
    codes: np.ndarray

    def within(self, background: np.ndarray) -> np.ndarray:
        """Return the background with them."""
        changed = background.copy()
        changed[self.start : self.start + len(self.codes)] = self.codes
        return changed


class Predictor(ABC):
    """Predicts backgrounds with and without inserts.

    Attributes
    ----------
    labels : list of str
        Names of what is predicted.
    length : int
        Bases that a background has, or at most if it may be `shorter`.
    scale : str
        What effects are: ``log2 ratio`` or ``difference``.
    """

    labels: list[str]
    length: int
    shorter: bool = False
    scale: str

    @abstractmethod
    def predict(self, background: np.ndarray, sites: Sequence[Sites]) -> np.ndarray:
        """Predict a background.

        Parameters
        ----------
        background : ndarray, uint8, shape (length,)
            Its bases.
        sites
            What is put into it.

        Returns
        -------
        ndarray, float64, shape (1 + sites, outputs)
            Of the background itself, then with each of the sites.
        """

    @abstractmethod
    def effects(self, predicted: np.ndarray) -> np.ndarray:
        """Compare with the background: float64 (..., sites, outputs)."""


class TrackPredictor(Predictor):
    """Sums of tracks over the bins that count.

    Parameters
    ----------
    model
        The model.
    options
        Tracks, groups and bins.
    whole
        Whether to run the whole network over every sequence: the numbers that incremental
        inference must give.

    Raises
    ------
    InputError
        If there is no such track, or there are not so many bins.
    """

    scale = "log2 ratio"

    def __init__(self, model: Model, options: InsertOptions, *, whole: bool = False) -> None:
        self._model, self._whole = model, whole
        self._both_strands = options.both_strands
        architecture, targets = model.architecture, model.targets
        self.length = architecture.window
        outputs = choose_outputs(targets, tracks=options.tracks, groups=options.groups)
        self.labels = [output.name for output in outputs]
        counted = CountedBins(width=DEFAULT_WIDTH)
        if options.bins is not None:
            counted = CountedBins.around(options.bins or None, architecture)
        first, last = counted.span(np.array(self.length // 2), architecture).tolist()
        self.bins = range(max(first, 0), min(last, architecture.bins))
        self._tracks = np.array(sorted({track for each in outputs for track in each.tracks}))
        question = Question(Interval("", 0, self.length), 0, tuple(self.bins))
        self._weights = weights_of(question, outputs, targets, self._tracks, architecture.bins)
        self._sums = None

    def predict(self, background: np.ndarray, sites: Sequence[Sites]) -> np.ndarray:
        """Predict a background."""
        if self._sums is None:
            # Imports Keras, which takes seconds: not before there is something to compute.
            from basenji_kipoi.interpretation.weighted_sums import WeightedSums  # noqa: PLC0415
            from basenji_kipoi.models.incremental.steps import NotIncrementalError  # noqa: PLC0415

            try:
                self._sums = WeightedSums(
                    self._model.members, self._tracks, both_strands=self._both_strands
                )
            except NotIncrementalError as error:
                raise InputError(f"insertions cannot treat this network: {error}") from None
        weights = self._weights.sums
        found = np.empty((1 + len(sites), len(weights)))
        found[0] = self._sums.whole(background[None], weights)[0]
        for numbers in self._groups(sites):
            some = [sites[number] for number in numbers]
            rows = 1 + np.array(numbers)
            longest = max(len(each.codes) for each in some)
            if self._whole or longest > _WHOLE * self.length:
                found[rows] = self._sums.whole(
                    np.stack([each.within(background) for each in some]), weights
                )
                continue
            # All of one length, filled up with the background's own bases.
            starts = np.array([min(each.start, self.length - longest) for each in some])
            alternatives = np.stack(
                [e.within(background)[s : s + longest] for e, s in zip(some, starts.tolist())]
            )
            region = int(starts.min()), int(starts.max()) + longest
            changes = self._sums.changes(background, region, starts, alternatives, weights)
            found[rows] = found[0] + changes.T
        if found.min() <= 0:
            raise InputError(
                "log ratios need positive predictions, and a sum of them is "
                f"{found.min():.3g}: name other tracks with --tracks, or more bins"
            )
        return found

    def _groups(self, sites: Sequence[Sites]) -> list[list[int]]:
        """Group sites by their lengths, which double from group to group."""
        groups: dict[int, list[int]] = defaultdict(list)
        for number, each in enumerate(sites):
            groups[(len(each.codes) - 1).bit_length()].append(number)
        return list(groups.values())

    def effects(self, predicted: np.ndarray) -> np.ndarray:
        """Compute log2 ratios."""
        return np.log2(predicted[..., 1:, :]) - np.log2(predicted[..., :1, :])


class ActivityPredictor(Predictor):
    """A reporter's activities.

    Parameters
    ----------
    model
        The model.
    options
        The reporter, and its activities as tracks.

    Raises
    ------
    InputError
        If there is no such reporter or activity.
    """

    scale, shorter = "difference", True

    def __init__(self, model: Model, options: InsertOptions) -> None:
        self._model = model
        self._reporter, assay = model.assay_of(options.reporter or None)
        names = [] if options.tracks is None else [t.strip() for t in options.tracks.split(",")]
        columns = assay.columns_of(names)
        self.labels = [assay.identifiers[column] for column in columns]
        self.length = model.architecture.reporters[self._reporter].window

    def predict(self, background: np.ndarray, sites: Sequence[Sites]) -> np.ndarray:
        """Predict a background."""
        from basenji_kipoi.activities.run import activity  # noqa: PLC0415 - imports much

        rows = [background, *(each.within(background) for each in sites)]
        return activity(
            self._model,
            ["".join(letters(row).tolist()) for row in rows],
            reporter=self._reporter,
            activities=self.labels,
            progress=False,
        ).astype(np.float64)

    def effects(self, predicted: np.ndarray) -> np.ndarray:
        """Compute differences."""
        return predicted[..., 1:, :] - predicted[..., :1, :]
