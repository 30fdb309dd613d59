"""Alleles in windows of a genome, and the sequences that they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from basenji_kipoi.base.sequence import Allele

if TYPE_CHECKING:
    from basenji_kipoi.genome.fasta import Genome

__all__ = ["AlleleWindow", "AlteredGenome", "allele_codes"]


class AlleleWindow(NamedTuple):
    """An allele and the window that it is predicted in.

    Attributes
    ----------
    chrom : str
        Contig.
    start : int
        First base of the window (0-based); it may lie before the contig, whose outside is unknown.
    allele : Allele
        The allele; its position counts from the window's start.
    """

    chrom: str
    start: int
    allele: Allele


def allele_codes(
    genome: Genome, request: AlleleWindow, window: int, *, anchor: Literal["left", "right"] = "left"
) -> np.ndarray:
    """Read a window with its alternative allele.

    Parameters
    ----------
    genome
        The reference.
    request
        The allele and its window.
    window
        Length of windows (bp).
    anchor
        Which end of the window stays where it is in the reference; the other one moves by the
        difference of the alleles' lengths.

    Returns
    -------
    ndarray, uint8, shape (window,)
        Codes.

    Notes
    -----
    An allele that lies before a window changes nothing in it: its first base stays where it is.
    """
    allele = request.allele
    if anchor == "left" and allele.position + allele.removed <= 0:
        return genome.codes(request.chrom, request.start, request.start + window)
    here = request.start + allele.position
    longer = len(allele.inserted) - allele.removed
    start = request.start if anchor == "left" else request.start + longer
    end = start + window - longer
    before = genome.codes(request.chrom, min(start, here), here)
    behind = genome.codes(request.chrom, here + allele.removed, max(end, here + allele.removed))
    codes = np.concatenate([before, np.asarray(allele.inserted, dtype=np.uint8), behind])
    if anchor == "right":
        return codes[len(codes) - window :]
    # Of an allele across the window's first base, what lies before it is left out.
    return codes[max(-allele.position, 0) :][:window]


class AlteredGenome:
    """A genome in which an allele stands in the place of the reference's bases.

    What lies before the allele is where it was; what lies behind it moves by the difference of the
    alleles' lengths.

    Parameters
    ----------
    genome
        The reference.
    chrom
        Contig of the allele.
    allele
        The allele; its position counts from the contig's start.
    """

    def __init__(self, genome: Genome, chrom: str, allele: Allele) -> None:
        self._genome, self._chrom, self._allele = genome, chrom, allele

    def codes(self, chrom: str, start: int, end: int) -> np.ndarray:
        """Read bases [start, end), as `Genome.codes` does.

        Returns
        -------
        ndarray, uint8, shape (end - start,)
            Codes.
        """
        allele = self._allele
        if chrom != self._chrom or end <= allele.position:
            return self._genome.codes(chrom, start, end)
        behind = allele.position + len(allele.inserted)
        moved = len(allele.inserted) - allele.removed
        if start >= behind:
            return self._genome.codes(chrom, start - moved, end - moved)
        inserted = np.asarray(allele.inserted, dtype=np.uint8)
        parts = [
            self._genome.codes(chrom, start, max(start, allele.position)),
            inserted[max(start - allele.position, 0) : end - allele.position],
            self._genome.codes(chrom, behind - moved, max(end, behind) - moved),
        ]
        return np.concatenate(parts)
