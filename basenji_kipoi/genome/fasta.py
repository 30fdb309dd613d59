"""Windows of a FASTA file as base codes, padded where they reach beyond a chromosome.

Files are read by pyfaidx, not by pysam, which reads alignments and variants elsewhere: the
dataloader reads genomes by this very class, in an environment that has no pysam.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import struct
import tempfile
import time
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyfaidx

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.remote.local import local_path
from basenji_kipoi.base.sequence import UNKNOWN, encode
from basenji_kipoi.base.text_files import check_seekable, open_bytes
from basenji_kipoi.genome.contig_names import did_you_mean
from basenji_kipoi.genome.fasta_index import CHECKED, LONG, misplaced_contig

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Genome", "open_genome"]

#: An index may be this much older than its FASTA file: a copy or a checkout of both writes them
#: within moments and in any order.
_INDEX_AGE_TOLERANCE = 1.0  # seconds

_BLOCK = 1 << 22  # bytes that are looked at together

_GZIP_MAGIC = b"\x1f\x8b"
#: White space at the end of a line would count as a base.
_SPACE_AT_END = re.compile(rb"[ \t\v\f]\r?\n")
_SPACES = (
    "{path}: lines of sequence end with spaces or tabs, which are no bases: remove them "
    "(sed -i 's/[[:space:]]*$//'), and delete the index if there is one, it is made anew"
)
#: The empty block that ends every bgzip file (SAM specification, section 4.1.2).
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")

#: What pyfaidx and Biopython raise on files that are damaged, whatever the damage.
_READ_ERRORS = (
    OSError,
    RuntimeError,
    ValueError,
    LookupError,
    AssertionError,
    struct.error,
    zlib.error,
    pyfaidx.FastaIndexingError,
)


class Genome:
    """A FASTA file, plain or compressed with bgzip, read at random through its index.

    A missing index is made next to the file. The object may be used from several threads, may be
    pickled, and opens the file anew in a process that was forked, because processes that share
    an open file would move each other's position in it.

    Parameters
    ----------
    fasta
        The FASTA file, or its address (https, http, s3, gs), of which a copy is kept. Its index is
        ``<fasta>.fai``, for bgzip also ``<fasta>.gzi``.

    Attributes
    ----------
    path : Path
        The FASTA file.
    lengths : dict of str to int
        Length of each contig (bp), in the order of the file.

    Raises
    ------
    InputError
        If the file is missing, empty, truncated or not FASTA, if it is compressed but not with
        bgzip, or if its index is older than it, does not fit it, or is missing and cannot be made.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> genome = bk.Genome("genome.fa")
    >>> genome
    <Genome genome.fa: 2 contigs, 120,000 bp>
    >>> genome.codes("chrA", -2, 3)
    array([4, 4, 1, 0, 3], dtype=uint8)
    """

    def __init__(self, fasta: str | os.PathLike[str]) -> None:
        self.path = local_path(fasta)
        self._compressed = _check_file(self.path)
        self._check_index()
        self._open()
        self.lengths: dict[str, int] = {
            name: record.rlen for name, record in self._faidx.index.items()
        }
        self._check_end()

    def codes(self, chrom: str, start: int, end: int) -> np.ndarray:
        """Read the codes of an interval.

        Parameters
        ----------
        chrom
            Contig.
        start, end
            Interval [start, end) in bp, 0-based. It may reach beyond either end of the contig.

        Returns
        -------
        ndarray, uint8, shape (end - start,)
            Codes as `basenji_kipoi.base.sequence.encode` makes them; 4 beyond the contig's ends.

        Raises
        ------
        InputError
            If the contig is unknown or the file turns out to be damaged.
        """
        if start > end:
            raise ValueError(f"an interval cannot start at {start} and end at {end}")
        length = self.lengths[self.contig(chrom)]
        first, last = max(start, 0), min(end, length)
        if first >= last:
            return np.full(end - start, UNKNOWN, dtype=np.uint8)
        inside = self._read(chrom, first, last)
        if (first, last) == (start, end):
            return inside
        codes = np.full(end - start, UNKNOWN, dtype=np.uint8)
        codes[first - start : last - start] = inside
        return codes

    def contig(self, name: str) -> str:
        """Check the name of a contig.

        Parameters
        ----------
        name
            Name as the caller has it.

        Returns
        -------
        str
            The same name.

        Raises
        ------
        InputError
            If the FASTA file has no such contig; suggests the one that was probably meant.
        """
        if name in self.lengths:
            return name
        raise InputError(f"{self.path} has no contig {name!r}{did_you_mean(name, self.lengths)}")

    def close(self) -> None:
        """Close the file."""
        self._faidx.close()

    def __repr__(self) -> str:
        contigs = "1 contig" if len(self.lengths) == 1 else f"{len(self.lengths):,} contigs"
        return f"<Genome {self.path.name}: {contigs}, {sum(self.lengths.values()):,} bp>"

    def __enter__(self) -> Genome:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Path]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Path]) -> None:
        self.__init__(state["path"])

    def _open(self) -> None:
        try:
            with warnings.catch_warnings():
                # pyfaidx has no tolerance for an index's age; it was checked with ours.
                warnings.simplefilter("ignore", RuntimeWarning)
                self._faidx = pyfaidx.Faidx(self.path, as_raw=True, rebuild=False)
        except _READ_ERRORS as error:
            raise InputError(
                f"{self.path} cannot be read with its index {self._index(0).name} "
                f"({_one_line(error)}): delete the index, it is made anew, "
                "or get the file again if it is damaged"
            ) from error
        except ImportError:
            raise InputError(
                f"{self.path} is compressed: reading it needs Biopython (pip install biopython), "
                "or decompress it"
            ) from None
        self._process = os.getpid()

    def _read(self, chrom: str, start: int, end: int) -> np.ndarray:
        if self._process != os.getpid():
            self._open()
        try:
            letters = self._faidx.fetch(chrom, start + 1, end)
        except _READ_ERRORS as error:
            raise InputError(
                f"{self.path} is damaged or does not fit its index: cannot read "
                f"{chrom}:{start}-{end} ({_one_line(error)})"
            ) from error
        if len(letters) != end - start:
            raise InputError(
                f"{self.path} is truncated or does not fit its index: {chrom}:{start}-{end} has "
                f"{len(letters)} letters instead of {end - start}"
            )
        return encode(letters)

    def _index(self, number: int) -> Path:
        return Path(f"{self.path}{('.fai', '.gzi')[number]}")

    def _check_index(self) -> None:
        indexes = [self._index(number) for number in range(1 + self._compressed)]
        if not all(index.exists() for index in indexes):
            _make_index(self.path, indexes)
            return
        made = self.path.stat().st_mtime
        # No index is as new as a file from the future: whether it fits is checked all the same.
        if made > time.time():
            return
        for index in indexes:
            if index.stat().st_mtime < made - _INDEX_AGE_TOLERANCE:
                raise InputError(
                    f"the index {index} is older than {self.path}: delete it, it is made anew, "
                    "or touch it if the sequence has not changed"
                )

    def _check_end(self) -> None:
        """Check that the last base stands where the index says, and nothing but space behind it.

        A file that was cut, or exchanged for another one, fails here before any work is spent.
        """
        if not self.lengths:
            raise InputError(f"{self._index(0)} lists no contig: delete it, it is made anew")
        lost = misplaced_contig(self.path, self._faidx.index, is_compressed=self._compressed)
        if lost is not None:
            raise InputError(
                f"{self._index(0)} does not fit {self.path}: {lost} is not where it says: delete "
                "the index, it is made anew, or get the file again if it is truncated"
            )
        self._check_line_ends()
        name, record = max(self._faidx.index.items(), key=lambda item: item[1].offset)
        if not record.rlen:
            raise InputError(f"{self.path} is truncated: its last contig {name} has no sequence")
        self._read(name, record.rlen - 1, record.rlen)
        if self._compressed:
            return
        lines, rest = divmod(record.rlen - 1, record.lenc)
        with self.path.open("rb") as file:
            file.seek(record.offset + lines * record.lenb + rest + 1)
            if file.read(1 << 16).strip():
                raise InputError(
                    f"{self._index(0)} does not fit {self.path}, which goes on behind the last "
                    "base of the index: delete the index, it is made anew"
                )

    def _check_line_ends(self) -> None:
        """Check that lines end behind their bases, by the first lines of the first contigs.

        Of a file whose index is made here all lines are checked; this is for indexes that exist.
        """
        for name, record in itertools.islice(self._faidx.index.items(), CHECKED):
            # As the file has it: pyfaidx finds the place in a compressed one, and keeps line ends.
            end = min(record.lenc, record.rlen, LONG)
            try:
                line, _ = self._faidx.from_file(name, 1, end, internals=True)
            except _READ_ERRORS as error:
                raise InputError(
                    f"{self.path} is damaged or does not fit its index: cannot read the first line "
                    f"of {name} ({_one_line(error)})"
                ) from error
            if _SPACE_AT_END.search(line.encode()):
                raise InputError(_SPACES.format(path=self.path))


@contextlib.contextmanager
def open_genome(genome: Genome | str | os.PathLike[str]) -> Iterator[Genome]:
    """Have a genome that is open already, or open that of a path while the body runs."""
    if isinstance(genome, Genome):
        yield genome
        return
    with Genome(genome) as opened:
        yield opened


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _check_file(path: Path) -> bool:
    """Check a FASTA file's two ends without an index; tell whether it is compressed."""
    check_seekable(path, "FASTA")
    try:
        with path.open("rb") as file:
            head = file.read(18)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - len(_BGZF_END)))
            tail = file.read()
    except FileNotFoundError:
        raise InputError(f"the FASTA file {path} does not exist") from None
    except OSError as error:
        raise InputError(f"the FASTA file {path} cannot be read: {error.strerror}") from None
    if not head:
        raise InputError(f"the FASTA file {path} is empty")
    compressed = head.startswith(_GZIP_MAGIC)
    # pyfaidx goes by the name.
    named_compressed = path.name.lower().endswith((".gz", ".bgz"))
    if compressed != named_compressed:
        state = "compressed" if compressed else "not compressed"
        raise InputError(f"{path} is {state}, which its name denies: rename it")
    if compressed and head[12:14] != b"BC":
        raise InputError(
            f"{path} is compressed with gzip, which cannot be read at random: "
            f"compress it with bgzip (gunzip {path}, then bgzip)"
        )
    if compressed and tail != _BGZF_END:
        raise InputError(f"{path} is truncated: the block that ends a bgzip file is missing")
    if not compressed and head.lstrip()[:1] not in (b">", b";"):
        raise InputError(f"{path} is not FASTA: it starts with {head[:10]!r} instead of '>'")
    return compressed


