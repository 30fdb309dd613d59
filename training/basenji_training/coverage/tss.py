"""Coverage around transcription start sites (TSSs), which shows whether an assay worked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pybigtools

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from basenji_kipoi.genome.genes import Genes

__all__ = ["FLANK", "TssProfile", "tss_profile"]

#: Bases on either side of a TSS that are looked at.
FLANK = 2000
# The background: so many bases at either end of that.
_BACKGROUND = 100
# The signal is averaged over so many bases on either side of each position.
_SMOOTH = 25


@dataclass(frozen=True)
class TssProfile:
    """Mean coverage by distance from a TSS, upstream to downstream.

    Attributes
    ----------
    sense, antisense : ndarray, float64, shape (2 * FLANK + 1,)
        On the gene's strand and on the other; antisense is None if there are no strands.
    genes
        Number of genes, each with the TSS that is the most upstream.
    """

    sense: np.ndarray
    antisense: np.ndarray | None
    genes: int

    @property
    def enrichment(self) -> float:
        """The largest mean (over 51 bp) near a TSS over the mean of 100 bp at both ends.

        The definition of the ENCODE project for ATAC-seq, with the largest value in place of that
        at the TSS itself, since starts and nucleosome-free regions lie a little beside it. NaN if
        there is no coverage at the ends.
        """
        window = np.full(2 * _SMOOTH + 1, 1 / (2 * _SMOOTH + 1))
        smooth = np.convolve(self.sense, window, mode="same")
        ends = np.concatenate([self.sense[:_BACKGROUND], self.sense[-_BACKGROUND:]]).mean()
        inner = smooth[FLANK // 2 : -FLANK // 2]
        return float(inner.max() / ends) if ends > 0 else float("nan")


def tss_profile(bigwigs: Sequence[Path], genes: Genes) -> TssProfile | None:
    """Average coverage around the TSSs of genes.

    Parameters
    ----------
    bigwigs
        One track, or those of the plus and the minus strand.
    genes
        The genes; those within `FLANK` of a contig's end, or without strand, are left out.

    Returns
    -------
    TssProfile or None
        None if no gene is left.
    """
    readers = [pybigtools.open(str(path)) for path in bigwigs]
    lengths = readers[0].chroms()
    sums, count = np.zeros((len(readers), 2 * FLANK + 1)), 0
    for gene in genes:
        tss = gene.tss[-1] if gene.strand == "-" else gene.tss[0]
        inside = FLANK <= tss < lengths.get(gene.contig, 0) - FLANK
        if gene.strand not in ("+", "-") or not inside:
            continue
        # The gene's own strand first.
        order = readers if gene.strand == "+" else readers[::-1]
        step = 1 if gene.strand == "+" else -1
        for row, reader in enumerate(order):
            values = reader.values(gene.contig, tss - FLANK, tss + FLANK + 1, fillna=0.0)
            sums[row] += values[::step]
        count += 1
    if not count:
        return None
    means = sums / count
    return TssProfile(means[0], means[1] if len(means) > 1 else None, count)
