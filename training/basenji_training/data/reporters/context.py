"""What stands around a sequence in the assay, and what of it the sequences carry themselves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pydantic import RootModel

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.json_files import read_json
from basenji_kipoi.base.sequence import UNKNOWN, encode, letters
from basenji_kipoi.base.text_files import fasta_records, text_lines

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "Ends",
    "carried",
    "common_ends",
    "parse_flanks",
    "read_context",
    "usual_ends",
    "without_ends",
]

#: Share of the sequences that carry what counts as carried by all.
_MOST = 0.9
#: A sequence carries an end of which at most this share differs.
_DIFFERENT = 0.25
#: Sequences that are looked at.
_LOOKED_AT = 10_000
#: Shortest run of unknown bases that is a place for an insert (bp).
_PLACE = 10


class Ends(NamedTuple):
    """Bases at a sequence's left and right end."""

    left: int
    right: int


def parse_flanks(text: str) -> tuple[str, str]:
    """Read ``LEFT,RIGHT``, either of which may be empty."""
    flanks = text.upper().split(",")
    if len(flanks) != 2:
        raise InputError(f"--flanks {text}: expected LEFT,RIGHT, one of which may be empty")
    for flank in flanks:
        _check_letters("--flanks", flank)
    return flanks[0], flanks[1]


def read_context(path: Path) -> tuple[str, str]:
    """Read the construct that sequences are put into.

    Parameters
    ----------
    path
        FASTA with one record, plain or gzip, or JSON (``.json``) that is one string. Its only run
        of at least 10 N is where a sequence stands.

    Returns
    -------
    left, right : str
        What stands before and behind it.

    Raises
    ------
    InputError
        If it cannot be read, or has no such place or several.
    """
    if path.suffix == ".json":
        text = read_json(RootModel[str], path).root
    else:
        with text_lines(path, "FASTA") as lines:
            sequences = [sequence for _, sequence in fasta_records(lines)]
        if len(sequences) != 1:
            raise InputError(f"{path}: expected FASTA with one record, found {len(sequences)}")
        (text,) = sequences
    text = text.upper()
    _check_letters(str(path), text)
    places = list(re.finditer(f"N{{{_PLACE},}}", text))
    if len(places) != 1:
        raise InputError(
            f"{path}: expected one run of at least {_PLACE} N, where a sequence stands, found "
            f"{len(places)}"
        )
    return text[: places[0].start()], text[places[0].end() :]


def _check_letters(where: str, text: str) -> None:
    other = re.search("[^ACGTN]", text)
    if other:
        raise InputError(
            f"{where} has {other[0]!r} at base {other.start() + 1}, which is none of A, C, G, T, N"
        )


def _flipped(codes: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Reverse each sequence, its padding staying behind it."""
    places = lengths[:, None] - 1 - np.arange(codes.shape[1])
    turned = np.take_along_axis(codes, np.maximum(places, 0), axis=1)
    return np.where(places >= 0, turned, np.uint8(UNKNOWN))


def _sample(codes: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    step = -(-len(codes) // _LOOKED_AT)
    return codes[::step], lengths[::step]


def carried(codes: np.ndarray, lengths: np.ndarray, left: str, right: str) -> Ends:
    """Find how much of its flanks nearly every sequence carries at its ends.

    Parameters
    ----------
    codes : ndarray, uint8, shape (sequences, longest)
        The sequences.
    lengths : ndarray, int32, shape (sequences,)
        Their lengths (bp).
    left, right
        The flanks.

    Returns
    -------
    Ends
        Bases of the left flank's end and of the right flank's start.
    """
    codes, lengths = _sample(codes, lengths)
    sides = ((codes, encode(left)), (_flipped(codes, lengths), encode(right)[::-1]))
    found = []
    for rows, flank in sides:
        sizes = range(min(len(flank), rows.shape[1]), 0, -1)
        found.append(
            next((n for n in sizes if (rows[:, :n] == flank[-n:]).all(axis=1).mean() >= _MOST), 0)
        )
    return Ends(*found)


def common_ends(codes: np.ndarray, lengths: np.ndarray, least: int) -> Ends:
    """Find the ends that nearly all sequences have in common: parts of the vector.

    Parameters
    ----------
    codes, lengths
        As in `carried`.
    least
        Bases that must be left between the ends; otherwise the sequences are variants of one, and
        have none.

    Returns
    -------
    Ends
        Bases of each.
    """
    codes, lengths = _sample(codes, lengths)
    found = []
    for rows in (codes, _flipped(codes, lengths)):
        usual = np.array([np.bincount(column, minlength=5)[:4].argmax() for column in rows.T])
        same = np.logical_and.accumulate(rows == usual, axis=1)
        found.append(int((same.mean(axis=0) >= _MOST).sum()))
    return Ends(*found) if np.median(lengths) - sum(found) >= least else Ends(0, 0)


def usual_ends(codes: np.ndarray, lengths: np.ndarray, ends: Ends) -> tuple[str, str]:
    """Read what nearly all sequences have at their ends.

    Parameters
    ----------
    codes, lengths
        As in `carried`.
    ends
        Bases of each end.

    Returns
    -------
    before, behind : str
        At each place the most frequent letter.
    """
    before, behind = (
        "".join(letters(np.array([np.bincount(c, minlength=5)[:4].argmax() for c in rows.T], int)))
        for rows in (codes[:, : ends.left], _flipped(codes, lengths)[:, : ends.right])
    )
    return before, behind[::-1]


def without_ends(codes: np.ndarray, lengths: np.ndarray, ends: Ends) -> tuple[np.ndarray, int]:
    """Make unknown what sequences carry of the vector.

    Parameters
    ----------
    codes, lengths
        As in `carried`.
    ends
        Bases of the vector.

    Returns
    -------
    codes : ndarray, uint8, shape (sequences, longest)
        The sequences without.
    others
        Sequences that lack one of the ends, of which nothing is made unknown there.
    """
    lacks = np.zeros(len(codes), dtype=bool)
    for size in ends:
        usual = np.array(
            [np.bincount(each, minlength=5)[:4].argmax() for each in codes[:, :size].T]
        )
        differs = (codes[:, :size] != usual).mean(axis=1) if size else np.zeros(len(codes))
        lacks |= differs > _DIFFERENT
        inner = codes.copy()
        inner[differs <= _DIFFERENT, :size] = UNKNOWN
        codes = _flipped(inner, lengths)  # the other end comes to the front, then back
    return codes, int(lacks.sum())
