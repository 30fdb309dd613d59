"""Alleles of a window, and what incremental inference answers about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from basenji_kipoi.incremental_reference import Kept

__all__ = ["Allele", "Changes", "Reference"]


class Allele(NamedTuple):
    """An alternative allele: bases [position, position + removed) of the window become others.

    Attributes
    ----------
    position : int
        First replaced base in the window (0-based); for an insertion the base before which it is.
    removed : int
        Number of replaced bases.
    inserted : ndarray, uint8, shape (bases,)
        Codes of the bases in their stead.
    """

    position: int
    removed: int
    inserted: np.ndarray


@dataclass(frozen=True)
class Reference:
    """A reference window and what its pass kept.

    Attributes
    ----------
    codes : ndarray, uint8, shape (window,)
        The sequence.
    values : ndarray, shape (bins, tracks)
        Its predictions.
    region : tuple of int
        Bases [start, end) in which alleles may differ.
    """

    codes: np.ndarray
    values: np.ndarray
    region: tuple[int, int]
    kept: Kept

    @property
    def nbytes(self) -> int:
        """Memory that the kept values take."""
        return sum(
            int(np.prod(rows.shape)) * self.values.dtype.itemsize
            for rows in self.kept.rows.values()
        )


@dataclass(frozen=True)
class Changes:
    """Predictions of the bins that alleles can change.

    Attributes
    ----------
    first, last : ndarray, int, shape (alleles,)
        Predicted bins [first, last) that each allele can change; all others are the reference's.
    values : ndarray, shape (alleles, rows, tracks)
        The allele's predictions: row r of allele i is bin ``first[i] + r`` as long as that is below
        ``last[i]``; rows behind mean nothing.
    """

    first: np.ndarray
    last: np.ndarray
    values: np.ndarray

    @property
    def valid(self) -> np.ndarray:
        """Rows that are predictions, bool (alleles, rows)."""
        return np.arange(self.values.shape[1]) < (self.last - self.first)[:, None]

    def expand(self, reference: Reference) -> np.ndarray:
        """Put the changed bins into the reference's predictions: (alleles, bins, tracks)."""
        whole = np.repeat(reference.values[None], len(self.first), axis=0)
        for row, (first, last) in enumerate(zip(self.first, self.last)):
            whole[row, first:last] = self.values[row, : last - first]
        return whole
