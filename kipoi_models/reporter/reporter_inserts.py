"""The dataloader of the reporter: the inserts of its oligos."""

from __future__ import annotations

import sys
from pathlib import Path

_DIRECTORY = Path(__file__).resolve().parent
# Kipoi loads this file by its path; the class that it builds on stands two directories above.
if str(_DIRECTORY.parents[1]) not in sys.path:
    sys.path.append(str(_DIRECTORY.parents[1]))

from basenji_kipoi.kipoi_compatibility import Postprocessing
from basenji_kipoi.models.bundle import REPORTERS, read_assays
from basenji_kipoi.models.networks.architecture import Architecture
from dataloader import BasenjiIntervals

__all__ = ["BasenjiInserts"]


class BasenjiInserts(BasenjiIntervals):
    """`BasenjiIntervals` whose windows have the length of an insert of the first reporter.

    Parameters
    ----------
    intervals_file, fasta_file
        As `BasenjiIntervals` takes them.
    """

    postprocessing = Postprocessing("dataloader.yaml", _DIRECTORY)

    def __init__(self, intervals_file: str, fasta_file: str) -> None:
        super().__init__(intervals_file, fasta_file)

    def _geometry(self) -> tuple[int, int]:
        folder = Path(self.source_dir or _DIRECTORY).parents[1] / "model_files"
        architecture = Architecture.read(folder / "architecture.json")
        assay, *_ = read_assays(folder / REPORTERS, architecture).values()
        return assay.insert, 1
