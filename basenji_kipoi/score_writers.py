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

from basenji_kipoi.errors import InputError
from basenji_kipoi.score_tables import METADATA_KEY, long, long_schema, matrix, wide, wide_schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from basenji_kipoi.score_tables import ScoreTable
    from basenji_kipoi.variants import VariantFile

__all__ = ["SUFFIXES", "VCF_TAG", "ScoreWriter", "TableWriter", "VcfWriter", "suffix_of"]

#: Suffixes of outputs, of which a longer one comes first.
SUFFIXES = (".parquet", ".tsv.gz", ".tsv", ".vcf.gz", ".vcf")
#: The INFO tag of the scores.
VCF_TAG = "BASENJI"


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


class ScoreWriter(ABC):
    """Takes the blocks of a table in order. A context manager.

    Leaving it without an exception completes the file.
    """

    @abstractmethod
    def append(self, block: Any) -> None:  # noqa: ANN401 - pyarrow has no type hints
        """Append a block: a record batch of `basenji_kipoi.score_tables.ScoreTable.blocks`."""

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


class TableWriter(ScoreWriter):
    """Writes Parquet or TSV, in the wide or the long form.

    Parquet is compressed by zstd, and the metadata are in its schema. TSV begins with a line
    ``##basenji_score=`` of the metadata in JSON; an empty field is a missing value.

    Parameters
    ----------
    path
        A path that does not exist yet, with one of the suffixes.
    table
        What the blocks are.
    is_long
        Whether to write the long form.
    """

    def __init__(self, path: Path, table: ScoreTable, *, is_long: bool = False) -> None:
        self._table = table
        self._form: Callable = long if is_long else wide
        schema = (long_schema if is_long else wide_schema)(table)
        self._parquet: pyarrow.parquet.ParquetWriter | None = None
        self._text: io.BufferedIOBase | None = None
        if path.suffix == ".parquet":
            self._parquet = pyarrow.parquet.ParquetWriter(path, schema, compression="zstd")
            return
        # Without its name and the time, the same rows make the same file.
        self._file = path.open("wb")
        compressed = path.suffix == ".gz"
        self._text = (
            gzip.GzipFile(filename="", fileobj=self._file, mode="wb", mtime=0)
            if compressed
            else self._file
        )
        header = io.StringIO()
        header.write(f"##{METADATA_KEY}={table.metadata_text}\n")
        csv.writer(header, delimiter="\t", lineterminator="\n").writerow(schema.names)
        self._text.write(header.getvalue().encode())

    def append(self, block: Any) -> None:  # noqa: ANN401 - pyarrow has no type hints
        """Append a block."""
        rows = self._form(block, self._table)
        if self._parquet is not None:
            self._parquet.write_table(rows, row_group_size=max(len(rows), 1))
            return
        # CSV cannot be written of dictionaries in all versions of pyarrow.
        plain = pa.schema(
            [
                pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type)
                for f in rows.schema
            ]
        )
        options = pyarrow.csv.WriteOptions(delimiter="\t", include_header=False)
        pyarrow.csv.write_csv(rows.cast(plain), self._text, options)

    def _complete(self) -> None:
        """Nothing is left to write: closing does what is needed."""

    def _release(self) -> None:
        if self._parquet is not None:
            self._parquet.close()
        if self._text is not None:
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
        What the blocks are.
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
        fields = "|".join(["allele", "status", "ref_match", "window", *_field_names(table)])
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

    def append(self, block: Any) -> None:  # noqa: ANN401 - pyarrow has no type hints
        """Append a block."""
        values, has = matrix(block)
        numbers = block.column("record").to_pylist()
        described = zip(
            *(block.column(name).to_pylist() for name in ("alt", "status", "ref_match", "window"))
        )
        for number, (alt, status, match, window), row, present in zip(
            numbers, described, values, has
        ):
            if self._record is None:
                self._skip_to(number)
            match_text = "" if match is None else str(int(match))
            start = "" if window is None else str(window)
            scores = [f"{value:.6g}" for value in row.tolist()] if present else [""] * len(row)
            self._entries.append("|".join([alt, status, match_text, start, *scores]))
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
        if self._path.suffix == ".gz":
            # Records that are not sorted cannot be indexed, and need not be.
            with contextlib.suppress(OSError, ValueError):
                pysam.tabix_index(str(self._path), preset="vcf", force=True)

    def _release(self) -> None:
        self._file.close()
        self._source.close()


def _field_names(table: ScoreTable) -> list[str]:
    """Name the fields in letters that every tool takes, each differently."""
    names = [re.sub(r"[^0-9A-Za-z_.]", "_", name) for name in table.value_names]
    counts = Counter(names)
    return [name if counts[name] == 1 else f"{name}.{place}" for place, name in enumerate(names)]
