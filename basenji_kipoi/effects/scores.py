"""The scores of an allele: each is defined here, once, with its formula, units, sign and source.

A score is computed, track by track, from the predictions of reference and alternative in the bins
that count. r and a are these predictions in one bin; a sum is over the bins that count. Predictions
are in the units of the targets table (a bin's scaled and clipped counts), or in counts of the
coverage where that is asked for, and not negative.

Where a formula takes the difference of two nearly equal numbers, the code has a form of the same
value that does not lose its digits, for most alleles change a prediction by less than 1 in 1000.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.targets import COUNTS, TABLE_UNITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.models.targets import Target

    Tensor = Any

__all__ = ["GENE_SCORES", "SCORES", "GeneScore", "Score", "in_counts", "is_histone", "scores_named"]

# Keras takes seconds to import, and the names and formulas are wanted without it.
# ruff: noqa: PLC0415


@dataclass(frozen=True)
class Score:
    """One score.

    Attributes
    ----------
    name : str
        Its name in commands and columns.
    formula : str
        How it follows from r and a.
    meaning : str
        What it says, in one line.
    units : str
        Its units.
    signed : bool
        Whether its sign tells an increase (positive) from a decrease.
    source : str
        Where it was published or is used.
    every_bin : bool
        Whether it needs all bins that count, or only those that the allele can change.
    widths : tuple of int
        The bins that count are those that overlap so many bases (bp) around the variant's first
        one; with two widths, the second is for tracks of histone marks. Empty: the bins that
        ``--bins`` says.
    compute : callable
        Takes r and a, tensors of shape (alleles, rows, tracks) that are both zero in bins that do
        not count; returns (alleles, tracks).
    """

    name: str
    formula: str
    meaning: str
    units: str
    signed: bool
    source: str
    compute: Callable[[Tensor, Tensor], Tensor] = field(repr=False)
    every_bin: bool = False
    widths: tuple[int, ...] = ()


@dataclass(frozen=True)
class GeneScore:
    """A score of an allele and a gene, over the bins of the gene's transcription start sites.

    Attributes are those of `Score`.
    """

    name: str
    formula: str
    meaning: str
    units: str
    signed: bool
    source: str


def _total_difference(reference: Tensor, alternative: Tensor) -> Tensor:
    from keras import ops

    return ops.sum(alternative - reference, axis=1)


def _log_difference(reference: Tensor, alternative: Tensor) -> Tensor:
    from keras import ops

    ratio = (alternative - reference) / (1 + reference)
    return ops.sum(ops.log1p(ratio), axis=1) / math.log(2)


def _log_ratio_of_totals(reference: Tensor, alternative: Tensor) -> Tensor:
    from keras import ops

    difference = ops.sum(alternative - reference, axis=1)
    return ops.log1p(difference / (1 + ops.sum(reference, axis=1))) / math.log(2)


def _root_difference(reference: Tensor, alternative: Tensor) -> Tensor:
    from keras import ops

    roots = ops.sqrt(alternative) + ops.sqrt(reference)
    difference = (alternative - reference) / ops.where(roots == 0, ops.ones_like(roots), roots)
    return ops.sum(difference, axis=1)


def _largest_difference(reference: Tensor, alternative: Tensor) -> Tensor:
    from keras import ops

    difference = alternative - reference
    highest, lowest = ops.max(difference, axis=1), ops.min(difference, axis=1)
    return ops.where(highest >= -lowest, highest, lowest)


def _absolute_difference(reference: Tensor, alternative: Tensor) -> Tensor:
    from keras import ops

    return ops.sum(ops.absolute(alternative - reference), axis=1)


def _euclidean_difference(reference: Tensor, alternative: Tensor) -> Tensor:
    from keras import ops

    return ops.sqrt(ops.sum(ops.square(alternative - reference), axis=1))


def _jensen_shannon(reference: Tensor, alternative: Tensor) -> Tensor:
    from keras import ops

    def profile(values: Tensor) -> Tensor:
        total = ops.sum(values, axis=1, keepdims=True)
        return values / ops.where(total == 0, ops.ones_like(total), total)

    p, q = profile(reference), profile(alternative)
    both = p + q
    # With p = (1 - t) both / 2 and q = (1 + t) both / 2, the divergence is a sum of
    # both / 4 * ((1 + t) log(1 + t) + (1 - t) log(1 - t)), whose two terms below do not cancel.
    largest = 1 - 1e-7
    t = (q - p) / ops.where(both == 0, ops.ones_like(both), both)
    t = ops.clip(t, -largest, largest)
    terms = ops.log1p(-t * t) + t * (ops.log1p(t) - ops.log1p(-t))
    return ops.sum(both * terms, axis=1) / (4 * math.log(2))


def _total_reference(reference: Tensor, alternative: Tensor) -> Tensor:
    from keras import ops

    return ops.sum(reference, axis=1)


def _total_alternative(reference: Tensor, alternative: Tensor) -> Tensor:
    from keras import ops

    return ops.sum(alternative, axis=1)


_DOUBLINGS = "log2 (1 is a doubling)"
_BASENJI = "Kelley et al. 2018, Genome Research 28:739"
_PROGRAMS = "the programs published with the networks of 2018 and 2020"
_ALPHAGENOME = "recommended by AlphaGenome (Avsec et al. 2025)"


def _centre(name: str, meaning: str, *widths: int) -> Score:
    return Score(
        name=name,
        formula="log2((sum a + 1) / (sum r + 1))",
        meaning=meaning,
        units=_DOUBLINGS,
        signed=True,
        source=_ALPHAGENOME,
        compute=_log_ratio_of_totals,
        every_bin=True,
        widths=widths,
    )


#: Every score by name, in the order in which they are listed.
SCORES: dict[str, Score] = {
    score.name: score
    for score in (
        Score(
            "SAD",
            "sum (a - r)",
            "change of the total",
            TABLE_UNITS,
            True,
            _BASENJI,
            _total_difference,
        ),
        Score(
            "logSAD",
            "sum (log2(1 + a) - log2(1 + r))",
            "change of the bins' logarithms: weighs every bin by its relative change",
            "log2, summed over bins",
            True,
            _PROGRAMS,
            _log_difference,
        ),
        Score(
            "logFC",
            "log2((sum a + 1) / (sum r + 1))",
            "relative change of the total",
            _DOUBLINGS,
            True,
            f"{_ALPHAGENOME} for a centre; here over all bins",
            _log_ratio_of_totals,
            every_bin=True,
        ),
        Score(
            "sqrtSAD",
            "sum (sqrt a - sqrt r)",
            "change of the bins' square roots, between SAD and logSAD in what large bins weigh",
            f"square root of the {TABLE_UNITS}",
            True,
            _PROGRAMS,
            _root_difference,
        ),
        Score(
            "SAX",
            "(a - r) of the bin where |a - r| is largest",
            "largest change of a bin; the increase if an equal decrease exists",
            TABLE_UNITS,
            True,
            _PROGRAMS,
            _largest_difference,
        ),
        Score(
            "D1",
            "sum |a - r|",
            "sum of changes of either sign",
            TABLE_UNITS,
            False,
            _PROGRAMS,
            _absolute_difference,
        ),
        Score(
            "D2",
            "sqrt(sum (a - r)^2)",
            "length of the vector of changes: weighs large ones more than D1 does",
            TABLE_UNITS,
            False,
            _PROGRAMS,
            _euclidean_difference,
        ),
        Score(
            "JS",
            "sum (p log2(p / m) + q log2(q / m)) / 2 with p = r / sum r, q = a / sum a, "
            "m = (p + q) / 2",
            "change of the profile's shape, whatever its total (Jensen-Shannon divergence)",
            "bits (0 to 1)",
            False,
            _PROGRAMS,
            _jensen_shannon,
            every_bin=True,
        ),
        Score(
            "REF",
            "sum r",
            "total of the reference",
            TABLE_UNITS,
            False,
            _PROGRAMS,
            _total_reference,
            every_bin=True,
        ),
        Score(
            "ALT",
            "sum a",
            "total of the alternative",
            TABLE_UNITS,
            False,
            _PROGRAMS,
            _total_alternative,
            every_bin=True,
        ),
        _centre("centre501", "relative change of the 501 bp around the variant", 501),
        _centre("centre2001", "relative change of the 2001 bp around the variant", 2001),
        _centre(
            "centre",
            "centre2001 of tracks of histone marks, centre501 of all others",
            501,
            2001,
        ),
    )
}

#: The scores of genes by name.
GENE_SCORES: dict[str, GeneScore] = {
    score.name: score
    for score in (
        GeneScore(
            "SED",
            "sum (a - r)",
            "change of the total of the bins of a gene's transcription start sites",
            TABLE_UNITS,
            True,
            _BASENJI,
        ),
        GeneScore(
            "logSED",
            "log2((sum a + 1) / (sum r + 1))",
            "relative change of that total",
            _DOUBLINGS,
            True,
            _PROGRAMS,
        ),
    )
}


def scores_named(names: Sequence[str]) -> list[Score]:
    """Find scores by their names.

    Parameters
    ----------
    names
        The names.

    Returns
    -------
    list of Score
        In the order of the names.

    Raises
    ------
    InputError
        If a name is none of a score, or stands twice.
    """
    for name in names:
        if name not in SCORES:
            raise InputError(f"--scores: no score {name!r}: expected some of {', '.join(SCORES)}")
    if len(set(names)) != len(names):
        raise InputError(f"--scores: {','.join(names)} names a score twice")
    return [SCORES[name] for name in names]


_Defined = TypeVar("_Defined", Score, GeneScore)


def in_counts(score: _Defined) -> _Defined:
    """Define a score of predictions in counts of the coverage."""
    return replace(score, units=score.units.replace(TABLE_UNITS, COUNTS))


def is_histone(target: Target) -> bool:
    """Tell whether a track shows histones or their marks.

    It does if its assay has the word ``histone`` or the name of a core histone (``H3K27ac``,
    ``CHIP:H2A.Z``, ``H2AFZ``; H1 is also a cell line). Of an assay that does not say what is bound
    (ChIP-seq, CUT&RUN, CUT&Tag), and where none is given, the description counts, too.
    """
    text = target.assay
    if re.search(r"^$|ChIP|CUT&", text, re.IGNORECASE):
        text = f"{text} {target.description}"
    return re.search(r"histone|\bH(2[AB]|3|4)(\b|K\d|F)", text, re.IGNORECASE) is not None
