"""The mouse network of Basenji2 (Kelley 2020) with one value a track: (131072, 4) -> (1643,)."""

from __future__ import annotations

import sys
from pathlib import Path

_DIRECTORY = Path(__file__).resolve().parent
_ROOT = _DIRECTORY.parents[1]
# Kipoi loads this file by its path; the classes that it builds on stand elsewhere.
for _path in (str(_ROOT), str(_ROOT / "variant_effects")):
    if _path not in sys.path:
        sys.path.append(_path)

from basenji_variant_effects import BasenjiVariantEffects

from basenji_kipoi.kipoi_compatibility import Postprocessing
from basenji_published import PublishedBasenji2

__all__ = ["Basenji2MouseEffects"]


class Basenji2MouseEffects(PublishedBasenji2, BasenjiVariantEffects):
    """The published network, read as `BasenjiVariantEffects` reads ours: summed over the bins."""

    postprocessing = Postprocessing("model.yaml", _DIRECTORY)
