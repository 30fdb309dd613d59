"""Elements from files: BED, or a table that may say which gene each was measured with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import check_seekable, table_cells, table_rows, text_lines
from basenji_kipoi.genome.contig_names import did_you_mean, matching_contigs
from basenji_kipoi.genome.intervals import Interval, read_bed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["ROLES", "Elements", "read_elements"]

#: What columns of tables are usually called; the second names are those of ENCODE's CRISPR tables.
ROLES = {
    "chrom": ("chrom", "#chrom", "chr"),
    "start": ("start", "chromStart"),
    "end": ("end", "chromEnd"),
    "name": ("name",),
    "gene": ("gene", "measuredGeneSymbol", "gene_id"),
    "label": ("label", "Regulated"),
    "effect": ("effect", "EffectSize"),
}
_LABELS = {"1": 1.0, "true": 1.0, "yes": 1.0, "0": 0.0, "false": 0.0, "no": 0.0}
#: Cells without a value.
_NONE = {"", ".", "na", "nan", "none"}
#: Columns that messages show.
_SHOWN = 8


@dataclass(frozen=True)
class Elements:
    """Elements, in the order of their file.

    Attributes
    ----------
    intervals : list of Interval
        Their places, under the genome's names of contigs.
    genes : list of str or None
        The gene that each was measured with; None: all genes are asked for.
    label, effect : ndarray, float64, shape (elements,), or None
        Whether it was found to drive the gene (1 or 0), and the measured effect; NaN where the
        table does not say.
    """

    intervals: Sequence[Interval]
    genes: Optional[Sequence[str]] = None
    label: Optional[np.ndarray] = None
    effect: Optional[np.ndarray] = None

    @property
    def is_measured(self) -> bool:
        """Whether anything was measured."""
        return self.label is not None or self.effect is not None


def read_elements(
    path: Path, lengths: Mapping[str, int], columns: Mapping[str, str] | None = None
) -> Elements:
    """Read elements.

    Parameters
    ----------
    path
        A BED file, or a tab-separated table whose header has columns of `ROLES`: chrom, start and
        end (0-based, half-open), and as far as there are such name, gene, label and effect; plain
        or gzip.
    lengths
        Length of each contig (bp).
    columns
        Names of columns by role, where they are not the usual ones.

    Raises
    ------
    InputError
        If the file cannot be read or has no elements, a column is missing, or a line is none of an
        element in the genome; names the line.
    """
    check_seekable(path, "a table of elements")
    with text_lines(path, "BED") as lines:
        first = next((line for _, line in lines if line.strip()), "")
    header = table_cells(first)
    roles = {role: _column(path, header, role, columns or {}) for role in ROLES}
    if roles["start"] is None or roles["end"] is None:
        if columns:
            raise InputError(
                f"{path} has no header with columns of a start and an end: --column is for such"
            )
        found = Elements(read_bed(path, lengths))
    else:
        found = _table(path, lengths, roles)
    if not found.intervals:
        raise InputError(f"{path} has no elements")
    return found


def _column(
    path: Path, header: Sequence[str], role: str, columns: Mapping[str, str]
) -> Optional[str]:
    if role in columns:
        if columns[role] not in header:
            more = ", …" if len(header) > _SHOWN else ""
            raise InputError(
                f"--column {role}={columns[role]}: {path} has no such column: it has "
                f"{', '.join(header[:_SHOWN])}{more}"
            )
        return columns[role]
    return next((name for name in ROLES[role] if name in header), None)


def _table(path: Path, lengths: Mapping[str, int], roles: Mapping[str, Optional[str]]) -> Elements:
    needed = [roles[role] or role for role in ("chrom", "start", "end")]
    intervals: list[Interval] = []
    cells: dict[str, list] = {role: [] for role in ("gene", "label", "effect") if roles[role]}
    contigs: dict[str, str] = {}
    for number, row in table_rows(path, "elements", needed):
        try:
            intervals.append(_interval(row, roles, lengths, contigs))
            for role, values in cells.items():
                values.append(_READ[role](row[roles[role]].strip(), roles[role]))
        except ValueError as error:
            raise InputError(f"{path}:{number}: {error}") from None
    return Elements(
        intervals,
        cells.get("gene"),
        *(np.array(cells[role]) if role in cells else None for role in ("label", "effect")),
    )


def _interval(
    row: Mapping[str, str],
    roles: Mapping[str, Optional[str]],
    lengths: Mapping[str, int],
    contigs: dict[str, str],
) -> Interval:
    chrom = row[roles["chrom"]]
    if chrom not in contigs:
        contigs.update(matching_contigs([chrom], lengths))
    if chrom not in contigs:
        raise ValueError(f"the genome has no contig {chrom!r}{did_you_mean(chrom, lengths)}")
    ends = []
    for role in ("start", "end"):
        text = row[roles[role]]
        if not (text.isascii() and text.isdigit()):
            raise ValueError(f"the {role} {text!r} is not a whole number")
        ends.append(int(text))
    name = row[roles["name"]] if roles["name"] else "."
    found = Interval(contigs[chrom], ends[0], ends[1], name or ".")
    if found.end > lengths[found.chrom]:
        raise ValueError(
            f"{found} reaches beyond the end of {found.chrom} at {lengths[found.chrom]}"
        )
    return found


def _gene(text: str, column: str) -> str:
    if text.lower() in _NONE:
        raise ValueError(f"no {column}: expected the gene that the element was measured with")
    return text


def _label(text: str, column: str) -> float:
    if text.lower() in _NONE:
        return np.nan
    if text.lower() not in _LABELS:
        raise ValueError(f"the {column} {text!r} is none: expected 1 or 0, or TRUE or FALSE")
    return _LABELS[text.lower()]


def _effect(text: str, column: str) -> float:
    if text.lower() in _NONE:
        return np.nan
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"the {column} {text!r} is no number") from None


_READ = {"gene": _gene, "label": _label, "effect": _effect}
