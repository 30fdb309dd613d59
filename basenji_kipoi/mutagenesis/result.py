"""A map of mutations in memory, with the names of its intervals, positions and tracks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from basenji_kipoi.base.sequence import ALPHABET, letters
from basenji_kipoi.faces import library
from basenji_kipoi.mutagenesis.scores import STATUSES
from basenji_kipoi.prediction.interval_results import IntervalResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from basenji_kipoi.models.targets import Target
    from basenji_kipoi.mutagenesis.files import MutationTable
    from basenji_kipoi.mutagenesis.scores import Mutations

__all__ = ["MutationMap"]


class MutationMap(IntervalResult):
    """What every mutation of intervals changes. Made by `basenji_kipoi.mutate`.

    The positions of the intervals lie one after another. ``found[i]`` has those of interval i
    alone, ``found["tif_*"]`` tracks by identifier or pattern, ``found[i, "tif_*"]`` both; an
    `Interval`, (contig, start, end) or a slice may stand for i. A loop goes over the intervals.

    Parameters
    ----------
    table
        What positions, scores and tracks are.
    columns
        Its arrays by name (`MutationTable.columns`).
    scores
        Values by the name of their score.

    Attributes
    ----------
    scores : dict of str to ndarray
        By score, float32: (positions, 4, tracks) for substitutions by A, C, G, T, whose reference
        base is 0, and (positions, tracks) for deletions; NaN where a position is not scored.
    positions : ndarray, int64, shape (positions,)
        Where each lies on its contig (0-based).
    codes : ndarray, uint8, shape (positions,)
        Codes of the reference: 0 to 3 for A, C, G, T, and 4 for unknown.
    status : ndarray, uint8, shape (positions,)
        What became of each: 0 scored, 1 not, for the reference is unknown, 2 not, for the deletion
        passes the contig's end.
    intervals : list of Interval
        The intervals, 0-based and half-open (bp).
    tracks : list of Target
        The tracks in the order of the last axis.
    mutations : Mutations
        What was done at each position.
    offsets : ndarray, int64, shape (intervals + 1,)
        Interval i has the positions ``offsets[i]:offsets[i + 1]``.
    attributes : dict
        The models, the genome, and how it was computed.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> model, genome = bk.load("model_files"), bk.Genome("genome.fa")
    >>> found = bk.mutate(model, genome, "chrA:20,001-20,008", tracks="stripe_wt_*")
    >>> found
    <MutationMap of basenji-yeast: snv, 1 interval, 8 positions, SAD of 2 tracks>
    >>> found.reference, found.scores["SAD"].shape
    ('TTTTTTTT', (8, 4, 2))
    """

    _title = "Mutations"

    def __init__(
        self,
        table: MutationTable,
        columns: Mapping[str, np.ndarray],
        scores: Mapping[str, np.ndarray],
    ) -> None:
        self.tracks: list[Target] = list(table.tracks)
        labels = [track.identifier for track in self.tracks]
        super().__init__(table.intervals, labels, columns["intervals/offset"], table.attributes)
        self._table, self._columns = table, columns
        self.scores = dict(scores)
        self.positions = columns["positions"]
        self.codes = columns["codes"]
        self.status = columns["status"]
        self.mutations: Mutations = table.mutations

    @property
    def reference(self) -> str:
        """Letters of the reference, one a position."""
        return "".join(letters(self.codes).tolist())

    def _of(self, numbers: list[int], columns: list[int]) -> MutationMap:
        rows = self._rows(numbers)
        lengths = np.diff(self.offsets)[numbers]
        table = replace(
            self._table,
            intervals=[self.intervals[number] for number in numbers],
            tracks=[self.tracks[column] for column in columns],
        )
        arrays = {name: self._columns[name][rows] for name in ("positions", "codes", "status")}
        arrays["intervals/offset"] = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        scores = {name: values[rows][..., columns] for name, values in self.scores.items()}
        return MutationMap(table, arrays, scores)

    def to_dataframe(self) -> Any:  # noqa: ANN401 - pandas is not in every environment
        """Make a table with a row a mutation.

        Returns
        -------
        pandas.DataFrame
            Columns ``chrom``, ``position`` (0-based), ``ref``, ``alt`` (substitutions) or
            ``deleted`` (bp; deletions), ``status``, and one a score and track,
            ``score/track``. Substitutions by the reference's own base are left out.

        Raises
        ------
        InputError
            If pandas is not installed.

        Examples
        --------
        >>> import basenji_kipoi as bk
        >>> found = bk.mutate("model_files", "genome.fa", "chrA:20050", tracks="atac")
        >>> found.to_dataframe().drop(columns=["SAD/atac", "status"])
          chrom  position ref alt
        0  chrA     20049   A   C
        1  chrA     20049   A   G
        2  chrA     20049   A   T
        """
        pandas = library("pandas", "to_dataframe()")
        rows, columns = np.arange(len(self.positions)), {}
        where: tuple[np.ndarray, ...] = (rows,)
        if self.mutations.deleted is None:
            bases = np.tile(np.arange(len(ALPHABET)), len(rows))
            rows = np.repeat(rows, len(ALPHABET))
            other = bases != self.codes[rows]
            where = rows, bases = rows[other], bases[other]
            columns["alt"] = letters(bases)
        else:
            columns["deleted"] = self.mutations.deleted
        for name, values in self.scores.items():
            chosen = values[where]
            for track, label in enumerate(self.labels):
                columns[f"{name}/{label}"] = chosen[:, track]
        names = np.array(STATUSES, dtype=object)
        places = {
            "chrom": self.chroms[rows],
            "position": self.positions[rows],
            "ref": letters(self.codes[rows]),
        }
        first = "alt" if "alt" in columns else "deleted"
        kind = {first: columns.pop(first), "status": names[self.status[rows]]}
        return pandas.DataFrame({**places, **kind, **columns})

    def to_xarray(self) -> Any:  # noqa: ANN401 - xarray is not in every environment
        """Make a set of labelled arrays, one a score.

        Returns
        -------
        xarray.Dataset
            Dimensions ``position``, ``base`` (substitutions) and ``track``. Coordinates of
            positions: ``chrom``, ``place`` (0-based), ``ref``, ``status``.

        Raises
        ------
        InputError
            If xarray is not installed.
        """
        xarray = library("xarray", "to_xarray()")
        axes = ("base",) if self.mutations.deleted is None else ()
        names = np.array(STATUSES, dtype=object)
        return xarray.Dataset(
            {name: (("position", *axes, "track"), values) for name, values in self.scores.items()},
            coords={
                "chrom": ("position", self.chroms),
                "place": ("position", self.positions),
                "ref": ("position", letters(self.codes)),
                "status": ("position", names[self.status]),
                "track": self.labels,
                **({"base": list(ALPHABET)} if axes else {}),
            },
            attrs=dict(self.attributes),
        )

    @property
    def _origin(self) -> str:
        """The models, each once."""
        return "of " + ", ".join(dict.fromkeys(str(self.attributes["models"]).split(", ")))

    def _facts(self) -> dict[str, str]:
        return {
            "mutations": str(self.mutations),
            "positions": f"{len(self.positions):,}",
            "scores": ", ".join(self.scores),
        }

    def __repr__(self) -> str:
        intervals, tracks = self._counted()
        positions, scores = f"{len(self.positions):,} positions", ", ".join(self.scores)
        return self._shown(str(self.mutations), intervals, positions, f"{scores} of {tracks}")
