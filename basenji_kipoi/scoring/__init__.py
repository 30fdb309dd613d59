"""A file of variants in, a table of scores out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basenji_kipoi.faces import face

if TYPE_CHECKING:
    from basenji_kipoi.effects.windows import WindowRule
    from basenji_kipoi.scoring.haplotypes.in_memory import compare_haplotypes
    from basenji_kipoi.scoring.in_memory import ScoreTables, score
    from basenji_kipoi.scoring.options import ScoreOptions
    from basenji_kipoi.scoring.run import plan_file, score_file

__all__ = [
    "ScoreOptions",
    "ScoreTables",
    "WindowRule",
    "compare_haplotypes",
    "plan_file",
    "score",
    "score_file",
]

__getattr__, __dir__ = face(__name__)
