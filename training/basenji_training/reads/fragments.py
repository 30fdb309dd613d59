"""Reads fragment files: BED with one line a fragment, plain, gzip or bgzip.

Columns: contig, start, end (0-based, half-open), and optionally a cell's barcode, how many pairs of
reads were seen of the fragment, and a strand, which is not used: as Cell Ranger ATAC, SnapATAC2,
sinto and chromap write them. Lines that begin with ``#`` may stand at the top.

Other kinds of BED look alike. A format is told by what the columns hold, not by their number, and
what is no fragment file for sure is refused unless the format is named.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.csv

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import decoded, open_bytes
from basenji_kipoi.genome.contig_names import matching_contigs
from basenji_training.reads.rows import MINUS, REVERSE, ROW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from basenji_training.reads.settings import Settings

__all__ = ["MAGIC", "Fragments"]

#: How BAM (unpacked) and CRAM files begin.
MAGIC = (b"BAM\1", b"CRAM")

_BLOCK_BYTES = 1 << 22
_COUNT = 3  # column of the counts, of those that are read
_EXPECTED = (
    "expected contig, start, end, and at most a barcode, a count and a strand, separated by tabs"
)
_NAMED = "if these are fragments all the same, pass --format fragments"
# What Cell Ranger ATAC and ARC write at the top of their files, whose ends they move.
_MOVED = re.compile(r"pipeline_name=cellranger|cell_?ranger", re.IGNORECASE)
# Barcodes as cells have them, with what may stand before and behind: not the name of a read.
_BARCODE = re.compile(r"(?:^|[^A-Za-z])[ACGTN]{6,}(?:[-_.+#]\w+)*$|^[A-Za-z]+-\d+$")


@dataclass(frozen=True)
class Fragments:
    """A fragment file.

    Attributes
    ----------
    path
        The file; it may be a pipe.
    lengths
        Contigs of the output and their lengths (bp).
    named
        Whether the user says that it is one.
    """

    path: Path
    lengths: dict[str, int]
    named: bool = False

    def rows(self, settings: Settings, tally: Counter[str]) -> Iterator[tuple[int, np.ndarray]]:
        """Read the fragments, a block of the file at a time.

        Parameters
        ----------
        settings
            What counts.
        tally
            To it is added what became of the fragments.

        Yields
        ------
        contig, rows : int, ndarray of `ROW`
            Index of a contig, and its fragments: both ends in ``cut`` mode, else once. With
            ``duplicates`` other than ``keep`` each line counts once.

        Raises
        ------
        InputError
            If a line is malformed (names it), the file is of another format, the settings need
            what no fragment file has, or move ends that may have been moved before.
        """
        if settings.mode in ("five-prime", "read") or settings.stranded:
            raise InputError(
                f"{self.path} is a fragment file, which knows neither reads nor strands: count "
                "cuts, centres or whole fragments, unstranded"
            )
        with self._content() as (comments, first, stream):
            columns = self._columns(len(comments) + 1, first)
            moved = self._is_moved(comments, settings)
            line = len(comments)
            for batch in self._batches(stream, columns, line):
                yield from self._placed(batch, line, settings, tally, moved=moved)
                line += len(batch)

    def _placed(
        self,
        batch: pa.RecordBatch,
        line: int,
        settings: Settings,
        tally: Counter[str],
        *,
        moved: bool,
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Place the fragments of a block, behind ``line`` lines of the file."""
        names = batch.column(0)
        index = self._indices(names.dictionary.to_pylist())[names.indices.to_numpy()]
        known, sizes = index >= 0, np.array(list(self.lengths.values()))
        start, end = (batch.column(i).to_numpy().astype(np.int64) for i in (1, 2))
        counted = batch.num_columns > _COUNT
        count = batch.column(_COUNT).to_numpy() if counted else np.ones(len(start), np.int64)
        wrong = (start < 0) | (end <= start) | (known & (end > sizes[index])) | (count < 1)
        if wrong.any():
            at = int(np.argmax(wrong))
            raise InputError(
                f"{self.path}:{line + at + 1}: the fragment {names[at].as_py()}:{start[at]}-"
                f"{end[at]}, seen {count[at]} times, cannot be: expected 0 <= start < end, the end "
                f"within the contig's {sizes[index[at]]:,} bp, and a count above 0"
            )
        tally["fragments"] += len(start)
        tally["with ends that were moved before"] += moved * len(start)
        tally["contig not in the genome"] += int((~known).sum())
        keep = known
        if settings.whole_fragments:
            fits = end - start <= settings.max_fragment
            tally["fragment too long"] += int((keep & ~fits).sum())
            keep &= fits
        if settings.duplicates != "keep":
            # The count includes the duplicates that the file's maker found.
            tally["duplicates that the file counts"] += int((count - 1)[keep].sum())
            count = np.ones(len(start), np.int64)
        for each in np.flatnonzero(np.bincount(index[keep])).tolist():
            mine = keep & (index == each)
            rows = _rows(start[mine], end[mine], count[mine], settings, moved=moved)
            yield each, rows

    def _is_moved(self, comments: list[str], settings: Settings) -> bool:
        """Tell whether the ends, which the settings move, have been moved by the file's maker."""
        moves = settings.shift_forward, settings.shift_reverse
        if settings.mode != "cut" or moves == (0, 0) or settings.fragment_ends == "unmoved":
            return False
        if settings.fragment_ends == "moved" or any(map(_MOVED.search, comments)):
            return True
        forward, reverse = moves
        raise InputError(
            f"{self.path} does not say whether the ends of its fragments have been moved by "
            f"{forward:+} and {reverse - 1:+} already: those of Cell Ranger, SnapATAC2, sinto and "
            "chromap have, pass --fragment-ends moved; those made of alignments with bedtools have "
            "not, pass --fragment-ends unmoved"
        )

    @contextlib.contextmanager
    def _content(self) -> Iterator[tuple[list[str], bytes, BinaryIO]]:
        """Open the file once: the lines at its top, its first record, and all of its records."""
        try:
            with open_bytes(self.path) as file:
                comments, first = [], file.readline(_BLOCK_BYTES).removeprefix(b"\xef\xbb\xbf")
                while first and (first.startswith(b"#") or not first.strip()):
                    comments.append(decoded(first.rstrip(b"\r\n")))
                    first = file.readline(_BLOCK_BYTES)
                if not first:
                    raise InputError(f"{self.path} has no fragments")
                records = _Records(self.path, len(comments), first, file)
                yield comments, first.rstrip(b"\r\n"), records
        except (OSError, EOFError) as error:
            raise InputError(f"{self.path} cannot be read: {error}") from error

    def _columns(self, number: int, first: bytes) -> int:
        """Tell the number of columns by the first record, whose line has a number.

        Raises
        ------
        InputError
            If it is none of a fragment file, with what it seems to be.
        """
        where, cells = f"{self.path}:{number}", decoded(first).split("\t")
        if first.startswith(MAGIC):
            raise InputError(
                f"{self.path} holds alignments, which are read at random, not from a pipe: write "
                "them to a file first and name that"
            )
        if b"\0" in first:
            raise InputError(f"{self.path} is neither BAM nor CRAM, nor text: {_EXPECTED}")
        if len(cells) < 3:
            found = "columns separated by spaces" if len(first.split()) > 2 else "fewer columns"
            raise InputError(f"{where}: {_EXPECTED}, found {found}")
        if re.match(r"@(HD|SQ|RG|PG|CO)$", cells[0]):
            raise InputError(f"{where}: {self.path} is SAM: make BAM of it with 'samtools sort'")
        if not self.named and (problem := _other_format(cells)):
            raise InputError(f"{where}: {problem}")
        return len(cells)

    def _batches(self, stream: BinaryIO, columns: int, line: int) -> Iterator[pa.RecordBatch]:
        csv = pyarrow.csv
        types = [pa.dictionary(pa.int32(), pa.string()), pa.int32(), pa.int32(), pa.string()]
        types += [pa.int64()] + [pa.string()] * columns
        names = [str(number) for number in range(columns)]
        try:
            yield from csv.open_csv(
                pa.PythonFile(stream, "r"),
                # One thread, so that errors have the line's number.
                read_options=csv.ReadOptions(
                    use_threads=False, block_size=_BLOCK_BYTES, column_names=names
                ),
                parse_options=csv.ParseOptions(
                    delimiter="\t", ignore_empty_lines=False, quote_char=False
                ),
                convert_options=csv.ConvertOptions(
                    column_types=dict(zip(names, types, strict=False)),
                    # Barcodes would take half of the time.
                    include_columns=[name for name in names if name != "3"][: _COUNT + 1],
                    null_values=[],
                ),
            )
        except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
            text = " ".join(str(error).split())
            found = re.search(r"Row #(\d+): (.*)", text)
            where, reason = (f":{int(found[1]) + line}", found[2]) if found else ("", text)
            raise InputError(f"{self.path}{where}: {_EXPECTED} ({reason})") from error

    def _indices(self, names: list[str]) -> np.ndarray:
        """Find the indices of contigs by the file's names of them; -1 where there is none."""
        numbers = {name: number for number, name in enumerate(self.lengths)}
        matched = matching_contigs(names, numbers)
        return np.array([numbers.get(matched.get(name), -1) for name in names], np.int64)


