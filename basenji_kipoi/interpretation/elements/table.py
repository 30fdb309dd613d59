"""The table of elements, genes and tracks, in memory and as a file."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import table_line, write_lines
from basenji_kipoi.faces import library

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from basenji_kipoi.interpretation.attribution.outputs import Output
    from basenji_kipoi.interpretation.elements.asking import Asked, Left
    from basenji_kipoi.interpretation.elements.effects import Found
    from basenji_kipoi.interpretation.elements.options import ElementOptions
    from basenji_kipoi.interpretation.elements.places import Elements

__all__ = [
    "OK",
    "OUT_OF_REACH",
    "ElementTable",
    "check_table_name",
    "columns_of",
    "left_columns",
    "moved_columns",
    "moved_name",
    "write_table_of",
]

#: Statuses of pairs that were computed: the second are 0, for no bin of the gene sees the element.
OK, OUT_OF_REACH = "ok", "out of reach"
_SUFFIXES = (".tsv", ".tsv.gz", ".parquet")


@dataclass(frozen=True)
class ElementTable:
    """What elements do to genes. Made by `basenji_kipoi.interpretation.element_effects`.

    Attributes
    ----------
    columns : dict of str to ndarray
        A row for each element, gene and output; the columns are described in
        ``docs/how-to/elements.md``.
    attributes : dict
        The model, the genome, and how it was computed.
    moved : ElementTable or None
        What moved elements do, a row for each element, gene, place, orientation and output; None
        where none were moved.

    Examples
    --------
    >>> from pathlib import Path
    >>> import basenji_kipoi as bk
    >>> options = bk.ElementOptions(
    ...     Path("genes.gtf"), gene="one", tracks="atac", size=512, method="gradient"
    ... )
    >>> bk.element_effects("model_files", "genome.fa", options, progress=False)
    <ElementTable: 32 rows, 1 gene, 1 track>
    """

    columns: dict[str, np.ndarray]
    attributes: Mapping[str, str | int]
    moved: Optional[ElementTable] = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    def to_dataframe(self) -> Any:  # noqa: ANN401 - pandas is not in every environment
        """Make a data frame; raise InputError if pandas is not installed."""
        return library("pandas", "to_dataframe()").DataFrame(self.columns)

    def __repr__(self) -> str:
        genes, tracks = (len(set(self.columns[name])) for name in ("gene_id", "track"))
        return (
            f"<ElementTable: {len(self):,} rows, {genes:,} gene{'' if genes == 1 else 's'}, "
            f"{tracks:,} track{'' if tracks == 1 else 's'}>"
        )


def columns_of(
    asked: Asked,
    found: Found,
    outputs: Sequence[Output],
    options: ElementOptions,
    elements: Optional[Elements],
) -> dict[str, np.ndarray]:
    """Make the rows of a gene: for each element, one for each output.

    Returns
    -------
    dict of str to ndarray
        Columns, shape (elements * outputs,).
    """
    rows = len(asked)
    effects, is_sum = found.effects, np.array([not each.against for each in outputs])
    ratio = _log2_ratio(found.values, effects, is_sum)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = found.gradient / found.values
    share = np.where(is_sum, share, found.gradient)
    status = np.where(found.is_reached, OK, OUT_OF_REACH).astype(object)
    each = {**_pairs(asked), "class": asked.classes(options)}
    number = len(outputs)
    columns = {name: np.repeat(values, number) for name, values in each.items()}
    columns["track"] = np.tile(np.array([each.name for each in outputs], dtype=object), rows)
    columns["value"] = np.tile(found.values, rows)
    columns.update(
        effect=effects.ravel(),
        spread=found.spread.ravel(),
        log2_ratio=ratio.ravel(),
        gradient=found.gradient.ravel(),
        gradient_share=share.ravel(),
    )
    if elements is not None:
        for name, values in _measured(elements).items():
            columns[name] = np.repeat(values[asked.rows], number)
    columns["status"] = np.repeat(status, number)
    return columns


def _pairs(asked: Asked) -> dict[str, np.ndarray]:
    """Name the elements of a gene, and the gene: columns of shape (elements,)."""
    rows, gene = len(asked), asked.gene
    return {
        "element": asked.names,
        "chrom": np.full(rows, gene.contig, dtype=object),
        "start": asked.starts,
        "end": asked.ends,
        "gene": np.full(rows, gene.name or gene.gene_id, dtype=object),
        "gene_id": np.full(rows, gene.gene_id, dtype=object),
        "strand": np.full(rows, gene.strand, dtype=object),
        "distance": asked.distances,
    }


def _log2_ratio(before: np.ndarray, change: np.ndarray, is_sum: np.ndarray) -> np.ndarray:
    """Compute log2 of a value with a change over that without; of log ratios the change itself."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log2((before + change) / before)
    return np.where(is_sum, np.where(np.isfinite(ratio), ratio, np.nan), change)


