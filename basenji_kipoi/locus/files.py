"""Tables of any kind as rows of text: Parquet, or separated by tabs, commas or blanks."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, NamedTuple

from basenji_kipoi.base.containers.parquet import read_parquet
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import text_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa

__all__ = ["Content", "read_content"]


class Content(NamedTuple):
    """A table's columns and its rows, which are read once.

    Attributes
    ----------
    header : list of str
        Names of the columns.
    rows : iterator of (int, dict of str to str)
        Number of a row's line (of Parquet, of the row), from 1, and its cells.
    """

    header: list[str]
    rows: Iterator[tuple[int, Mapping[str, str]]]


def read_content(path: Path) -> Content:
    """Open a table: Parquet by its ending, else text, plain or gzip.

    The separator is what the header has: a tab, else a comma, else blanks. Lines that begin with
    ``##`` above it are left out.

    Raises
    ------
    InputError
        If it cannot be read, is empty, has a column twice, or a row has other columns.
    """
    if path.suffix == ".parquet":
        return _parquet(path)
    rows = _text_rows(path)
    try:
        _, header = next(rows)
    except StopIteration:
        raise InputError(f"{path} is empty") from None
    return Content(list(header), rows)


def _parquet(path: Path) -> Content:
    table = read_parquet(path, "table of variants")
    rows = (
        (number, {key: "" if cell is None else str(cell) for key, cell in row.items()})
        for number, row in enumerate(_records(table), start=1)
    )
    return Content(table.column_names, rows)


def _records(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches():
        yield from batch.to_pylist()


def _text_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield first the header, each column as its own cell, then the rows."""
    header: list[str] = []
    with text_lines(path, "table") as lines:
        for number, line in lines:
            if not line.strip() or (not header and line.startswith("##")):
                continue
            if not header:
                separator = next((each for each in "\t," if each in line), " ")
                header = _cells(line, separator)
                twice = [each for each in header if header.count(each) > 1]
                if twice:
                    raise ValueError(f"two columns {twice[0]!r}")
                yield number, dict(zip(header, header))
                continue
            cells = _cells(line, separator)
            if len(cells) != len(header):
                raise ValueError(f"expected {len(header)} columns, found {len(cells)}")
            yield number, dict(zip(header, cells))


def _cells(line: str, separator: str) -> list[str]:
    if separator == " ":
        return line.split()
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator))]
    except csv.Error as error:
        raise ValueError(str(error)) from None
