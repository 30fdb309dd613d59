"""What a reporter assay is: which sequence it puts where, and what it measures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import UNKNOWN, encode

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Activity", "Assay", "PredictedActivity"]

#: Places at which a sequence is put into a window, whose predictions are averaged.
_PLACES = 4


class Activity(BaseModel):
    """A value that an assay measures of each sequence.

    Attributes
    ----------
    identifier : str
        Its name, as outputs call it.
    description, unit : str
        What it is, and in what unit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    identifier: str = Field(min_length=1)
    description: str = ""
    unit: str = ""


class PredictedActivity(Activity):
    """An activity that a network predicts as multiples of a deviation above a mean.

    Attributes
    ----------
    mean, deviation : float
        Of the sequences that were trained on, in the activity's unit.
    """

    mean: float = 0.0
    deviation: float = Field(default=1.0, gt=0)


class Assay(BaseModel):
    """A construct into which sequences are put, and what is measured of them.

    Attributes
    ----------
    left, right : str
        What the construct has on either side of a sequence, in the direction of the reporter.
    shortest, longest : int
        Lengths of the sequences that were measured (bp).
    before, behind : str
        What nearly all of these sequences begin and end with: vector around the insert, in which
        they differ. Empty where that is not known.
    usual : int or None
        Length of the middle one (bp); None where that is not known.
    activities : tuple of PredictedActivity
        What is measured of each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    left: str = Field(default="", pattern="^[ACGTNacgtn]*$", max_length=1 << 20)
    right: str = Field(default="", pattern="^[ACGTNacgtn]*$", max_length=1 << 20)
    shortest: int = Field(gt=0)
    longest: int = Field(gt=0, le=1 << 24)
    before: str = Field(default="", pattern="^[ACGTNacgtn]*$", max_length=1 << 20)
    behind: str = Field(default="", pattern="^[ACGTNacgtn]*$", max_length=1 << 20)
    usual: Optional[int] = Field(default=None, gt=0)
    activities: tuple[PredictedActivity, ...] = Field(min_length=1)

    @property
    def identifiers(self) -> list[str]:
        """Names of the activities."""
        return [activity.identifier for activity in self.activities]

    @property
    def insert(self) -> int:
        """Bases of a usual sequence between what nearly all of them begin and end with."""
        return max((self.usual or self.longest) - len(self.before) - len(self.behind), 1)

    def first(self, window: int) -> int:
        """Return the first base of sequences in a window: the longest one lies in its middle."""
        return (window - self.longest) // 2

    def moves(self, stride: int) -> list[int]:
        """List moves of a sequence whose predictions are averaged (bp).

        Parameters
        ----------
        stride
            Bases of a pooled position (`ReporterHead.stride`): the same sequence, moved by these,
            looks the same to the network.
        """
        return sorted({place * stride // _PLACES - stride // 2 for place in range(_PLACES)})

    def place(
        self, codes: np.ndarray, lengths: np.ndarray, window: int, moves: np.ndarray | int = 0
    ) -> np.ndarray:
        """Put sequences into the construct.

        Parameters
        ----------
        codes : ndarray, uint8, shape (sequences, longest here)
            Codes of the sequences; behind a shorter one is anything.
        lengths : ndarray, integer, shape (sequences,)
            Bases of each.
        window
            Bases of the result (bp).
        moves : ndarray, integer, shape (sequences,), or int
            Bases by which each is moved to the right.

        Returns
        -------
        ndarray, uint8, shape (sequences, window)
            The construct around each sequence, unknown beyond the construct's ends. A sequence that
            reaches beyond the window is cut there.
        """
        lengths = np.asarray(lengths, dtype=np.int64)[:, None]
        left, right = encode(self.left), encode(self.right)
        # Behind both flanks an unknown base, to which all positions beyond them point.
        flanks = np.concatenate([left, right, np.array([UNKNOWN], np.uint8)])
        start = self.first(window) + np.broadcast_to(moves, len(lengths))[:, None]
        place = np.arange(window) - start
        behind = place - lengths
        index = np.where(place < 0, len(left) + place, len(left) + behind)
        inside = (place >= 0) & (behind < 0)
        exists = np.where(place < 0, index >= 0, behind < len(right)) & ~inside
        index = np.where(exists, index, len(flanks) - 1)
        own = np.take_along_axis(codes, np.clip(place, 0, max(codes.shape[1] - 1, 0)), axis=1)
        return np.where(inside, own, flanks[index]).astype(np.uint8)

    def raw(self, predicted: np.ndarray) -> np.ndarray:
        """Turn what a network predicts into the activities' units.

        Parameters
        ----------
        predicted : ndarray, floating, shape (..., activities)

        Returns
        -------
        ndarray, shape (..., activities)
            In float32, or what of ``predicted`` is more exact.
        """
        exact = predicted.astype(np.result_type(predicted, np.float32))
        return exact * self._of("deviation") + self._of("mean")

    def standardised(self, values: np.ndarray) -> np.ndarray:
        """Turn activities into what a network is to predict: the inverse of `raw`."""
        return ((values - self._of("mean")) / self._of("deviation")).astype(np.float32)

    def _of(self, name: str) -> np.ndarray:
        return np.array([getattr(each, name) for each in self.activities], dtype=np.float32)

    def columns_of(self, names: Sequence[str]) -> list[int]:
        """Find activities by their names; all if none is named.

        Raises
        ------
        InputError
            If there is no such activity.
        """
        known = self.identifiers
        for name in names:
            if name not in known:
                raise InputError(f"no activity {name!r}: expected one of {', '.join(known)}")
        return [known.index(name) for name in names] or list(range(len(known)))
