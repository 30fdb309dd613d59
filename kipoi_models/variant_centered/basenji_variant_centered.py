"""The network behind kipoiseq's dataloader, for kipoi-veff2: (window, 4) -> (bins, tracks)."""

from __future__ import annotations

import sys
from pathlib import Path

_ROOT = str(Path(__file__).resolve().parents[2])
# Kipoi loads this file by its path; the model that it builds on stands two directories above.
if _ROOT not in sys.path:
    sys.path.append(_ROOT)

from basenji_model import BasenjiModel

__all__ = ["BasenjiVariantCentered"]


class BasenjiVariantCentered(BasenjiModel):
    """`BasenjiModel` itself; Kipoi wants a module in the directory of every model."""
