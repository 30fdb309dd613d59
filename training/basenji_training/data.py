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
import zarr

from basenji_kipoi.atomic import atomic_path
from basenji_kipoi.checksum import checksum
from basenji_kipoi.console import progress_bar
from basenji_kipoi.errors import InputError
from basenji_kipoi.genome import Genome
from basenji_kipoi.intervals import read_bed
from basenji_kipoi.sequence import UNKNOWN
from basenji_kipoi.targets import Targets
from basenji_training.binning import Track, locate_tracks, read_bins, transform
from basenji_training.folds import CONTIG_LENGTH, divide_genome
from basenji_training.store_writing import (
    Layout,
    Sums,
    TrackStatistics,
    create_store,
    describe_store,
    summarise,
    write_bins,
)
from basenji_training.workers import executor

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["build_store"]


@dataclass(frozen=True)
class _Plan:
    """What every piece needs to know."""

    path: Path
    genome: Genome
    tracks: Sequence[Track]
    layout: Layout
    blacklist: Mapping[str, Sequence[tuple[int, int]]]


class _Piece(NamedTuple):
    chromosome: str
    first_bin: int
    last_bin: int
    # End of the sequence to be written: the last piece has the bases of the incomplete bin too.
    end: int


def build_store(
    targets: str | os.PathLike[str],
    *,
    fasta: str | os.PathLike[str],
    out: str | os.PathLike[str],
    bin_width: int,
    test: Sequence[str] = (),
    validation: Sequence[str] = (),
    exclude: Sequence[str] = (),
    folds: int | None = None,
    contig_length: int = CONTIG_LENGTH,
    homology: str | os.PathLike[str] | None = None,
    seed: int = 0,
    blacklist: str | os.PathLike[str] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    name: str | None = None,
    processes: int = 1,
    overwrite: bool = False,
    label: str = "",
) -> list[TrackStatistics]:
    """Make a store (see `basenji_training.store`) from a genome and its tracks.

    Missing, that is NaN in the store, are bins that touch a blacklisted interval, bins whose bases
    are all unknown (assembly gaps), and contigs that a track's bigWig does not list.

    Parameters
    ----------
    targets
        The targets table.
    fasta
        The genome.
    out
        Store to be written.
    bin_width
        Width of a bin in bp.
    test, validation
        Chromosomes of these splits; the others are trained on.
    exclude
        Chromosomes, or patterns of them, that the store shall not have.
    folds, contig_length, homology, seed
        Instead of `test` and `validation`: see `basenji_training.folds.divide_genome`.
    blacklist
        BED file of intervals whose coverage is not to be believed.
    data_dir
        Folder from which relative file names of the table start; the table's own by default.
    name
        Name of the data set; the output's stem by default.
    processes
        Processes that read and write.
    overwrite
        Whether an existing store may be replaced.
    label
        Text before a progress bar; no bar if empty.

    Returns
    -------
    list of TrackStatistics
        One a track.

    Raises
    ------
    InputError
        If an input is unusable (see `Genome`, `locate_tracks`, `read_bins`, `read_bed`,
        `divide_genome`) or the output may not be written.
    """
    if bin_width < 1:
        raise InputError(f"--bin is {bin_width}: it must be at least 1 bp")
    if processes < 1:
        raise InputError(f"--processes is {processes}: it must be at least 1")
    table = Targets.read(targets)
    with Genome(fasta) as genome, atomic_path(out, overwrite=overwrite) as path:
        division = divide_genome(
            genome,
            bin_width=bin_width,
            test=test,
            validation=validation,
            exclude=exclude,
            folds=folds,
            contig_length=contig_length,
            homology=homology,
            seed=seed,
            label=label and "looking for gaps",
        )
        masked: dict[str, list[tuple[int, int]]] = {}
        for interval in read_bed(blacklist, genome.lengths) if blacklist else []:
            masked.setdefault(interval.chrom, []).append((interval.start, interval.end))
        folder = Path(data_dir) if data_dir else Path(targets).absolute().parent
        lengths = division.lengths
        plan = _Plan(
            path=path,
            genome=genome,
            tracks=locate_tracks(table, folder, lengths),
            layout=Layout.of(bin_width, len(table)),
            blacklist=masked,
        )
        sums = []
        with (
            executor(1) as here,
            executor(processes) as pool,
            progress_bar(label, total=sum(lengths.values()) // 1000, unit="kb") as advance,
        ):
            here.submit(create_store, path, plan.layout, lengths).result()
            waiting = {pool.submit(_fill, plan, piece): piece for piece in _pieces(plan, lengths)}
            for future in concurrent.futures.as_completed(waiting):
                piece = waiting[future]
                sums.append(future.result())
                advance((piece.end - piece.first_bin * bin_width) / 1000)
            statistics = summarise(table, sums, sum(n // bin_width for n in lengths.values()))
            here.submit(
                describe_store,
                path,
                name=name or Path(out).stem,
                layout=plan.layout,
                lengths=lengths,
                folds=division.folds,
                regions=division.regions,
                targets=table,
                statistics=statistics,
                genome=_source(fasta),
                blacklist=blacklist and _source(blacklist),
                excluded=[name for name in genome.lengths if name not in lengths],
            ).result()
    return statistics


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


def _fill(plan: _Plan, piece: _Piece) -> Sums:
    """Read, bin and write one piece."""
    name, first, last = piece.chromosome, piece.first_bin, piece.last_bin
    group = zarr.open_group(str(plan.path), mode="r+")[name]
    start, end = first * plan.layout.bin, last * plan.layout.bin
    codes = plan.genome.codes(name, start, piece.end)
    group["sequence"][start : piece.end] = codes
    missing = (codes[: end - start] == UNKNOWN).reshape(-1, plan.layout.bin).all(axis=1)
    for masked_start, masked_end in plan.blacklist.get(name, ()):
        bins = slice(
            max(masked_start // plan.layout.bin - first, 0),
            max(-(-masked_end // plan.layout.bin) - first, 0),
        )
        missing[bins] = True
    values = np.empty((last - first, len(plan.tracks)), np.float32)
    clipped = np.zeros(len(plan.tracks), np.int64)
    for column, track in enumerate(plan.tracks):
        raw = read_bins(track, name, start, end, plan.layout.bin)
        raw[missing] = np.nan
        clipped[column] = (raw > min(track.clip_soft, track.clip)).sum()
        values[:, column] = transform(
            raw, clip_soft=track.clip_soft, clip=track.clip, scale=track.scale
        )
    return write_bins(group, first, values, clipped)
