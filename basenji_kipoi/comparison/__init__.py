"""Predicted effects beside measured ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basenji_kipoi.faces import face

if TYPE_CHECKING:
    from basenji_kipoi.comparison.options import CompareOptions
    from basenji_kipoi.comparison.run import Comparison, compare, compare_file

__all__ = ["CompareOptions", "Comparison", "compare", "compare_file"]

__getattr__, __dir__ = face(__name__)
