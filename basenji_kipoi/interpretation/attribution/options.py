"""The options of an attribution."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Optional, get_args

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from basenji_kipoi.interpretation.attribution.questions import Bins
    from basenji_kipoi.models.model import Strands

__all__ = ["AttributionOptions", "Method"]

#: How contributions are computed.
Method = Literal["gradient", "expected-gradients", "mutation"]


@dataclass(frozen=True)
class AttributionOptions:
    """What is explained, and how.

    Attributes
    ----------
    method : str
        ``gradient``, ``expected-gradients`` or ``mutation``.
    tracks, groups, outputs
        As `basenji_kipoi.interpretation.attribution.outputs.choose_outputs` takes them.
    bins : str
        The bins that an ``interval`` overlaps, or all that its ``window`` predicts.
    length : int or None
        Bases around the middle of each interval that contribute (bp).
    genes : Path or None
        GTF file: the bins of its genes' starts are explained.
    gene : str or None
        Some of these genes, by identifier or name, separated by commas.
    both_strands : bool or None
        Whether predictions are averaged over both strands; None as the model was evaluated.
    backgrounds, points, seed : int
        Of expected gradients: shuffled sequences, points on the way from each, and the seed.
    """

    method: Method = "gradient"
    tracks: Optional[str] = None
    groups: tuple[str, ...] = ()
    outputs: str = "sum"
    bins: Bins = "interval"
    length: Optional[int] = None
    genes: Optional[Path] = None
    gene: Optional[str] = None
    both_strands: Strands = None
    backgrounds: int = 10
    points: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise InputError(
                f"no method {self.method!r}: expected one of {', '.join(get_args(Method))}"
            )
        if self.bins not in ("interval", "window"):
            raise InputError(f"no bins {self.bins!r}: expected interval or window")
        if min(self.backgrounds, self.points, self.length or 1) < 1:
            raise InputError("backgrounds, points and length count from 1 on")
        if self.gene is not None and self.genes is None:
            raise InputError("--gene needs the annotation that it is in: pass --genes")
        if self.genes is not None and self.bins == "window":
            raise InputError("--genes explains the bins of genes' starts: leave out --bins window")
