"""What the tracks of published networks are: tables that come with the package.

``tables/human_2020.tsv.gz`` and ``mouse_2020.tsv.gz`` have the identifiers, descriptions, clips and
scales of the two heads of Basenji2, from the tables that were published with it (Apache-2.0),
without the paths of their files.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from basenji_kipoi.models.targets import Targets

if TYPE_CHECKING:
    import os

__all__ = ["described", "published_table", "read_table"]

_TABLES = Path(__file__).resolve().parent / "tables"
#: The table of a network of the 2020 family, by the number of its tracks.
_OF_2020 = {5313: "human_2020.tsv.gz", 1643: "mouse_2020.tsv.gz"}
#: How the original program's tables describe a track: an assay, of ChIP-seq with what was
#: bound, and what was assayed. Those of 2018 have ``HISTONE:H3K4me3 GM12878``.
_DESCRIPTION = re.compile(
    r"(?P<assay>DNASE|ATAC|CAGE|RNA|(?:CHIP|ChIP):[^:]+|HISTONE:[^: ]+(?= ))[: ](?P<sample>.+)"
)
#: What the lists of the original program's time of 2018 hold, which have no header.
_LIST_OF_2018 = ("identifier", "file", "description")


def published_table(tracks: int) -> Path | None:
    """Find the table of Basenji2's tracks.

    Parameters
    ----------
    tracks
        Number of tracks of a network of the 2020 family.

    Returns
    -------
    Path or None
        The table, which `Targets.read` reads; None for a number that is neither head's.
    """
    name = _OF_2020.get(tracks)
    return None if name is None else _TABLES / name


def read_table(path: str | os.PathLike[str]) -> Targets:
    """Read a table of tracks that came with a published network.

    Parameters
    ----------
    path
        A table of the original program or of this package, or one of the lists that the original
        program took in 2018: identifier, file and description, without a header, in the order of
        the network's output.

    Returns
    -------
    Targets
        The tracks, with assay and sample where their descriptions tell them.

    Raises
    ------
    InputError
        If the file cannot be read or a row does not fit; names the line.
    """
    return described(Targets.read(path, headless=_LIST_OF_2018))


def described(targets: Targets) -> Targets:
    """Tell assay and sample of tracks whose descriptions alone tell them.

    Parameters
    ----------
    targets
        Tracks, for instance of a table of the original program, which has no such columns.

    Returns
    -------
    Targets
        The same tracks. ``CHIP:H3K27ac:liver`` has the assay ``CHIP:H3K27ac`` and the sample
        ``liver``; tracks with an assay or sample of their own keep them.
    """
    rows = []
    for row in targets:
        found = _DESCRIPTION.fullmatch(row.description)
        if found and not row.assay and not row.sample:
            row = row.model_copy(update=found.groupdict())
        rows.append(row)
    return Targets(rows)
