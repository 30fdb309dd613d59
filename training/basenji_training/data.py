"""`basenji-train data`: from a FASTA file and bigWig tracks to a store.

The genome is cut into pieces of at most about a million bases; a piece is read, binned and
written by one process at a time, so memory does not grow with the genome.
"""

from __future__ import annotations

import concurrent.futures
import datetime
import hashlib
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import zarr

from basenji_kipoi.atomic import atomic_path
from basenji_kipoi.console import command_line, progress_bar
from basenji_kipoi.errors import InputError
from basenji_kipoi.genome import Genome
from basenji_kipoi.intervals import read_bed
from basenji_kipoi.sequence import UNKNOWN
from basenji_kipoi.targets import Targets
from basenji_training import __version__
from basenji_training.coverage import Track, locate_tracks, read_bins, transform
from basenji_training.folds import assign_folds
from basenji_training.store import FORMAT, FORMAT_VERSION
from basenji_training.workers import executor

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

__all__ = ["TrackStatistics", "build_store"]

# A chunk is what a random window has to decompress, a shard is one file and what one process
# holds of all tracks at a time.
_CHUNK_BYTES = 2**19
_SHARD_BYTES = 2**25
_PIECE_BP = 2**20


class TrackStatistics(NamedTuple):
    """What a track looks like in the store.

    Attributes
    ----------
    identifier
        Name of the track.
    bins
        Bins with a value.
    missing
        Bins without.
    clipped
        Bins above a threshold.
    mean, maximum
        Of the values, scaled and clipped; None without any.
    """

    identifier: str
    bins: int
    missing: int
    clipped: int
    mean: float | None
    maximum: float | None


@dataclass(frozen=True)
class _Plan:
    """What every piece needs to know."""

    path: Path
    genome: Genome
    tracks: Sequence[Track]
    bin: int
    blacklist: Mapping[str, Sequence[tuple[int, int]]]


class _Piece(NamedTuple):
    chromosome: str
    first_bin: int
    last_bin: int
    # End of the sequence to be written: the last piece has the bases of the incomplete bin too.
    end: int


class _Sums(NamedTuple):
    """Per track, over a piece: all of shape (tracks,)."""

    bins: np.ndarray
    clipped: np.ndarray
    total: np.ndarray
    maximum: np.ndarray


