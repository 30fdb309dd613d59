"""`basenji-train data`: from a FASTA file and bigWig tracks to a store.

The genome is cut into pieces of at most about a million bases; a piece is read, binned and
written by one process at a time, so memory does not grow with the genome.
"""

from __future__ import annotations

import concurrent.futures
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from basenji_kipoi.base.atomic import check_output
from basenji_kipoi.base.checksum import checksum, fingerprint
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.base.sequence import UNKNOWN
from basenji_kipoi.base.sharing.processes import executor
from basenji_kipoi.base.unfinished import unfinished_folder
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.intervals import read_annotated
from basenji_kipoi.models.targets import Targets
from basenji_training.splits.folds import divide_genome
from basenji_training.store.store import STORE
from basenji_training.store.unfinished import UnfinishedStore, unfinished_store
from basenji_training.store.writing import (
    Layout,
    Sums,
    create_store,
    describe_store,
    summarise,
    write_bins,
    write_sequence,
)
from basenji_training.tracks.bigwig_tracks import Track, locate_tracks, read_bins
from basenji_training.tracks.bins import transform

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    from basenji_training.data.settings import StoreSettings
    from basenji_training.store.description import TrackStatistics

__all__ = ["build_store"]


#: The settings that `divide_genome` takes.
_SPLITS = {"test", "validation", "exclude", "folds", "contig_length", "homology", "seed"}


@dataclass(frozen=True)
class _Plan:
    """What every piece needs to know."""

    genome: Genome
    tracks: Sequence[Track]
    layout: Layout
    blacklist: Mapping[str, np.ndarray]
    unmappable: Mapping[str, np.ndarray]
    unmappable_share: float


class _Piece(NamedTuple):
    chromosome: str
    first_bin: int
    last_bin: int
    # End of the sequence to be written: the last piece has the bases of the incomplete bin too.
    end: int


