"""CIGAR strings, parsed once for each that occurs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Cigar", "Cigars"]

_OPERATION = re.compile(r"(\d+)([MIDNSHP=X])")


class Cigar(NamedTuple):
    """What a CIGAR string says.

    Attributes
    ----------
    span
        Bases of the genome from the first to the last aligned one (bp).
    left_clip, right_clip
        Soft-clipped bases at either end.
    blocks
        Intervals of the genome between introns (``N``), relative to the first base, half-open.
    """

    span: int
    left_clip: int
    right_clip: int
    blocks: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, text: str) -> Cigar:
        """Parse a CIGAR string as the SAM format defines it."""
        operations = [(int(size), kind) for size, kind in _OPERATION.findall(text)]
        soft = [(size if kind == "S" else 0) for size, kind in operations if kind != "H"] or [0]
        place, start, blocks = 0, 0, []
        for size, kind in operations:
            if kind == "N":
                blocks.append((start, place))
                start = place + size
            if kind in "MDN=X":
                place += size
        blocks.append((start, place))
        return cls(place, soft[0], soft[-1], tuple(b for b in blocks if b[0] < b[1]))


class Cigars:
    """The different CIGAR strings of a file, by number: few occur, each very often."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._parsed: list[Cigar] = []

    def number(self, texts: pa.Array) -> np.ndarray:
        """Give CIGAR strings their numbers.

        Parameters
        ----------
        texts : pyarrow.Array of string, length (alignments,)
            The strings; none is null.

        Returns
        -------
        ndarray, int64, shape (alignments,)
            Indices that `column` and `blocks` take.
        """
        encoded = texts.dictionary_encode()
        known = []
        for text in encoded.dictionary.to_pylist():
            if text not in self._numbers:
                self._numbers[text] = len(self._parsed)
                self._parsed.append(Cigar.parse(text))
            known.append(self._numbers[text])
        return np.array(known, np.int64)[encoded.indices.to_numpy()]

    def column(self, name: str, numbers: np.ndarray) -> np.ndarray:
        """Take a field of `Cigar` for each alignment.

        Parameters
        ----------
        name
            ``span``, ``left_clip`` or ``right_clip``.
        numbers : ndarray, int64, shape (alignments,)
            What `number` returned.

        Returns
        -------
        ndarray, int32, shape (alignments,)
            The field.
        """
        return np.array([getattr(each, name) for each in self._parsed], np.int32)[numbers]

    def blocks(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """List the blocks of alignments.

        Parameters
        ----------
        numbers : ndarray, int64, shape (alignments,)
            What `number` returned.

        Returns
        -------
        owner, start, end : ndarray, int, shape (blocks,)
            The alignment's index, and the block relative to its first base (half-open, bp).
        """
        counts = np.array([len(each.blocks) for each in self._parsed], np.int64)
        flat = np.array([b for each in self._parsed for b in each.blocks], np.int32).reshape(-1, 2)
        first = np.concatenate([[0], np.cumsum(counts)])[:-1]
        mine = counts[numbers]
        owner = np.repeat(np.arange(len(numbers)), mine)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(mine) - mine, mine)
        chosen = flat[first[numbers][owner] + within]
        return owner, chosen[:, 0], chosen[:, 1]
