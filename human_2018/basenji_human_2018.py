"""The human network of Kelley et al. 2018: (131072, 4) -> (960, 4229)."""

from __future__ import annotations

import sys
from pathlib import Path

_ROOT = str(Path(__file__).resolve().parent.parent)
# Kipoi loads this file by its path; the class that it builds on stands one directory above.
if _ROOT not in sys.path:
    sys.path.append(_ROOT)

from basenji_published import PublishedBasenji2018

__all__ = ["BasenjiHuman2018"]


class BasenjiHuman2018(PublishedBasenji2018):
    """`PublishedBasenji2018` itself; Kipoi wants a module in the directory of every model."""
