"""What a ranking is, in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from basenji_kipoi.locus.ranking.prior import Weight
    from basenji_kipoi.locus.variants import LocusTable

__all__ = ["Ranking"]


@dataclass(frozen=True)
class Ranking:
    """Ranked variants of loci.

    Attributes
    ----------
    table : LocusTable
        The variants as they were read.
    variants, sets : pyarrow.Table
        A row a variant, by set and posterior; a row a set.
    weight : Weight
        Weight of predicted effects.
    method : str
        What PIPs came from.
    columns : dict of str to str
        What columns mean.
    random : int
        Random variants of the background.
    """

    table: LocusTable
    variants: pa.Table
    sets: pa.Table
    weight: Weight
    method: str
    columns: dict[str, str]
    random: int

    def __repr__(self) -> str:
        return (
            f"<Ranking of {len(self.variants):,} variants in {len(self.sets):,} sets, weight "
            f"{self.weight}>"
        )
