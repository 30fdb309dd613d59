"""Targets tables as they were published: strands in identifiers, assays in descriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.targets import Targets

if TYPE_CHECKING:
    import os
    from pathlib import Path

__all__ = ["STATISTICS", "check_published", "read_described_targets"]

#: The file that describes published records.
STATISTICS = "statistics.json"
_STRANDS = {"+": "-", "-": "+"}


def check_published(folder: Path) -> None:
    """Check that a folder holds published training data, before anything reads them.

    Raises
    ------
    InputError
        If what describes them is not there.
    """
    if not (folder / STATISTICS).is_file():
        raise InputError(
            f"{folder / STATISTICS} is missing: expected a folder with {STATISTICS}, "
            "sequences.bed, targets.txt and tfrecords/"
        )


def read_described_targets(path: str | os.PathLike[str]) -> Targets:
    """Read a published targets table.

    Assay and sample come from descriptions such as ``CAGE:liver``. A table without a column
    strand_pair gets it from identifiers that differ by a last ``+`` and ``-`` only.

    Parameters
    ----------
    path
        The table.

    Returns
    -------
    Targets
        The tracks.

    Raises
    ------
    InputError
        If the table is damaged, or pairs a track with one whose identifier is not that of the
        other strand.
    """
    targets = Targets.read(path)
    index = {row.identifier: row.index for row in targets}
    partners = [index.get(_other_strand(row.identifier), row.index) for row in targets]
    if all(row.strand_pair == row.index for row in targets):
        paired = partners
    else:
        paired = [row.strand_pair for row in targets]
        for row, partner in zip(targets, partners, strict=True):
            if row.strand_pair != partner:
                raise InputError(
                    f"{path}: track {row.identifier} has the strand_pair {row.strand_pair} "
                    f"({targets[row.strand_pair].identifier}): expected {partner} "
                    f"({targets[partner].identifier}), by their names"
                )
    rows = []
    for row, partner in zip(targets, paired, strict=True):
        assay, separator, sample = row.description.partition(":")
        update = {"strand_pair": partner}
        if separator and not row.assay and not row.sample:
            update |= {"assay": assay.strip(), "sample": sample.strip(" ,")}
        rows.append(row.model_copy(update=update))
    return Targets(rows)


def _other_strand(identifier: str) -> str:
    return identifier[:-1] + _STRANDS.get(identifier[-1], identifier[-1])
