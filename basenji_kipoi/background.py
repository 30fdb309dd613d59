"""Where a score stands among those of a background set of variants."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from basenji_kipoi.errors import InputError
from basenji_kipoi.score_tables import METADATA_KEY

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

__all__ = ["Background", "quantiles"]


def quantiles(background: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Rank values among those of a background.

    Parameters
    ----------
    background : ndarray, shape (variants, tracks)
        Values of the background, each column sorted; at least one row.
    values : ndarray, shape (alleles, tracks)
        Values to rank.

    Returns
    -------
    ndarray, float32, shape (alleles, tracks)
        The fraction of the column that is smaller, plus half of the fraction that is equal.
    """
    below, upto = (_places(background, values, equal=equal) for equal in (False, True))
    return ((below + upto) / (2 * len(background))).astype(np.float32)


def _places(background: np.ndarray, values: np.ndarray, *, equal: bool) -> np.ndarray:
    """Count the entries of each sorted column that are smaller, or at most equal: by bisection."""
    columns = np.arange(background.shape[1])
    low = np.zeros(values.shape, dtype=np.int64)
    high = np.full(values.shape, len(background), dtype=np.int64)
    for _ in range(len(background).bit_length()):
        middle = (low + high) // 2
        entries = background[np.minimum(middle, len(background) - 1), columns]
        smaller = (entries <= values if equal else entries < values) & (low < high)
        low, high = np.where(smaller, middle + 1, low), np.where(smaller, high, middle)
    return low


class Background:
    """The scores of a background set.

    Parameters
    ----------
    path
        A Parquet file in the wide form that ``basenji score`` wrote.
    scores, tracks
        Names of the scores and identifiers of the tracks that will be ranked.
    models
        Checksums of the models that make the scores.

    Raises
    ------
    InputError
        If the file is none, was made with other models, or lacks a score or track.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        scores: Sequence[str],
        tracks: Sequence[str],
        models: Sequence[str],
    ) -> None:
        path = Path(path)
        try:
            file = pyarrow.parquet.ParquetFile(path)
        except FileNotFoundError:
            raise InputError(f"the background {path} does not exist") from None
        except (OSError, pa.ArrowInvalid):
            raise InputError(
                f"the background {path} is no Parquet file: give a table that "
                "'basenji score --out x.parquet' wrote"
            ) from None
        with file:
            metadata = (file.schema_arrow.metadata or {}).get(METADATA_KEY.encode())
            if metadata is None:
                raise InputError(f"the background {path} was not written by basenji score")
            made_with = [model["sha256"] for model in json.loads(metadata)["models"]]
            if made_with != list(models):
                raise InputError(
                    f"the background {path} holds scores of another model: score its variants "
                    "with this one"
                )
            for score in scores:
                for track in tracks:
                    if f"{score}/{track}" not in file.schema_arrow.names:
                        raise InputError(
                            f"the background {path} has no column {score}/{track}: score its "
                            "variants with the same --scores and --tracks, without --long"
                        )
            ok = pa.compute.equal(file.read(["status"]).column(0), "ok")
            self._sorted = {
                score: _sorted_columns(file, [f"{score}/{track}" for track in tracks], ok)
                for score in scores
            }
        self._scores = list(scores)
        if not all(len(values) for values in self._sorted.values()):
            raise InputError(f"the background {path} has no allele with scores")

    def quantiles(self, values: np.ndarray) -> np.ndarray:
        """Rank scores.

        Parameters
        ----------
        values : ndarray, shape (alleles, scores, tracks)
            Scores, in the order of the names given before.

        Returns
        -------
        ndarray, float32, shape (alleles, scores, tracks)
            Quantiles, 0 to 1; of a signed score low ones are decreases and high ones increases.
        """
        ranked = [
            quantiles(self._sorted[score], values[:, place])
            for place, score in enumerate(self._scores)
        ]
        return np.stack(ranked, axis=1)


def _sorted_columns(file: pa.parquet.ParquetFile, names: list[str], ok: pa.Array) -> np.ndarray:
    table = file.read(names).filter(ok)
    # A Parquet file's columns come one by one; there is no call for a matrix of them.
    return np.sort(np.stack([table.column(name).to_numpy() for name in names], axis=1), axis=0)
