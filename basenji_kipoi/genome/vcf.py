"""Alleles of a VCF or BCF file, in a stream, with the reason where a record cannot be read.

A file is opened more than once (for its header, its alleles, its lines), and from the middle on.
What can be read only once or not by htslib, standard input and gzip that is not bgzip, is unpacked
into a temporary file first.
"""

from __future__ import annotations

import contextlib
import gzip
import itertools
import re
import shutil
import sys
import tempfile
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

import pysam

from basenji_kipoi.base.checksum import fingerprint
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.remote.local import local_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

__all__ = ["STANDARD_INPUT", "Alleles", "Variant", "VariantFile"]

#: The name that stands for standard input.
STANDARD_INPUT = "-"

_GZIP_MAGIC = b"\x1f\x8b"
#: A gzip block's header with the extra field that only bgzip writes (SAM specification 4.1).
_BGZIP_FIELD = slice(12, 14), b"BC"
#: An allele in one word.
_ALLELE = re.compile(r"(\S+):(\d[\d,]*):([A-Za-z]+)[:>]([A-Za-z]+)", re.ASCII)
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

    @classmethod
    def parse(cls, text: str) -> Variant:
        """Read an allele such as ``chrI:1234:A:G`` or ``chrI:1234:A>G``, position from 1.

        Raises
        ------
        InputError
            If the text is none.
        """
        found = _ALLELE.fullmatch(text.strip())
        if not found:
            raise InputError(
                f"no variant {text!r}: expected contig:position:REF:ALT with the position of REF's "
                "first base counted from 1, for instance chrI:1234:A:G"
            )
        chrom, pos, ref, alt = found.groups()
        return cls(0, chrom, int(pos.replace(",", "")), None, ref, alt)

    def __str__(self) -> str:
        return f"{self.chrom}:{self.pos:,} {self.ref}>{self.alt}"


