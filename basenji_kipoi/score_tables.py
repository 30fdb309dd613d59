"""Tables of scores: their columns, and the wide and the long form.

While scores are computed and saved, a table is a stream of Arrow record batches with the columns
that describe a row and one column ``values``, a list of fixed length, float32 (scores * tracks);
it is null in rows that have no scores. `wide` and `long` make the columns of the outputs of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["ALLELE_COLUMNS", "GENE_COLUMNS", "METADATA_KEY", "ScoreTable", "long", "wide"]

#: Under this key the metadata stand in a Parquet schema and in the header of TSV and VCF.
METADATA_KEY = "basenji_score"

#: Values that are written at a time: a row group of Parquet has about 64 MiB.
_BLOCK_VALUES = 1 << 24

_VARIANT_COLUMNS = [
    ("chrom", pa.string()),
    ("pos", pa.int64()),
    ("id", pa.string()),
    ("ref", pa.string()),
    ("alt", pa.string()),
]
#: What describes an allele. ``record`` is the number of its record; outputs leave it out.
ALLELE_COLUMNS = pa.schema(
    [
        ("record", pa.int64()),
        *_VARIANT_COLUMNS,
        ("status", pa.string()),
        ("ref_match", pa.bool_()),
        ("window", pa.int64()),
    ]
)
#: What describes an allele's gene.
GENE_COLUMNS = pa.schema(
    [
        *_VARIANT_COLUMNS,
        ("gene_id", pa.string()),
        ("gene_name", pa.string()),
        ("strand", pa.string()),
        ("tss_bins", pa.int64()),
        ("distance", pa.int64()),
    ]
)


@dataclass(frozen=True)
class ScoreTable:
    """What a table's rows and values are.

    Attributes
    ----------
    columns : pyarrow.Schema
        The columns that describe a row.
    scores : tuple of str
        Names of the scores.
    tracks : tuple of str
        Identifiers of the tracks; value ``s * tracks + t`` of a row is score s of track t.
    metadata : mapping
        Versions, models, inputs, commands and definitions, as JSON can hold them.
    """

    columns: pa.Schema
    scores: tuple[str, ...]
    tracks: tuple[str, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def values(self) -> int:
        """Values of a row."""
        return len(self.scores) * len(self.tracks)

    @property
    def value_names(self) -> list[str]:
        """Names of the values in the wide form, ``score/track``."""
        return [f"{score}/{track}" for score in self.scores for track in self.tracks]

    @property
    def schema(self) -> pa.Schema:
        """Schema of the stream's batches."""
        return self.columns.append(pa.field("values", pa.list_(pa.float32(), self.values)))

    @property
    def shown(self) -> list[str]:
        """Names of the describing columns that outputs have."""
        return [name for name in self.columns.names if name != "record"]

    @property
    def metadata_text(self) -> str:
        """The metadata as one line of JSON."""
        return json.dumps(self.metadata)

    def batch(self, columns: Sequence[Sequence], values: np.ndarray, has: np.ndarray) -> Any:  # noqa: ANN401 - pyarrow has no type hints
        """Make a batch.

        Parameters
        ----------
        columns
            The describing columns in order, one entry a row; None is null.
        values : ndarray, float32, shape (rows, values)
            The values.
        has : ndarray, bool, shape (rows,)
            Rows that have values.

        Returns
        -------
        pyarrow.RecordBatch
            The rows.
        """
        arrays = [pa.array(column, type=kind) for column, kind in zip(columns, self.columns.types)]
        flat = pa.array(np.ascontiguousarray(values, dtype=np.float32).reshape(-1))
        listed = pa.FixedSizeListArray.from_arrays(
            flat, type=self.schema.field("values").type, mask=pa.array(~has)
        )
        return pa.record_batch([*arrays, listed], schema=self.schema)

    def blocks(self, batches: Iterable[Any], rows: int | None = None) -> Iterator[Any]:
        """Cut a stream into blocks of equal length, whatever the batches were.

        Parameters
        ----------
        batches
            Batches.
        rows
            Rows of a block; by default as many as have 16 million values, at most 65,536.

        Yields
        ------
        pyarrow.RecordBatch
            The same rows in the same order; the last block may be shorter.
        """
        rows = rows or min(max(_BLOCK_VALUES // max(self.values, 1), 1), 1 << 16)
        waiting: list[Any] = []
        count = 0
        for batch in batches:
            while batch.num_rows:
                part = batch.slice(0, rows - count)
                waiting.append(part)
                count += part.num_rows
                batch = batch.slice(part.num_rows)
                if count == rows:
                    yield _joined(waiting)
                    waiting, count = [], 0
        if count:
            yield _joined(waiting)


def _joined(batches: list[Any]) -> Any:  # noqa: ANN401 - pyarrow has no type hints
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def matrix(batch: Any) -> tuple[np.ndarray, np.ndarray]:  # noqa: ANN401 - pyarrow has no type hints
    """Read the values of a batch.

    Returns
    -------
    values : ndarray, float32, shape (rows, values)
        The values; those of rows without any mean nothing.
    has : ndarray, bool, shape (rows,)
        Rows that have values.
    """
    listed = batch.column("values")
    size = listed.type.list_size
    # `values` is that of the whole array; a slice begins at its offset.
    flat = listed.values.slice(listed.offset * size, len(listed) * size)
    values = flat.to_numpy(zero_copy_only=False).reshape(len(listed), size)
    return values, listed.is_valid().to_numpy(zero_copy_only=False)


def wide(batch: Any, table: ScoreTable) -> Any:  # noqa: ANN401 - pyarrow has no type hints
    """Make a pyarrow.Table with one row a row and one column a value."""
    values, has = matrix(batch)
    missing = None if has.all() else ~has
    columns = [pa.array(column, mask=missing) for column in np.ascontiguousarray(values.T)]
    described = [batch.column(name) for name in table.shown]
    return pa.Table.from_arrays([*described, *columns], schema=wide_schema(table))


def long(batch: Any, table: ScoreTable) -> Any:  # noqa: ANN401 - pyarrow has no type hints
    """Make a pyarrow.Table with one row a row, score and track.

    A row without values keeps one row, whose score, track and value are null.
    """
    values, has = matrix(batch)
    counts = np.where(has, table.values, 1)
    source = np.repeat(np.arange(len(has)), counts)
    column = np.arange(len(source)) - np.repeat(np.cumsum(counts) - counts, counts)
    missing = ~has[source]
    score, track = np.divmod(column, len(table.tracks))

    def named(places: np.ndarray, names: Sequence[str]) -> pa.Array:
        indices = pa.array(places.astype(np.int32), mask=missing)
        return pa.DictionaryArray.from_arrays(indices, pa.array(names))

    described = [batch.column(name).take(pa.array(source)) for name in table.shown]
    return pa.Table.from_arrays(
        [
            *described,
            named(score, table.scores),
            named(track, table.tracks),
            pa.array(values[source, column], mask=missing),
        ],
        schema=long_schema(table),
    )


def wide_schema(table: ScoreTable) -> pa.Schema:
    """Return the schema of the wide form, with the metadata."""
    shown = [table.columns.field(name) for name in table.shown]
    values = [pa.field(name, pa.float32()) for name in table.value_names]
    return pa.schema([*shown, *values], metadata={METADATA_KEY: table.metadata_text})


def long_schema(table: ScoreTable) -> pa.Schema:
    """Return the schema of the long form, with the metadata."""
    name = pa.dictionary(pa.int32(), pa.string())
    shown = [table.columns.field(name) for name in table.shown]
    values = [("score", name), ("track", name), ("value", pa.float32())]
    return pa.schema(
        [*shown, *(pa.field(*value) for value in values)],
        metadata={METADATA_KEY: table.metadata_text},
    )
