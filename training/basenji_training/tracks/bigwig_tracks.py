"""Coverage tracks: from bigWig files to values of bins.

A bin's value is ``scale * clip(soft_clip(statistic))``: the sum (or mean, or maximum) of the
coverage over the bin's bases, then the two thresholds of the targets table, in units of that
statistic, then the scale. All of it in float64; the value is narrowed to float32 last, so no
large sum can overflow before it is clipped. ``soft_clip(x) = c + sqrt(x - c)`` for x above
c = ``clip_soft``. The original program applied them in this order for its published models (its
later default scales first and has a slightly different root; thresholds are not interchangeable).

A base for which the bigWig has no record counts as zero, as programs leave out what is not covered.
A base for which it has the value NaN is missing, for somebody wrote that it is not known, and so is
a contig that the bigWig does not list: bins with such a base are NaN.
"""

from __future__ import annotations

import functools
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pybigtools

from basenji_kipoi.base.bigwig.damage import damage_is_an_error
from basenji_kipoi.base.bigwig.form import check_form
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import check_seekable
from basenji_kipoi.genome.contig_names import matching_contigs
from basenji_training.tracks.bins import bin_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from basenji_kipoi.models.targets import Target, Targets

__all__ = ["Track", "contig_length", "locate_tracks", "read_bins"]

_log = logging.getLogger(__name__)


# Open readers a process keeps: reopening costs milliseconds, thousands at once exceed the limit
# on open files.
_OPEN_READERS = 256


@dataclass(frozen=True)
class Track:
    """One row of the targets table with its bigWig found and checked.

    Attributes
    ----------
    identifier
        Name of the track.
    path
        The bigWig file.
    contigs
        Chromosome of the genome -> the bigWig's name of it; only those that the bigWig lists.
    sum_stat
        A key of `STATISTICS`.
    clip_soft, clip
        Thresholds in units of the statistic; infinite where the table has none.
    scale
        Factor applied last.
    """

    identifier: str
    path: Path
    contigs: Mapping[str, str]
    sum_stat: str
    clip_soft: float
    clip: float
    scale: float


@functools.lru_cache(maxsize=_OPEN_READERS)
def _open(path: Path) -> pybigtools.BBIReader:
    with damage_is_an_error(f"{path}: not a readable bigWig file"):
        return pybigtools.open(str(path))


