"""From a locus to a hypothesis: its variants, linkage, which may be causal, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basenji_kipoi.faces import face

if TYPE_CHECKING:
    from basenji_kipoi.locus.exports.run import export_scores
    from basenji_kipoi.locus.linkage import Linkage, open_linkage
    from basenji_kipoi.locus.mechanisms.options import MechanismOptions
    from basenji_kipoi.locus.mechanisms.plots import mechanism_figure
    from basenji_kipoi.locus.mechanisms.record import Mechanism
    from basenji_kipoi.locus.mechanisms.run import mechanism
    from basenji_kipoi.locus.page.options import PageOptions
    from basenji_kipoi.locus.page.run import locus_file
    from basenji_kipoi.locus.ranking.files import RankInputs
    from basenji_kipoi.locus.ranking.options import RankOptions
    from basenji_kipoi.locus.ranking.result import Ranking
    from basenji_kipoi.locus.ranking.run import rank, rank_file
    from basenji_kipoi.locus.reading import read_loci
    from basenji_kipoi.locus.variants import LocusTable, LocusVariant

__all__ = [
    "Linkage",
    "LocusTable",
    "LocusVariant",
    "Mechanism",
    "MechanismOptions",
    "PageOptions",
    "RankInputs",
    "RankOptions",
    "Ranking",
    "export_scores",
    "locus_file",
    "mechanism",
    "mechanism_figure",
    "open_linkage",
    "rank",
    "rank_file",
    "read_loci",
]

__getattr__, __dir__ = face(__name__)
