"""Scores of genes: what an allele does to the bins of their starts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from basenji_kipoi.effects.engine import Effects
    from basenji_kipoi.genome.genes import GeneBins

__all__ = ["gene_scores"]


def gene_scores(effects: Effects, genes: Sequence[Iterable[GeneBins]]) -> np.ndarray:
    """Score each gene of each allele's window.

    Parameters
    ----------
    effects
        Predictions of whole windows.
    genes
        For each allele the genes in its window.

    Returns
    -------
    ndarray, float32, shape (alleles' genes, scores, tracks)
        The scores of `basenji_kipoi.effects.scores.GENE_SCORES` in their order, of the genes of the
        first allele, then of those of the second, and so on.
    """
    bins = [each.bins for row in genes for each in row]
    tracks = effects.reference.shape[2]
    if not bins:
        return np.zeros((0, 2, tracks), dtype=np.float32)
    counts = np.array([len(each) for each in bins])
    per_allele = [sum(len(each.bins) for each in row) for row in genes]
    allele = np.repeat(np.arange(len(genes)), per_allele)
    row = np.concatenate(bins) - effects.first[allele]
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    reference = effects.reference[allele, row].astype(np.float64)
    difference = effects.alternative[allele, row] - reference
    sed = np.add.reduceat(difference, starts, axis=0)
    total = np.add.reduceat(reference, starts, axis=0)
    return np.stack([sed, np.log1p(sed / (1 + total)) / math.log(2)], axis=1).astype(np.float32)
