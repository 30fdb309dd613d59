"""Tables of predictions and of measurements, and conditions on their rows."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

import numpy as np
import pandas as pd
import pyarrow as pa

from basenji_kipoi.base.checksum import checksum
from basenji_kipoi.base.containers.parquet import read_parquet
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import check_seekable, table_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Source", "Table", "check_table", "condition", "read_table"]

#: What a table may be given as: a file, or one in memory.
Source = Union[str, "os.PathLike[str]", pd.DataFrame, pa.Table]
#: What columns are called in most tables.
_USUAL = {
    "chrom": ("chrom", "chr", "#chrom", "CHROM", "#CHROM", "contig", "chromosome"),
    "pos": ("pos", "POS", "position"),
    "ref": ("ref", "REF"),
    "alt": ("alt", "ALT"),
    "gene": ("gene", "gene_id"),
    "strand": ("strand",),
    "distance": ("distance",),
    "frequency": ("frequency", "af", "AF", "maf", "MAF", "eaf", "EAF"),
    "status": ("status",),
}
_CONDITION = re.compile(r"\s*(\|?)(.+?)(\|?)\s*(<=|>=|!=|=|<|>)\s*(.*?)\s*")
#: Squares of more could not be summed up.
_LARGEST = 1e150
#: Columns of a message; a table may have thousands.
_SHOWN = 8


class Table:
    """A table, and what its columns are.

    Parameters
    ----------
    frame
        Its rows. Columns of text files are text.
    name
        What messages call it.
    columns
        Names of columns where they are not the usual ones.
    digest
        SHA-256 of the file that it was read from, if it was.

    Raises
    ------
    InputError
        If it has no rows.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        name: str,
        columns: Mapping[str, str] | None = None,
        digest: str | None = None,
    ) -> None:
        unknown = [each for each in columns or {} if each not in _USUAL]
        if unknown:
            raise InputError(f"there is no column {unknown[0]!r} to name: use {', '.join(_USUAL)}")
        if not len(frame):
            raise InputError(f"{name} has no rows")
        self.frame = frame.reset_index(drop=True)
        self.name = name
        self.digest = digest
        self._columns = columns or {}

    def __len__(self) -> int:
        return len(self.frame)

    def column(self, role: str) -> str | None:
        """Find the name of the column that is the ``chrom``, ``pos``, …; None if there is none."""
        usual = (self._columns[role],) if role in self._columns else _USUAL[role]
        return next((name for name in usual if name in self.frame.columns), None)

    def has(self, *roles: str) -> bool:
        """Tell whether the table has all these columns."""
        return all(self.column(role) for role in roles)

    def texts(self, name: str) -> np.ndarray:
        """Return a column as text: object (rows,), empty where there is no value."""
        values = self._column(name)
        return values.astype(object).where(values.notna(), "").map(str).to_numpy(dtype=object)

    def numbers(self, name: str) -> np.ndarray:
        """Return a column as numbers: float64 (rows,), NaN where there is none or no sane one."""
        values = self._column(name)
        values = values.map(str) if values.dtype == object else values
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        return np.where(np.abs(numbers) < _LARGEST, numbers, np.nan)

    def _column(self, name: str) -> pd.Series:
        if name not in self.frame.columns:
            known = list(map(str, self.frame.columns))
            more = ", …" if len(known) > _SHOWN else ""
            raise InputError(
                f"{self.name} has no column {name!r}: it has {', '.join(known[:_SHOWN])}{more}"
            )
        return self.frame[name]

    def described(self) -> dict[str, Any]:
        """Describe where it came from, as JSON can hold it."""
        file = None if self.digest is None else Path(self.name).name
        return {"file": file, "sha256": self.digest, "rows": len(self)}


def check_table(path: Path, kind: str) -> None:
    """Check that there is a file of a table, before anything else is done.

    Raises
    ------
    InputError
        If there is none, or it can be read only once.
    """
    check_seekable(path, "such")
    if not path.is_file():
        raise InputError(f"the file {path} of {kind} does not exist or is no file")


def read_table(source: Source, kind: str, columns: Mapping[str, str] | None = None) -> Table:
    """Read a table.

    Parameters
    ----------
    source
        A Parquet file (``.parquet``), a tab-separated one with a header, plain or gzip, or a
        table in memory. Lines that begin with ``##`` above the header are left out.
    kind
        What messages call it.
    columns
        Names of columns where they are not the usual ones.

    Raises
    ------
    InputError
        If it cannot be read, or has no header, a column twice, or no rows.
    """
    if isinstance(source, pa.Table):
        return Table(source.to_pandas(), f"the table of {kind}", columns)
    if isinstance(source, pd.DataFrame):
        return Table(source, f"the table of {kind}", columns)
    path = Path(source)
    check_table(path, kind)
    is_parquet = path.suffix == ".parquet"
    frame = read_parquet(path, kind).to_pandas() if is_parquet else _read_text(path, kind)
    if {"score", "track", "value"} <= set(frame.columns):
        raise InputError(f"{path} has a row a score: make it without --long")
    return Table(frame, str(path), columns, checksum(path))


def _read_text(path: Path, kind: str) -> pd.DataFrame:
    rows = [row for _, row in table_rows(path, f"table of {kind}", (), comment="##")]
    return pd.DataFrame(rows, dtype=object)


def condition(table: Table, text: str) -> np.ndarray:
    """Find the rows that fulfil a condition, as `CompareOptions` has them.

    Parameters
    ----------
    table
        The table.
    text
        The condition.

    Returns
    -------
    ndarray, bool, shape (rows,)
        False where a value is missing.

    Raises
    ------
    InputError
        If it is no condition, or the table has no such column.
    """
    found = np.ones(len(table), dtype=bool)
    for each in text.split(" and "):
        parts = _CONDITION.fullmatch(each)
        if not parts or parts[1] != parts[3]:
            raise InputError(
                f"{each!r} is no condition: expected a column, one of = != < <= > >=, and a value, "
                "for instance SE<0.1"
            )
        size, name, _, sign, value = parts.groups()
        found &= _compared(table, name.strip(), sign, value, is_size=bool(size))
    return found


def _compared(table: Table, name: str, sign: str, value: str, *, is_size: bool) -> np.ndarray:
    texts, numbers = table.texts(name), table.numbers(name)
    numbers = np.abs(numbers) if is_size else numbers
    try:
        number = float(value)
    except ValueError:
        number = np.nan
    if sign in ("=", "!="):
        # Numbers are equal however they are written.
        same = (texts == value) & (not is_size) | (numbers == number)
        return (same if sign == "=" else ~same) & (texts != "")
    if np.isnan(number):
        raise InputError(f"{name}{sign}{value}: {value!r} is no number")
    return _ORDER[sign](numbers, number)


_ORDER: dict[str, Any] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
