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
``{step}.done``
    What a finished step returned, if the plan is to be resumed. A step that was interrupted writes
    the same files again.
"""

from __future__ import annotations

import pickle
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from basenji_kipoi.atomic import atomic_path
from basenji_training.bigwig_blocks import Piece, encode
from basenji_training.reads.alignments import Alignments, decode
from basenji_training.reads.events import EVENT, coverage, intervals, minus, runs, write_events
from basenji_training.reads.gc_bias import STEPS, TILE, GcCurve, fragment_gc, genome_gc, steps
from basenji_training.reads.rows import (
    CONTINUED,
    REVERSE,
    ROW,
    SHARED,
    fragment_lengths,
    fragment_starts,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from basenji_kipoi.genome import Genome
    from basenji_training.reads.fragments import Fragments
    from basenji_training.reads.settings import Settings

__all__ = [
    "GcCounts",
    "Part",
    "Plan",
    "Reading",
    "Totals",
    "contig_rows",
    "contig_tiles",
    "count_gc",
    "cover",
    "finished",
    "lay_out",
    "read_contig",
    "read_fragments",
    "weighted_rows",
]

T = TypeVar("T")

# Any odd number whose multiples have little in common.
_SALT, _LARGEST = 0x9E3779B97F4A7C15, (1 << 64) - 1


@dataclass(frozen=True)
class Plan:
    """What all steps need.

    Attributes
    ----------
    folder
        Scratch folder.
    contigs, sizes
        Names of the output's contigs, and their lengths (bp).
    settings
        How reads become coverage.
    genome
        The genome; None if nothing needs it.
    resumable
        Whether finished steps are kept for another call.
    """

    folder: Path
    contigs: tuple[str, ...]
    sizes: tuple[int, ...]
    settings: Settings
    genome: Genome | None
    resumable: bool

    def path(self, contig: int, *parts: object) -> Path:
        """Name a file of a contig."""
        return self.folder / ".".join(map(str, (contig, *parts)))


class Reading(NamedTuple):
    """What reading a contig of a file, or a whole fragment file, found beside its rows.

    ``shared``: `SHARED`. ``rows``: their number for each contig. ``lengths``: number of fragments
    of each length (bp).
    """

    shared: np.ndarray
    tally: Counter[str]
    rows: Counter[int]
    lengths: np.ndarray


class GcCounts(NamedTuple):
    """Fragments by GC content (float64, shape (STEPS,)): outside of busy tiles, all, and places."""

    observed: np.ndarray
    every: np.ndarray
    expected: np.ndarray


class Totals(NamedTuple):
    """Of a contig: its coverage on each strand (before clipping), its longest event (bp)."""

    forward: float
    reverse: float
    longest: int


class Part(NamedTuple):
    """A part of a track: contig's index, track's index, interval (0-based, half-open, bp).

    ``rank`` is the contig's index among the sorted names.
    """

    contig: int
    rank: int
    track: int
    start: int
    end: int


def finished(plan: Plan, step: str, function: Callable[..., T], *arguments: object) -> T:
    """Run a step, unless an interrupted call has finished it.

    Parameters
    ----------
    plan
        The plan, which the function gets first.
    step
        Name of the step.
    function, *arguments
        What it does.

    Returns
    -------
    object
        What the function returned, now or then.
    """
    if not plan.resumable:
        return function(plan, *arguments)
    done = plan.folder / f"{step}.done"
    if done.exists():
        return pickle.loads(done.read_bytes())
    result = function(plan, *arguments)
    with atomic_path(done) as path:
        path.write_bytes(pickle.dumps(result, pickle.HIGHEST_PROTOCOL))
    return result


def read_contig(plan: Plan, number: int, source: Alignments, contig: str, named: bool) -> Reading:
    """Read one contig of the file ``number``, with the names of reads or without."""
    decoded = decode(source, contig, plan.settings, named=named)
    # The same name in another file is another read.
    other = np.uint64(number * _SALT & _LARGEST)
    decoded.shared["unit"] ^= other
    if named:
        decoded.unique["unit"] ^= other
    index = source.contigs[contig]
    if len(decoded.unique):
        decoded.unique.tofile(plan.path(index, number, "named" if named else "rows"))
    rows = Counter({index: len(decoded.unique)})
    return Reading(decoded.shared, decoded.tally, rows, decoded.lengths)


def read_fragments(plan: Plan, number: int, source: Fragments) -> Reading:
    """Read the fragment file ``number``."""
    tally: Counter[str] = Counter()
    rows: Counter[int] = Counter()
    lengths = np.zeros(plan.settings.max_fragment + 1, np.int64)
    for begun in plan.folder.glob(f"*.{number}.rows"):
        begun.unlink()
    for contig, table in source.rows(plan.settings, tally):
        with plan.path(contig, number, "rows").open("ab") as file:
            table.tofile(file)
        rows[contig] += len(table)
        once = table["length"][table["flags"] & REVERSE == 0]
        sizes = np.minimum(once, plan.settings.max_fragment)
        lengths += np.bincount(sizes, minlength=len(lengths))
    return Reading(np.zeros(0, SHARED), tally, rows, lengths)


def contig_rows(plan: Plan, contig: int) -> np.ndarray:
    """Read the rows of reads with one alignment, of all files."""
    tables = [np.fromfile(p, ROW) for p in sorted(plan.folder.glob(f"{contig}.*.rows"))]
    return np.concatenate(tables) if tables else np.zeros(0, ROW)


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
    return np.bincount(rows["five"] // TILE, rows["count"], minlength=tiles)


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
        np.bincount(step, weight, minlength=STEPS),
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
    return Totals(
        float(weights[whole & ~strand].sum()),
        float(weights[whole & strand].sum()),
        int((end - start).max(initial=1)),
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
