"""What an allele does to predictions, and the scores of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basenji_kipoi.faces import face

if TYPE_CHECKING:
    from basenji_kipoi.effects.choice import effect_engine
    from basenji_kipoi.effects.scores import GENE_SCORES, SCORES, scores_named

__all__ = [
    "GENE_SCORES",
    "SCORES",
    "effect_engine",
    "scores_named",
]

__getattr__, __dir__ = face(__name__)
