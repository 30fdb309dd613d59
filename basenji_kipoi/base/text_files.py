r"""Text files, plain or gzip, line by line, with errors that name the file and the line.

One rule for all of them: a line ends at ``\n``, a ``\r`` just before it belongs to the end, and
nothing else ends a line (no stray ``\r``, no U+2028). Text is UTF-8; a line that is not counts as
Latin-1, which has a letter for every byte. A byte order mark at the start is no part of the text.
A file is opened once and read from its start to its end, so that it may be a pipe.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import io
import stat
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

__all__ = [
    "NOT_IN_CELLS",
    "byte_lines",
    "check_is_there",
    "check_seekable",
    "decoded",
    "fasta_records",
    "open_bytes",
    "table_cells",
    "table_line",
    "table_rows",
    "text_lines",
    "write_lines",
    "write_table",
]

# No text begins with the first byte of gzip. A pipe may have given no more than that so far.
_GZIP = b"\x1f"
_BUFFER = 1 << 18
#: What a cell of a table without quotes cannot hold.
NOT_IN_CELLS = "\t\n\r"


@contextlib.contextmanager
def text_lines(path: str | os.PathLike[str], kind: str) -> Iterator[Iterator[tuple[int, str]]]:
    """Open a text file, plain or gzip, to read its lines one by one.

    Parameters
    ----------
    path
        The file; it may be a pipe.
    kind
        What messages call its format, such as "BED".

    Yields
    ------
    iterator of (int, str)
        Number of each line, from 1, and the line without its end.

    Raises
    ------
    InputError
        If the file cannot be read, or the body raises a ValueError, whose message gets the file
        and the line that was read last.
    """
    path, number, line = Path(path), 0, b""

    def numbered(file: BinaryIO) -> Iterator[tuple[int, str]]:
        nonlocal number, line
        for block in _blocks(file):
            texts = _usual_lines(block)
            if texts is not None:
                line = b""
                for text in texts:
                    number += 1
                    yield number, text
                continue
            for whole in io.BytesIO(block):
                number, line = number + 1, _without_end(whole)
                if b"\0" in line:
                    raise InputError(f"{path} is not a {kind} file: it is not text")
                yield number, decoded(line)

    try:
        with open_bytes(path) as file:
            yield numbered(file)
    except FileNotFoundError:
        raise InputError(f"the {kind} file {path} does not exist") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise InputError(f"{path} is truncated or damaged behind line {number}") from None
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"the {kind} file {path} cannot be read: {reason}") from None
    except InputError:
        raise
    except ValueError as error:
        doubt = "" if _is_utf8(line) else f"it is not text in UTF-8; as a {kind} file: "
        raise InputError(f"{path}:{number}: {doubt}{error}") from None


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    """Yield a file's content in blocks of whole lines, without a byte order mark."""
    block = file.read(_BUFFER) + file.readline()
    block = block.removeprefix(codecs.BOM_UTF8)
    while block:
        yield block
        block = file.read(_BUFFER) + file.readline()


def _usual_lines(block: bytes) -> list[str] | None:
    """Divide a block into lines at once, many times faster than one by one.

    None if something is in it of which the line has to be known.
    """
    if b"\0" in block:
        return None
    try:
        lines = block.decode().replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError:
        return None
    # What is behind the last line's end is no line.
    return lines if lines[-1] else lines[:-1]


def check_is_there(path: Path, kind: str) -> None:
    """Check that there is a file, for who says so before long work; reading it checks the rest.

    Raises
    ------
    InputError
        If there is none; says it as `text_lines` does.
    """
    if not path.exists():
        raise InputError(f"the {kind} file {path} does not exist")


