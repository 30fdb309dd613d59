"""The options of a page of a locus."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.locus.reading import GAP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from basenji_kipoi.locus.mechanisms.options import MechanismOptions

__all__ = ["PageOptions"]


@dataclass(frozen=True)
class PageOptions:
    """What pages of loci are made of.

    Attributes
    ----------
    variants : Path
        Table of loci, as `basenji_kipoi.read_loci` reads it.
    mechanism : MechanismOptions
        What is asked of the variants' mechanisms, and with which genes and tracks.
    format, columns, rsids, gap
        As `basenji_kipoi.read_loci` takes them.
    linkage : Path or None
        Genotypes or a matrix of linkage, as `basenji_kipoi.locus.open_linkage` takes it.
    ranking : Path or None
        Folder of `basenji rank` of the same table: its posteriors are shown, and its scores used.
    observed : mapping of str to Path
        bigWigs of observed tracks, by name.
    explain : int
        Variants of a locus that are explained: those with most support.
    """

    variants: Path
    mechanism: MechanismOptions
    format: Optional[str] = None
    columns: Mapping[str, str] = field(default_factory=dict)
    rsids: Optional[Path] = None
    gap: int = GAP
    linkage: Optional[Path] = None
    ranking: Optional[Path] = None
    observed: Mapping[str, Path] = field(default_factory=dict)
    explain: int = 10

    def __post_init__(self) -> None:
        if self.explain < 0:
            raise InputError(f"--explain counts variants from 0 on, not {self.explain}")

    @property
    def files(self) -> list[Path]:
        """The input files beside model and genome."""
        given = (
            self.variants, self.mechanism.genes, self.mechanism.elements, self.rsids, self.linkage,
            *self.observed.values(),
        )  # fmt: skip
        return [each for each in given if each is not None]
