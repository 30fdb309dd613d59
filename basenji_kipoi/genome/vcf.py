"""Alleles of a VCF or BCF file, in a stream, with the reason where a record cannot be read.

A file is read more than once (to count, to score, to write), so what can be read only once or not
by htslib, standard input and gzip that is not bgzip, is unpacked into a temporary file first.
"""

from __future__ import annotations

import contextlib
import gzip
import shutil
import sys
import tempfile
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Optional

import pysam

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import BinaryIO

__all__ = ["STANDARD_INPUT", "Variant", "VariantFile"]

#: The name that stands for standard input.
STANDARD_INPUT = "-"

_GZIP_MAGIC = b"\x1f\x8b"
#: A gzip block's header with the extra field that only bgzip writes (SAM specification 4.1).
_BGZIP_FIELD = slice(12, 14), b"BC"
#: Columns that every record has.
_COLUMNS = 8


class Variant(NamedTuple):
    """One alternative allele of a record, as the file has it.

    Attributes
    ----------
    record : int
        Number of the record, from 0.
    chrom : str
        Contig.
    pos : int
        Position of the first base of REF, counted from 1.
    id : str or None
        Identifier; None where the file has ``.``.
    ref, alt : str
        Alleles in the file's own letters; ``alt`` is ``.`` where the record has no alternative.
    """

    record: int
    chrom: str
    pos: int
    id: Optional[str]
    ref: str
    alt: str


