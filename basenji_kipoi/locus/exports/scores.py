"""The scores of a table of `basenji score`, allele by allele."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.containers.parquet import is_number, read_parquet
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import check_is_there

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from basenji_kipoi.locus.linkage import Key

__all__ = ["AlleleScores", "read_scores"]

_TEXTS = ("chrom", "ref", "alt", "id")
_PLACES = ("chrom", "pos", "ref", "alt", "id")


@dataclass(frozen=True)
class AlleleScores:
    """Scores of alleles; of a table of genes, a row an allele and gene.

    Attributes
    ----------
    keys : list of tuple
        Contig, position from 1, REF and ALT.
    ids : list of str
        Identifiers; ``chrom:pos:ref:alt`` where there is none.
    genes : list of str
        Identifiers of the genes; empty strings of a table of alleles.
    columns : list of str
        Names of the scores, ``SCORE/TRACK``.
    values : ndarray, float64, shape (rows, columns)
        The scores.
    left_out : int
        Alleles without scores.
    """

    keys: list[Key]
    ids: list[str]
    genes: list[str]
    columns: list[str]
    values: np.ndarray
    left_out: int


def read_scores(path: Path, columns: Sequence[str] = ()) -> AlleleScores:
    """Read a table of `basenji score`, of alleles or of genes.

    Parameters
    ----------
    path
        The Parquet file.
    columns
        Its columns ``SCORE/TRACK`` that are wanted; all by default.

    Raises
    ------
    InputError
        If it is no such table, or has no such column.
    """
    check_is_there(path, "table of scores")
    if path.suffix != ".parquet":
        raise InputError(f"{path}: expected the Parquet file of basenji score, x.parquet")
    table = read_parquet(path, "table of scores", texts=_TEXTS, numbers=("pos",))
    for name in (*_PLACES[:4], *(["gene_id"] if "gene_id" in table.column_names else [])):
        if table[name].null_count:
            raise InputError(f"{path}: the column {name!r} has cells without a value")
    known = [field.name for field in table.schema if "/" in field.name and is_number(field.type)]
    if not known:
        raise InputError(f"{path} has no columns SCORE/TRACK: scores with --long have none")
    for name in columns:
        if name not in known:
            raise InputError(f"{path} has no column {name!r}: it has {', '.join(known[:5])}")
    wanted = list(columns) or known
    values = np.stack([table[name].to_numpy() for name in wanted], axis=1).astype(np.float64)
    kept = np.flatnonzero(np.isfinite(values).all(axis=1))
    *places, identifiers = (table[name].to_pylist() for name in _PLACES)
    keys = list(zip(*places))
    genes = table["gene_id"].to_pylist() if "gene_id" in table.column_names else [""] * len(keys)
    ids = [name or ":".join(map(str, key)) for name, key in zip(identifiers, keys)]
    return AlleleScores(
        *([values_[row] for row in kept] for values_ in (keys, ids, genes)),
        wanted,
        values[kept],
        len(keys) - len(kept),
    )
