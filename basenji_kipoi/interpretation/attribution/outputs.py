"""What is explained: tracks, groups of tracks and their ratios, as weighted sums of predictions."""

from __future__ import annotations

import fnmatch
import math
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.strands import strands_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Optional

    from basenji_kipoi.interpretation.attribution.questions import Question
    from basenji_kipoi.models.targets import Targets

__all__ = ["Output", "Weights", "choose_outputs", "on_strand", "weights_of"]


@dataclass(frozen=True)
class Output:
    """One number of a window's predictions.

    Attributes
    ----------
    name : str
        Its name.
    tracks : tuple of int
        The mean of these tracks, summed over the bins.
    against : tuple of int
        If there are any, the number is the log2 ratio to the same of these tracks.
    """

    name: str
    tracks: tuple[int, ...]
    against: tuple[int, ...] = ()


def choose_outputs(
    targets: Targets,
    *,
    tracks: Optional[str] = None,
    groups: Sequence[str] = (),
    outputs: str = "sum",
    is_stranded: bool = False,
) -> list[Output]:
    """Choose what is explained.

    Parameters
    ----------
    targets
        The model's tracks.
    tracks
        Tracks, each an output by itself, separated by commas: what `Targets.columns_of` takes, or
        ``assay:PATTERN`` and ``sample:PATTERN``. All by default, unless there are groups.
    groups
        ``NAME=TRACKS``: the mean of some tracks.
    outputs
        ``sum``: tracks and groups as they are. ``log-ratio:A/B``: the log2 ratio of two of them,
        which are tracks, groups by name, or several tracks.
    is_stranded
        Whether a strand pair is one output, because each question reads its own strand.

    Raises
    ------
    InputError
        If there is no such track, or the text is not as described.
    """
    named: dict[str, tuple[int, ...]] = {}
    for text in groups:
        name, equals, members = text.partition("=")
        if not (equals and name and members) or name in named:
            raise InputError(f"--group {text}: expected NAME=TRACKS, with a name of its own")
        named[name] = tuple(_columns(targets, members, "--group"))
    if outputs == "sum":
        columns = [] if named and tracks is None else _columns(targets, tracks, "--tracks")
        if is_stranded:
            columns = _one_of_each_pair(targets, columns)
        found = [Output(_name(targets, c, is_stranded), (c,)) for c in columns]
        return found + [Output(name, members) for name, members in named.items()]
    kind, _, sides = outputs.partition(":")
    numerator, _, denominator = sides.partition("/")
    if kind != "log-ratio" or not numerator or not denominator or "/" in denominator:
        raise InputError(f"--outputs {outputs}: expected sum or log-ratio:A/B")
    if tracks is not None:
        raise InputError("--tracks: a log ratio names its tracks itself; leave it out")
    one, other = (
        named[side] if side in named else tuple(_columns(targets, side, "--outputs"))
        for side in (numerator, denominator)
    )
    return [Output(f"{numerator}/{denominator}", one, other)]


def _columns(targets: Targets, wanted: Optional[str], option: str) -> list[int]:
    if wanted is None:
        return list(range(len(targets)))
    found: list[int] = []
    for term in map(str.strip, wanted.split(",")):
        column, colon, pattern = term.partition(":")
        if colon and column in ("assay", "sample") and term not in targets.labels:
            values = [getattr(target, column) for target in targets]
            matching = [i for i, value in enumerate(values) if fnmatch.fnmatch(value, pattern)]
            if not matching:
                known = ", ".join(dict.fromkeys(value for value in values if value)) or "none"
                raise InputError(f"{option}: no track of {column} {pattern!r}: there is {known}")
            found += matching
        else:
            found += targets.columns_of(term, option=option)
    return list(dict.fromkeys(found))


def _one_of_each_pair(targets: Targets, columns: Sequence[int]) -> list[int]:
    """Keep of a strand pair the track of the plus strand, where both are there."""
    strands = strands_of(targets)
    return [
        c
        for c in columns
        if targets[c].strand_pair == c or targets[c].strand_pair not in columns or strands[c] == "+"
    ]


