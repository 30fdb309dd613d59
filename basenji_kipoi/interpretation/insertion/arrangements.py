"""Where and how inserts stand: positions, orientations, and distances of pairs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from basenji_kipoi.interpretation.insertion.inserts import Insert

__all__ = [
    "ORIENTATIONS",
    "Arrangement",
    "Placed",
    "arrangements_of",
    "read_distances",
    "span_of",
]

#: Orientations of one insert; those of pairs are two of these.
ORIENTATIONS = ("+", "-")
_RANGE = re.compile(r"([+-]?\d+):([+-]?\d+):(\d+)")
#: Numbers of one option at most.
_MOST = 10_000


class Placed(NamedTuple):
    """An insert at its place.

    Attributes
    ----------
    insert : int
        Which insert.
    position : int
        Bases from the middle of the background to that of the insert.
    orientation : str
        ``+``, or ``-`` for its reverse complement.
    """

    insert: int
    position: int
    orientation: str


@dataclass(frozen=True)
class Arrangement:
    """One insert, or two, in a background.

    Attributes
    ----------
    placed : tuple of Placed
        What stands where.
    """

    placed: tuple[Placed, ...]

    @property
    def is_pair(self) -> bool:
        """Whether there are two."""
        return len(self.placed) > 1

    @property
    def spacing(self) -> int:
        """Bases from the middle of the first to that of the second (0 if alone)."""
        return self.placed[-1].position - self.placed[0].position

    @property
    def orientation(self) -> str:
        """Orientations, one letter each."""
        return "".join(each.orientation for each in self.placed)

    @property
    def parts(self) -> list[tuple[Placed, ...]]:
        """What is predicted for it: the whole, then, of a pair, each one alone."""
        alone = [(each,) for each in self.placed] if self.is_pair else []
        return [self.placed, *alone]


def read_distances(text: str, option: str) -> tuple[int, ...]:
    """Read numbers of bases: ``0``, ``-50,50`` or ``FIRST:LAST:STEP``, separated by commas.

    Raises
    ------
    InputError
        If the text is none of these.
    """
    found: list[int] = []
    for word in map(str.strip, text.split(",")):
        if re.fullmatch(r"[+-]?\d+", word):
            found.append(int(word))
            continue
        match = _RANGE.fullmatch(word)
        if not match or not int(match[3]):
            raise InputError(
                f"{option}: expected numbers of bases, or FIRST:LAST:STEP, separated by commas, "
                f"for instance -100:100:20, not {text!r}"
            )
        found += range(int(match[1]), int(match[2]) + 1, int(match[3]))
    if not 0 < len(found) <= _MOST:
        raise InputError(f"{option}: {text} are {len(found):,} numbers: expected 1 to {_MOST:,}")
    return tuple(dict.fromkeys(found))


def arrangements_of(
    inserts: Sequence[Insert],
    length: int,
    *,
    positions: Iterable[int] = (0,),
    spacings: Iterable[int] = (),
    orientations: Iterable[str] = ORIENTATIONS,
) -> list[Arrangement]:
    """List all arrangements that are asked for.

    Parameters
    ----------
    inserts
        What is put in.
    length
        Bases of a background.
    positions
        Of single inserts, and of the first one of a pair: from the background's middle (bp).
    spacings
        From the first one's middle to the second one's (bp). With any, all pairs of the inserts are
        put in; a single insert makes a pair with itself. Without, each is put in alone.
    orientations
        Of each insert: ``+``, ``-`` or both.

    Raises
    ------
    InputError
        If inserts of a pair overlap, or one reaches beyond the background; says where.
    """
    positions, spacings, orientations = tuple(positions), tuple(spacings), tuple(orientations)
    if not orientations or set(orientations) - set(ORIENTATIONS):
        raise InputError(f"--orientations: expected +, - or both, not {','.join(orientations)!r}")
    numbers = range(len(inserts))
    found = []
    if spacings:
        pairs = list(combinations(numbers, 2)) or [(0, 0)]
        found = [
            Arrangement((Placed(one, p, first), Placed(other, p + spacing, second)))
            for one, other in pairs
            for first in orientations
            for second in orientations
            for p in positions
            for spacing in spacings
        ]
    else:
        found = [
            Arrangement((Placed(number, p, way),))
            for number in numbers
            for way in orientations
            for p in positions
        ]
    for each in found:
        _check(each, inserts, length)
    return found


def span_of(placed: Placed, inserts: Sequence[Insert], length: int) -> tuple[int, int]:
    """Find the bases [start, end) of the background at which an insert stands."""
    bases = len(inserts[placed.insert])
    start = length // 2 + placed.position - bases // 2
    return start, start + bases


def _check(arrangement: Arrangement, inserts: Sequence[Insert], length: int) -> None:
    spans = [span_of(each, inserts, length) for each in arrangement.placed]
    for placed, (start, end) in zip(arrangement.placed, spans):
        insert = inserts[placed.insert]
        if len(insert) > length:
            raise InputError(
                f"--insert: {insert.name} has {len(insert):,} bases, and the backgrounds have "
                f"{length:,}: cut it"
            )
        if start < 0 or end > length:
            raise InputError(
                f"--positions: {insert.name} at {placed.position:+,} bp from the middle reaches "
                f"beyond the {length:,} bp of the backgrounds"
            )
    if arrangement.is_pair:
        (start, end), (other_start, other_end) = spans
        if start < other_end and other_start < end:
            names = " and ".join(inserts[each.insert].name for each in arrangement.placed)
            raise InputError(
                f"--spacings: {names} overlap where their middles are {arrangement.spacing} bp "
                f"apart: expected {(end - start + other_end - other_start + 1) // 2} bp or more"
            )
