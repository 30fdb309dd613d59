"""Reads fragment files: BED with one line a fragment, plain, gzip or bgzip.

Columns: contig, start, end (0-based, half-open), and optionally a name (a cell's barcode) and how
often the fragment was seen, as 10x Genomics' and SnapATAC2's files have them. Lines that begin
with ``#`` may stand at the top.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.csv

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import open_text
from basenji_kipoi.genome.contig_names import matching_contigs
from basenji_training.reads.rows import MINUS, REVERSE, ROW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from basenji_training.reads.settings import Settings

__all__ = ["Fragments"]

_BLOCK_BYTES = 1 << 22
_COLUMNS = 5  # of a fragment file with names and counts
_EXPECTED = "expected contig, start, end, and at most a name and a count, separated by tabs"


@dataclass(frozen=True)
class Fragments:
    """A fragment file.

    Attributes
    ----------
    path
        The file.
    lengths
        Contigs of the output and their lengths (bp).
    """

    path: Path
    lengths: dict[str, int]

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
            Index of a contig, and its fragments: both ends in ``cut`` mode, else once.

        Raises
        ------
        InputError
            If a line is malformed (names it), or the settings need what no fragment file has.
        """
        if settings.mode in ("five-prime", "read") or settings.stranded:
            raise InputError(
                f"{self.path} is a fragment file, which knows neither reads nor strands: count "
                "cuts, centres or whole fragments, unstranded"
            )
        numbers = {name: number for number, name in enumerate(self.lengths)}
        sizes = np.array(list(self.lengths.values()))
        line = self._comments()
        for batch in self._batches(line):
            names = batch.column(0)
            index = np.array([self._contig(n, numbers) for n in names.dictionary.to_pylist()])
            known = index[names.indices.to_numpy()] >= 0
            contig = index[names.indices.to_numpy()]
            start, end = (batch.column(i).to_numpy().astype(np.int64) for i in (1, 2))
            # With more columns it is BED, whose fifth is a score.
            counted = batch.num_columns == _COLUMNS
            count = batch.column(4).to_numpy() if counted else np.ones(len(start))
            wrong = (start < 0) | (end <= start) | (known & (end > sizes[contig])) | ~(count > 0)
            if wrong.any():
                at = int(np.argmax(wrong))
                name = names[at].as_py()
                raise InputError(
                    f"{self.path}:{line + at + 1}: the fragment {name}:{start[at]}-{end[at]}, seen "
                    f"{count[at]:g} times, cannot be: expected 0 <= start < end, the end within "
                    f"the contig's {sizes[contig[at]]:,} bp, and a count above 0"
                )
            line += len(start)
            tally["fragments"] += len(start)
            tally["contig not in the genome"] += int((~known).sum())
            keep = known
            if settings.whole_fragments:
                fits = end - start <= settings.max_fragment
                tally["fragment too long"] += int((keep & ~fits).sum())
                keep &= fits
            for each in np.unique(contig[keep]):
                mine = keep & (contig == each)
                yield int(each), _rows(start[mine], end[mine], count[mine], settings)

    def _comments(self) -> int:
        """Count the lines at the top that are no records."""
        number = 0
        try:
            with open_text(self.path) as file:
                for text in file:
                    if not text.startswith("#") and text.strip():
                        return number
                    number += 1
        except (OSError, EOFError, UnicodeDecodeError) as error:
            raise InputError(f"{self.path} cannot be read as text: {error}") from error
        raise InputError(f"{self.path} has no fragments")

    def _batches(self, comments: int) -> Iterator[pa.RecordBatch]:
        csv = pyarrow.csv
        number = pa.int32()
        types = {
            "f0": pa.dictionary(number, pa.string()),
            "f1": number,
            "f2": number,
            "f3": pa.string(),
            "f4": pa.float32(),
        }
        compressed = _is_gzip(self.path)
        try:
            with pa.input_stream(
                str(self.path), compression="gzip" if compressed else None
            ) as stream:
                yield from csv.open_csv(
                    stream,
                    # One thread, so that errors have the line's number.
                    read_options=csv.ReadOptions(
                        use_threads=False,
                        block_size=_BLOCK_BYTES,
                        autogenerate_column_names=True,
                        skip_rows=comments,
                    ),
                    parse_options=csv.ParseOptions(delimiter="\t", ignore_empty_lines=False),
                    convert_options=csv.ConvertOptions(column_types=types, null_values=[]),
                )
        except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
            text = " ".join(str(error).split())
            found = re.search(r"Row #(\d+): (.*)", text)
            where, reason = (f":{found[1]}", found[2]) if found else ("", text)
            raise InputError(f"{self.path}{where}: {_EXPECTED} ({reason})") from error

    @staticmethod
    def _contig(name: str, numbers: dict[str, int]) -> int:
        matched = matching_contigs([name], numbers)
        return numbers[matched[name]] if matched else -1


def _is_gzip(path: Path) -> bool:
    """Tell whether a file is compressed with gzip or bgzip."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _rows(start: np.ndarray, end: np.ndarray, count: np.ndarray, settings: Settings) -> np.ndarray:
    rows = np.zeros(len(start), ROW)
    rows["five"], rows["length"], rows["count"] = start, end - start, count
    rows["start"], rows["end"] = start, end
    if settings.duplicates == "drop":
        ends = (start << 32) | end
        rows = rows[np.sort(np.unique(ends, return_index=True)[1])]
    if settings.mode != "cut":
        return rows
    other = rows.copy()
    other["five"] = rows["end"] - 1
    other["flags"] = REVERSE | MINUS
    return np.concatenate([rows, other])
