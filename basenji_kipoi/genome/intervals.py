"""Intervals of a genome: BED files and the window around an interval's centre.

Positions are 0-based and half-open, in bp.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Union

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.remote.addresses import is_address
from basenji_kipoi.base.remote.local import local_path
from basenji_kipoi.base.text_files import text_lines
from basenji_kipoi.genome.contig_names import did_you_mean, matching_contigs, placed_contigs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from basenji_kipoi.genome.contig_names import Contigs

__all__ = [
    "GivenIntervals",
    "Interval",
    "centred_window",
    "read_annotated",
    "read_bed",
    "read_intervals",
]

_HEADERS = ("track", "browser")
#: How lines begin that may be no record.
_MAYBE_NONE = "#tb \t"
_STRANDS = ("+", "-", ".")
#: A place as genome browsers write it; names of contigs may have colons.
_PLACE = re.compile(r"(\S+):(\d[\d,]*)(?:-(\d[\d,]*))?", re.ASCII)


#: No contig is as long (bp), and arrays can hold the number.
_FURTHEST = 1 << 60


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

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> promoter = bk.Interval("chrA", 19_800, 20_200, name="promoter")
    >>> len(promoter)
    400
    >>> bk.Interval.parse("chrA:19,801-20,200")  # as genome browsers write it: from 1, both ends in
    Interval(chrom='chrA', start=19800, end=20200, name='.', strand='.')
    """

    chrom: str
    start: int
    end: int
    name: str = "."
    strand: str = "."

    def __post_init__(self) -> None:
        # One comparison of all: files have many intervals.
        if not -_FURTHEST <= self.start < self.end <= _FURTHEST:
            if max(abs(self.start), abs(self.end)) > _FURTHEST:
                raise ValueError(f"an interval of {self.chrom} lies beyond any contig's end")
            raise ValueError(f"{self} is empty: its start must be smaller than its end")
        if self.strand not in _STRANDS:
            raise ValueError(f"the strand {self.strand!r} of {self} is not '+', '-' or '.'")

    @classmethod
    def parse(cls, text: str) -> Interval:
        """Read a place as genome browsers write it, such as ``chrI:101-200``.

        Parameters
        ----------
        text
            ``contig:first-last`` or ``contig:position``: counted from 1, the last base included,
            with or without commas in the numbers. The example above is [100, 200).

        Raises
        ------
        InputError
            If the text is none.
        """
        found = _PLACE.fullmatch(text.strip())
        if found:
            first, last = (
                int(number.replace(",", "")) for number in (found[2], found[3] or found[2])
            )
        if not found or not 1 <= first <= last:
            raise InputError(
                f"no interval {text!r}: expected contig:first-last, counted from 1 with the last "
                "base included, for instance chrI:101-200"
            )
        return cls(found[1], first - 1, last)

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
        The BED file, or its address (https, http, s3, gs).
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

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> intervals = bk.read_bed("intervals.bed", bk.Genome("genome.fa").lengths)
    >>> len(intervals), intervals[0].name
    (7, 'left_end')
    """
    contigs: dict[str, str] = {}
    with text_lines(local_path(path), "BED") as lines:
        return [_parse(line, lengths, window, contigs) for _, line in lines if _is_record(line)]


#: What `read_intervals` reads: one interval or several, or the path of a BED file.
GivenIntervals = Union[
    Interval,
    tuple[str, int, int],
    str,
    os.PathLike[str],
    Iterable[Union[Interval, tuple[str, int, int], str]],
]


def read_intervals(given: GivenIntervals, lengths: Mapping[str, int]) -> list[Interval]:
    """Read intervals in whatever form they are given, and check that the genome has them.

    Parameters
    ----------
    given
        One interval or several: `Interval`, (contig, start, end) counted from 0 with the end
        excluded, or text such as ``chrI:101-200`` counted from 1 with the last base included
        (`Interval.parse`). Or the path or address of a BED file.
    lengths
        Length of each contig (bp).

    Returns
    -------
    list of Interval
        In the given order.

    Raises
    ------
    InputError
        If something is no interval, or lies outside of the genome.
    """
    is_text = isinstance(given, str)
    if isinstance(given, Path) or (is_text and (is_address(given) or Path(given).is_file())):
        return read_bed(given, lengths)
    if isinstance(given, str) and not _PLACE.fullmatch(given.strip()):
        raise InputError(
            f"{given!r} is neither a BED file that exists nor an interval: expected a path, or "
            "contig:first-last, counted from 1 with the last base included"
        )
    if isinstance(given, (str, Interval)) or _is_place(given):
        given = [given]
    contigs: dict[str, str] = {}
    try:
        return [_placed(_interval(each), lengths, contigs) for each in given]
    except ValueError as error:
        raise InputError(str(error)) from None


def _is_place(given: object) -> bool:
    return isinstance(given, (tuple, list)) and len(given) == 3 and isinstance(given[1], Integral)


def _interval(given: object) -> Interval:
    if isinstance(given, Interval):
        return given
    if isinstance(given, str):
        return Interval.parse(given)
    if _is_place(given) and isinstance(given[0], str) and isinstance(given[2], Integral):
        try:
            return Interval(given[0], int(given[1]), int(given[2]))
        except ValueError as error:
            raise InputError(str(error)) from None
    raise InputError(
        f"no interval {given!r}: expected an Interval, (contig, start, end) counted from 0 with "
        "the end excluded, or text such as chrI:101-200"
    )


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
    number = len(columns)
    interval = Interval(
        chrom,
        _position(columns[1], "start"),
        _position(columns[2], "end"),
        (columns[3] or ".") if number > 3 else ".",
        columns[5] if number > 5 else ".",
    )
    return _placed(interval, lengths, contigs, window)


def _placed(
    interval: Interval,
    lengths: Mapping[str, int] | None,
    contigs: dict[str, str],
    window: int | None = None,
) -> Interval:
    """Give an interval the genome's name of its contig, which must have all of it.

    Only a window may reach beyond its contig.
    """
    chrom = interval.chrom
    if lengths is not None and chrom not in lengths:
        if chrom not in contigs:
            contigs.update(matching_contigs([chrom], lengths))
        if chrom not in contigs:
            raise ValueError(f"the genome has no contig {chrom!r}{did_you_mean(chrom, lengths)}")
        interval = replace(interval, chrom=contigs[chrom])
        chrom = interval.chrom
    if window is not None and len(interval) == window:
        return interval
    if interval.start < 0:
        raise ValueError(f"{interval} starts before its contig does")
    if lengths is not None and interval.end > lengths[chrom]:
        raise ValueError(f"{interval} reaches beyond the end of {chrom} at {lengths[chrom]}")
    return interval


def _position(text: str, what: str) -> int:
    # int() alone would also take "1_000" and " 5".
    if not (text.isascii() and text.removeprefix("-").isdigit()):
        raise ValueError(f"the {what} {text!r} is not a whole number")
    return int(text)
