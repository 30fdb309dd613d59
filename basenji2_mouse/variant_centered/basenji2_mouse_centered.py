"""The mouse network of Basenji2 (Kelley 2020) behind kipoiseq's dataloader."""

from __future__ import annotations

import sys
from pathlib import Path

_ROOT = str(Path(__file__).resolve().parents[2])
# Kipoi loads this file by its path; the class that it builds on stands two directories above.
if _ROOT not in sys.path:
    sys.path.append(_ROOT)

from basenji_published import PublishedBasenji2

__all__ = ["Basenji2MouseCentered"]


class Basenji2MouseCentered(PublishedBasenji2):
    """`PublishedBasenji2` itself; Kipoi wants a module in the directory of every model."""
