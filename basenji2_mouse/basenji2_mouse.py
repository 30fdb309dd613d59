"""The mouse network of Basenji2 (Kelley 2020): (131072, 4) -> (896, 1643)."""

from __future__ import annotations

import sys
from pathlib import Path

_ROOT = str(Path(__file__).resolve().parent.parent)
# Kipoi loads this file by its path; the class that it builds on stands one directory above.
if _ROOT not in sys.path:
    sys.path.append(_ROOT)

from basenji_published import PublishedBasenji2

__all__ = ["Basenji2Mouse"]


class Basenji2Mouse(PublishedBasenji2):
    """`PublishedBasenji2` itself; Kipoi wants a module in the directory of every model."""
