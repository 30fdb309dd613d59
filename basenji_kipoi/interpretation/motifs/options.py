"""The options of motif discovery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Optional, get_args

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MotifOptions", "Scale"]

#: Contributions relative to the prediction, or as they are.
Scale = Literal["relative", "plain"]


@dataclass(frozen=True)
class MotifOptions:
    """How motifs are found and named.

    Attributes
    ----------
    tracks : str or None
        Outputs that motifs are looked for in, names or patterns separated by commas; all by
        default.
    scale : str
        ``relative``: contributions divided by each sequence's prediction; ``plain``: as they are.
    most : int
        Seqlets (stretches that contribute much) of each sign that are clustered at most.
    fewest : int
        Sites that a motif has at least.
    false_discovery : float
        Of seqlets, as TF-MoDISco takes it.
    database : str or None
        A MEME file, ``jaspar`` or ``jaspar:GROUP`` (such as fungi) of the package pyjaspar.
    genes : Path or None
        GTF, whose nearest starts sites are placed by.
    """

    tracks: Optional[str] = None
    scale: Scale = "relative"
    most: int = 2000
    fewest: int = 20
    false_discovery: float = 0.2
    database: Optional[str] = None
    genes: Optional[Path] = None

    def __post_init__(self) -> None:
        if self.scale not in get_args(Scale):
            raise InputError(f"no scale {self.scale!r}: expected {' or '.join(get_args(Scale))}")
        if self.most < 1 or self.fewest < 2 or not 0 < self.false_discovery < 1:
            raise InputError(
                "expected at least one seqlet, two sites of a motif, and a false discovery rate "
                "between 0 and 1"
            )
