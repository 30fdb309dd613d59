"""What is compared, and how."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

__all__ = ["CompareOptions"]

#: Least and most of each number.
_BOUNDS = {
    "draws": (1, 100_000),
    "seed": (0, 2**63),
    "distance_within": (0, 2**31),
    "negatives_each": (1, 1000),
}


@dataclass(frozen=True)
class CompareOptions:
    """What is compared, and how: the options of ``basenji compare`` of the same names, as values.

    A condition is ``COLUMN<VALUE`` with ``=``, ``!=``, ``<``, ``<=``, ``>`` or ``>=``; bars around
    the column take its size (``|logFC|>0.2``), and ``and`` joins several.

    Attributes
    ----------
    scores : tuple of str
        Columns of predictions: ``COLUMN``, ``NAME=COLUMN``, or ``NAME=PLUS,MINUS`` for columns that
        hold for genes on either strand. Empty: all columns ``SCORE/TRACK``, else the only one.
    effect : str
        The measured table's column of effects: positive where ALT has more.
    error : str or None
        Its column of standard errors.
    replicates : tuple of str
        Its columns of the effect in each replicate.
    columns : mapping of str to str
        Names of columns: of ``chrom``, ``pos``, ``ref``, ``alt``, ``gene``, ``strand``,
        ``distance``, ``frequency`` and ``status``, where they are not among the usual ones.
    match : {"variant", "gene", "variant-gene"} or None
        By what rows are the same; None: by variant (and gene) where both tables have it, else by
        gene. Predictions of a gene's variants are summed up.
    where, predicted_where : tuple of str
        Conditions on rows of the measured, and of the predicted table.
    parts : tuple of str
        Conditions on measured rows that are looked at by themselves, too.
    with_effect, without_effect : str or None
        Conditions on measured rows that have an effect, and that have none; None: no variants are
        told apart, and all that do not have one.
    negatives : {"measured", "predicted"}
        Where variants without an effect come from: of the measured ones, or of those in the table
        of predictions that nobody measured.
    distance_within : int
        How far the distances to the start of a variant and of its matched negative may differ (bp).
    frequency_within : float or None
        How far the frequencies of their rarer alleles may (0 to 0.5); None: they do not count.
    negatives_each : int
        Negatives for each variant with an effect.
    genes : Path or None
        GTF file: the distance is that to the nearest start of a gene; None: the tables' column.
    blocks : str or None
        The measured table's column whose values are drawn by the bootstrap; None: the gene, or
        where there is none each row.
    draws, seed : int
        Draws of the bootstrap; seed of these and of the matching.

    Raises
    ------
    InputError
        If a number is out of its range or two options do not fit.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> bk.CompareOptions(error="SE", where=("library=UpStream",), parts=("SE<0.1",)).draws
    1000
    """

    scores: tuple[str, ...] = ()
    effect: str = "effect"
    error: Optional[str] = None
    replicates: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    match: Optional[Literal["variant", "gene", "variant-gene"]] = None
    where: tuple[str, ...] = ()
    predicted_where: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    with_effect: Optional[str] = None
    without_effect: Optional[str] = None
    negatives: Literal["measured", "predicted"] = "measured"
    distance_within: int = 100
    frequency_within: Optional[float] = None
    negatives_each: int = 1
    genes: Optional[Path] = None
    blocks: Optional[str] = None
    draws: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        for name, (least, most) in _BOUNDS.items():
            if not least <= getattr(self, name) <= most:
                raise InputError(f"{name} is {getattr(self, name)}: expected {least:,} to {most:,}")
        if self.frequency_within is not None and not 0 <= self.frequency_within <= 0.5:
            raise InputError(f"frequency_within is {self.frequency_within}: expected 0 to 0.5")
        if len(self.replicates) == 1:
            raise InputError("one replicate agrees with nothing: name two columns or more")
        if self.without_effect is not None and self.with_effect is None:
            raise InputError("without_effect needs with_effect: which variants have an effect")
        if self.genes is not None and self.with_effect is None:
            raise InputError("genes are for matched negatives: say which variants have an effect")

    def described(self) -> dict[str, Any]:
        """Describe them as JSON can hold it; files by their names."""
        found = dataclasses.asdict(self)
        return {**found, "genes": self.genes and Path(self.genes).name}