def _name(targets: Targets, column: int, is_stranded: bool) -> str:
    pair = targets[column].strand_pair
    labels = targets.labels[column], targets.labels[pair]
    if not is_stranded or pair == column:
        return labels[0]
    shared = takewhile(lambda pair: pair[0] == pair[1], zip(*labels))
    return "".join(letter for letter, _ in shared).rstrip("+-._") or ",".join(labels)


def on_strand(targets: Targets, tracks: Iterable[int], strand: str) -> tuple[int, ...]:
    """Replace tracks of the other strand by their partners; "." replaces none."""
    strands = strands_of(targets)
    other = {"+": "-", "-": "+"}.get(strand)
    turned = (targets[t].strand_pair if strands[t] == other else t for t in tracks)
    return tuple(dict.fromkeys(turned))


@dataclass(frozen=True)
class Weights:
    """A question's outputs as weighted sums of predictions.

    Attributes
    ----------
    sums : ndarray, float64, shape (sums, bins, tracks)
        Weights of the window's predicted bins, of the tracks that `weights_of` was given.
    above, below : ndarray, int, shape (outputs,)
        Which sum each output is, or has above the line; which one it has below, or -1.
    """

    sums: np.ndarray
    above: np.ndarray
    below: np.ndarray

    def outputs(self, values: np.ndarray) -> np.ndarray:
        """Compute the outputs (outputs, ...) of the sums' values (sums, ...).

        Raises
        ------
        InputError
            If a log ratio is asked of what is not positive.
        """
        found = np.array(values[self.above], dtype=np.float64)
        for row in np.flatnonzero(self.below >= 0):
            pair = values[self.above[row]], values[self.below[row]]
            if min(each.min() for each in pair) <= 0:
                raise InputError(
                    "--outputs log-ratio needs positive predictions, and a sum of them is "
                    f"{min(each.min() for each in pair):.3g}: explain sums instead"
                )
            found[row] = np.log2(pair[0]) - np.log2(pair[1])
        return found

    def derived(self, values: np.ndarray, gradients: np.ndarray) -> np.ndarray:
        """Derive the outputs: (outputs, windows, ...), from the sums' gradients of that shape."""
        found = gradients[self.above].copy()
        for row in np.flatnonzero(self.below >= 0):
            sides = []
            for place in (self.above[row], self.below[row]):
                value = values[place].reshape(-1, *(1,) * (gradients.ndim - 2))
                sides.append(gradients[place] / value)
            found[row] = (sides[0] - sides[1]) / math.log(2)
        return found

    def changes(self, values: np.ndarray, changes: np.ndarray) -> np.ndarray:
        """Turn changes of the sums (sums, ...) into those of the outputs; values are (sums,)."""
        found = np.array(changes[self.above], dtype=np.float64)
        for row in np.flatnonzero(self.below >= 0):
            one, other = (changes[p] / values[p] for p in (self.above[row], self.below[row]))
            found[row] = (np.log1p(one) - np.log1p(other)) / math.log(2)
        return found


def weights_of(
    question: Question, outputs: Sequence[Output], targets: Targets, tracks: np.ndarray, bins: int
) -> Weights:
    """Write a question's outputs as weighted sums.

    Parameters
    ----------
    question, outputs
        The question, and its outputs.
    targets
        The model's tracks.
    tracks : ndarray, int, shape (tracks,)
        Indices of the tracks that have weights, ascending.
    bins
        Predicted bins of a window.
    """
    sides = [(each.tracks, each.against) for each in outputs]
    above, below, rows = [], [], []
    for one, other in sides:
        for side, places in ((one, above), (other, below)):
            places.append(len(rows) if side else -1)
            if side:
                row = np.zeros((bins, len(tracks)))
                members = np.array(on_strand(targets, side, question.strand))
                columns = np.searchsorted(tracks, members)
                row[np.ix_(np.array(question.bins), columns)] = 1 / len(members)
                rows.append(row)
    return Weights(np.stack(rows), np.array(above), np.array(below))
