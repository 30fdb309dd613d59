"""The options of a ranking."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Optional, Union

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.resources import MEMORY
from basenji_kipoi.effects.scores import scores_named
from basenji_kipoi.locus.mechanisms.scored import SCORES
from basenji_kipoi.locus.reading import GAP

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LEAST_RANDOM", "RANDOM", "RankOptions"]

#: Fewer random variants make no percentiles.
LEAST_RANDOM = 20
#: Random variants that are drawn unless told otherwise.
RANDOM = 1000
#: More take more memory and time than they tell.
_MOST_RANDOM, _MOST_SIGNALS = 1_000_000, 100
_LARGEST_WEIGHT = 100.0


@dataclass(frozen=True)
class RankOptions:
    """How variants of loci are ranked: the options of ``basenji rank`` of the same names.

    Attributes
    ----------
    format : str or None
        Format of the table; None: the one whose columns it has.
    columns : dict of str to str, or None
        Columns of the table by role.
    gap : int
        Where the table names no loci, variants further apart lie in two (bp).
    score : str
        Score of tracks, of `basenji_kipoi.SCORES`.
    tracks : tuple of str or int, or None
        Tracks that count; None for all.
    group_by : {"assay", "sample", "track"}
        What makes a group of tracks.
    by : {"tracks", "gene"}
        Which effects make the prior: those of tracks, or those of the table's gene.
    weight : float or None
        Weight of predicted effects; None: estimated from the table's sets.
    signals : int
        Most signals of a locus, where linkage is known and PIPs are not.
    random : int or None
        Random variants that are drawn; None: those that come with the model, if they were scored
        as these options ask, else 1,000 are drawn.
    seed : int
        Seed of the random variants.
    both_strands : bool or None
        Whether predictions are averaged over the strands; None as the model was evaluated.
    memory : float
        Memory for predictions (GiB).

    Raises
    ------
    InputError
        If there is no such score, or a number makes no sense.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> bk.RankOptions(by="gene", weight=0.5).score
    'logSAD'
    """

    format: Optional[str] = None
    columns: Optional[Mapping[str, str]] = None
    gap: int = GAP
    score: str = "logSAD"
    tracks: Optional[tuple[Union[str, int], ...]] = None
    group_by: Literal["assay", "sample", "track"] = "assay"
    by: Literal["tracks", "gene"] = "tracks"
    weight: Optional[float] = None
    signals: int = 5
    random: Optional[int] = None
    seed: int = 0
    both_strands: Optional[bool] = None
    memory: float = MEMORY

    def __post_init__(self) -> None:
        scores_named([self.score])
        if self.random is not None and self.random < LEAST_RANDOM:
            raise InputError(f"--random: percentiles need {LEAST_RANDOM} random variants or more")
        if self.weight is not None and not abs(self.weight) <= _LARGEST_WEIGHT:
            raise InputError(f"--weight {self.weight:g}: estimated ones are from -1 to 3")
        if self.random is not None and self.random > _MOST_RANDOM:
            raise InputError(f"--random: {_MOST_RANDOM:,} random variants are the most")
        if not 1 <= self.signals <= _MOST_SIGNALS:
            raise InputError(f"--signals: a locus has from 1 to {_MOST_SIGNALS} signals")

    @property
    def scores(self) -> tuple[str, ...]:
        """Scores that are computed: the asked one, and those that pages of loci show."""
        return tuple(dict.fromkeys((self.score, *SCORES)))

    def described(self) -> dict[str, Any]:
        """Describe the options, as JSON can hold them."""
        return {**asdict(self), "columns": dict(self.columns or {})}
