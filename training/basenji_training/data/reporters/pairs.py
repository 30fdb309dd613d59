"""Pairs of measured sequences: a reference and its alternative."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import ALPHABET, UNKNOWN
from basenji_kipoi.base.text_files import table_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["one_substitution_apart", "read_pairs"]


def one_substitution_apart(
    codes: np.ndarray, lengths: np.ndarray, sets: Sequence[str]
) -> np.ndarray:
    """Find all pairs of a set that differ in one base; the one that comes first is the reference.

    Parameters
    ----------
    codes : ndarray, uint8, shape (sequences, longest)
        The sequences, all different.
    lengths : ndarray, int32, shape (sequences,)
        Their lengths (bp).
    sets
        Part of the library of each.

    Returns
    -------
    ndarray, int64, shape (pairs, 2)
        Rows of reference and alternative, sorted.
    """
    # A random number for each base at each place: a sequence is their sum, and leaving out a place
    # is a subtraction. Numbers of two sequences agree by chance once in 2^64; bases are compared.
    generator = np.random.default_rng(0)
    shape = (codes.shape[1], len(ALPHABET))
    marks = generator.integers(0, 2**64, size=shape, dtype=np.uint64)
    marks = np.concatenate([marks, np.zeros((len(marks), 1), np.uint64)], axis=1)  # padding
    kinds = np.unique(np.array(sets, dtype=str), return_inverse=True)[1]
    own = generator.integers(
        0, 2**64, size=(2, 1 + max(kinds.max(initial=0), codes.shape[1])), dtype=np.uint64
    )
    total = own[0, kinds] + own[1, lengths]
    for place in range(codes.shape[1]):
        total += marks[place, codes[:, place]]
    found = [np.empty((0, 2), np.int64)]
    for place in range(codes.shape[1]):
        rows = np.flatnonzero(codes[:, place] != UNKNOWN)
        rest = total[rows] - marks[place, codes[rows, place]]
        order = np.argsort(rest, kind="stable")
        rows, rest = rows[order], rest[order]
        # Sequences that differ here alone are at most as many as there are bases.
        for step in range(1, len(ALPHABET)):
            same = np.flatnonzero(rest[step:] == rest[:-step])
            found.append(np.stack([rows[same], rows[same + step]], axis=1))
    pairs = np.sort(np.concatenate(found), axis=1)
    reference, alternative = pairs.T
    is_one = (codes[reference] != codes[alternative]).sum(axis=1) == 1
    is_one &= lengths[reference] == lengths[alternative]
    is_one &= kinds[reference] == kinds[alternative]
    return np.unique(pairs[is_one], axis=0)


def read_pairs(
    path: Path, sequences: Sequence[str], *, indels: bool
) -> tuple[np.ndarray, Counter[str]]:
    """Read pairs from a table.

    Parameters
    ----------
    path
        Tab-separated, plain or gzip, with the columns sequence_a (reference) and sequence_b.
    sequences
        The sequences that were measured.
    indels
        Whether the two may differ in length.

    Returns
    -------
    pairs : ndarray, int64, shape (pairs, 2)
        Rows of reference and alternative, sorted, each pair once.
    left_out
        How many pairs were left out, by reason.

    Raises
    ------
    InputError
        If it cannot be read, or no pair is left.
    """
    row_of = {sequence: row for row, sequence in enumerate(sequences)}
    pairs: dict[tuple[int, int], None] = {}
    left_out: Counter[str] = Counter()
    for _, cells in table_rows(path, "table of pairs", ("sequence_a", "sequence_b")):
        first, second = cells["sequence_a"].upper(), cells["sequence_b"].upper()
        rows = row_of.get(first), row_of.get(second)
        if None in rows:
            left_out["were not measured"] += 1
        elif first == second:
            left_out["are of one sequence"] += 1
        elif len(first) != len(second) and not indels:
            left_out["differ in length (see --indels)"] += 1
        elif rows in pairs or rows[::-1] in pairs:
            left_out["are there already"] += 1
        else:
            pairs[rows] = None
    if not pairs:
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in left_out.items())
        raise InputError(f"{path} has no pair of measured sequences: {reasons or 'it has no rows'}")
    return np.array(sorted(pairs), dtype=np.int64), left_out