def build_store(
    targets: str | os.PathLike[str],
    *,
    fasta: str | os.PathLike[str],
    out: str | os.PathLike[str],
    bin_width: int,
    test: Sequence[str],
    validation: Sequence[str],
    exclude: Sequence[str] = (),
    blacklist: str | os.PathLike[str] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
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
    blacklist
        BED file of intervals whose coverage is not to be believed.
    data_dir
        Folder from which relative file names of the table start; the table's own by default.
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
        `assign_folds`) or the output may not be written.
    """
    if bin_width < 1:
        raise InputError(f"--bin is {bin_width}: it must be at least 1 bp")
    if processes < 1:
        raise InputError(f"--processes is {processes}: it must be at least 1")
    table = Targets.read(targets)
    with Genome(fasta) as genome, atomic_path(out, overwrite=overwrite) as path:
        folds = assign_folds(genome.lengths, test=test, validation=validation, exclude=exclude)
        members = {name for names in folds.values() for name in names}
        lengths = {name: size for name, size in genome.lengths.items() if name in members}
        masked: dict[str, list[tuple[int, int]]] = {}
        for interval in read_bed(blacklist, genome.lengths) if blacklist else []:
            masked.setdefault(interval.chrom, []).append((interval.start, interval.end))
        folder = Path(data_dir) if data_dir else Path(targets).absolute().parent
        plan = _Plan(
            path=path,
            genome=genome,
            tracks=locate_tracks(table, folder, lengths),
            bin=bin_width,
            blacklist=masked,
        )
        sums = []
        with (
            executor(1) as here,
            executor(processes) as pool,
            progress_bar(label, total=sum(lengths.values()) // 1000, unit="kb") as advance,
        ):
            pieces = here.submit(_create, plan, lengths).result()
            waiting = {pool.submit(_fill, plan, piece): piece for piece in pieces}
            for future in concurrent.futures.as_completed(waiting):
                piece = waiting[future]
                sums.append(future.result())
                advance((piece.end - piece.first_bin * bin_width) / 1000)
            statistics = _summarise(table.labels, sums, pieces)
            attributes = {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                "bin": bin_width,
                "lengths": lengths,
                "folds": folds,
                "targets": [row.model_dump() for row in table],
                "genome": {"file": Path(fasta).name, "sha256": _sha256(fasta)},
                "blacklist": blacklist
                and {"file": Path(blacklist).name, "sha256": _sha256(blacklist)},
                "excluded": [name for name in genome.lengths if name not in lengths],
                "statistics": [row._asdict() for row in statistics],
                **_origin(),
            }
            # Last, so that a store with attributes is a complete one.
            here.submit(_describe, path, attributes).result()
    return statistics


def _origin() -> dict[str, object]:
    """When, with which command and versions the store is made."""
    return {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": command_line("basenji-train"),
        "versions": {
            "basenji_training": __version__,
            **{name: importlib.metadata.version(name) for name in ("numpy", "pybigtools", "zarr")},
        },
    }


def _describe(path: Path, attributes: Mapping[str, object]) -> None:
    zarr.open_group(str(path), mode="r+").attrs.update(attributes)


def _create(plan: _Plan, lengths: Mapping[str, int]) -> list[_Piece]:
    """Create the empty arrays; the pieces are whole shards, so no two of them share a file."""
    row = 4 * len(plan.tracks)
    chunk = _power_of_two(_CHUNK_BYTES // row)
    shard = max(chunk, _power_of_two(min(_SHARD_BYTES // row, _PIECE_BP // plan.bin)))
    root = zarr.open_group(str(plan.path), mode="w-", zarr_format=3)
    pieces = []
    for name, length in lengths.items():
        bins = length // plan.bin
        group = root.create_group(name)
        group.create_array(
            "coverage",
            shape=(bins, len(plan.tracks)),
            chunks=(chunk, len(plan.tracks)),
            shards=(shard, len(plan.tracks)),
            dtype="float32",
            fill_value=np.nan,
        )
        group.create_array(
            "covered", shape=(bins,), chunks=(shard,), dtype="bool", fill_value=False
        )
        group.create_array(
            "sequence",
            shape=(length,),
            chunks=(chunk * plan.bin,),
            shards=(shard * plan.bin,),
            dtype="uint8",
            fill_value=UNKNOWN,
        )
        firsts = range(0, max(bins, 1), shard)
        for first in firsts:
            last = min(first + shard, bins)
            end = length if first == firsts[-1] else last * plan.bin
            pieces.append(_Piece(name, first, last, end))
    return pieces


def _power_of_two(limit: int) -> int:
    """Largest power of two up to a limit, at least 1."""
    return 1 << max(limit, 1).bit_length() - 1


def _fill(plan: _Plan, piece: _Piece) -> _Sums:
    """Read, bin and write one piece."""
    name, first, last = piece.chromosome, piece.first_bin, piece.last_bin
    group = zarr.open_group(str(plan.path), mode="r+")[name]
    start, end = first * plan.bin, last * plan.bin
    codes = plan.genome.codes(name, start, piece.end)
    group["sequence"][start : piece.end] = codes
    missing = (codes[: end - start] == UNKNOWN).reshape(-1, plan.bin).all(axis=1)
    for masked_start, masked_end in plan.blacklist.get(name, ()):
        bins = slice(
            max(masked_start // plan.bin - first, 0), max(-(-masked_end // plan.bin) - first, 0)
        )
        missing[bins] = True
    values = np.empty((last - first, len(plan.tracks)), np.float32)
    clipped = np.zeros(len(plan.tracks), np.int64)
    for column, track in enumerate(plan.tracks):
        raw = read_bins(track, name, start, end, plan.bin)
        raw[missing] = np.nan
        clipped[column] = (raw > min(track.clip_soft, track.clip)).sum()
        values[:, column] = transform(
            raw, clip_soft=track.clip_soft, clip=track.clip, scale=track.scale
        )
    finite = np.isfinite(values)
    group["coverage"][first:last] = values
    group["covered"][first:last] = finite.any(axis=1)
    return _Sums(
        bins=finite.sum(axis=0),
        clipped=clipped,
        total=np.nansum(values, axis=0, dtype=np.float64),
        maximum=np.max(values, axis=0, initial=-np.inf, where=finite),
    )


def _summarise(
    labels: Sequence[str], sums: Sequence[_Sums], pieces: Sequence[_Piece]
) -> list[TrackStatistics]:
    bins = sum(piece.last_bin - piece.first_bin for piece in pieces)
    covered = sum(part.bins for part in sums)
    clipped = sum(part.clipped for part in sums)
    total = sum(part.total for part in sums)
    maximum = np.max([part.maximum for part in sums], axis=0)
    return [
        TrackStatistics(
            identifier=label,
            bins=int(covered[i]),
            missing=int(bins - covered[i]),
            clipped=int(clipped[i]),
            mean=float(total[i] / covered[i]) if covered[i] else None,
            maximum=float(maximum[i]) if covered[i] else None,
        )
        for i, label in enumerate(labels)
    ]


def _sha256(path: str | os.PathLike[str]) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