class VariantFile:
    """A VCF or BCF file, plain or compressed, with or without an index. A context manager.

    Parameters
    ----------
    path
        The file, or ``-`` for standard input.

    Attributes
    ----------
    name : str
        What messages call the file.
    path : Path
        The file that is read: the given one, or an unpacked copy.

    Raises
    ------
    InputError
        If the file is missing, truncated, or no VCF or BCF.
    """

    def __init__(self, path: str | Path) -> None:
        self.name = "standard input" if str(path) == STANDARD_INPUT else str(path)
        self._scratch: Path | None = None
        self._is_bcf = True
        try:
            self.path = self._readable(path)
            with self.open() as file:
                self._is_bcf = file.is_bcf
                #: Length of each contig that the header gives one (bp).
                self.contig_lengths: dict[str, int] = {
                    name: contig.length
                    for name, contig in file.header.contigs.items()
                    if contig.length
                }
                #: INFO tags that the header defines.
                self.info_tags: list[str] = list(file.header.info)
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[Variant]:
        """Read every alternative allele, in the order of the file.

        Raises
        ------
        InputError
            If a record is malformed; names its line (of BCF, its number).
        """
        number = 0
        file = self.open(samples=False)
        try:
            while True:
                try:
                    record = next(file)
                    alleles = record.alts or (".",)
                    fields = number, record.chrom, record.pos, record.id, record.ref
                except StopIteration:
                    return
                except (OSError, ValueError) as error:
                    raise self._malformed(number, error) from None
                for allele in alleles:
                    yield Variant(*fields, allele)
                number += 1
        finally:
            # Closing a damaged file fails too, and would hide what was found before.
            with contextlib.suppress(OSError):
                file.close()

    def lines(self) -> Generator[str, None, None]:
        """Read the file as text, header and records, without line ends; BCF becomes VCF."""
        if self._is_bcf:
            with self.open() as file:
                yield from str(file.header).splitlines()
                yield from (str(record).rstrip("\n") for record in file)
            return
        opener = gzip.open if _is_gzip(self.path) else open
        with opener(self.path, "rt", encoding="utf-8", errors="surrogateescape") as lines:
            yield from (line.rstrip("\r\n") for line in lines)

    def open(self, *, samples: bool = True) -> pysam.VariantFile:
        """Open the file with pysam, with or without the samples' columns."""
        # htslib's own notices come without the file's name, and would bury the one line.
        pysam.set_verbosity(0)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # pysam warns where a file seems truncated
                # Of BCF, pysam cannot leave out the samples, and need not: it parses them late.
                drop = not (samples or self._is_bcf)
                return pysam.VariantFile(str(self.path), drop_samples=drop)
        except FileNotFoundError:
            raise InputError(f"the VCF file {self.name} does not exist") from None
        except (OSError, ValueError, Warning) as error:
            if "EOF marker" in str(error):
                raise InputError(
                    f"{self.name} is truncated: the block that ends a bgzip file is missing: "
                    "get the file again"
                ) from None
            if isinstance(error, ValueError):
                raise InputError(
                    f"{self.name} is neither VCF nor BCF: expected a header that begins with "
                    "##fileformat=VCF and ends with the line #CHROM"
                ) from None
            raise InputError(f"the VCF file {self.name} cannot be read: {_reason(error)}") from None

    def close(self) -> None:
        """Remove the unpacked copy, if there is one."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def __enter__(self) -> VariantFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _readable(self, path: str | Path) -> Path:
        if str(path) == STANDARD_INPUT:
            return self._kept(sys.stdin.buffer)
        path = Path(path)
        if not path.exists():
            raise InputError(f"the VCF file {path} does not exist")
        if path.is_dir():
            raise InputError(f"the VCF file {path} is not a file (standard input is '-')")
        if not path.is_file():
            with path.open("rb") as pipe:
                return self._kept(pipe)
        return self._unpacked(path) if _is_plain_gzip(path) else path

    def _kept(self, stream: BinaryIO) -> Path:
        """Keep what can be read only once."""
        copy = self._copy(stream)
        return self._unpacked(copy) if _is_plain_gzip(copy) else copy

    def _unpacked(self, path: Path) -> Path:
        try:
            with gzip.open(path) as content:
                return self._copy(content)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise InputError(f"{self.name} is truncated or damaged: get the file again") from None

    def _copy(self, content: BinaryIO | gzip.GzipFile) -> Path:
        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(prefix="basenji-variants."))
        copy = self._scratch / f"copy{len(list(self._scratch.iterdir()))}"
        with copy.open("wb") as file:
            shutil.copyfileobj(content, file, 1 << 20)
        return copy

    def _malformed(self, record: int, error: Exception) -> InputError:
        """Say where the record with a number stands, and what is there."""
        try:
            line, text = _line_of(self.path, record)
        except (OSError, EOFError, zlib.error):
            return InputError(
                f"{self.name} is truncated or damaged behind record {record}: get the file again"
            )
        if line is None:
            return InputError(
                f"{self.name}: record {record + 1} is malformed or the file is damaged "
                f"({_reason(error)})"
            )
        columns = text.split("\t")
        if len(columns) < _COLUMNS:
            problem = (
                "not a VCF record: expected at least eight columns separated by tabs (CHROM, POS, "
                "ID, REF, ALT, QUAL, FILTER, INFO)"
            )
        elif not columns[1].isdecimal():
            problem = "not a VCF record: expected a whole number in the second column (POS)"
        else:
            problem = f"malformed, or the file is damaged ({_reason(error)})"
        return InputError(f"{self.name}:{line}: {problem}, found {text[:60]!r}")


def _is_plain_gzip(path: Path) -> bool:
    with path.open("rb") as content:
        head = content.read(18)
    place, mark = _BGZIP_FIELD
    return head.startswith(_GZIP_MAGIC) and head[place] != mark


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as content:
        return content.read(2) == _GZIP_MAGIC


def _line_of(path: Path, record: int) -> tuple[int | None, str]:
    """Find the line of a record: its number from 1 and its text; None in BCF."""
    with (gzip.open if _is_gzip(path) else open)(path, "rb") as lines:
        if lines.read(3) == b"BCF":
            return None, ""
        lines.seek(0)
        in_header = True
        for number, line in enumerate(lines, start=1):
            in_header = in_header and line.startswith(b"#")
            if not in_header:
                if not record:
                    return number, line.decode("utf-8", errors="replace").rstrip("\r\n")
                record -= 1
    return None, ""


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or " ".join(str(error).split())
