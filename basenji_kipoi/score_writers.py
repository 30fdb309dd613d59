"""Files of score tables: Parquet, TSV, and the VCF of the variants with the scores in one tag."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import re
from abc import ABC, abstractmethod
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pysam
from pyarrow import compute

from basenji_kipoi.errors import InputError
from basenji_kipoi.score_tables import METADATA_KEY, matrix

if TYPE_CHECKING:
    from types import TracebackType
    from typing import BinaryIO

    from basenji_kipoi.score_tables import ScoreTable
    from basenji_kipoi.variants import VariantFile

__all__ = [
    "SUFFIXES",
    "VCF_TAG",
    "ParquetWriter",
    "ScoreWriter",
    "TsvWriter",
    "VcfWriter",
    "make_index",
    "suffix_of",
    "table_writer",
]

#: Suffixes of outputs, of which a longer one comes first.
SUFFIXES = (".parquet", ".tsv.gz", ".tsv", ".vcf.gz", ".vcf")
#: The INFO tag of the scores.
VCF_TAG = "BASENJI"

#: Values of a row group of Parquet: 64 MiB of numbers.
_GROUP_VALUES = 1 << 24


def suffix_of(path: Path) -> str:
    """Return the suffix that tells the format of an output.

    Raises
    ------
    InputError
        If it is none of `SUFFIXES`.
    """
    for suffix in SUFFIXES:
        if path.name.endswith(suffix) and path.name != suffix:
            return suffix
    raise InputError(f"the output {path} names no known format: use {', '.join(SUFFIXES)}")


def table_writer(path: Path, schema: pa.Schema) -> ScoreWriter:
    """Open the writer of a Parquet or TSV file."""
    return (ParquetWriter if suffix_of(path) == ".parquet" else TsvWriter)(path, schema)


class ScoreWriter(ABC):
    """Takes the rows of a table in order. A context manager.

    Leaving it without an exception completes the file.
    """

    @abstractmethod
    def append(self, rows: Any) -> None:  # noqa: ANN401 - pyarrow has no type hints
        """Append rows."""

    @abstractmethod
    def _complete(self) -> None:
        """Finish the file."""

    @abstractmethod
    def _release(self) -> None:
        """Close what is open, after completion or failure."""

    def __enter__(self) -> ScoreWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._complete()
        finally:
            self._release()


class ParquetWriter(ScoreWriter):
    r"""Writes Parquet, compressed by zstd, in row groups of a size that follows from the columns.

    So the file depends on the rows alone, and not on how they were cut when they came.

    Parameters
    ----------
    path
        A path that does not exist yet.
    schema
        The columns, with metadata; rows are `pyarrow.Table`\ s of this schema.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        self._file = pyarrow.parquet.ParquetWriter(path, schema, compression="zstd")
        self._group = max(1, _GROUP_VALUES // len(schema))
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def append(self, rows: Any) -> None:  # noqa: ANN401 - pyarrow has no type hints
        """Append rows."""
        while len(rows):
            taken = rows.slice(0, self._group - self._rows)
            rows = rows.slice(len(taken))
            self._waiting.append(taken)
            self._rows += len(taken)
            if self._rows == self._group:
                self._flush()

    def _flush(self) -> None:
        if self._waiting:
            joined = pa.concat_tables(self._waiting).unify_dictionaries().combine_chunks()
            self._file.write_table(joined, row_group_size=self._group)
            self._waiting, self._rows = [], 0

    def _complete(self) -> None:
        self._flush()

    def _release(self) -> None:
        self._file.close()


class TsvWriter(ScoreWriter):
    r"""Writes tab-separated text; an empty field is a missing value.

    The first line is ``##basenji_score=`` and the metadata in JSON, the second names the columns.

    Parameters
    ----------
    path
        A path that does not exist yet; compressed by gzip if it ends in ``.gz``.
    schema
        The columns, with metadata; rows are `pyarrow.Table`\ s of this schema.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._file: BinaryIO = path.open("wb")
        self._text: Any = self._file
        if path.suffix == ".gz":
            # Without name and time, so that the same rows make the same file.
            self._text = gzip.GzipFile(filename="", fileobj=self._file, mode="wb", mtime=0)
        header = io.StringIO()
        header.write(f"##{METADATA_KEY}={schema.metadata[METADATA_KEY.encode()].decode()}\n")
        csv.writer(header, delimiter="\t", lineterminator="\n").writerow(schema.names)
        self._text.write(header.getvalue().encode())

    def append(self, rows: Any) -> None:  # noqa: ANN401 - pyarrow has no type hints
        """Append rows."""
        # pyarrow writes no dictionaries as CSV.
        plain = pa.schema(
            (field.name, getattr(field.type, "value_type", field.type)) for field in rows.schema
        )
        rows = rows.cast(plain)
        quoted = any(
            compute.any(compute.match_substring(column, '"')).as_py()
            for column in rows.columns
            if pa.types.is_string(column.type)
        )
        options = pyarrow.csv.WriteOptions(
            delimiter="\t", include_header=False, quoting_style="needed" if quoted else "none"
        )
        pyarrow.csv.write_csv(rows, self._text, options)

    def _complete(self) -> None:
        """Nothing is left to write: closing does what is needed."""

    def _release(self) -> None:
        with contextlib.closing(self._file):
            self._text.close()


class VcfWriter(ScoreWriter):
    """Writes the records of the variants' file with one more tag, `VCF_TAG`.

    The tag has one entry an alternative allele, separated by commas, whose fields are separated by
    ``|`` and named in the header, as those of VEP and of ``bcftools csq`` are.

    Parameters
    ----------
    path
        A path that does not exist yet, ``.vcf`` or ``.vcf.gz``; the latter gets an index, if its
        records are sorted.
    table
        What the rows are: record batches of its `ScoreTable.schema`, with whole records.
    variants
        The file that the alleles were read from.
    """

    def __init__(self, path: Path, table: ScoreTable, variants: VariantFile) -> None:
        self._path = path
        self._source = variants.open()
        header = self._source.header
        if VCF_TAG in header.info:
            raise InputError(
                f"{variants.name} has the tag {VCF_TAG} already: remove it "
                f"(bcftools annotate -x INFO/{VCF_TAG}), or write .parquet or .tsv"
            )
        # `bcftools +split-vep` refuses a tag without a field Consequence; this one stays empty.
        described = ["allele", "status", "ref_match", "window"]
        fields = "|".join([*described, *_field_names(table), "Consequence"])
        header.add_line(f"##{METADATA_KEY}={table.metadata_text}")
        header.add_line(
            f"##INFO=<ID={VCF_TAG},Number=.,Type=String,"
            f'Description="Predicted effects of the allele. Format: {fields}">'
        )
        self._records = iter(self._source)
        self._number = 0
        self._file = pysam.VariantFile(
            str(path), "wz" if path.suffix == ".gz" else "w", header=header
        )
        #: Alleles of the record at hand that were not written yet, and its entries until now.
        self._record: Any = None
        self._entries: list[str] = []

    def append(self, rows: Any) -> None:  # noqa: ANN401 - pyarrow has no type hints
        """Append rows."""
        values, has = matrix(rows)
        numbers = rows.column("record").to_pylist()
        described = zip(
            *(rows.column(name).to_pylist() for name in ("alt", "status", "ref_match", "window"))
        )
        for number, (alt, status, match, window), row, present in zip(
            numbers, described, values, has
        ):
            if self._record is None:
                self._skip_to(number)
            match_text = "" if match is None else str(int(match))
            start = "" if window is None else str(window)
            scores = [f"{value:.6g}" for value in row.tolist()] if present else [""] * len(row)
            self._entries.append("|".join([alt, status, match_text, start, *scores, ""]))
            if len(self._entries) == max(len(self._record.alts or ()), 1):
                self._record.info[VCF_TAG] = tuple(self._entries)
                self._file.write(self._record)
                self._record, self._entries = None, []

    def _skip_to(self, number: int) -> None:
        while self._number <= number:
            self._record = next(self._records)
            self._number += 1

    def _complete(self) -> None:
        self._file.close()
        make_index(self._path)

    def _release(self) -> None:
        self._file.close()
        self._source.close()


def make_index(path: Path) -> bool:
    """Index a compressed VCF, if its records are sorted; tell whether it has an index now."""
    if path.suffix != ".gz":
        return False
    try:
        pysam.tabix_index(str(path), preset="vcf", force=True)
    except OSError:
        # Records that are not sorted cannot be indexed, and need not be.
        return False
    return True


def _field_names(table: ScoreTable) -> list[str]:
    """Name the fields in letters that every tool takes, each differently."""
    names = [re.sub(r"[^0-9A-Za-z_.]", "_", name) for name in table.value_names]
    counts = Counter(names)
    return [name if counts[name] == 1 else f"{name}.{place}" for place, name in enumerate(names)]