def moved_columns(
    asked: Asked,
    found: Found,
    outputs: Sequence[Output],
    options: ElementOptions,
    window: int,
) -> dict[str, np.ndarray]:
    """Make the rows of a gene's moved elements: by element, place, orientation and output.

    Parameters
    ----------
    asked, found, outputs, options
        The gene, what its elements do, and what was asked.
    window
        Bases of the window.

    Returns
    -------
    dict of str to ndarray
        Columns, shape (elements * places * orientations * outputs,).
    """
    shape = len(asked), len(options.distances), len(options.orientations), len(outputs)
    effect, without = found.moved.mean(axis=3), found.moved_without.mean(axis=2)[:, :, None]
    spread = np.full(shape, np.nan)
    if options.draws > 1:
        spread = found.moved.std(axis=3, ddof=1)
    is_sum = np.array([not each.against for each in outputs])
    first = asked.places(options.distances)
    last = first + (asked.ends - asked.starts)[:, None]
    start = asked.question.window
    fits = (first >= start) & (last <= start + window)
    status = np.where(fits, OK, "outside of the window").astype(object)

    def spread_out(values: Any, axis: int) -> np.ndarray:  # noqa: ANN401 - anything of an array
        values = np.asarray(values)
        places = [1] * len(shape)
        places[axis : axis + values.ndim] = values.shape
        return np.broadcast_to(values.reshape(places), shape).ravel()

    columns = {name: spread_out(values, 0) for name, values in _pairs(asked).items()}
    columns.update(
        moved_to=spread_out(np.array(options.distances, dtype=np.int64), 1),
        moved_start=spread_out(first, 0),
        orientation=spread_out(np.array(options.orientations, dtype=object), 2),
        track=spread_out(np.array([each.name for each in outputs], dtype=object), 3),
        without=np.broadcast_to(without, shape).ravel(),
        effect=effect.ravel(),
        spread=spread.ravel(),
        log2_ratio=_log2_ratio(without, effect, is_sum).ravel(),
        status=spread_out(status, 0),
    )
    return columns


def left_columns(
    left: Sequence[Left], elements: Elements, like: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Make rows of elements that were not computed, with the columns of other rows."""
    places = [elements.intervals[each.row] for each in left]
    names = [str(place) if place.name == "." else place.name for place in places]
    known: dict[str, Sequence] = {
        "element": names,
        "chrom": [place.chrom for place in places],
        "start": [place.start for place in places],
        "end": [place.end for place in places],
        "gene": [each.gene for each in left],
        "status": [each.status for each in left],
        **{
            name: values[[each.row for each in left]]
            for name, values in _measured(elements).items()
        },
    }
    made = {}
    for name, values in like.items():
        if name in known:
            made[name] = np.array(known[name], dtype=values.dtype)
        else:
            is_text = values.dtype == object
            made[name] = np.full(len(left), "" if is_text else np.nan, object if is_text else float)
    return made


def _measured(elements: Elements) -> dict[str, np.ndarray]:
    found = {"label": elements.label, "measured_effect": elements.effect}
    return {name: values for name, values in found.items() if values is not None}


def moved_name(out: Path) -> Path:
    """Name the table of moved elements beside that of elements: x.moved.tsv of x.tsv."""
    suffix = next(each for each in _SUFFIXES[::-1] if out.name.lower().endswith(each))
    return out.with_name(f"{out.name[: -len(suffix)]}.moved{out.name[-len(suffix) :]}")


def check_table_name(out: Path) -> None:
    """Check that a table's name tells a format, and that its library is there.

    Raises
    ------
    InputError
        If not.
    """
    if not out.name.lower().endswith(_SUFFIXES):
        raise InputError(f"the output {out} names no known format: use {', '.join(_SUFFIXES)}")
    if out.suffix.lower() == ".parquet":
        library("pyarrow.parquet", "writing Parquet", otherwise="or write .tsv")


def write_table_of(path: Path, name: Path, parts: Iterable[Mapping[str, np.ndarray]]) -> None:
    """Write a table, some rows at a time.

    Parameters
    ----------
    path
        Where it is written.
    name
        What it will be called, which tells the format.
    parts
        Columns of some rows; all parts have the same.
    """
    if name.suffix.lower() == ".parquet":
        _write_parquet(path, parts)
        return
    with write_lines(path, is_gzip=name.suffix.lower() == ".gz") as lines:
        for number, columns in enumerate(parts):
            if not number:
                lines.write(table_line(columns) + "\n")
            texts = (_texts(values) for values in columns.values())
            lines.writelines("\t".join(cells) + "\n" for cells in zip(*texts))


def _texts(values: np.ndarray) -> Iterator[str]:
    """Write the cells of a column; one that is not known is empty."""
    if values.dtype == object:
        return (str(value).replace("\t", " ") for value in values)
    if values.dtype.kind == "f":
        return ("" if np.isnan(value) else f"{value:.6g}" for value in values.tolist())
    return map(str, values.tolist())


def _write_parquet(path: Path, parts: Iterable[Mapping[str, np.ndarray]]) -> None:
    arrow, parquet = (library(name, "writing Parquet") for name in ("pyarrow", "pyarrow.parquet"))
    with contextlib.ExitStack() as stack:
        writer = None
        for columns in parts:
            table = arrow.table(
                {name: arrow.array(values, from_pandas=True) for name, values in columns.items()}
            )
            if writer is None:
                writer = stack.enter_context(parquet.ParquetWriter(path, table.schema))
            writer.write_table(table.cast(writer.schema))