def build_store(
    targets: str | os.PathLike[str],
    settings: StoreSettings,
    *,
    fasta: str | os.PathLike[str],
    out: str | os.PathLike[str],
    data_dir: str | os.PathLike[str] | None = None,
    processes: int = 1,
    resume: bool = False,
    overwrite: bool = False,
    command: str = "",
    label: str = "",
) -> list[TrackStatistics]:
    """Make a store (see `basenji_training.store.store`) from a genome and its tracks.

    Missing, that is NaN in the store, are bins that touch a blacklisted interval, bins that are
    largely unmappable, bins whose bases are all unknown (assembly gaps), and contigs that a track's
    bigWig does not list.

    Parameters
    ----------
    targets
        The targets table.
    settings
        Bins, splits and what is missing.
    fasta
        The genome.
    out
        Store to be written.
    data_dir
        Folder from which relative file names of the table start; the table's own by default.
    processes
        Processes that read and write.
    resume
        Whether to go on where an interrupted call with the same arguments stopped, and to keep
        what this one does if it is interrupted.
    overwrite
        Whether an existing store may be replaced.
    command
        What was asked for, as the store is to tell it.
    label
        Text before a progress bar; no bar if empty.

    Returns
    -------
    list of TrackStatistics
        One a track.

    Raises
    ------
    InputError
        If an input is unusable (see `Genome`, `locate_tracks`, `read_bins`, `read_annotated`,
        `divide_genome`) or the output may not be written.
    """
    if processes < 1:
        raise InputError(f"--processes is {processes}: it must be at least 1")
    if "unmappable_share" in settings.model_fields_set and settings.unmappable is None:
        raise InputError("--unmappable-share needs --unmappable: name the BED file")
    blacklist, unmappable = settings.blacklist, settings.unmappable
    out = Path(out)
    # That of an interrupted run may have come to its place.
    is_begun = resume and unfinished_folder(out).exists()
    inputs = (targets, fasta, blacklist, unmappable)
    check_output(out, overwrite=overwrite or is_begun, inputs=inputs, folder=STORE)
    table = Targets.read(targets)
    with Genome(fasta) as genome:
        division = divide_genome(
            genome,
            bin_width=settings.bin,
            **settings.model_dump(include=_SPLITS),
            label=label and "looking for gaps",
        )
        lengths = division.lengths
        folder = Path(data_dir) if data_dir else Path(targets).absolute().parent
        plan = _Plan(
            genome=genome,
            tracks=locate_tracks(table, folder, lengths),
            layout=Layout.of(settings.bin, len(table)),
            blacklist=_intervals(blacklist, genome),
            unmappable=_intervals(unmappable, genome),
            unmappable_share=settings.unmappable_share,
        )
        description = {
            "name": settings.name or out.stem,
            "folds": division.folds,
            "regions": division.regions,
            "missing_share": settings.missing_share,
            "genome": _source(fasta),
            "blacklist": blacklist and _source(blacklist),
            "unmappable": unmappable
            and {
                **_source(unmappable),
                "share": settings.unmappable_share,
            },
            "excluded": [name for name in genome.lengths if name not in lengths],
        }
        files = [track.path for track in plan.tracks]
        check_output(out, overwrite=True, inputs=files, folder=STORE)
        begun_with = {
            "bin": settings.bin,
            "name": description["name"],
            "missing_share": settings.missing_share,
            "unmappable_share": settings.unmappable_share,
            "targets": [row.model_dump() for row in table],
            **{
                key: path and fingerprint(Path(path))
                for key, path in (
                    ("fasta", fasta),
                    ("blacklist", blacklist),
                    ("unmappable", unmappable),
                )
            },
            "tracks": [fingerprint(track.path) for track in plan.tracks],
            "chromosomes": lengths,
            "folds": division.folds,
            "regions": division.regions,
            "layout": plan.layout,
        }
        with (
            unfinished_store(
                out,
                "basenji-train data",
                begun_with,
                command=command,
                resume=resume,
                overwrite=overwrite,
            ) as store,
            executor(1) as here,
            executor(processes) as pool,
        ):
            if store.is_new:
                here.submit(create_store, store.path, plan.layout, lengths).result()
            _fill_all(plan, store, list(_pieces(plan, lengths)), pool, label)
            bins = sum(length // settings.bin for length in lengths.values())
            statistics = summarise(table, list(store.finished.values()), bins)
            here.submit(
                describe_store,
                store.path,
                layout=plan.layout,
                lengths=lengths,
                targets=table,
                statistics=statistics,
                command=store.command,
                **description,
            ).result()
    return statistics


def _intervals(path: str | os.PathLike[str] | None, genome: Genome) -> dict[str, np.ndarray]:
    """Read a BED file: chromosome -> int64, shape (intervals, 2)."""
    found: dict[str, list[tuple[int, int]]] = {}
    for interval in read_annotated(path, genome) if path else []:
        found.setdefault(interval.chrom, []).append((interval.start, interval.end))
    return {chromosome: np.array(pairs) for chromosome, pairs in found.items()}


def _source(path: str | os.PathLike[str]) -> dict[str, str]:
    return {"file": Path(path).name, "sha256": checksum(Path(path))}


def _pieces(plan: _Plan, lengths: Mapping[str, int]) -> Iterator[_Piece]:
    """Cut chromosomes into whole shards, so that no two pieces share a file."""
    shard = plan.layout.shard
    for name, length in lengths.items():
        bins = length // plan.layout.bin
        firsts = range(0, max(bins, 1), shard)
        for first in firsts:
            last = min(first + shard, bins)
            end = length if first == firsts[-1] else last * plan.layout.bin
            yield _Piece(name, first, last, end)


def _fill_all(
    plan: _Plan,
    store: UnfinishedStore,
    pieces: Sequence[_Piece],
    pool: concurrent.futures.Executor,
    label: str,
) -> None:
    """Write all pieces that are not there yet."""
    width = plan.layout.bin
    size = {piece: (piece.end - piece.first_bin * width) / 1000 for piece in pieces}
    left = [piece for piece in pieces if piece[:2] not in store.finished]
    done = sum(size.values()) - sum(size[piece] for piece in left)
    with progress_bar(
        label, total=round(sum(size.values())), unit="kb", done=round(done)
    ) as advance:
        waiting = {pool.submit(_fill, store.path, plan, piece): piece for piece in left}
        for future in concurrent.futures.as_completed(waiting):
            piece = waiting[future]
            store.add(piece[:2], future.result())
            advance(size[piece])


def _covered_bases(intervals: np.ndarray | None, start: int, end: int, width: int) -> np.ndarray:
    """Count the bases of each bin of [start, end) that intervals cover."""
    steps = np.zeros(end - start + 1, dtype=np.int32)
    if intervals is not None:
        clipped = np.clip(intervals, start, end) - start
        np.add.at(steps, clipped[:, 0], 1)
        np.add.at(steps, clipped[:, 1], -1)
    return (np.cumsum(steps[:-1]) > 0).reshape(-1, width).sum(axis=1)


def _fill(path: Path, plan: _Plan, piece: _Piece) -> Sums:
    """Read, bin and write one piece."""
    name, first, last = piece.chromosome, piece.first_bin, piece.last_bin
    start, end = first * plan.layout.bin, last * plan.layout.bin
    codes = plan.genome.codes(name, start, piece.end)
    write_sequence(path, name, start, codes)
    missing = (codes[: end - start] == UNKNOWN).reshape(-1, plan.layout.bin).all(axis=1)
    width = plan.layout.bin
    missing |= _covered_bases(plan.blacklist.get(name), start, end, width) > 0
    unmappable = _covered_bases(plan.unmappable.get(name), start, end, width)
    missing |= unmappable >= plan.unmappable_share * width
    values = np.empty((last - first, len(plan.tracks)), np.float32)
    clipped = np.zeros(len(plan.tracks), np.int64)
    for column, track in enumerate(plan.tracks):
        raw = read_bins(track, name, start, end, plan.layout.bin)
        raw[missing] = np.nan
        clipped[column] = (raw > min(track.clip_soft, track.clip)).sum()
        values[:, column] = transform(
            raw, clip_soft=track.clip_soft, clip=track.clip, scale=track.scale
        )
    return write_bins(path, name, first, values, clipped)
