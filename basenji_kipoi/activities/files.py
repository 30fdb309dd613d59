"""Files of sequences: tables with a column ``sequence``, and FASTA."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import fasta_records, table_cells, table_line, text_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["SequenceTable", "output_columns", "read_sequences"]

_SEQUENCE, _STATUS = "sequence", "status"
#: Bases of the longest sequence that is read: far more than any reporter carries.
_LONGEST = 1 << 20


@dataclass(frozen=True)
class SequenceTable:
    """What a file of sequences holds.

    Attributes
    ----------
    columns : list of str
        Columns of the table; ``name`` and ``sequence`` of FASTA.
    lines : list of str
        Each row as a line of a table.
    sequences : list of str
        The sequence of each row, as it was written.
    """

    columns: list[str]
    lines: list[str]
    sequences: list[str]

    def sha256(self) -> str:
        """Compute a checksum of the content: the same for the same rows from a file and a pipe."""
        digest = hashlib.sha256(table_line(self.columns).encode())
        for line in self.lines:
            digest.update(b"\n" + line.encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def read_sequences(path: Path) -> SequenceTable:
    """Read a file of sequences: FASTA if its first line begins with ``>``, else a table.

    All of it is read, once, before anything is predicted: it may be a pipe, and what is malformed
    is found at once.

    Parameters
    ----------
    path
        FASTA, or tab-separated text whose header has a column ``sequence``; plain or gzip.

    Raises
    ------
    InputError
        If it cannot be read, has no such column or no sequences, or a row has another number of
        cells; names the line.
    """
    with text_lines(path, "sequence") as lines:
        first = next((each for each in lines if each[1].strip()), None)
        if first is None:
            raise InputError(f"{path} is empty: expected FASTA, or a table with a column sequence")
        if first[1].startswith(">"):
            records = list(fasta_records(chain([first], lines), _LONGEST))
            columns = ["name", _SEQUENCE]
            # A name may hold a tab, which would be the end of its cell.
            rows = [table_line((name.replace("\t", " "), text)) for name, text in records]
            return SequenceTable(columns, rows, [sequence for _, sequence in records])
        columns = table_cells(first[1])
        if _SEQUENCE not in columns:
            raise InputError(
                f"{path}:{first[0]}: no column {_SEQUENCE}: expected FASTA, or tab-separated text "
                f"with a header that has it, not {', '.join(columns)[:80]}"
            )
        if double := [each for each in columns if columns.count(each) > 1]:
            raise InputError(f"{path}:{first[0]}: the column {double[0]} stands twice")
        rows, sequences = [], []
        for line, sequence in _rows(columns, lines):
            rows.append(line)
            sequences.append(sequence)
    if not rows:
        raise InputError(f"{path} has no sequences")
    return SequenceTable(columns, rows, sequences)


def _rows(columns: Sequence[str], lines: Iterator[tuple[int, str]]) -> Iterator[tuple[str, str]]:
    """Yield rows of a table, and the sequence of each."""
    place = columns.index(_SEQUENCE)
    for _, line in lines:
        if not line.strip():
            continue
        cells = table_cells(line)
        if len(cells) != len(columns):
            raise ValueError(f"{len(cells)} cells, and the header has {len(columns)}")
        sequence = cells[place].strip()
        if len(sequence) > _LONGEST:
            raise ValueError(
                f"a sequence of {len(sequence):,} bases: expected at most {_LONGEST:,}"
            )
        yield line, sequence


def output_columns(columns: Sequence[str], activities: Sequence[str]) -> list[str]:
    """Name the columns of the output: those of the input, activities, status.

    A name that the input has already gets ``predicted_`` before it.
    """
    taken = set(columns)
    named = [*activities, _STATUS]
    return [*columns, *(f"predicted_{name}" if name in taken else name for name in named)]
