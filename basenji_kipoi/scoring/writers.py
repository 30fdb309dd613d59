"""Files of score tables: Parquet, TSV, and the VCF of the variants with the scores in one tag."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from abc import abstractmethod
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pysam
from Bio.bgzf import BgzfWriter
from pyarrow import compute

from basenji_kipoi.base.atomic import Writer
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.scoring.tables import METADATA_KEY, ROWS_KEY, matrix

if TYPE_CHECKING:
    from basenji_kipoi.genome.vcf import VariantFile
    from basenji_kipoi.scoring.plan import Part
    from basenji_kipoi.scoring.tables import ScoreTable

__all__ = [
    "SUFFIXES",
    "VCF_TAG",
    "ParquetWriter",
    "ScoreWriter",
    "TextOutput",
    "TsvWriter",
    "VcfWriter",
    "check_vcf_output",
    "make_index",
    "suffix_of",
    "table_writer",
]

#: Suffixes of outputs, of which a longer one comes first.
SUFFIXES = (".parquet", ".tsv.gz", ".tsv", ".vcf.gz", ".vcf")
#: The INFO tag of the scores.
VCF_TAG = "BASENJI"

#: Bytes of a bgzip block of a header; a block holds less than 64 KiB.
_HEADER_BLOCK = 1 << 15
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


class ScoreWriter(Writer):
    """Takes the rows of a table in order."""

    @abstractmethod
    def append(self, rows: Any) -> None:  # noqa: ANN401 - pyarrow has no type hints
        """Append rows."""


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
        # Opened by Python: Arrow takes no names of files that are not UTF-8.
        self._bytes = path.open("xb")
        self._file = pyarrow.parquet.ParquetWriter(
            self._bytes, schema, compression="zstd", write_page_checksum=True
        )
        self._all_rows = 0
        self._group = max(1, _GROUP_VALUES // len(schema))
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def append(self, rows: Any) -> None:  # noqa: ANN401 - pyarrow has no type hints
        """Append rows."""
        while len(rows):
            taken = rows.slice(0, self._group - self._rows)
            rows = rows.slice(len(taken))
            self._waiting.append(taken)
            self._all_rows += len(taken)
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
        self._file.add_key_value_metadata({ROWS_KEY: str(self._all_rows)})

    def _release(self) -> None:
        with self._bytes:
            self._file.close()


class TsvWriter(ScoreWriter):
    r"""Writes tab-separated text; an empty field is a missing value.

    The first line is ``##basenji_score=`` and the metadata in JSON, the second names the columns.

    Parameters
    ----------
    path
        A path that does not exist yet; compressed by bgzip if it ends in ``.gz``.
    schema
        The columns, with metadata; rows are `pyarrow.Table`\ s of this schema.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        names = io.StringIO()
        csv.writer(names, delimiter="\t", lineterminator="\n").writerow(schema.names)
        metadata = schema.metadata[METADATA_KEY.encode()].decode()
        self._file = TextOutput(path, b"", metadata, names.getvalue().encode())

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
        # A file of bgzip takes bytes only.
        sink = pa.BufferOutputStream()
        pyarrow.csv.write_csv(rows, sink, options)
        self._file.write(sink.getvalue().to_pybytes())

    def _complete(self) -> None:
        self._file.complete()

    def _release(self) -> None:
        self._file.close()


class VcfWriter(ScoreWriter):
    """Writes the records of the variants' file, as they are, with one more INFO tag, `VCF_TAG`.

    The tag has one entry an alternative allele, separated by commas, whose fields are separated by
    ``|`` and named in the header, as those of VEP and of ``bcftools csq`` are.

    Parameters
    ----------
    path
        A path that does not exist yet, ``.vcf`` or ``.vcf.gz``.
    table
        What the rows are: record batches of its `ScoreTable.schema`.
    variants, first
        The file that the alleles were read from, and the first part of them, None if there is none.
    """

    def __init__(
        self, path: Path, table: ScoreTable, variants: VariantFile, first: Part | None
    ) -> None:
        # `bcftools +split-vep` refuses a tag without a field Consequence; this one stays empty.
        described = ["allele", "status", "ref_match", "window"]
        fields = "|".join([*described, *_field_names(table), "Consequence"])
        *header, names = variants.header_lines()
        tag = (
            f"##INFO=<ID={VCF_TAG},Number=.,Type=String,"
            f'Description="Predicted effects of the allele. Format: {fields}">'
        )
        lines = b"".join(map(_line, header))
        self._file = TextOutput(path, lines, table.metadata_text, _line(tag) + _line(names))
        self._variants = variants
        #: The records from the first one on, and the number of the next of them.
        self._lines = iter(()) if first is None else variants.record_lines(first.offset)
        self._next = 0 if first is None else first.record
        #: Number, entries and alleles of the record whose alleles are coming.
        self._record: int | None = None
        self._entries: list[str] = []
        self._alleles: list[tuple[str, int, str, str]] = []

    def append(self, rows: Any) -> None:  # noqa: ANN401 - pyarrow has no type hints
        """Append rows."""
        values, has = matrix(rows)
        described = zip(
            *(
                rows.column(name).to_pylist()
                for name in (
                    "record",
                    "chrom",
                    "pos",
                    "ref",
                    "alt",
                    "status",
                    "ref_match",
                    "window",
                )
            )
        )
        for (record, *allele, status, match, window), row, present in zip(described, values, has):
            if record != self._record:
                self._flush()
                self._record = record
            match_text = "" if match is None else str(int(match))
            start = "" if window is None else str(window)
            scores = [f"{value:.6g}" for value in row.tolist()] if present else [""] * len(row)
            self._alleles.append(tuple(allele))
            self._entries.append("|".join([allele[-1], status, match_text, start, *scores, ""]))

    def _flush(self) -> None:
        """Write the record whose alleles are complete."""
        if self._record is None:
            return
        line = None
        while self._next <= self._record:
            line = next(self._lines, None)
            self._next += 1
        columns = [] if line is None else line.split("\t", 8)
        columns += ["."] * (8 - len(columns))
        chrom, pos, _, ref, alts = columns[:5]
        if self._alleles != [(chrom, _number(pos), ref, alt) for alt in alts.split(",")]:
            # Scores must not stand at alleles that they are not of.
            raise self._variants.changed()
        tag = f"{VCF_TAG}={','.join(self._entries)}"
        columns[7] = tag if columns[7] in ("", ".") else f"{columns[7]};{tag}"
        self._file.write(_line("\t".join(columns)))
        self._entries, self._alleles = [], []

    def _complete(self) -> None:
        self._flush()
        self._file.complete()

    def _release(self) -> None:
        self._file.close()


