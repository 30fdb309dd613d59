"""Writing a store: its arrays, what it says about itself, and statistics of its tracks."""

from __future__ import annotations

import datetime
import importlib.metadata
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import UNKNOWN
from basenji_training import __version__
from basenji_training.store.description import (
    FORMAT,
    FORMAT_VERSION,
    TrackStatistics,
    chromosome_folder,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from basenji_kipoi.models.targets import Targets

__all__ = [
    "Layout",
    "Sums",
    "create_store",
    "describe_store",
    "summarise",
    "write_bins",
    "write_sequence",
]

# A chunk is what a random window has to decompress, a shard is one file and what one process
# holds of all tracks at a time.
_CHUNK_BYTES = 2**19
_SHARD_BYTES = 2**25
_SHARD_BP = 2**20
_CHUNK_BP = 2**27
# Compressed as Zarr does by itself, with a checksum behind.
_COMPRESSORS = (ZstdCodec(level=0, checksum=False), Crc32cCodec())
# A chunk of nothing but missing values is written too: one that is not there is lost.
_CONFIG = {"write_empty_chunks": True}


class Sums(NamedTuple):
    """What a piece of a store adds to the statistics, all of shape (tracks,).

    Attributes
    ----------
    bins
        Bins with a value: int64.
    clipped
        Bins above a threshold: int64.
    total, maximum
        Sum and maximum of the values: float64; 0 and -inf without any.
    """

    bins: np.ndarray
    clipped: np.ndarray
    total: np.ndarray
    maximum: np.ndarray

    @classmethod
    def of(cls, parts: Sequence[Sums], tracks: int) -> Sums:
        """Combine what several pieces add, or none."""
        whole = cls(
            np.zeros(tracks, np.int64),
            np.zeros(tracks, np.int64),
            np.zeros(tracks),
            np.full(tracks, -np.inf),
        )
        for part in parts:
            whole = cls(
                whole.bins + part.bins,
                whole.clipped + part.clipped,
                whole.total + part.total,
                np.maximum(whole.maximum, part.maximum),
            )
        return whole


class Layout(NamedTuple):
    """How a store's arrays are cut.

    Attributes
    ----------
    bin
        Width of a bin in bp.
    tracks
        Number of tracks.
    chunk, shard
        Bins that are compressed together, and that are in one file.
    """

    bin: int
    tracks: int
    chunk: int
    shard: int

    @classmethod
    def of(cls, bin_width: int, tracks: int) -> Layout:
        """Choose chunks and shards for a bin width and a number of tracks."""
        row = 4 * tracks
        chunk = _power_of_two(min(_CHUNK_BYTES // row, _CHUNK_BP // bin_width))
        shard = max(chunk, _power_of_two(min(_SHARD_BYTES // row, _SHARD_BP // bin_width)))
        return cls(bin_width, tracks, chunk, shard)


def _power_of_two(limit: int) -> int:
    """Largest power of two up to a limit, at least 1."""
    return 1 << max(limit, 1).bit_length() - 1


def create_store(path: Path, layout: Layout, lengths: Mapping[str, int]) -> None:
    """Create the empty arrays of a store.

    Parameters
    ----------
    path
        The store, which does not exist yet.
    layout
        How they are cut.
    lengths
        Chromosomes and their lengths in bp.
    """
    folders = [chromosome_folder(name) for name in lengths]
    for name, folder in zip(lengths, folders, strict=True):
        if folders.count(folder) > 1:
            raise InputError(
                f"contig {name!r}: another contig would have the same folder, {folder}"
            )
    root = zarr.open_group(str(path), mode="w-", zarr_format=3)
    chunk, shard, tracks = layout.chunk, layout.shard, layout.tracks
    for folder, length in zip(folders, lengths.values(), strict=True):
        bins = length // layout.bin
        group = root.create_group(folder)
        group.create_array(
            "coverage",
            shape=(bins, tracks),
            chunks=(chunk, tracks),
            shards=(shard, tracks),
            dtype="float32",
            fill_value=np.nan,
            compressors=_COMPRESSORS,
            config=_CONFIG,
        )
        group.create_array(
            "covered",
            shape=(bins,),
            chunks=(shard,),
            dtype="bool",
            fill_value=False,
            compressors=_COMPRESSORS,
            config=_CONFIG,
        )
        group.create_array(
            "sequence",
            shape=(length,),
            chunks=(chunk * layout.bin,),
            shards=(shard * layout.bin,),
            dtype="uint8",
            fill_value=UNKNOWN,
            compressors=_COMPRESSORS,
            config=_CONFIG,
        )


def write_sequence(path: Path, chromosome: str, start: int, codes: np.ndarray) -> None:
    """Write sequence.

    Parameters
    ----------
    path
        The store.
    chromosome
        Name.
    start
        First base, 0-based.
    codes : ndarray, uint8, shape (bases,)
        Codes, 4 for unknown bases.
    """
    _array(path, chromosome, "sequence")[start : start + len(codes)] = codes


def _array(path: Path, chromosome: str, kind: str) -> zarr.Array:
    folder = path / chromosome_folder(chromosome) / kind
    return zarr.open_array(str(folder), mode="r+").with_config(_CONFIG)


def write_bins(
    path: Path,
    chromosome: str,
    first: int,
    values: np.ndarray,
    clipped: np.ndarray,
) -> Sums:
    """Write values of bins.

    Parameters
    ----------
    path
        The store.
    chromosome
        Name.
    first
        Number of the first bin.
    values : ndarray, float32, shape (bins, tracks)
        Values; NaN where missing.
    clipped : ndarray, int, shape (tracks,)
        How many of them a threshold changed.

    Returns
    -------
    Sums
        What these bins add to the statistics.
    """
    exists = np.isfinite(values)
    last = first + len(values)
    _array(path, chromosome, "coverage")[first:last] = values
    _array(path, chromosome, "covered")[first:last] = exists.any(axis=1)
    return Sums(
        bins=exists.sum(axis=0),
        clipped=clipped,
        total=np.nansum(values, axis=0, dtype=np.float64),
        maximum=np.max(values, axis=0, initial=-np.inf, where=exists).astype(np.float64),
    )


def summarise(targets: Targets, sums: Sequence[Sums], bins: int) -> list[TrackStatistics]:
    """Combine the sums of a store's pieces.

    Parameters
    ----------
    targets
        The tracks.
    sums
        The pieces'.
    bins
        Bins in all.

    Returns
    -------
    list of TrackStatistics
        One a track.
    """
    covered, clipped, total, maximum = Sums.of(sums, len(targets))
    return [
        TrackStatistics(
            identifier=label,
            bins=int(covered[i]),
            missing=int(bins - covered[i]),
            clipped=int(clipped[i]),
            mean=float(total[i] / covered[i]) if covered[i] else None,
            maximum=float(maximum[i]) if covered[i] else None,
        )
        for i, label in enumerate(targets.labels)
    ]


def describe_store(
    path: Path,
    *,
    name: str,
    layout: Layout,
    lengths: Mapping[str, int],
    folds: Mapping[str, Sequence[str]],
    regions: Mapping[str, Iterable[tuple[str, int, int]]] | None,
    targets: Targets,
    statistics: Sequence[TrackStatistics],
    command: str,
    **more: object,
) -> None:
    """Write a store's attributes. Last, so that a store with attributes is a complete one.

    Parameters
    ----------
    path
        The store.
    name
        Name of the data set.
    layout, lengths
        As the store was created.
    folds
        train, validation, test -> labels.
    regions
        Label -> regions; None where each label is a whole chromosome.
    targets
        The tracks.
    statistics
        What they look like.
    command
        What made it.
    **more
        Where the data come from, as JSON can hold it.
    """
    attributes = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "name": name,
        "bin": layout.bin,
        "lengths": dict(lengths),
        "folds": {split: list(labels) for split, labels in folds.items()},
        **(
            {}
            if regions is None
            else {"regions": {k: [list(part) for part in v] for k, v in regions.items()}}
        ),
        "targets": [row.model_dump() for row in targets],
        "statistics": [row._asdict() for row in statistics],
        "checksums": True,
        **more,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": command,
        "versions": {
            "basenji_training": __version__,
            **{each: importlib.metadata.version(each) for each in ("numpy", "pybigtools", "zarr")},
        },
    }
    zarr.open_group(str(path), mode="r+").attrs.update(_as_text(attributes))


def _as_text(content: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Replace what JSON cannot hold: bytes of file names that are no UTF-8."""
    if isinstance(content, dict):
        return {key: _as_text(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_as_text(value) for value in content]
    if isinstance(content, str):
        return content.encode("utf-8", "backslashreplace").decode()
    return content
