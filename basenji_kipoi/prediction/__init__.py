"""Intervals in, tracks out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basenji_kipoi.faces import face

if TYPE_CHECKING:
    from basenji_kipoi.prediction.result import Predictions
    from basenji_kipoi.prediction.run import predict, predict_file

__all__ = [
    "Predictions",
    "predict",
    "predict_file",
]

__getattr__, __dir__ = face(__name__)
