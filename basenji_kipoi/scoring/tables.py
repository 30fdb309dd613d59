"""Tables of scores: their columns, and the wide and the long form.

While scores are computed and saved, a table is a stream of Arrow record batches with the columns
that describe a row and one column ``values``, a list of fixed length, float32 (scores * tracks);
it is null in rows that have no scores. `output_tables` makes the columns of the outputs of it.
`save_batches` keeps it in files until the outputs are written.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from basenji_kipoi.base.checksum import checksum
from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = [
    "ALLELE_COLUMNS",
    "GENE_COLUMNS",
    "METADATA_KEY",
    "REPORTER_GENE_COLUMNS",
    "ROWS_KEY",
    "ScoreTable",
    "matrix",
    "output_schema",
    "output_tables",
    "read_batches",
    "save_batches",
]

#: Under this key the metadata stand in a Parquet schema and in the header of TSV and VCF.
METADATA_KEY = "basenji_score"
#: Under this key a Parquet file tells how many rows it has; text does so in its metadata.
ROWS_KEY = "basenji_rows"

#: Rows of the long form that are made at a time.
_LONG_ROWS = 1 << 20

#: The file that holds the checksums of the others in a folder of saved batches.
_CHECKSUMS = "sha256.json"

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
_GENE = [("gene_id", pa.string()), ("gene_name", pa.string()), ("strand", pa.string())]
#: What describes an allele's gene, ...
GENE_COLUMNS = pa.schema(
    [*_VARIANT_COLUMNS, *_GENE, ("tss_bins", pa.int64()), ("distance", pa.int64())]
)
#: ... and one of a reporter's, which has no bins.
REPORTER_GENE_COLUMNS = pa.schema([*_VARIANT_COLUMNS, *_GENE, ("distance", pa.int64())])


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


def save_batches(folder: Path, batches: Mapping[str, Any]) -> None:
    """Save a batch of each table as Arrow files in a new folder, with their checksums.

    Parameters
    ----------
    folder
        A path that does not exist yet.
    batches
        The batch of each table, by the table's name.
    """
    folder.mkdir()
    for name, batch in batches.items():
        with (
            # Opened by Python: Arrow takes no names of files that are not UTF-8.
            _saved(folder, name).open("wb") as file,
            pa.ipc.new_file(file, batch.schema) as writer,
        ):
            writer.write_batch(batch)
    sums = {name: checksum(_saved(folder, name)) for name in batches}
    (folder / _CHECKSUMS).write_text(json.dumps(sums) + "\n", encoding="utf-8")


def read_batches(folder: Path, name: str) -> Iterator[Any]:
    """Read what `save_batches` saved of a table.

    Yields
    ------
    pyarrow.RecordBatch
        The rows.

    Raises
    ------
    InputError
        If the file is not as it was saved.
    """
    path = _saved(folder, name)
    try:
        sums = json.loads((folder / _CHECKSUMS).read_text(encoding="utf-8"))
        is_whole = checksum(path) == sums[name]
    except (OSError, ValueError, LookupError):
        is_whole = False
    if not is_whole:
        raise InputError(
            f"{path} is damaged: remove {folder} and go on with --resume, which computes it again"
        )
    with path.open("rb") as file:
        reader = pa.ipc.open_file(file)
        for place in range(reader.num_record_batches):
            yield reader.get_batch(place)


def _saved(folder: Path, name: str) -> Path:
    return folder / f"{name}.arrow"


def output_tables(batches: Iterable[Any], table: ScoreTable, *, is_long: bool) -> Iterator[Any]:
    """Turn a stream of batches into the rows of an output.

    Parameters
    ----------
    batches
        Batches of the table's `ScoreTable.schema`.
    table
        What they are.
    is_long
        Whether a row becomes one row a score and track, or stays one row. In the long form, a row
        without values keeps one row, whose score, track and value are null.

    Yields
    ------
    pyarrow.Table
        Rows with the schema of `output_schema`, in order.
    """
    if not is_long:
        yield from (_wide(batch, table) for batch in batches)
        return
    # A row becomes many, each with a copy of what describes it.
    rows = max(1, _LONG_ROWS // table.values)
    for batch in batches:
        for first in range(0, batch.num_rows, rows):
            yield _long(batch.slice(first, rows), table)


def output_schema(table: ScoreTable, *, is_long: bool) -> pa.Schema:
    """Return the schema of an output, with the metadata."""
    if is_long:
        name = pa.dictionary(pa.int32(), pa.string())
        values = [("score", name), ("track", name), ("value", pa.float32())]
    else:
        values = [(name, pa.float32()) for name in table.value_names]
    shown = [table.columns.field(name) for name in table.shown]
    return pa.schema([*shown, *values], metadata={METADATA_KEY: table.metadata_text})


def _wide(batch: Any, table: ScoreTable) -> Any:  # noqa: ANN401 - pyarrow has no type hints
    values, has = matrix(batch)
    missing = None if has.all() else ~has
    columns = [pa.array(column, mask=missing) for column in np.ascontiguousarray(values.T)]
    described = [batch.column(name) for name in table.shown]
    schema = output_schema(table, is_long=False)
    return pa.Table.from_arrays([*described, *columns], schema=schema)


def _long(batch: Any, table: ScoreTable) -> Any:  # noqa: ANN401 - pyarrow has no type hints
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
    value = pa.array(values[source, column], mask=missing)
    return pa.Table.from_arrays(
        [*described, named(score, table.scores), named(track, table.tracks), value],
        schema=output_schema(table, is_long=True),
    )