@contextlib.contextmanager
def open_bytes(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file once, decompressing it if it is gzip.

    Parameters
    ----------
    path
        The file; it may be a pipe.

    Yields
    ------
    binary file
        Its content.
    """
    with Path(path).open("rb", buffering=_BUFFER) as raw:
        if raw.peek(1)[:1] == _GZIP:
            with gzip.GzipFile(fileobj=raw) as content:
                yield io.BufferedReader(content, _BUFFER)
        else:
            yield raw


def byte_lines(file: Iterable[bytes]) -> Iterator[bytes]:
    r"""Divide the content of a binary file into lines.

    Parameters
    ----------
    file
        The file, or its lines with their ends.

    Yields
    ------
    bytes
        A line without its end (``\n`` or ``\r\n``), the first without a byte order mark.
    """
    lines = iter(file)
    for first in lines:
        yield _without_end(first.removeprefix(codecs.BOM_UTF8))
        break
    for line in lines:
        # The usual end first: files have many lines.
        yield line[:-1] if line[-1:] == b"\n" and line[-2:-1] != b"\r" else _without_end(line)


def _without_end(line: bytes) -> bytes:
    return line[:-2] if line.endswith(b"\r\n") else line.removesuffix(b"\n")


def decoded(line: bytes) -> str:
    """Read a line as UTF-8, or as Latin-1 if it is not UTF-8."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def table_rows(
    path: str | os.PathLike[str],
    kind: str,
    columns: Iterable[str],
    *,
    comment: str | None = None,
    headless: Sequence[str] = (),
) -> Iterator[tuple[int, dict[str, str]]]:
    r"""Read a tab-separated table with a header, such as a targets table.

    A line is a row, whatever stands in it. A cell that is quoted as a whole, with the quotes within
    it doubled, as spreadsheets and Python's csv module write it, is what the quotes hold; any other
    quote is a letter.

    Parameters
    ----------
    path
        The table.
    kind
        What messages call it.
    columns
        Columns that its header must have.
    comment
        Lines above the header that begin with this are none of the table.
    headless
        Columns of a table that may come without a header: its first line is a row if it has as
        many cells and names none of these columns.

    Yields
    ------
    int, dict of str to str
        Number of a row's line, and its cell of each column. Empty lines are left out.

    Raises
    ------
    InputError
        If the file cannot be read, the header lacks a column or has one twice, or a row has other
        columns; names the line. A ValueError is not caught: say the line where the rows are used.
    """
    header: list[str] | None = None
    with text_lines(path, kind) as lines:
        for number, line in lines:
            if not line or (header is None and comment and line.startswith(comment)):
                continue
            cells = table_cells(line)
            if header is None and len(cells) == len(headless) and not set(cells) & set(headless):
                header = list(headless)
            if header is None:
                header = cells
                lacking = [name for name in columns if name not in header]
                twice = [name for name in header if header.count(name) > 1]
                if lacking or twice:
                    problem = f"no column {lacking[0]}" if lacking else f"two columns {twice[0]!r}"
                    among = f", among them {', '.join(columns)}" if columns else ""
                    raise ValueError(
                        f"{problem}: expected a header with the names of the columns, each once, "
                        f"separated by tabs{among}"
                    )
                continue
            if len(cells) != len(header):
                raise ValueError(
                    f"expected {len(header)} tab-separated columns, found {len(cells)}"
                )
            yield number, dict(zip(header, cells))


@contextlib.contextmanager
def write_lines(path: Path, *, is_gzip: bool) -> Iterator[TextIO]:
    """Open a text file to write, plain or gzip, without a time in it: equal content, equal file."""
    with path.open("wb") as file:
        raw = gzip.GzipFile("", "wb", fileobj=file, mtime=0) if is_gzip else file
        with io.TextIOWrapper(raw, encoding="utf-8", newline="") as lines:
            yield lines


def write_table(
    path: str | os.PathLike[str], columns: Iterable[str], rows: Iterable[dict[str, object]]
) -> None:
    """Write a table that `table_rows` reads.

    Parameters
    ----------
    path
        The table.
    columns
        Names of its columns.
    rows
        A value for each column; None becomes an empty cell.

    Raises
    ------
    InputError
        If a cell has a tab or a line end in it, which no table can hold.
    """
    columns = list(columns)
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        for cells in (columns, *([row[name] for name in columns] for row in rows)):
            file.write(table_line(cells) + "\n")


def table_cells(line: str) -> list[str]:
    """Divide a line of a table into its cells, without the quotes around them."""
    return [_unquoted(cell) for cell in line.split("\t")]


def table_line(cells: Iterable[object]) -> str:
    """Join cells to a line that `table_cells` divides; raise InputError if one cannot be held."""
    return "\t".join(map(_cell, cells))


def fasta_records(
    lines: Iterable[tuple[int, str]], longest: int | None = None
) -> Iterator[tuple[str, str]]:
    """Read the records of FASTA one by one, which are held whole: for short ones.

    Parameters
    ----------
    lines
        What `text_lines` yields.
    longest
        Bases that a record may have.

    Yields
    ------
    str, str
        Name (all behind ``>``) and sequence of a record.

    Raises
    ------
    ValueError
        If the first line is no name, or a record is longer.
    """
    name, parts, length = None, [], 0
    for _, line in lines:
        text = line.strip()
        if text.startswith(">"):
            if name is not None:
                yield name, "".join(parts)
            name, parts, length = text[1:].strip(), [], 0
        elif text:
            if name is None:
                raise ValueError("expected FASTA, whose first line begins with >")
            length += len(text)
            if longest is not None and length > longest:
                raise ValueError(f"the sequence {name} has more than {longest:,} bases")
            parts.append(text)
    if name is not None:
        yield name, "".join(parts)


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    if any(letter in text for letter in NOT_IN_CELLS):
        raise InputError(f"a table's cell cannot hold {text!r}: it has a tab or a line end")
    # What would be read as quoted is quoted.
    return _quoted(text) if _unquoted(text) != text else text


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _unquoted(cell: str) -> str:
    inner = cell[1:-1]
    if len(cell) < 2 or cell[0] != '"' or cell[-1] != '"' or '"' in inner.replace('""', ""):
        return cell
    return inner.replace('""', '"')


def check_seekable(path: str | os.PathLike[str], kind: str) -> None:
    """Refuse a pipe where a file is read at random.

    Parameters
    ----------
    path
        The file; one that does not exist is left to whoever opens it.
    kind
        What messages call its format, such as "BAM".

    Raises
    ------
    InputError
        If it is a pipe, a socket or a terminal.
    """
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode):
        raise InputError(
            f"{path} is a pipe, but {kind} files are read at random, not from start to end: write "
            "it to a file first and name that"
        )