class TextOutput:
    """A new file of text whose metadata tell how many rows it has, and their checksum.

    What stands in the header is known at the end: there is room for it, which `complete` fills.

    Parameters
    ----------
    path
        A path that does not exist yet; compressed by bgzip if it ends in ``.gz``.
    before, after
        Lines of the header before and behind that of the metadata, with their ends.
    metadata
        The metadata as one line of JSON.
    """

    def __init__(self, path: Path, before: bytes, metadata: str, after: bytes) -> None:
        self._path, self._is_packed = path, path.suffix == ".gz"
        self._before, self._metadata, self._after = before, metadata, after
        self._digest, self._rows = hashlib.sha256(), 0
        handle = path.open("wb")
        self._write_header(handle)
        self._file = BgzfWriter(fileobj=handle, mode="wb") if self._is_packed else handle

    def write(self, rows: bytes) -> None:
        """Append rows, each with its line end."""
        self._digest.update(rows)
        self._rows += rows.count(b"\n")
        self._file.write(rows)

    def complete(self) -> None:
        """Close the file, and tell in its header what it holds."""
        self.close()
        with self._path.open("r+b") as handle:
            self._write_header(handle)

    def close(self) -> None:
        """Close the file if it is open."""
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def _write_header(self, handle: BinaryIO) -> None:
        """Write the header; it has the same length whatever it tells of the rows."""
        rows = f'"rows": {{"number": {self._rows:>15}, "sha256": "{self._digest.hexdigest()}"}}}}'
        known = self._metadata.rstrip("}") if self._metadata == "{}" else self._metadata[:-1] + ", "
        line = f"##{METADATA_KEY}={known}{rows}\n".encode()
        header = self._before + line + self._after
        if not self._is_packed:
            handle.write(header)
            return
        # Blocks that are not compressed have a length that does not depend on what they hold.
        packed = BgzfWriter(fileobj=handle, mode="wb", compresslevel=0)
        for first in range(0, len(header), _HEADER_BLOCK):
            packed.write(header[first : first + _HEADER_BLOCK])
            packed.flush()


def _line(text: str) -> bytes:
    return f"{text}\n".encode(errors="surrogateescape")


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() else None


def check_vcf_output(variants: VariantFile) -> None:
    """Check that the scores of variants can be written as VCF, before any work is spent.

    Raises
    ------
    InputError
        If the file has the tag of the scores already.
    """
    if VCF_TAG in variants.info_tags:
        raise InputError(
            f"{variants.name} has the tag {VCF_TAG} already: remove it "
            f"(bcftools annotate -x INFO/{VCF_TAG}), or write .parquet or .tsv"
        )


def make_index(path: Path) -> bool:
    """Index a compressed VCF, if its records are sorted; tell whether it has an index now."""
    if path.suffix != ".gz":
        return False
    try:
        pysam.tabix_index(str(path), preset="vcf", force=True)
    except OSError:
        # Records that are not sorted cannot be indexed, and need not be.
        Path(f"{path}.tbi").unlink(missing_ok=True)
        return False
    return True


def _field_names(table: ScoreTable) -> list[str]:
    """Name the fields in letters that every tool takes, each differently."""
    names = [re.sub(r"[^0-9A-Za-z_.]", "_", name) for name in table.value_names]
    counts = Counter(names)
    return [name if counts[name] == 1 else f"{name}.{place}" for place, name in enumerate(names)]
