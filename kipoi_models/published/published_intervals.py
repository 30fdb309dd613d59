"""The dataloader of the published networks: windows of 131,072 bp."""

from __future__ import annotations

import sys
from pathlib import Path

_DIRECTORY = Path(__file__).resolve().parent
# Kipoi loads this file by its path; the class that it builds on stands two directories above.
if str(_DIRECTORY.parents[1]) not in sys.path:
    sys.path.append(str(_DIRECTORY.parents[1]))

from basenji_kipoi.kipoi_compatibility import Postprocessing
from dataloader import BasenjiIntervals

__all__ = ["BasenjiIntervals131072"]


class BasenjiIntervals131072(BasenjiIntervals):
    """`BasenjiIntervals` with the windows and bins of the published networks."""

    postprocessing = Postprocessing("dataloader.yaml", _DIRECTORY)

    def _geometry(self) -> tuple[int, int]:
        return 131_072, 128
