"""Why a prediction is what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basenji_kipoi.faces import face

if TYPE_CHECKING:
    from basenji_kipoi.interpretation.attribution.options import AttributionOptions
    from basenji_kipoi.interpretation.attribution.result import Attributions
    from basenji_kipoi.interpretation.attribution.run import attribute, attribute_file
    from basenji_kipoi.interpretation.elements.options import ElementOptions
    from basenji_kipoi.interpretation.elements.run import element_effects, element_effects_file
    from basenji_kipoi.interpretation.elements.table import ElementTable
    from basenji_kipoi.interpretation.insertion.options import InsertOptions
    from basenji_kipoi.interpretation.insertion.result import Insertions
    from basenji_kipoi.interpretation.insertion.run import insert, insert_file
    from basenji_kipoi.interpretation.motifs.options import MotifOptions
    from basenji_kipoi.interpretation.motifs.result import Motifs
    from basenji_kipoi.interpretation.motifs.run import motifs_file

__all__ = [
    "AttributionOptions",
    "Attributions",
    "ElementOptions",
    "ElementTable",
    "InsertOptions",
    "Insertions",
    "MotifOptions",
    "Motifs",
    "attribute",
    "attribute_file",
    "element_effects",
    "element_effects_file",
    "insert",
    "insert_file",
    "motifs_file",
]

__getattr__, __dir__ = face(__name__)
