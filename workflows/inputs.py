"""Where the files lie that a workflow begins with, and what they hold, as far as Snakemake asks."""

from __future__ import annotations

import contextlib
import csv
import gzip
import json
import re
import zlib
from collections import Counter
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "check_blocks",
    "check_places",
    "contig_lengths",
    "count_alleles",
    "count_loci",
    "count_positions",
    "is_address",
    "name_of",
    "on_disk",
    "shares_files",
    "write_contigs",
]

#: So much of a file is read to count its alleles (bytes); the rest is taken to be alike.
_MOST_READ = 1 << 27
#: Cells of a table that say nothing, as `basenji_kipoi.locus.reading` has them.
_MISSING = {"", "NA", "NaN", "nan", ".", "None", "null", "-inf", "inf"}
#: Only bgzip writes this into the header of a block of gzip (SAM specification 4.1).
_BGZIP_FIELD = slice(12, 14), b"BC"


def shares_files(workflow: Any) -> bool:  # noqa: ANN401 - Snakemake's
    """Tell whether jobs see the files of this machine, and do not share a bucket instead."""
    return workflow.storage_settings.default_storage_provider is None


def is_address(path: str) -> bool:
    """Tell whether the commands are to fetch a file from somewhere."""
    return "://" in path


def on_disk(paths: Iterable[str | None], *, shared: bool) -> list[str]:
    """List the paths that Snakemake can look at: those of this machine, and no addresses."""
    return [path for path in paths if path and shared and not is_address(path)]


def name_of(path: str) -> str:
    """Return the name of a file, which an address has behind its last slash."""
    return Path(unquote(urlsplit(path).path) if is_address(path) else path).name


def check_places(
    paths: Iterable[str | None], files: Iterable[str | None] = (), *, shared: bool
) -> None:
    """Check that jobs will find what a configuration names.

    Parameters
    ----------
    paths
        What may be named by an address.
    files
        What may not.
    shared
        Whether jobs see the files of this machine.

    Raises
    ------
    ValueError
        With the first that they would not find, and what to do.
    """
    files = [path for path in files if path]
    for path in files:
        if is_address(path):
            raise ValueError(
                f"{path}: this file is named by no address: fetch it and give its path"
            )
    for path in (*(path for path in paths if path and not is_address(path)), *files):
        if not shared and not Path(path).is_absolute():
            raise ValueError(
                f"{path}: jobs see no files of this machine: give an address (s3://, gs:// or "
                "https://), or the absolute path in the image or on a volume"
            )
        if shared and not Path(path).exists():
            raise ValueError(f"there is no file {path} (paths begin in {Path.cwd()})")


def check_blocks(paths: Iterable[str], *, shared: bool) -> None:
    """Check that shards can begin to read anywhere in files.

    Parameters
    ----------
    paths
        The files. Those that lie elsewhere are left to the first job that reads them.
    shared
        Whether jobs see the files of this machine.

    Raises
    ------
    ValueError
        With the first that is compressed by gzip and not by bgzip.
    """
    place, mark = _BGZIP_FIELD
    for path in filter(Path.is_file, map(Path, on_disk(paths, shared=shared))):
        with path.open("rb") as content:
            head = content.read(place.stop)
        if head.startswith(b"\x1f\x8b") and head[place] != mark:
            raise ValueError(
                f"{path} is compressed by gzip, in which no shard can begin to read: compress it "
                "by bgzip, or give it plain"
            )


def write_contigs(fasta: str, bed: str) -> None:
    """Write each contig of a FASTA file as an interval (BED).

    Parameters
    ----------
    fasta
        The genome, plain or compressed; its index tells the lengths where there is one that is not
        older.
    bed
        The intervals, in the order of the genome.

    Raises
    ------
    SystemExit
        If the file is no FASTA file.
    """
    lengths = contig_lengths(Path(fasta))
    rows = (f"{name}\t0\t{length}\n" for name, length in lengths.items() if length)
    Path(bed).write_text("".join(rows), encoding="utf-8")


def count_positions(fasta: str, bed: str | None) -> tuple[int | None, bool]:
    """Count the positions of intervals, or of a genome where there are none (bp).

    Returns
    -------
    tuple of int and bool
        How many there are, and that they were counted; None of a file that lies elsewhere.
    """
    if _is_elsewhere(bed or fasta):
        return None, False
    if bed is None:
        return sum(contig_lengths(Path(fasta)).values()), True
    with _opened(Path(bed)) as lines:
        fields = (line.split() for line in lines if re.match(rb"\S+\s+\d+\s+\d+", line))
        return sum(int(end) - int(start) for _, start, end, *_ in fields), True