def _make_index(path: Path, indexes: list[Path]) -> None:
    """Make the indexes of a FASTA file; none appears before all are complete."""
    if _has_space_at_line_ends(path):
        raise InputError(_SPACES.format(path=path))
    folder = path.absolute().parent
    try:
        scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.index.", dir=folder))
    except OSError:
        missing = next(index for index in indexes if not index.exists())
        raise InputError(
            f"{path} has no index {missing.name} and its folder is not writable: "
            f"run 'samtools faidx' where you can write, or copy the FASTA file"
        ) from None
    try:
        # pyfaidx writes next to the name it was given: a link keeps that in the scratch folder.
        link = scratch / path.name
        link.symlink_to(path.absolute())
        pyfaidx.Faidx(link, rebuild=False).close()
        for index in indexes:
            (scratch / index.name).replace(index)
    except _READ_ERRORS as error:
        message = _one_line(error).replace(f"{scratch}{os.sep}", f"{path.parent}{os.sep}")
        raise InputError(f"{path} cannot be indexed: {message}") from error
    except ImportError:
        raise InputError(
            f"{path} is compressed: reading it needs Biopython (pip install biopython), "
            "or decompress it"
        ) from None
    finally:
        shutil.rmtree(scratch)


def _has_space_at_line_ends(path: Path) -> bool:
    """Tell whether a line of sequence ends with white space; damage is left to the index."""
    rest = b""
    with contextlib.suppress(EOFError, OSError, zlib.error), open_bytes(path) as file:
        while block := file.read(_BLOCK):
            text, end, rest = (rest + block).rpartition(b"\n")
            text += end
            for found in _SPACE_AT_END.finditer(text):
                line = text.rfind(b"\n", 0, found.start()) + 1
                if text[line : line + 1] not in (b">", b";", b" ", b"\n"):
                    return True
    return False
