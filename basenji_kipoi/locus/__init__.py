"""From a locus to a hypothesis: its variants, linkage, and which may be causal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basenji_kipoi.faces import face

if TYPE_CHECKING:
    from basenji_kipoi.locus.linkage import Linkage, open_linkage
    from basenji_kipoi.locus.reading import read_loci
    from basenji_kipoi.locus.variants import LocusTable, LocusVariant

__all__ = [
    "Linkage",
    "LocusTable",
    "LocusVariant",
    "open_linkage",
    "read_loci",
]

__getattr__, __dir__ = face(__name__)
