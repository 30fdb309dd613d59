"""The targets table: what each track of a network is and how its values came about."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Optional

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import table_rows, write_table

if TYPE_CHECKING:
    import os

__all__ = [
    "COUNTS",
    "SQUASHED",
    "TABLE_UNITS",
    "StrandColumns",
    "Target",
    "Targets",
    "columns_named",
    "counts_of",
    "undone",
    "unit_of",
]

#: What outputs call the units of values, as networks predict them and with all undone that made
#: them of the coverage.
TABLE_UNITS, COUNTS = "units of the targets table", "counts of the coverage"
#: Power to which ``sum_sqrt`` raises a bin's sum (Linder et al. 2025 for RNA-seq).
SQUASHED = 0.75


class StrandColumns(NamedTuple):
    """The tracks that a network must predict for some tracks of both strands.

    Attributes
    ----------
    computed : ndarray, int, shape (computed,)
        Indices of the tracks to predict, ascending: the wanted ones and their partners.
    forward, reverse : ndarray, int, shape (wanted,)
        Where the wanted tracks are among them: in predictions for the sequence, and in those for
        its reverse complement.
    """

    computed: np.ndarray
    forward: np.ndarray
    reverse: np.ndarray

    @classmethod
    def of(cls, wanted: np.ndarray, strand_permutation: np.ndarray) -> StrandColumns:
        """Find them.

        Parameters
        ----------
        wanted : ndarray, int, shape (wanted,)
            Indices of the wanted tracks, in the wanted order.
        strand_permutation : ndarray, int, shape (tracks,)
            Order of the tracks under reverse complement.
        """
        both = np.concatenate([wanted, strand_permutation[wanted]])
        computed, places = np.unique(both, return_inverse=True)
        return cls(computed, *np.split(places.ravel(), 2))


class Target(BaseModel):
    """One track: a row of the table, with the columns of the original program and two more.

    The value of a bin is ``scale * min(soft(s), clip)``, where s is the bin's ``sum_stat`` of the
    coverage and soft(s) is s up to ``clip_soft`` and ``clip_soft + sqrt(s - clip_soft)`` above it.
    ``sum_sqrt`` is, despite the name that the published tables have, the sum to the power of 3/4.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    index: int = Field(ge=0)
    identifier: str = Field(min_length=1, pattern=r"^\S+$")
    file: str = ""
    clip: Optional[float] = Field(default=None, gt=0, allow_inf_nan=False)
    clip_soft: Optional[float] = Field(default=None, gt=0, allow_inf_nan=False)
    scale: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    sum_stat: Literal["sum", "mean", "max", "sum_sqrt"] = "sum"
    strand_pair: int = Field(ge=0)
    description: str = ""
    assay: str = ""
    sample: str = ""

    @field_validator("clip", "clip_soft", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value


def columns_named(
    labels: Sequence[str],
    wanted: str | Sequence[str | int] | None,
    *,
    option: str,
    descriptions: Sequence[str] = (),
) -> list[int]:
    """Find tracks among those with these identifiers, as `Targets.columns_of` does."""
    if wanted is None:
        return list(range(len(labels)))
    columns = {label: column for column, label in enumerate(labels)}
    columns.update({str(column): column for column in range(len(labels))})
    found = []
    names = wanted.split(",") if isinstance(wanted, str) else map(str, wanted)
    for name in map(str.strip, names):
        if name in columns:
            found.append(columns[name])
            continue
        matching = [columns[label] for label in fnmatch.filter(labels, name)]
        pattern = name.lower()
        matching = matching or [
            column
            for column, text in enumerate(descriptions)
            if fnmatch.fnmatchcase(text.lower(), pattern)
        ]
        if not matching:
            raise InputError(
                f"{option}: no track {name!r}: expected an identifier, a pattern of "
                f"identifiers or descriptions, or an index from 0 to {len(labels) - 1} ('basenji "
                "inspect --tracks' lists them)"
            )
        found += matching
    if len(set(found)) != len(found):
        raise InputError(f"{option}: {wanted} names a track twice")
    return found


def unit_of(*, counts: bool) -> str:
    """Name the unit of values, for what outputs say of themselves."""
    return COUNTS if counts else TABLE_UNITS


def counts_of(tracks: Sequence[Target], values: np.ndarray) -> np.ndarray:
    """Undo scale, soft clipping and power of some tracks, as `Targets.counts` does of all.

    Parameters
    ----------
    tracks
        The tracks.
    values : ndarray, shape (..., tracks)
        Predictions.

    Returns
    -------
    ndarray, float64, shape (..., tracks)
        The bins' statistic of the coverage.
    """
    return undone(np, tracks, np.asarray(values, dtype=np.float64))


def undone(library: Any, tracks: Sequence[Target], values: Any) -> Any:  # noqa: ANN401 - of NumPy or keras.ops
    """Undo what `counts_of` undoes by the functions of NumPy, or of ``keras.ops`` in a network."""
    statistic = _statistics(library, tracks, values)
    powers = np.array([1 / SQUASHED if row.sum_stat == "sum_sqrt" else 1 for row in tracks])
    if (powers == 1).all():
        return statistic
    return library.power(library.maximum(statistic, 0), powers.astype(_dtype(values)))


def _statistics(library: Any, tracks: Sequence[Target], values: Any) -> Any:  # noqa: ANN401 - as above
    dtype = _dtype(values)
    scale = np.array([row.scale for row in tracks], dtype=dtype)
    soft = np.array(
        [np.inf if row.clip_soft is None else row.clip_soft for row in tracks], dtype=dtype
    )
    # Infinite thresholds must not meet the arithmetic: inf - inf would be NaN.
    finite = np.where(np.isinf(soft), np.zeros_like(soft), soft)
    unscaled = values / scale
    excess = library.where(unscaled > soft, unscaled - finite, library.zeros_like(unscaled))
    return library.where(unscaled > soft, finite + excess * excess, unscaled)


def _dtype(values: Any) -> np.dtype:  # noqa: ANN401 - an array, or a tensor of a network's predictions
    return values.dtype if isinstance(values, np.ndarray) else np.dtype(np.float32)


def _count_from(origin: str, values: dict[str, str]) -> None:
    """Subtract the first row's index from a row's; what is no number is left to validation."""
    for name in ("index", "strand_pair"):
        if all(text.isascii() and text.isdigit() for text in (origin, values.get(name, ""))):
            values[name] = str(int(values[name]) - int(origin))


class Targets:
    """The tracks of a network in the order of its output.

    Parameters
    ----------
    rows
        One `Target` a track; indices count from 0, identifiers are unique, and strand pairs are
        mutual (an unstranded track is its own pair).

    Raises
    ------
    InputError
        If one of these does not hold.
    """

    def __init__(self, rows: Iterator[Target] | list[Target] | tuple[Target, ...]) -> None:
        self._rows = tuple(rows)
        seen: set[str] = set()
        for position, row in enumerate(self._rows):
            if row.index != position:
                raise InputError(
                    f"target {row.identifier}: index {row.index} on row {position + 1}; "
                    f"expected {position} (indices count from 0)"
                )
            if row.identifier in seen:
                raise InputError(f"target {row.identifier}: the identifier stands twice")
            seen.add(row.identifier)
            pair = row.strand_pair
            if pair >= len(self._rows) or self._rows[pair].strand_pair != position:
                raise InputError(
                    f"target {row.identifier}: strand_pair {pair} is not mutual; expected the "
                    f"index of the other strand's track, or {position} if it has none"
                )

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Target]:
        return iter(self._rows)

    def __getitem__(self, position: int) -> Target:
        return self._rows[position]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Targets) and self._rows == other._rows

    __hash__ = None  # type: ignore[assignment]

    @property
    def labels(self) -> list[str]:
        """Identifiers, one a track."""
        return [row.identifier for row in self._rows]

    @property
    def sum_stats(self) -> list[str]:
        """How each track's bins sum up coverage, one a track (see `Target`)."""
        return [row.sum_stat for row in self._rows]

    @property
    def strand_permutation(self) -> np.ndarray:
        """Order of the tracks under reverse complement: int64, shape (tracks,)."""
        return np.array([row.strand_pair for row in self._rows], dtype=np.int64)

    def select(self, columns: Sequence[int]) -> Targets:
        """Make a table of some tracks, numbered anew.

        Parameters
        ----------
        columns
            Their indices, in the new order.

        Raises
        ------
        InputError
            If the other strand's track of a pair is left out.
        """
        places = {column: place for place, column in enumerate(columns)}
        rows = []
        for column, place in places.items():
            row = self[column]
            if row.strand_pair not in places:
                raise InputError(
                    f"target {row.identifier}: keep or leave it together with "
                    f"{self[row.strand_pair].identifier}, the other strand's track"
                )
            pair = places[row.strand_pair]
            rows.append(row.model_copy(update={"index": place, "strand_pair": pair}))
        return Targets(rows)

    def columns_of(
        self, wanted: str | Sequence[str | int] | None, *, option: str = "--tracks"
    ) -> list[int]:
        """Find tracks by identifier, index, or pattern of identifiers or descriptions.

        Parameters
        ----------
        wanted
            Identifiers, shell patterns of them such as ``atac*``, or indices, in one text separated
            by commas or one by one; None for all tracks. A pattern that fits no identifier may fit
            descriptions, such as ``DNASE:*liver*``, in capitals or not; of a description that has a
            comma itself, ``?`` stands for it.
        option
            The option that named them, for messages.

        Returns
        -------
        list of int
            Indices in the order of the names, those of a pattern in the table's order.

        Raises
        ------
        InputError
            If there is no such track, or one is named twice.
        """
        descriptions = [row.description for row in self._rows]
        return columns_named(self.labels, wanted, option=option, descriptions=descriptions)

    def statistics(self, values: np.ndarray) -> np.ndarray:
        """Undo scale and soft clipping: from a network's units to those of the thresholds.

        Parameters
        ----------
        values : ndarray, shape (..., tracks)
            Predictions, or values of a binned store.

        Returns
        -------
        ndarray, float64, shape (..., tracks)
            The bins' ``sum_stat``: of ``sum_sqrt``, the sum to the power of 3/4. What lay above a
            hard ``clip`` stays at the clip; NaN stays NaN.
        """
        return _statistics(np, self._rows, np.asarray(values, dtype=np.float64))

    def counts(self, values: np.ndarray) -> np.ndarray:
        """Undo scale, soft clipping and power: from a network's units to those of the coverage.

        Parameters
        ----------
        values : ndarray, shape (..., tracks)
            Predictions, or values of a binned store.

        Returns
        -------
        ndarray, float64, shape (..., tracks)
            The bins' statistic of the coverage (counts, for a sum; the sum for ``sum_sqrt``), as
            `statistics` has it otherwise.
        """
        return counts_of(self._rows, values)

    @classmethod
    def read(cls, path: str | os.PathLike[str], *, headless: Sequence[str] = ()) -> Targets:
        """Read a tab-separated table with a header.

        Parameters
        ----------
        path
            The table, plain or gzip.
        headless
            Columns of a table that may come without a header; its rows are then in the order of
            the tracks.

        Columns that may be left out have the defaults of `Target`; ``strand_pair`` defaults to the
        track itself. Tables of the original program may have a column ``genome``, which is dropped,
        and in those of a second genome the index counts on from the first: it starts at 0 here.

        Raises
        ------
        InputError
            If the file is missing or empty, or a row does not fit; names the line.
        """
        rows, origin = [], None
        table = table_rows(path, "targets table", ("identifier",), headless=headless)
        for number, fields in table:
            # The original program's tables leave the first heading, the index, empty.
            values = {name or "index": value for name, value in fields.items()}
            if list(values) == list(headless):
                values["index"] = str(len(rows))
            if not values.get("strand_pair"):
                values["strand_pair"] = values.get("index", "")
            if values.pop("genome", None) is not None:
                origin = values.get("index", "") if origin is None else origin
                _count_from(origin, values)
            try:
                rows.append(Target.model_validate(values))
            except ValidationError as error:
                first = error.errors()[0]
                column = ".".join(str(step) for step in first["loc"])
                raise InputError(f"{path}:{number}: column {column}: {first['msg']}") from None
        if not rows:
            raise InputError(f"the targets table {path} has no rows below its header")
        try:
            return cls(rows)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the table, tab-separated with a header."""
        write_table(path, Target.model_fields, (row.model_dump() for row in self._rows))