def count_alleles(vcf: str, plan: str | None = None) -> tuple[int | None, bool]:
    """Count the alternative alleles of a file.

    Parameters
    ----------
    vcf
        The file. Of a long one the first part is read.
    plan
        Its plan, if it may have one, which tells their number where it is there and not older than
        the file.

    Returns
    -------
    tuple of int and bool
        How many there are, and whether they were counted, not estimated; None of BCF, and of
        a file that lies elsewhere.
    """
    if _is_elsewhere(vcf):
        return None, False
    path = Path(vcf)
    size, alleles, read = path.stat().st_size, 0, 0
    if plan is not None and _is_newer(plan, path):
        parts = json.loads(Path(plan).read_text(encoding="utf-8"))["parts"]
        return sum(alleles for _, _, alleles in parts), True
    with _opened(path) as lines:
        for line in lines:
            if read == 0 and line.startswith(b"BCF"):
                return None, False
            read += len(line)
            if not line.startswith(b"#") and line.strip():
                fields = line.split(b"\t", 5)
                alleles += fields[4].count(b",") + 1 if len(fields) > 4 else 0
            if read > _MOST_READ:
                raw = lines.fileobj if isinstance(lines, gzip.GzipFile) else lines
                return round(alleles * size / raw.tell()), False
    return alleles, True


def count_loci(table: str, ranked: str, column: str) -> tuple[int | None, list[int] | None]:
    """Count the rows of a table of loci, and those of each locus.

    Parameters
    ----------
    table
        The table.
    ranked
        The rows of its ranking, which tell all where they are there and not older than the table.
    column
        What names the locus of a row.

    Returns
    -------
    int, or None
        The rows; None where they are not text, too many to be read for this, or elsewhere.
    list of int, or None
        Rows of each locus; None where no column names it.
    """
    if _is_elsewhere(table):
        return None, None
    path = Path(table)
    if _is_newer(ranked, path):
        path, column = Path(ranked), "locus"
    elif re.search(r"\.(vcf|bcf|vcf\.gz|vcf\.bgz)$", table):
        return count_alleles(table)[0], None
    elif path.suffix == ".parquet":
        return None, None
    loci: Counter[str] = Counter()
    place, separator, rows, read = None, None, -1, 0
    with _opened(path) as lines:
        for line in lines:
            read += len(line)
            if read > _MOST_READ or b"\0" in line:
                return None, None
            if not line.strip() or (rows < 0 and line.startswith(b"##")):
                continue
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            if rows < 0:
                text = text.removeprefix("\ufeff")
                separator = next((each for each in "\t," if each in text), None)
                header = _cells(text, separator)
                place = header.index(column) if column in header else None
            elif place is not None:
                # What is wrong in a row, the command says.
                name = "".join(_cells(text, separator)[place : place + 1])
                loci["" if name in _MISSING else name] += 1
            rows += 1
    # Where no row names one, the places of variants tell loci.
    named = None if place is None or set(loci) == {""} else list(loci.values())
    return max(rows, 0), named


def _cells(line: str, separator: str | None) -> list[str]:
    """Divide a line of a table as the commands do, which know quotes."""
    if separator is None:
        return line.split()
    cells = line.split(separator)
    if '"' in line:
        # What is wrong in a row, the command says.
        with contextlib.suppress(csv.Error):
            cells = next(csv.reader([line], delimiter=separator))
    return [cell.strip() for cell in cells]


def _is_elsewhere(path: str) -> bool:
    """Tell whether a file is not on this machine: at an address, in an image or on a volume."""
    return is_address(path) or not Path(path).exists()


def _is_newer(made: str, path: Path) -> bool:
    """Tell whether a file is there and not older than what it was made of."""
    return Path(made).exists() and Path(made).stat().st_mtime >= path.stat().st_mtime


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, plain or compressed.

    Raises
    ------
    SystemExit
        If it cannot be read: what the commands would say, too, when they come to it.
    """
    try:
        with path.open("rb") as head:
            is_compressed = head.read(2) == b"\x1f\x8b"
        with gzip.open(path) if is_compressed else path.open("rb") as lines:
            yield lines
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise SystemExit(f"error: {path} is truncated or damaged: make it again") from None
    except OSError as error:
        reason = error.strerror or error
        raise SystemExit(f"error: {path} cannot be read: {reason}") from None


def contig_lengths(path: Path) -> dict[str, int]:
    """Tell the contigs of a FASTA file, plain or compressed, and their lengths (bp).

    Raises
    ------
    SystemExit
        If it cannot be read, or has none.
    """
    index = path.with_name(f"{path.name}.fai")
    lengths = _indexed(index) if _is_newer(str(index), path) else {}
    name = ""
    if not lengths:
        with _opened(path) as lines:
            for line in lines:
                if line.startswith(b">"):
                    name = (line[1:].split() or [b""])[0].decode("utf-8", "replace")
                    lengths[name] = 0
                elif name:
                    lengths[name] += len(line.strip())
    if not lengths:
        raise SystemExit(f"error: {path} has no contigs: expected FASTA")
    return lengths


def _indexed(index: Path) -> dict[str, int]:
    """Read the lengths of contigs from the index of their file."""
    lengths: dict[str, int] = {}
    with _opened(index) as lines:
        for number, line in enumerate(lines, start=1):
            name, _, rest = line.decode("utf-8", "replace").partition("\t")
            length = rest.partition("\t")[0]
            if not length.isdecimal():
                raise SystemExit(
                    f"error: {index}, line {number}: expected a contig and its length, separated "
                    "by a tab: remove the file, and the commands make it again"
                )
            lengths[name] = int(length)
    return lengths
