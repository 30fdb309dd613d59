"""Oligos of another laboratory's reporter, and what differs between their two alleles.

The library UpStream of `mpra_tests.tsv.gz`, read and described for the programs that are tuned to
it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import keras
import numpy as np
import pandas as pd
from reporter_variants import OLIGOS, rows_of

from basenji_kipoi.base.sequence import encode_rows
from basenji_kipoi.comparison.options import CompareOptions
from basenji_kipoi.comparison.run import Comparison, compare
from basenji_kipoi.models.networks.reporter_passes import standardised_activities

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from basenji_kipoi.models.model import Model

__all__ = [
    "ALLELES",
    "Described",
    "compare_upstream",
    "described",
    "upstream",
    "weights_of",
    "word_counts",
]

#: Columns of the two alleles' oligos.
ALLELES = ("oligo_BY", "oligo_RM_allele")
_KEYS = ["chrom", "pos", "ref", "alt", "gene"]
_MEASURED = ["logFC", "SE", "adj.P.Val"]


def _pieces(reference: str, alternative: str) -> list[tuple[str, str]]:
    """Cut both alleles of an oligo into pairs of oligos of the training assay, as the plan says."""
    shortest, size = min(len(reference), len(alternative)), OLIGOS["insert"]
    if shortest < size or reference == alternative:
        return []
    pairs = enumerate(zip(reference, alternative))
    place = next((i for i, (a, b) in pairs if a != b), shortest - 1)
    starts = {min(max(place - within, 0), shortest - size) for within in OLIGOS["places"]}
    before, behind = OLIGOS["ends"]
    return [
        tuple(before + oligo[s : s + size] + behind for oligo in (reference, alternative))
        for s in sorted(starts)
        if s <= place < s + size
    ]


def upstream(data: Path) -> pd.DataFrame:
    """Read the variants of UpStream whose oligos can be cut into pieces (column ``pieces``)."""
    rows = [
        {**row, "pieces": pairs}
        for row in rows_of(data / "variants" / "mpra_tests.tsv.gz")
        if row["library"] == "UpStream" and (pairs := _pieces(*(row[name] for name in ALLELES)))
    ]
    kinds = {"pos": int, "AveExpr": float, **dict.fromkeys(_MEASURED, float)}
    return pd.DataFrame(rows).astype(kinds).rename(columns={"chr": "chrom"})


def weights_of(table: pd.DataFrame) -> np.ndarray:
    """Weigh effects by 1 / (SE² + variance of the true effects): float64, shape (variants,)."""
    effect, error = table["logFC"].to_numpy(), table["SE"].to_numpy()
    return 1 / (error**2 + max(np.var(effect) - np.mean(error**2), 0))


def compare_upstream(
    table: pd.DataFrame, scores: tuple[str, ...], data: Path, *, command: str
) -> Comparison:
    """Set columns of a table of `upstream` beside what was measured."""
    return compare(
        table[[*_KEYS, *scores]],
        table[[*_KEYS, *_MEASURED]],
        CompareOptions(
            scores=scores,
            effect="logFC",
            error="SE",
            match="variant-gene",
            parts=("SE<0.1",),
            with_effect="adj.P.Val<0.05",
            genes=data / "genes.gtf.gz",
        ),
        command=command,
    )


class Described(NamedTuple):
    """What a reporter says of both alleles of each variant, the mean of the variant's pieces.

    Attributes
    ----------
    hidden : ndarray, float32, shape (variants, 2, units)
        Hidden units of the heads, one network behind the other.
    activities : ndarray, float32, shape (variants, 2, networks, activities)
        In standard deviations.
    unit : float
        The first activity's standard deviation, in its unit.
    """

    hidden: np.ndarray
    activities: np.ndarray
    unit: float

    @property
    def effect(self) -> np.ndarray:
        """Effect on the first activity, in its unit: the mean of the networks."""
        first = self.activities[..., 0].mean(axis=2) * self.unit
        return first[:, 1] - first[:, 0]


def described(model: Model, variants: Sequence[Sequence[tuple[str, str]]]) -> Described:
    """Describe variants, given as pairs of pieces, by what the reporter's heads make of them."""
    name, assay = model.assay_of()
    distinct = list(dict.fromkeys(s for pairs in variants for pair in pairs for s in pair))
    codes, lengths = encode_rows(distinct)
    place = {sequence: number for number, sequence in enumerate(distinct)}
    pieces = [np.array([[place[s] for s in pair] for pair in pairs]) for pairs in variants]

    def of_alleles(network: keras.Model) -> np.ndarray:
        values = standardised_activities(network, model.architecture, name, assay, codes, lengths)
        return np.array([values[rows].mean(axis=0) for rows in pieces])

    hidden, activities = [], []
    for networks in model.bundles[0].networks():
        network = networks.reporters[name]
        (layer,) = [layer for layer in network.layers if layer.name.endswith("_hidden")]
        hidden.append(of_alleles(keras.Model(network.input, layer.output)))
        activities.append(of_alleles(network))
    return Described(
        np.concatenate(hidden, axis=2),
        np.stack(activities, axis=2),
        assay.activities[0].deviation,
    )


def word_counts(oligos: Sequence[str], size: int) -> np.ndarray:
    """Count the words of `size` bases in oligos: float32, shape (oligos, 4**size).

    Words are in alphabetical order. The oligos consist of A, C, G and T.
    """
    counts = np.zeros((len(oligos), 4**size), dtype=np.float32)
    letters = np.frombuffer(b"ACGT", np.uint8)
    for row, oligo in zip(counts, oligos, strict=True):
        digits = np.searchsorted(letters, np.frombuffer(oligo.encode(), np.uint8))
        windows = np.lib.stride_tricks.sliding_window_view(digits, size)
        np.add.at(row, windows @ 4 ** np.arange(size)[::-1], 1)
    return counts
