"""The steps from reads to coverage that work on one contig, or a part of one, at a time.

Each runs in a process of its own and leaves what it makes in files of a scratch folder, named by
the contig's index:

``{contig}.{source}.rows``
    `ROW`: reads with one alignment.
``{contig}.{source}.named``
    `SHARED`: the same with their names, until those of several alignments are told by them.
``{contig}.shared``, ``{contig}.weights``
    `SHARED` and float32: alignments of reads with several, and their weights.
``{contig}.gc``
    float32: GC contents of the fragments of both.
``{contig}.{track}.unique``, ``{contig}.{track}.shared``
    `EVENT`: what of both counts where.
``{step}.npz``
    What a finished step returned. A step that was interrupted writes the same files again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from basenji_kipoi.base.bigwig.blocks import Piece, encode
from basenji_training.coverage.events import EVENT, coverage, intervals, minus, runs, write_events
from basenji_training.coverage.gc_bias import (
    STEPS,
    TILE,
    GcCurve,
    between_steps,
    fragment_gc,
    genome_gc,
    steps,
)
from basenji_training.reads.reading import contig_rows
from basenji_training.reads.rows import CONTINUED, ROW, SHARED, fragment_lengths, fragment_starts

if TYPE_CHECKING:
    from pathlib import Path

    from basenji_training.reads.plan import Plan
    from basenji_training.reads.settings import Settings

__all__ = [
    "GcCounts",
    "Part",
    "Totals",
    "contig_tiles",
    "count_gc",
    "cover",
    "lay_out",
    "weighted_rows",
]


class GcCounts(NamedTuple):
    """Fragments by GC content (float64, shape (STEPS,)): outside of busy tiles, all, and places."""

    observed: np.ndarray
    every: np.ndarray
    expected: np.ndarray


class Totals(NamedTuple):
    """Of a contig: its coverage on each strand (before clipping), its longest event (bp).

    ``outside``: what would count beyond an end of the contig, such as a cut that was moved there.
    """

    forward: float
    reverse: float
    longest: int
    outside: float


class Part(NamedTuple):
    """A part of a track: contig's index, track's index, interval (0-based, half-open, bp).

    ``rank`` is the contig's index among the sorted names.
    """

    contig: int
    rank: int
    track: int
    start: int
    end: int


def weighted_rows(plan: Plan, contig: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read all rows of a contig.

    Returns
    -------
    rows : ndarray of `ROW`
    weights : ndarray, float64, same shape
        What each counts.
    several : ndarray, bool, same shape
        Whether its read has several alignments.
    """
    unique = contig_rows(plan, contig)
    path = plan.path(contig, "shared")
    if not path.exists():
        return unique, unique["count"].astype(np.float64), np.zeros(len(unique), bool)
    shared = np.fromfile(path, SHARED)
    weights = np.fromfile(plan.path(contig, "weights"), np.float32)
    rows = np.concatenate([unique, shared[list(ROW.names)].astype(ROW)])
    several = np.arange(len(rows)) >= len(unique)
    return rows, np.concatenate([unique["count"], weights]).astype(np.float64), several


def contig_tiles(plan: Plan, contig: int) -> np.ndarray:
    """Count the rows in each tile of a contig."""
    rows = contig_rows(plan, contig)
    tiles = -(-plan.sizes[contig] // TILE)
    # Ends that are to be moved may lie beyond the contig.
    tile = np.clip(rows["five"] // TILE, 0, tiles - 1)
    return np.bincount(tile, rows["count"], minlength=tiles)


def count_gc(
    plan: Plan, contig: int, usual: int, lengths: np.ndarray, left_out: np.ndarray
) -> GcCounts:
    """Count a contig's fragments by their GC content, and the places for them.

    Parameters
    ----------
    plan
        The plan; it has a genome.
    contig
        Index of the contig.
    usual
        Length of fragments that are not known (bp).
    lengths : ndarray, int64
        Lengths that represent all fragments (bp).
    left_out : ndarray, bool, shape (tiles,)
        Tiles that say nothing about the bias.
    """
    rows, weights, _ = weighted_rows(plan, contig)
    size = fragment_lengths(rows, usual)
    start = fragment_starts(rows, size)
    gc = fragment_gc(plan.genome, plan.contigs[contig], start, size)
    gc.tofile(plan.path(contig, "gc"))
    known = ~np.isnan(gc)
    step, weight = steps(gc[known]), weights[known]
    tile = np.clip((start + size // 2) // TILE, 0, len(left_out) - 1)[known]
    quiet = ~left_out[tile]
    return GcCounts(
        np.bincount(step[quiet], weight[quiet], minlength=STEPS),
        between_steps(gc[known], weight),
        genome_gc(plan.genome, plan.contigs[contig], lengths, left_out),
    )


def lay_out(plan: Plan, contig: int, usual: int, curve: GcCurve | None) -> Totals:
    """Write the events of a contig.

    Parameters
    ----------
    plan
        The plan.
    contig
        Index of the contig.
    usual
        Length of fragments that are not known (bp).
    curve
        What a fragment of some GC content counts, after `count_gc`; None to count all the same.
    """
    rows, weights, several = weighted_rows(plan, contig)
    size = fragment_lengths(rows, usual)
    if curve is not None:
        weights *= curve.factors(np.fromfile(plan.path(contig, "gc"), np.float32))
    start, end = intervals(rows, size, plan.settings)
    strand = minus(rows)
    for track, on_track in enumerate(_on_tracks(strand, plan.settings)):
        for kind, chosen in (("unique", on_track & ~several), ("shared", on_track & several)):
            write_events(
                plan.path(contig, track, kind),
                start[chosen],
                end[chosen],
                weights[chosen],
                plan.sizes[contig],
            )
    whole = rows["flags"] & CONTINUED == 0
    inside = (end > 0) & (start < plan.sizes[contig])
    return Totals(
        float(weights[whole & inside & ~strand].sum()),
        float(weights[whole & inside & strand].sum()),
        int((end - start).max(initial=1)),
        float(weights[whole & ~inside].sum()),
    )


def _on_tracks(strand: np.ndarray, settings: Settings) -> list[np.ndarray]:
    return [~strand, strand] if settings.stranded else [np.ones(len(strand), bool)]


def cover(plan: Plan, part: Part, longest: int) -> Piece | None:
    """Compute the coverage of a part of a track; None if it is zero everywhere."""
    unique, shared = (
        _events(plan.path(part.contig, part.track, kind)) for kind in ("unique", "shared")
    )
    values = coverage(unique, shared, part.start, part.end, settings=plan.settings, longest=longest)
    start, end, value = runs(values)
    if not len(start):
        return None
    size = plan.sizes[part.contig]
    return encode(part.rank, size, start + part.start, end + part.start, value)


def _events(path: Path) -> np.ndarray:
    # An empty file cannot be mapped.
    return np.memmap(path, EVENT, "r") if path.stat().st_size else np.zeros(0, EVENT)
