"""The options of insertions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from basenji_kipoi.models.model import Strands

__all__ = ["DEFAULT_WIDTH", "InsertOptions"]

#: Bases around the middle whose bins count where none are named (bp).
DEFAULT_WIDTH = 512


@dataclass(frozen=True)
class InsertOptions:
    """What is put where, and what is predicted of it.

    Attributes
    ----------
    inserts : tuple of str
        As `basenji_kipoi.interpretation.insertion.inserts.read_insert` takes each.
    positions, spacings : tuple of int
        Places of inserts, and distances in pairs (bp), as
        `basenji_kipoi.interpretation.insertion.arrangements.arrangements_of` takes them.
    orientations : tuple of str
        ``+``, ``-`` or both.
    sampled : bool
        Whether sites are drawn from a motif's probabilities; otherwise they are its best one.
    shuffles : int or None
        Shuffled backgrounds of each interval or sequence; 0 for these as they are. By default 10 of
        each interval, and sequences as they are.
    seed : int
        Of the shuffles and of the sites.
    tracks, groups
        As `basenji_kipoi.interpretation.attribution.outputs.choose_outputs` takes them.
    bins : int or None
        So many bins around the middle of the window count; None: those that overlap the 512 bp
        there; 0: all.
    reporter : str or None
        Predict the activities of this reporter instead of tracks.
    both_strands : bool or None
        Whether predictions are averaged over both strands; None as the model was evaluated.
    """

    inserts: tuple[str, ...]
    positions: tuple[int, ...] = (0,)
    spacings: tuple[int, ...] = ()
    orientations: tuple[str, ...] = ("+", "-")
    sampled: bool = False
    shuffles: Optional[int] = None
    seed: int = 0
    tracks: Optional[str] = None
    groups: tuple[str, ...] = ()
    bins: Optional[int] = None
    reporter: Optional[str] = None
    both_strands: Strands = None

    def __post_init__(self) -> None:
        if self.seed < 0 or (self.shuffles or 0) < 0:
            raise InputError("seed and shuffles count from 0 on")
        if self.reporter is not None and (self.groups or self.bins is not None):
            raise InputError("--reporter predicts activities, which have no bins and no groups")
