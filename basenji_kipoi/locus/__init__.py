"""From a locus to a hypothesis: which of its variants acts, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basenji_kipoi.faces import face

if TYPE_CHECKING:
    from basenji_kipoi.locus.mechanism.plots import mechanism_figure
    from basenji_kipoi.locus.mechanism.record import Mechanism
    from basenji_kipoi.locus.mechanism.run import mechanism

__all__ = ["Mechanism", "mechanism", "mechanism_figure"]

__getattr__, __dir__ = face(__name__)
