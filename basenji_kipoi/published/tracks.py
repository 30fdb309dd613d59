"""What the tracks of published networks are: tables that come with the package.

``tables/human_2020.tsv.gz`` and ``mouse_2020.tsv.gz`` have the identifiers, descriptions, clips and
scales of the two heads of Basenji2, from the tables that were published with it (Apache-2.0),
without the paths of their files.
"""

from __future__ import annotations

import re
from pathlib import Path

from basenji_kipoi.models.targets import Targets

__all__ = ["described", "published_table"]

_TABLES = Path(__file__).resolve().parent / "tables"
#: The table of a network of the 2020 family, by the number of its tracks.
_OF_2020 = {5313: "human_2020.tsv.gz", 1643: "mouse_2020.tsv.gz"}
#: How the original program's tables describe a track: an assay, of ChIP-seq with what was
#: bound, and what was assayed.
_DESCRIPTION = re.compile(r"(DNASE|ATAC|CAGE|RNA|(?:CHIP|ChIP):[^:]+):(.+)")


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
            row = row.model_copy(update={"assay": found[1], "sample": found[2]})
        rows.append(row)
    return Targets(rows)
