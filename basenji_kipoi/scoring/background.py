"""Where a score stands among those of a background set of variants."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import check_seekable
from basenji_kipoi.base.unfinished import first_difference
from basenji_kipoi.scoring.metadata import read_metadata, settings_of

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

__all__ = ["COMPARED", "Background", "difference_of", "quantiles"]

#: Settings of a run that its scores and those of its background have in common.
COMPARED = (
    "model", "reporter", "bins", "window", "both_strands", "shifts", "indels", "unit",
    "insert", "places", "ends", "strand",
)  # fmt: skip


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
        The fraction of the column that is smaller, plus half of the fraction that is equal. NaN
        for a value that is NaN; those of the background, which are sorted last, do not count.
    """
    known = np.count_nonzero(~np.isnan(background), axis=0)
    found = np.empty(values.shape, dtype=np.float32)
    for column, (among, ranked) in enumerate(zip(background.T, values.T)):
        places = (np.searchsorted(among, ranked, side=side) for side in ("left", "right"))
        with np.errstate(invalid="ignore"):
            found[:, column] = sum(places) / (2 * known[column])
    found[np.isnan(values)] = np.nan
    return found


def _comparable(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Pick what scores of two tables must have in common; tiles lie on the grid, too."""
    window = "centred" if settings.get("window") == "centred" else "grid"
    return {**{name: settings.get(name) for name in COMPARED}, "window": window}


def difference_of(path: Path, settings: Mapping[str, Any]) -> str | None:
    """Tell why scores of a table cannot be set beside others, as `first_difference` does.

    Parameters
    ----------
    path
        A table that ``basenji score`` wrote.
    settings
        What the others depend on, as `Background` takes it.
    """
    return first_difference(_comparable(settings_of(read_metadata(path))), _comparable(settings))


class Background:
    """The scores of a background set.

    Parameters
    ----------
    path
        A Parquet file in the wide form that ``basenji score`` wrote.
    scores, tracks
        Names of the scores and identifiers of the tracks that will be ranked.
    settings
        What else the scores depend on: checksums of the models, and options of `COMPARED`.

    Raises
    ------
    InputError
        If the file is none, was made with other settings, or lacks a score or track.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        scores: Sequence[str],
        tracks: Sequence[str],
        settings: Mapping[str, Any],
    ) -> None:
        path = Path(path)
        check_seekable(path, "Parquet")
        try:
            content = path.open("rb")
            file = pyarrow.parquet.ParquetFile(content)
        except FileNotFoundError:
            raise InputError(f"the background {path} does not exist") from None
        except (OSError, pa.ArrowInvalid):
            raise InputError(
                f"the background {path} is no Parquet file: give a table that "
                "'basenji score --out x.parquet' wrote"
            ) from None
        with content, file:
            if difference := difference_of(path, settings):
                raise InputError(
                    f"the background {path} was made with {difference}: score its variants with "
                    "the same model and options"
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
    # Each column in one piece, which is searched.
    return np.sort(np.stack([table.column(name).to_numpy() for name in names]), axis=1).T