class _Records(io.RawIOBase):
    r"""The records of a file: the first, which has been read, and the others.

    Arrow would end lines at any ``\r``, which only ends one before ``\n``.
    """

    def __init__(self, path: Path, line: int, first: bytes, rest: BinaryIO) -> None:
        super().__init__()
        self._path, self._line, self._begun, self._rest = path, line, first, rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block = self._begun or self._rest.read(size)
        self._begun = b""
        if b"\r" in block:
            if block.endswith(b"\r"):
                block += self._rest.read(1)
            block = block.replace(b"\r\n", b"\n")
            if b"\r" in block:
                line = self._line + block[: block.index(b"\r")].count(b"\n") + 1
                raise InputError(
                    f"{self._path}:{line}: a carriage return within the line: {_EXPECTED}"
                )
        # NumPy counts twice as fast as bytes do.
        self._line += int(np.count_nonzero(np.frombuffer(block, np.uint8) == ord("\n")))
        return block


def _other_format(cells: list[str]) -> str | None:
    """Tell which other kind of BED the cells of a record belong to; None if to none."""

    def number(column: int) -> bool:
        return len(cells) > column and cells[column].isascii() and cells[column].isdigit()

    if len(cells) >= 6 and number(4) and number(5):
        return (
            "this is BEDPE, a pair of reads a line: make fragments of it (contig, the smaller "
            f"start, the larger end), or {_NAMED}"
        )
    if len(cells) > 6:
        return f"this has {len(cells)} columns: {_EXPECTED}, or {_NAMED}"
    # tagAlign has the read's own bases in the fourth column, or N.
    is_read = re.fullmatch("[ACGTNacgtn]+", "".join(cells[3:4])) and (
        number(1) and number(2) and int(cells[2]) - int(cells[1]) == len(cells[3])
    )
    names_cell = len(cells) == 6 and _BARCODE.search(cells[3]) and not is_read
    if len(cells) == 6 and not (names_cell and cells[5] in ("+", "-", ".", "")):
        return (
            "this is BED with names, scores and strands (such as tagAlign), a read a line, and no "
            f"fragment file: pass the alignments (BAM); {_NAMED}"
        )
    return None


def _rows(
    start: np.ndarray, end: np.ndarray, count: np.ndarray, settings: Settings, *, moved: bool
) -> np.ndarray:
    if moved:
        # As the read's ends were: they are moved where they count.
        start, end = start - settings.shift_forward, end - settings.shift_reverse
    rows = np.zeros(len(start), ROW)
    rows["five"], rows["length"], rows["count"] = start, end - start, count
    rows["start"], rows["end"] = start, end
    if settings.mode != "cut":
        return rows
    other = rows.copy()
    other["five"] = rows["end"] - 1
    other["flags"] = REVERSE | MINUS
    return np.concatenate([rows, other])
