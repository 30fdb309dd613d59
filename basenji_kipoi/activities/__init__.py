"""Sequences in, what a reporter assay would measure of them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basenji_kipoi.faces import face

if TYPE_CHECKING:
    from basenji_kipoi.activities.run import activity, activity_file

__all__ = [
    "activity",
    "activity_file",
]

__getattr__, __dir__ = face(__name__)
