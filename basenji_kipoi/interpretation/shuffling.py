"""Shuffled sequences that keep the counts of pairs of neighbouring bases (dinucleotides).

A sequence is a walk over the four bases, each step of which is one of its dinucleotides; a shuffled
one is another walk that takes the same steps (Altschul and Erickson 1985). All such walks are
equally likely. They begin and end with the same bases as the sequence.
"""

from __future__ import annotations

import numpy as np

from basenji_kipoi.base.sequence import ALPHABET, UNKNOWN

__all__ = ["shuffled"]

_BASES = len(ALPHABET)


def shuffled(codes: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Shuffle a sequence.

    Unknown bases stay where they are: each run of known bases between them is shuffled by itself.

    Parameters
    ----------
    codes : ndarray, uint8, shape (length,)
        Codes of the bases.
    random
        Source of random numbers.

    Returns
    -------
    ndarray, uint8, shape (length,)
        Another order of the same bases.
    """
    found = codes.copy()
    known = np.concatenate([[False], codes != UNKNOWN, [False]])
    edges = np.flatnonzero(known[1:] != known[:-1])
    for start, end in zip(edges[::2], edges[1::2]):
        found[start:end] = _walk(codes[start:end], random)
    return found


def _walk(codes: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Shuffle a run of known bases."""
    if len(codes) < 4:  # no other walk takes the same steps
        return codes
    behind = [codes[1:][codes[:-1] == base] for base in range(_BASES)]
    last = int(codes[-1])
    exits = _exits(behind, last, random)
    steps = []
    for base, others in enumerate(behind):
        others = random.permutation(others)
        if base in exits:
            # The way out is taken last; which of the equal steps it is makes no difference.
            place = int(np.flatnonzero(others == exits[base])[0])
            others[place] = others[-1]
            others[-1] = exits[base]
        steps.append(iter(others.tolist()))
    here = int(codes[0])
    walk = [here]
    for _ in range(len(codes) - 1):
        here = next(steps[here])
        walk.append(here)
    return np.array(walk, dtype=codes.dtype)


def _exits(behind: list[np.ndarray], last: int, random: np.random.Generator) -> dict[int, int]:
    """Draw the last step away from each base, such that all of them lead to the last base."""
    bases = [base for base in range(_BASES) if base != last and len(behind[base])]
    while True:
        exits = {base: int(random.choice(behind[base])) for base in bases}
        if all(_leads(base, last, exits) for base in bases):
            return exits


def _leads(base: int, last: int, exits: dict[int, int]) -> bool:
    for _ in range(_BASES):
        if base == last:
            return True
        base = exits[base]
    return base == last
