"""Files of sequences: tables with a column ``sequence``, and FASTA."""

from __future__ import annotations

import contextlib
import gzip
import io
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import text_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "SEQUENCE",
    "STATUS",
    "Record",
    "SequenceFile",
    "open_sequences",
    "output_columns",
    "write_lines",
]

#: Columns of a table of sequences, and of what is written of it.
SEQUENCE, STATUS = "sequence", "status"
#: Bases of the longest sequence that is read: far more than any reporter carries.
_LONGEST = 1 << 20


@dataclass(frozen=True)
class Record:
    """A sequence of a file.

    Attributes
    ----------
    cells : tuple of str
        What the file has of it.
    sequence : str
        Its letters.
    """

    cells: tuple[str, ...]
    sequence: str


@dataclass(frozen=True)
class SequenceFile:
    """A file of sequences that is being read.

    Attributes
    ----------
    columns : tuple of str
        Columns of each record's cells: those of the table, or ``name`` and ``sequence`` of FASTA.
    records : iterator of Record
        The sequences in the file's order.
    """

    columns: tuple[str, ...]
    records: Iterator[Record]

    def pieces(self, number: int) -> Iterator[list[Record]]:
        """List the sequences, so many at a time."""
        while piece := list(islice(self.records, number)):
            yield piece


@contextlib.contextmanager
def open_sequences(path: Path) -> Iterator[SequenceFile]:
    """Open a file of sequences: FASTA if its first line begins with ``>``, else a table.

    Parameters
    ----------
    path
        FASTA, or tab-separated text whose header has a column ``sequence``; plain or gzip. It is
        read once, so that it may be a pipe.

    Yields
    ------
    SequenceFile
        Its columns and sequences.

    Raises
    ------
    InputError
        If it cannot be read, has no such column or no sequences, or a line has another number of
        cells; names the line.
    """
    with text_lines(path, "sequence") as lines:
        first = next(((number, line) for number, line in lines if line.strip()), None)
        if first is None:
            raise InputError(f"{path} is empty: expected FASTA, or a table with a column sequence")
        if first[1].startswith(">"):
            yield SequenceFile(("name", SEQUENCE), _some(path, _fasta(first[1], lines)))
            return
        columns = tuple(first[1].split("\t"))
        if SEQUENCE not in columns:
            raise InputError(
                f"{path}:{first[0]}: no column {SEQUENCE}: expected FASTA, or tab-separated text "
                f"with a header that has it, not {', '.join(columns)[:80]}"
            )
        if len(set(columns)) < len(columns):
            double = next(each for each in columns if columns.count(each) > 1)
            raise InputError(f"{path}:{first[0]}: the column {double} stands twice")
        yield SequenceFile(columns, _some(path, _rows(columns, lines)))


@contextlib.contextmanager
def write_lines(path: Path, *, is_gzip: bool) -> Iterator[TextIO]:
    """Open a text file to write, plain or gzip, without a time in it: equal content, equal file."""
    with path.open("wb") as file:
        raw = gzip.GzipFile("", "wb", fileobj=file, mtime=0) if is_gzip else file
        with io.TextIOWrapper(raw, encoding="utf-8", newline="") as lines:
            yield lines


def output_columns(columns: Sequence[str], activities: Sequence[str]) -> list[str]:
    """Name the columns of the output: those of the input, activities, status.

    An activity that the input has a column of is called ``predicted_`` and its name.
    """
    taken = set(columns)
    names = [f"predicted_{name}" if name in taken else name for name in activities]
    status = f"predicted_{STATUS}" if STATUS in taken else STATUS
    return [*columns, *names, status]


def _some(path: Path, records: Iterator[Record]) -> Iterator[Record]:
    """Pass records on, at least one."""
    is_empty = True
    for record in records:
        is_empty = False
        if len(record.sequence) > _LONGEST:
            raise ValueError(
                f"a sequence of {len(record.sequence):,} bases: expected at most {_LONGEST:,}"
            )
        yield record
    if is_empty:
        raise InputError(f"{path} has no sequences")


def _rows(columns: tuple[str, ...], lines: Iterator[tuple[int, str]]) -> Iterator[Record]:
    place = columns.index(SEQUENCE)
    for _, line in lines:
        if not line.strip():
            continue
        cells = tuple(line.split("\t"))
        if len(cells) != len(columns):
            raise ValueError(f"{len(cells)} cells, and the header has {len(columns)}")
        yield Record(cells, cells[place].strip())


def _fasta(first: str, lines: Iterator[tuple[int, str]]) -> Iterator[Record]:
    name, parts, length = first[1:].strip(), [], 0
    for _, line in lines:
        if line.startswith(">"):
            yield Record((name, "".join(parts)), "".join(parts))
            name, parts, length = line[1:].strip(), [], 0
        else:
            part = line.strip()
            length += len(part)
            if length > _LONGEST:
                raise ValueError(f"the sequence {name} has more than {_LONGEST:,} bases")
            parts.append(part)
    yield Record((name, "".join(parts)), "".join(parts))
