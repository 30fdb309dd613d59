"""What is asked of the mechanism of variants."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from basenji_kipoi.models.model import Strands

__all__ = ["MechanismOptions"]


@dataclass(frozen=True)
class MechanismOptions:
    """What is asked of the mechanism of variants.

    Attributes
    ----------
    genes : Path or None
        GTF file of the genes.
    tracks : str or None
        Tracks that are looked at: identifiers, patterns or indices, separated by commas.
    elements : Path or None
        BED file or table of elements, as `basenji elements` takes it; None: ``size`` bases around
        each variant.
    size : int
        Bases of such an element (bp).
    motifs : str or None
        Known motifs: a MEME file, ``jaspar``, or ``jaspar:GROUP``.
    most_tracks : int
        Tracks whose profiles are kept: those that change most.
    draws, seed : int
        Shuffled sequences that replace an element one after another, and their seed.
    both_strands : bool or None
        Whether predictions are averaged over both strands; None as the model was evaluated.
    """

    genes: Optional[Path] = None
    tracks: Optional[str] = None
    elements: Optional[Path] = None
    size: int = 200
    motifs: Optional[str] = None
    most_tracks: int = 4
    draws: int = 4
    seed: int = 0
    both_strands: Strands = None

    def __post_init__(self) -> None:
        for name in ("size", "most_tracks", "draws"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} counts from 1 on, not {getattr(self, name)}")
        if self.elements is not None and self.genes is None:
            raise InputError("elements are knocked out for genes: pass --genes, too")