class VariantFile(contextlib.AbstractContextManager):
    """A VCF or BCF file, plain or compressed, with or without an index. A context manager.

    Parameters
    ----------
    path
        The file, its address (https, http, s3, gs), or ``-`` for standard input.

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
        #: Whether it is VCF, not BCF.
        self.is_text = False
        try:
            self.path = self._readable(path)
            self._fingerprint = fingerprint(self.path)
            with self.open() as file:
                self.is_text = not file.is_bcf
                try:
                    #: Length of each contig that the header gives one (bp).
                    self.contig_lengths: dict[str, int] = {
                        name: contig.length
                        for name, contig in file.header.contigs.items()
                        if contig.length
                    }
                    #: INFO tags that the header defines.
                    self.info_tags: list[str] = list(file.header.info)
                    #: Samples.
                    self.samples: list[str] = list(file.header.samples)
                except UnicodeDecodeError:
                    raise InputError(
                        f"{self.name}: the header has names (contig, tag, sample) that are no UTF-8"
                    ) from None
        except BaseException:
            self.close()
            raise

    @property
    def is_copy(self) -> bool:
        """Whether an unpacked copy is read, which is gone with this object."""
        return self._scratch is not None

    def __iter__(self) -> Iterator[Variant]:
        """Read every alternative allele, as `alleles` does."""
        return iter(self.alleles())

    def alleles(self, *, record: int = 0, offset: int | None = None) -> Alleles:
        """Read every alternative allele from a record on, in the order of the file.

        Parameters
        ----------
        record, offset
            Number of the first record that is read, and its place, as `Alleles.offset` told it;
            None for the file's first record.
        """
        return Alleles(self, record, offset)

    def header_lines(self) -> list[str]:
        """Read the header as text, without line ends, ``#CHROM`` last."""
        if not self.is_text:
            with self.open() as file:
                return str(file.header).splitlines()
        header = []
        for line in self.text_lines():
            header.append(_text_of(line))
            if not line.startswith(b"##"):
                break
        return header

    def text_lines(self) -> Iterator[bytes]:
        """Read all lines of a VCF, the header's too, with their ends."""
        with self._open_text() as lines:
            # Of a file by bgzip they come without.
            yield from (line.rstrip(b"\n") + b"\n" for line in lines)

    def record_lines(self, offset: int) -> Iterator[str]:
        """Read records as text, without line ends, from a place on; BCF becomes VCF."""
        if not self.is_text:
            with self.open() as file:
                file.seek(offset)
                yield from (str(record).rstrip("\n") for record in file)
            return
        with self._open_text() as lines:
            lines.seek(offset)
            yield from map(_text_of, lines)

    def check_unchanged(self) -> None:
        """Check that the file is the one that was opened.

        Raises
        ------
        InputError
            If it was changed or replaced since, so that parts of it may be of either one.
        """
        with contextlib.suppress(InputError):
            if fingerprint(self.path) == self._fingerprint:
                return
        raise self.changed()

    def changed(self) -> InputError:
        """Make the error of a file that was changed while it was read."""
        return InputError(
            f"{self.name} was changed or replaced while it was read: put the old one back and go "
            "on with --resume, or begin anew with --overwrite"
        )

    def open(self, *, samples: bool = True) -> pysam.VariantFile:
        """Open the file with pysam, with or without the samples' columns."""
        # htslib's own notices come without the file's name, and would bury the one line.
        pysam.set_verbosity(0)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # pysam warns where a file seems truncated
                # Of BCF, pysam cannot leave out the samples, and need not: it parses them late.
                drop = self.is_text and not samples
                return pysam.VariantFile(str(self.path), drop_samples=drop)
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

    def __exit__(self, *_: object) -> None:
        self.close()

    def _readable(self, path: str | Path) -> Path:
        if str(path) == STANDARD_INPUT:
            return self._kept(sys.stdin.buffer)
        if not (path := local_path(path)).exists():
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
        self._scratch = self._scratch or Path(tempfile.mkdtemp(prefix="basenji-variants."))
        copy = self._scratch / f"copy{len(list(self._scratch.iterdir()))}"
        with copy.open("wb") as file:
            shutil.copyfileobj(content, file, 1 << 20)
        return copy

    def _open_text(self) -> Any:  # noqa: ANN401 - one of two kinds of binary files
        return pysam.BGZFile(str(self.path)) if _is_gzip(self.path) else self.path.open("rb")

    def records(self, *, samples: bool = True) -> Iterator[tuple[int, pysam.VariantRecord]]:
        """Read the records with their numbers from 0; `naming` is for what is asked of them."""
        with self.open(samples=samples) as file:
            for number in itertools.count():
                with self.naming(number):
                    record = next(file, None)
                if record is None:
                    return
                yield number, record

    @contextlib.contextmanager
    def naming(self, record: int) -> Iterator[None]:
        """Turn what pysam raises on a malformed record, of some number, into an `InputError`."""
        try:
            yield
        except InputError:
            raise
        except (OSError, ValueError) as error:
            raise self.malformed(record, error) from None

    def malformed(self, record: int, error: Exception) -> InputError:
        """Make the error of a record that cannot be read: where it stands, and what is there."""
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


class Alleles:
    """The alternative alleles of a file, in order, from some record on. An iterable.

    Attributes
    ----------
    offset : int
        Where the record of the latest allele begins, before the first allele that of the first
        record: a byte, or in bgzip and BCF a virtual offset (SAM specification 4.1.1).

    Raises
    ------
    InputError
        If a record is malformed; names its line (of BCF, its number).
    """

    def __init__(self, variants: VariantFile, record: int, offset: int | None) -> None:
        self._variants, self._record = variants, record
        self._file = variants.open(samples=False)
        try:
            if offset is not None:
                self._file.seek(offset)
            self.offset = self._file.tell()
        except (OSError, ValueError):
            raise variants.changed() from None

    def __iter__(self) -> Iterator[Variant]:
        number, file = self._record, self._file
        tell, following = file.tell, file.__next__
        try:
            while True:
                place = tell()
                try:
                    record = following()
                    alleles = record.alts or (".",)
                    chrom, pos, name, ref = record.chrom, record.pos, record.id, record.ref
                except StopIteration:
                    return
                except (OSError, ValueError) as error:
                    raise self._variants.malformed(number, error) from None
                self.offset = place
                for allele in alleles:
                    yield Variant(number, chrom, pos, name, ref, allele)
                number += 1
        finally:
            # Closing a damaged file fails too, and would hide what was found before.
            with contextlib.suppress(OSError):
                file.close()


def _text_of(line: bytes) -> str:
    return line.decode("utf-8", errors="surrogateescape").rstrip("\r\n")


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
        numbered = enumerate(lines, start=1)
        records = itertools.dropwhile(lambda each: each[1].startswith(b"#"), numbered)
        number, line = next(itertools.islice(records, record, None), (None, b""))
    return number, line.decode("utf-8", errors="replace").rstrip("\r\n")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or " ".join(str(error).split())
