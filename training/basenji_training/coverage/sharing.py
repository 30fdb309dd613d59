"""Weighs the alignments of reads that have several, on the way from rows to coverage."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from basenji_kipoi.base.progress import progress_bar
from basenji_training.coverage.events import minus, places
from basenji_training.coverage.multimapping import Neighbourhoods, complete, share, widest
from basenji_training.reads.reading import contig_rows
from basenji_training.reads.rows import CONTINUED, fragment_lengths

if TYPE_CHECKING:
    from basenji_training.reads.plan import Plan, Reading

__all__ = ["Sharing", "share_reads"]


class Sharing(NamedTuple):
    """How many reads were shared, and how many alignments were left out."""

    reads: int
    left_out: int


def share_reads(plan: Plan, reading: Reading, usual: int, label: str) -> Sharing:
    """Write the alignments of reads with several, and their weights, by contig.

    Parameters
    ----------
    plan
        The plan.
    reading
        What was read.
    usual
        Length of fragments that are not known (bp).
    label
        Text before a progress bar; no bar if empty.
    """
    settings, shared = plan.settings, reading.shared
    # Of a read with introns, all blocks have the weight of their alignment.
    alignment = np.cumsum(shared["flags"] & CONTINUED == 0) - 1
    first = shared[shared["flags"] & CONTINUED == 0]
    fits = complete(first["unit"], first["hits"], settings.max_multimap)
    left_out = int((~fits).sum())
    if not fits.any():
        return Sharing(0, left_out)
    first, shared = first[fits], shared[fits[alignment]]
    alignment = np.cumsum(shared["flags"] & CONTINUED == 0) - 1
    _, read, counts = np.unique(first["unit"], return_inverse=True, return_counts=True)
    weights = (
        _by_coverage(plan, first, read, usual, label)
        if settings.multimap == "em"
        else 1 / counts[read]
    )
    weights = weights[alignment].astype(np.float32)
    for contig in np.unique(shared["contig"]).tolist():
        mine = shared["contig"] == contig
        shared[mine].tofile(plan.path(contig, "shared"))
        weights[mine].tofile(plan.path(contig, "weights"))
    return Sharing(len(counts), left_out)


def _by_coverage(
    plan: Plan, first: np.ndarray, read: np.ndarray, usual: int, label: str
) -> np.ndarray:
    settings, sizes = plan.settings, np.array(plan.sizes)
    margin = widest(settings.multimap_sd)
    # All contigs on one line, with room between them, and once more for the minus strand.
    offsets = np.concatenate([[0], np.cumsum(sizes + 2 * margin + 1)])

    def on_line(rows: np.ndarray, contig: np.ndarray | int) -> np.ndarray:
        place = places(rows, fragment_lengths(rows, usual), settings)
        line = offsets[contig] + np.clip(place, 0, sizes[contig] - 1)
        return line + minus(rows) * offsets[-1] if settings.stranded else line

    line = on_line(first, first["contig"])
    near = Neighbourhoods.around(line, margin)
    unique, counts = [], []
    for contig in range(len(sizes)):
        rows = contig_rows(plan, contig)
        rows = rows[rows["flags"] & CONTINUED == 0]
        place = on_line(rows, contig)
        inside = near.index(place) >= 0
        unique.append(place[inside])
        counts.append(rows["count"][inside])
    with progress_bar(label, total=None, unit="rounds") as advance:
        return share(
            read,
            line,
            np.concatenate(unique),
            np.concatenate(counts),
            sd=settings.multimap_sd,
            clip=settings.clip,
            advance=advance,
        )
