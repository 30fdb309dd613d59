"""Parquet tables, from anywhere: damage is told when they are read, not in the middle of work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import check_is_there, check_seekable

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

__all__ = ["check_columns", "is_number", "read_parquet"]


def read_parquet(
    path: str | os.PathLike[str],
    kind: str,
    *,
    texts: Sequence[str] = (),
    numbers: Sequence[str] = (),
    only: bool = False,
) -> pa.Table:
    """Read a Parquet table whole.

    Parameters
    ----------
    path
        The file.
    kind
        What messages call its content, such as "table of scores".
    texts, numbers
        Columns that it must have, and what they hold.
    only
        Whether to read no others.

    Returns
    -------
    pyarrow.Table
        The table.

    Raises
    ------
    InputError
        If there is no such file, it is none, is damaged, or a column is missing or of another type.

    Examples
    --------
    >>> from basenji_kipoi.base.containers.parquet import read_parquet
    >>> read_parquet("nothing.parquet", "table of scores", numbers=["pos"])
    Traceback (most recent call last):
    basenji_kipoi.base.errors.InputError: the table of scores file nothing.parquet does not exist
    """
    path = Path(path)
    check_is_there(path, kind)
    check_seekable(path, "Parquet")
    try:
        # Opened by Python: Arrow takes no names of files that are not UTF-8.
        with (
            path.open("rb") as content,
            pyarrow.parquet.ParquetFile(content, page_checksum_verification=True) as file,
        ):
            known = file.schema_arrow.names
            wanted = [name for name in (*texts, *numbers) if name in known] if only else None
            table = file.read(wanted)
        # Damaged text would be an error where it is looked at.
        table.validate(full=True)
    except (OSError, ValueError, OverflowError, MemoryError, pa.ArrowException) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} is no Parquet file that can be read: {reason}") from None
    check_columns(table, str(path), kind, texts=texts, numbers=numbers)
    return table


def check_columns(
    table: pa.Table,
    name: str,
    kind: str,
    *,
    texts: Sequence[str] = (),
    numbers: Sequence[str] = (),
) -> None:
    """Check that a table has columns, and what they hold.

    Parameters
    ----------
    table
        The table.
    name, kind
        What messages call it, and what it should be.
    texts, numbers
        The columns.

    Raises
    ------
    InputError
        If one is missing, stands twice, or is of another type.
    """
    for names, fits, told in ((texts, _is_text, "text"), (numbers, is_number, "numbers")):
        for column in names:
            count = table.column_names.count(column)
            if count != 1:
                raise InputError(
                    f"{name} has {count or 'no'} column{'s' * (count > 1)} {column!r}: expected a "
                    f"{kind}"
                )
            found = table.schema.field(column).type
            if not fits(found):
                raise InputError(f"{name}: the column {column!r} is {found}: expected {told}")


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    # A column without any value has no type.
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)


def is_number(kind: pa.DataType) -> bool:
    """Tell whether a column of a type holds numbers."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)
