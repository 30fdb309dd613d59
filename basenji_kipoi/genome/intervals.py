"""Intervals of a genome: BED files and the window around an interval's centre.

Positions are 0-based and half-open, in bp.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import text_lines
from basenji_kipoi.genome.contig_names import did_you_mean, matching_contigs, placed_contigs

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from basenji_kipoi.genome.contig_names import Contigs

__all__ = ["Interval", "centred_window", "read_annotated", "read_bed"]

_HEADERS = ("track", "browser")
#: How lines begin that may be no record.
_MAYBE_NONE = "#tb \t"
_STRANDS = ("+", "-", ".")


@dataclass(frozen=True)
class Interval:
    """An interval of a contig.

    Attributes
    ----------
    chrom : str
        Contig.
    start, end : int
        Positions [start, end) in bp, 0-based; ``start < end``. Only a window reaches beyond its
        contig, and so may start below 0.
    name : str
        Name, "." when there is none.
    strand : str
        "+", "-" or ".".

    Raises
    ------
    ValueError
        If the interval is empty, or the strand is not one of the three.
    """

    chrom: str
    start: int
    end: int
    name: str = "."
    strand: str = "."

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ValueError(f"{self} is empty: its start must be smaller than its end")
        if self.strand not in _STRANDS:
            raise ValueError(f"the strand {self.strand!r} of {self} is not '+', '-' or '.'")

    def __str__(self) -> str:
        return f"{self.chrom}:{self.start}-{self.end}"

    def __len__(self) -> int:
        return self.end - self.start


def centred_window(start: int, end: int, window: int, *, grid: int = 1) -> tuple[int, int]:
    """Find the window around the centre of an interval.

    Parameters
    ----------
    start, end
        Interval [start, end) in bp.
    window
        Length of the window (bp).
    grid
        The window starts at the nearest multiple of this (bp), so that it may be off the centre by
        half of it.

    Returns
    -------
    tuple of int
        Window [start, end) in bp, with ``start = (start + end) // 2 - window // 2``: of an even
        window, the base right of its middle is the base right of the interval's. It may reach
        beyond the contig.
    """
    window_start = (start + end) // 2 - window // 2
    window_start = (window_start + grid // 2) // grid * grid
    return window_start, window_start + window


def read_bed(
    path: str | os.PathLike[str],
    lengths: Mapping[str, int] | None = None,
    *,
    window: int | None = None,
) -> list[Interval]:
    """Read a BED file, plain or gzip.

    Columns are chrom, start, end and, where present, name (fourth) and strand (sixth). Empty
    lines, comments (#) and the lines of genome browsers (track, browser) are skipped.

    Parameters
    ----------
    path
        The BED file.
    lengths
        Length of each contig (bp). Without it, contigs and ends are not checked; with it, intervals
        have its names of contigs, found by `matching_contigs`.
    window
        An interval of exactly this length (bp) is a window and may reach beyond its contig: the
        windows that kipoi-veff asks for around variants near a chromosome's end do.

    Returns
    -------
    list of Interval
        In the order of the file; empty for a file without intervals.

    Raises
    ------
    InputError
        If the file cannot be read, or a line has fewer than three columns, positions that are not
        whole numbers, start >= end, an end beyond its contig, or an unknown contig. The message
        names the file and the line.
    """
    contigs: dict[str, str] = {}
    with text_lines(path, "BED") as lines:
        return [_parse(line, lengths, window, contigs) for _, line in lines if _is_record(line)]


def read_annotated(path: str | os.PathLike[str], genome: Contigs) -> list[Interval]:
    """Read a BED file about a genome, such as peaks or a blacklist.

    Parameters
    ----------
    path
        The BED file.
    genome
        The genome.

    Returns
    -------
    list of Interval
        Under the genome's names of contigs, in the order of the file. Intervals on contigs that it
        lacks are left out, with a warning.

    Raises
    ------
    InputError
        As `read_bed`, but for unknown contigs; if all intervals lie on such, or one reaches beyond
        the end of its contig.
    """
    intervals = read_bed(path)
    contigs = placed_contigs((each.chrom for each in intervals), genome, path, "intervals")
    found = [
        each if contigs[each.chrom] == each.chrom else replace(each, chrom=contigs[each.chrom])
        for each in intervals
        if each.chrom in contigs
    ]
    for each in found:
        length = genome.lengths[each.chrom]
        if length is not None and each.end > length:
            raise InputError(
                f"{path}: {each} reaches beyond the end of {each.chrom} at {length} in "
                f"{genome.path}: expected intervals of this genome"
            )
    return found


def _is_record(line: str) -> bool:
    # Nearly all lines end here.
    if line and line[0] not in _MAYBE_NONE:
        return True
    line = line.strip(" \t")
    word = line.partition("\t")[0].partition(" ")[0]
    return bool(line) and not line.startswith("#") and word not in _HEADERS


def _parse(
    line: str, lengths: Mapping[str, int] | None, window: int | None, contigs: dict[str, str]
) -> Interval:
    """Parse one line of a BED file; raise ValueError, without the line's number, if it is bad.

    ``contigs`` holds the genome's names of those that were met under another one.
    """
    # Spaces alone divide where there are no tabs: a name may hold any other kind of white space.
    columns = line.split("\t") if "\t" in line else [c for c in line.split(" ") if c]
    if len(columns) < 3:
        raise ValueError(
            f"expected at least three columns (chrom, start, end), found {len(columns)}"
        )
    # Interned: a million intervals share a few names.
    chrom = sys.intern(columns[0])
    start, end = (_position(text, what) for text, what in zip(columns[1:3], ("start", "end")))
    interval = Interval(
        chrom,
        start,
        end,
        name=columns[3] if len(columns) > 3 and columns[3] else ".",
        strand=columns[5] if len(columns) > 5 else ".",
    )
    if lengths is not None and chrom not in lengths:
        if chrom not in contigs:
            contigs.update(matching_contigs([chrom], lengths))
        if chrom not in contigs:
            raise ValueError(f"the genome has no contig {chrom!r}{did_you_mean(chrom, lengths)}")
        interval = replace(interval, chrom=contigs[chrom])
        chrom = interval.chrom
    if len(interval) == window:
        return interval
    if start < 0:
        raise ValueError(f"{interval} starts before its contig does")
    if lengths is not None and end > lengths[chrom]:
        raise ValueError(f"{interval} reaches beyond the end of {chrom} at {lengths[chrom]}")
    return interval


def _position(text: str, what: str) -> int:
    # int() alone would also take "1_000" and " 5".
    if not (text.isascii() and text.removeprefix("-").isdigit()):
        raise ValueError(f"the {what} {text!r} is not a whole number")
    return int(text)
