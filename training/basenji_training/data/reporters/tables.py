"""Tables of measured sequences: rows read and checked, and what one sequence has in all of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from basenji_kipoi.base.checksum import checksum
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import check_seekable, table_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from basenji_training.data.reporters.settings import ReporterSettings

__all__ = ["Joined", "ReporterTable", "join_tables", "read_reporter_table"]

#: Activity columns that need not be named.
_ACTIVITIES = ("expression", "activity")
#: Columns that identify a row, the first that there is.
_IDENTIFIERS = ("identifier", "id", "name", "source_id")
_MISSING = {"", ".", "na", "nan", "none", "null"}
_BASES = re.compile("[ACGTacgt]*")
#: Longest sequence that is believed to be an insert (bp).
_LONGEST = 2**16
#: A standard error makes a weight of at most so many times the median.
_MOST_CERTAIN = 10
#: Numbers beyond this have no squares in single precision.
_LARGEST = 1e18
_SHOWN = 12


@dataclass(frozen=True, eq=False)
class ReporterTable:
    """The rows of a table that have a measurement.

    Attributes
    ----------
    name, path, sha256
        Its name, file and checksum.
    activities
        Columns of activities.
    sequences
        Sequence of each row, in capitals.
    values : ndarray, float64, shape (rows, activities)
        NaN where a cell is empty.
    amounts : ndarray, float64, shape (rows,)
        Count, standard error or weight; NaN where it is not known.
    sets, groups, identifiers
        Cells of these columns; empty where there are none.
    rows
        Rows of the table.
    weightless, unmeasured
        Rows that are left out: of a count or weight of zero; without any value.
    columns
        The table's columns.
    """

    name: str
    path: Path
    sha256: str
    activities: list[str]
    sequences: list[str]
    values: np.ndarray
    amounts: np.ndarray
    sets: list[str]
    groups: list[str]
    identifiers: list[str]
    rows: int
    weightless: int
    unmeasured: int
    columns: frozenset[str]


def read_reporter_table(name: str, path: Path, settings: ReporterSettings) -> ReporterTable:
    """Read a table.

    Parameters
    ----------
    name
        What its activities are called by.
    path
        Tab-separated, plain or gzip.
    settings
        Which columns are what. Of activities, weight, set and group it may lack some.

    Raises
    ------
    InputError
        If it cannot be read, has no sequences, no activity or no rows, or a cell is not what it
        should be; names the line.
    """
    check_seekable(path, "such")  # read twice: its rows, its checksum
    wanted: list[str] | None = None
    kept: list[tuple[str, list[float], float, str, str, str]] = []
    rows = weightless = unmeasured = 0
    header: dict[str, str] = {}
    for line, cells in table_rows(path, "table of sequences", (settings.sequence,)):
        rows += 1
        if wanted is None:
            header = cells
            wanted = _activities(path, cells, settings)
            identifier = next((each for each in _IDENTIFIERS if each in cells), "")
        sequence = _sequence(path, line, cells[settings.sequence])
        values = [_number(path, line, each, cells[each]) for each in wanted]
        amount = _amount(path, line, cells, settings)
        if amount == 0:
            weightless += 1
        elif np.isnan(values).all():
            unmeasured += 1
        else:
            label, group = (
                cells.get(settings.set or "set", ""),
                cells.get(settings.group or "group"),
            )
            kept.append((sequence, values, amount, label, group or "", cells.get(identifier, "")))
    if not kept:
        why = "no rows" if not rows else f"no row with a value, of {rows:,}"
        raise InputError(f"{path} has {why}")
    sequences, values, amounts, sets, groups, identifiers = map(list, zip(*kept, strict=True))
    return ReporterTable(
        name=name,
        path=path,
        sha256=checksum(path),
        activities=wanted or [],
        sequences=sequences,
        values=np.array(values),
        amounts=np.array(amounts),
        sets=sets,
        groups=groups,
        identifiers=identifiers,
        rows=rows,
        weightless=weightless,
        unmeasured=unmeasured,
        columns=frozenset(header),
    )


def _activities(path: Path, cells: Mapping[str, str], settings: ReporterSettings) -> list[str]:
    """Find the columns of activities."""
    wanted = dict.fromkeys(settings.activities or _ACTIVITIES)
    found = [each for each in wanted if each in cells]
    if found and (settings.activities or len(found) == 1):
        return found
    has = f"it has {', '.join([*cells][:_SHOWN])}{', …' if len(cells) > _SHOWN else ''}"
    if settings.activities:
        raise InputError(f"{path} has no column {' or '.join(settings.activities)}: {has}")
    lacks = "both columns" if found else "no column"
    raise InputError(
        f"{path} has {lacks} {' and '.join(found) or ' or '.join(_ACTIVITIES)}: say with "
        f"--activity which was measured; {has}"
    )


def _sequence(path: Path, line: int, text: str) -> str:
    if not text:
        raise InputError(f"{path}:{line}: no sequence")
    if len(text) > _LONGEST:
        raise InputError(
            f"{path}:{line}: a sequence of {len(text):,} bases: at most {_LONGEST:,} are taken"
        )
    end = _BASES.match(text).end()
    if end < len(text):
        raise InputError(
            f"{path}:{line}: the sequence has {text[end]!r} at base {end + 1}, which is none of "
            "A, C, G and T"
        )
    return text.upper()


def _number(path: Path, line: int, column: str, cell: str) -> float:
    if cell.strip().lower() in _MISSING:
        return np.nan
    try:
        number = float(cell)
    except ValueError:
        number = np.nan
    if not abs(number) < _LARGEST:
        raise InputError(f"{path}:{line}: {column} is {cell!r}, expected a number")
    return number


def _amount(path: Path, line: int, cells: Mapping[str, str], settings: ReporterSettings) -> float:
    """Read what a row is weighted by."""
    if settings.weight is None or settings.weight not in cells:
        return np.nan
    number = _number(path, line, settings.weight, cells[settings.weight])
    if number < 0 or (number == 0 and settings.weight_kind == "errors"):
        least = "above 0" if settings.weight_kind == "errors" else "0 or more"
        raise InputError(
            f"{path}:{line}: {settings.weight} is {cells[settings.weight]}, expected {least}"
        )
    return number


class Joined(NamedTuple):
    """What the sequences of several tables have together; a row a sequence.

    Attributes
    ----------
    sequences
        Each once, in the order of the tables.
    identifiers, sets, groups
        The first of each sequence's; empty where no table has one.
    values, weights, counts : ndarray, float32, shape (sequences, activities)
        As `basenji_training.store.reporters.Measurements` has them.
    replicates : list of ndarray, shape (sequences, 2)
        Of each activity, two values of every sequence that was measured more than once.
    listed : list of int
        Of each activity, rows that say again what another row of the sequence says.
    """

    sequences: list[str]
    identifiers: list[str]
    sets: list[str]
    groups: list[str]
    values: np.ndarray
    weights: np.ndarray
    counts: np.ndarray
    replicates: list[np.ndarray]
    listed: list[int]


def join_tables(tables: Sequence[ReporterTable], settings: ReporterSettings) -> Joined:
    """Bring together what the tables say of each sequence.

    Parameters
    ----------
    tables
        The tables.
    settings
        Which columns are what.

    Returns
    -------
    Joined
        Activities are those of the first table, then those of the second, ….
    """
    everything = [each for table in tables for each in table.sequences]
    index = {sequence: row for row, sequence in enumerate(dict.fromkeys(everything))}
    parts = []
    for table in tables:
        rows = np.array([index[sequence] for sequence in table.sequences])
        parts += [
            _merged(rows, column, table.amounts, len(index), settings) for column in table.values.T
        ]
    values, weights, counts, replicates, listed = zip(*parts, strict=True)
    texts = [[""] * len(index) for _ in range(3)]
    for table in tables:
        for text, column in zip(texts, (table.identifiers, table.sets, table.groups), strict=True):
            for sequence, cell in zip(table.sequences, column, strict=True):
                text[index[sequence]] = text[index[sequence]] or cell
    return Joined(
        list(index),
        *texts,
        *(np.stack(each, axis=1).astype(np.float32) for each in (values, weights, counts)),
        list(replicates),
        list(listed),
    )


def _merged(
    rows: np.ndarray,
    values: np.ndarray,
    amounts: np.ndarray,
    number: int,
    settings: ReporterSettings,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    """Give each sequence the weighted mean of an activity's measurements.

    A value that a sequence has several times is one measurement that is listed several times.
    """
    exists = np.isfinite(values)
    rows, values, amounts = rows[exists], values[exists], amounts[exists]
    order = np.lexsort((values, rows))
    rows, values, amounts = rows[order], values[order], amounts[order]
    is_first = np.ones(len(rows), dtype=bool)
    is_first[1:] = (rows[1:] != rows[:-1]) | (values[1:] != values[:-1])
    first = np.flatnonzero(is_first)
    amounts = np.fmax.reduceat(amounts, first) if len(first) else amounts
    rows, values = rows[first], values[first]
    is_counts = settings.weight_kind == "counts"
    certain = amounts if settings.weight_kind != "errors" else amounts**-2.0
    known = np.isfinite(certain)
    middle = float(np.median(certain[known])) if known.any() else 1.0
    certain = np.where(known, certain, middle)
    if settings.weight_kind == "errors":
        certain = np.minimum(certain, _MOST_CERTAIN * middle)
    total = np.bincount(rows, certain, number)
    with np.errstate(invalid="ignore"):
        # NaN, no value, where nothing was measured.
        mean = np.bincount(rows, certain * values, number) / total
    single = np.bincount(rows, minlength=number) == 1
    mean[rows[single[rows]]] = values[single[rows]]  # as given, without rounding
    weights = np.sqrt(np.minimum(total, settings.most_counts)) if is_counts else total
    weights = weights / weights[total > 0].mean() if len(rows) else weights
    counts = np.full(number, np.nan)
    if is_counts and known.any():
        counts[rows[known]] = 0
        np.add.at(counts, rows[known], amounts[known])
    again = np.flatnonzero(rows[1:] == rows[:-1])
    _, once = np.unique(rows[again], return_index=True)
    twice = again[once]
    replicates = np.stack([values[twice], values[twice + 1]], axis=1)
    return mean, weights, counts, replicates, int(len(is_first) - len(first))