def read_bins(track: Track, chromosome: str, start: int, end: int, width: int) -> np.ndarray:
    """Read one track's statistics of bins, before clipping and scaling.

    Parameters
    ----------
    track
        The track.
    chromosome
        Name in the genome.
    start, end
        0-based half-open interval in bp, a whole number of bins.
    width
        Bin width in bp.

    Returns
    -------
    ndarray, float64, shape ((end - start) // width,)
        NaN where the bigWig says so of a base, everywhere if it does not list the chromosome.

    Raises
    ------
    InputError
        If the file is damaged or holds a negative or infinite value, with its position.
    """
    contig = track.contigs.get(chromosome)
    if contig is None:
        return np.full((end - start) // width, np.nan)
    reader = _open(track.path)
    with damage_is_an_error(
        f"{track.path}: cannot read {contig}:{start}-{end} of track {track.identifier}"
    ):
        values = _values(reader, contig, start, end)
    wrong = (values < 0) | (values == np.inf)
    if wrong.any():
        position = int(np.argmax(wrong))
        value = values[position]
        kind = "negative" if value < 0 and np.isfinite(value) else "infinite"
        raise InputError(
            f"track {track.identifier}: {kind} coverage {value:g} at {contig}:{start + position} "
            f"(0-based) of {track.path}: coverage must be finite and not negative"
        )
    return bin_values(values, width, track.sum_stat)


def _values(reader: pybigtools.BBIReader, contig: str, start: int, end: int) -> np.ndarray:
    """Read the values of bases: 0 where there is no record, NaN where there is one of NaN."""
    values = reader.values(contig, start, end, fillna=0.0)
    # The sum over records tells whether any is NaN, in a tenth of the time.
    total = reader.values(contig, start, end, bins=1, summary="sum", exact=True, fillna=None)
    if np.isnan(total).any():
        for first, last, value in reader.records(contig, start, end):
            if np.isnan(value):
                values[max(first, start) - start : min(last, end) - start] = np.nan
    return values


def contig_length(track: Track, chromosome: str) -> int | None:
    """Return the length of a chromosome in a track's bigWig (bp); None if that does not list it."""
    contig = track.contigs.get(chromosome)
    return None if contig is None else _listed_contigs(track.path)[contig]


def _listed_contigs(path: Path) -> dict[str, int]:
    reader = _open(path)
    with damage_is_an_error(f"{path}: cannot read its contigs"):
        return dict(reader.chroms())


def _match_contigs(
    listed: Mapping[str, int], lengths: Mapping[str, int | None], path: Path, identifier: str
) -> dict[str, str]:
    contigs: dict[str, str] = {}
    for name, chromosome in matching_contigs(listed, lengths).items():
        # A file may list one contig under two names: that of the genome counts.
        if chromosome in contigs and name != chromosome:
            continue
        length = lengths[chromosome]
        if length is not None and listed[name] != length:
            raise InputError(
                f"track {identifier}: {path} is of another assembly than the FASTA: contig {name} "
                f"has {listed[name]:,} bp there and {chromosome} has {length:,} bp in the FASTA"
            )
        contigs[chromosome] = name
    if not contigs:
        raise InputError(
            f"track {identifier}: {path} lists no chromosome of the FASTA "
            f"(the first are {', '.join(list(listed)[:3])} there, "
            f"{', '.join(list(lengths)[:3])} in the FASTA)"
        )
    return contigs


def locate_tracks(targets: Targets, folder: Path, lengths: Mapping[str, int | None]) -> list[Track]:
    """Find the bigWig of every track and check it against the genome.

    Contig names are reconciled (`matching_contigs`); what was reconciled or is missing is
    logged once for all tracks.

    Parameters
    ----------
    targets
        The tracks.
    folder
        Where relative file names start.
    lengths
        Chromosomes to be read and their lengths in bp; None where the length is not known.

    Returns
    -------
    list of Track
        In the order of the table.

    Raises
    ------
    InputError
        If a file is missing, not a bigWig, or of another assembly.
    """
    # Files may have changed since an earlier call in this process.
    _open.cache_clear()
    tracks = [_locate(target, folder, lengths) for target in targets]
    _report_pairs(targets)
    _report_contigs(tracks, lengths)
    return tracks


def _locate(target: Target, folder: Path, lengths: Mapping[str, int | None]) -> Track:
    path = folder / target.file
    check_seekable(path, "bigWig")
    if not path.is_file():
        raise InputError(
            f"track {target.identifier}: no file {path}: correct the column file of the targets "
            "table, or name the folder that its paths start from with --data-dir"
        )
    check_form(path)
    if not _open(path).is_bigwig:
        raise InputError(f"track {target.identifier}: {path} is a bigBed file, not a bigWig")
    return Track(
        identifier=target.identifier,
        path=path,
        contigs=_match_contigs(_listed_contigs(path), lengths, path, target.identifier),
        sum_stat=target.sum_stat,
        clip_soft=np.inf if target.clip_soft is None else target.clip_soft,
        clip=np.inf if target.clip is None else target.clip,
        scale=target.scale,
    )


def _report_pairs(targets: Targets) -> None:
    unequal = [
        target.identifier
        for target in targets
        if _treatment(target) != _treatment(targets[target.strand_pair])
    ]
    if unequal:
        _log.warning(
            "%s: clipped or scaled otherwise than the other strand's track; training with reverse "
            "complements swaps the two",
            _listed(unequal),
        )


def _treatment(target: Target) -> tuple[object, ...]:
    return target.sum_stat, target.clip_soft, target.clip, target.scale


def _report_contigs(tracks: Sequence[Track], lengths: Mapping[str, int | None]) -> None:
    renamed = [t for t in tracks if any(c != name for c, name in t.contigs.items())]
    if renamed:
        chromosome, name = next((c, n) for c, n in renamed[0].contigs.items() if c != n)
        _log.warning(
            "%s: contigs are named otherwise than in the FASTA, %s is read as %s and so on",
            _listed([track.identifier for track in renamed]),
            name,
            chromosome,
        )
    partial = [t for t in tracks if len(t.contigs) < len(lengths)]
    if partial:
        _log.warning(
            "%s: not all chromosomes are listed in the bigWig; the others count as missing (NaN), "
            "not as zero",
            _listed([track.identifier for track in partial]),
        )


def _listed(identifiers: Sequence[str]) -> str:
    shown = ", ".join(identifiers[:5])
    return f"{len(identifiers)} track(s) ({shown}{', …' if len(identifiers) > 5 else ''})"
