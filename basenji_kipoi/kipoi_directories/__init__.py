"""Directories that Kipoi takes for models, written around a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basenji_kipoi.faces import face

if TYPE_CHECKING:
    from basenji_kipoi.kipoi_directories.writing import write_kipoi_directory

__all__ = ["write_kipoi_directory"]

__getattr__, __dir__ = face(__name__)
