"""Intervals in, maps of what every mutation does out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basenji_kipoi.faces import face

if TYPE_CHECKING:
    from basenji_kipoi.mutagenesis.result import MutationMap
    from basenji_kipoi.mutagenesis.run import mutate, mutate_file
    from basenji_kipoi.mutagenesis.scores import Mutations

__all__ = [
    "MutationMap",
    "Mutations",
    "mutate",
    "mutate_file",
]

__getattr__, __dir__ = face(__name__)
