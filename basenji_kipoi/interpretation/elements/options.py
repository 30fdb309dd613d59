"""The options of `basenji elements`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Optional, get_args

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.interpretation.elements.places import ROLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from basenji_kipoi.models.model import Strands

__all__ = ["ElementOptions", "Method"]

#: What is computed.
Method = Literal["both", "gradient", "knock-out"]


@dataclass(frozen=True)
class ElementOptions:
    """What is asked of which elements and genes.

    Attributes
    ----------
    genes : Path
        GTF file: the bins of its genes' starts are read, on their strand.
    gene : str or None
        Some of these genes, by identifier or name, separated by commas.
    tracks, groups, outputs
        As `basenji_kipoi.interpretation.attribution.outputs.choose_outputs` takes them.
    elements : Path or None
        BED file, or table with a header (tab-separated), of elements; a table with genes asks for
        its pairs of element and gene alone. None: pieces of the whole window.
    columns : mapping of str to str
        What columns of that table are called, by their role (`places.ROLES`), where they are not
        called as usual.
    size : int or None
        Bases of a piece of the window (bp); None: a bin.
    method : str
        ``gradient``, ``knock-out``, or ``both``.
    draws, seed : int
        Shuffled sequences that replace an element one after another, and their seed.
    distances : tuple of int
        Move each given element there as well: bases from the gene's start to its middle, in the
        gene's direction, negative before the start.
    orientations : tuple of str
        Of moved elements: ``+`` as they stand, ``-`` turned (reverse complement).
    promoter, proximal : int
        Elements whose middle is at most so far from a start of the gene (bp) are its promoter, or
        proximal; all others are distal.
    both_strands : bool or None
        Whether predictions are averaged over both strands; None as the model was evaluated.

    Examples
    --------
    >>> from pathlib import Path
    >>> import basenji_kipoi as bk
    >>> bk.ElementOptions(Path("genes.gtf"), gene="one", method="gradient").draws
    4
    """

    genes: Path
    gene: Optional[str] = None
    tracks: Optional[str] = None
    groups: tuple[str, ...] = ()
    outputs: str = "sum"
    elements: Optional[Path] = None
    columns: Mapping[str, str] = field(default_factory=dict)
    size: Optional[int] = None
    method: Method = "both"
    draws: int = 4
    seed: int = 0
    distances: tuple[int, ...] = ()
    orientations: tuple[str, ...] = ("+", "-")
    promoter: int = 200
    proximal: int = 2000
    both_strands: Strands = None

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise InputError(
                f"no method {self.method!r}: expected one of {', '.join(get_args(Method))}"
            )
        if min(self.draws, 1 if self.size is None else self.size) < 1:
            raise InputError("draws and the size of pieces count from 1 on")
        if not 0 <= self.promoter <= self.proximal:
            raise InputError(
                f"--promoter {self.promoter} and --proximal {self.proximal}: expected distances "
                "from 0 on, the second no smaller than the first (bp)"
            )
        if self.elements is not None and self.size is not None:
            raise InputError("--size divides windows, and --elements names pieces: leave out one")
        if self.distances and self.elements is None:
            raise InputError("--move-to moves given elements: pass them with --elements")
        if not self.orientations or set(self.orientations) - {"+", "-"}:
            raise InputError(f"orientations: expected + or -, not {','.join(self.orientations)!r}")
        if unknown := sorted(set(self.columns) - set(ROLES)):
            raise InputError(
                f"--column: no role {unknown[0]!r}: expected one of {', '.join(ROLES)}"
            )
        if self.columns and self.elements is None:
            raise InputError("--column names columns of a table: pass it with --elements")

    @property
    def has_knock_out(self) -> bool:
        """Whether elements are knocked out."""
        return self.method != "gradient"

    @property
    def has_gradient(self) -> bool:
        """Whether gradients are computed."""
        return self.method != "knock-out"
