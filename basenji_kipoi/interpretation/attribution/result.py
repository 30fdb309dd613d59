"""Contributions in memory, with the names of their intervals, positions and outputs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from basenji_kipoi.base.sequence import ALPHABET, letters
from basenji_kipoi.faces import library
from basenji_kipoi.prediction.interval_results import IntervalResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.interpretation.attribution.files import AttributionTable
    from basenji_kipoi.interpretation.attribution.methods import Contributions

__all__ = ["Attributions"]


class Attributions(IntervalResult):
    """What the bases of intervals contribute. Made by `basenji_kipoi.attribute`.

    The positions of the intervals lie one after another. ``found[i]`` has those of interval i
    alone, ``found["tif_*"]`` outputs by name or pattern, ``found[i, "tif_*"]`` both; an `Interval`,
    (contig, start, end) or a slice may stand for i. A loop goes over the intervals.

    Parameters
    ----------
    table
        What intervals and outputs are.
    pieces
        What the bases of each interval contribute.

    Attributes
    ----------
    contributions : ndarray, float32, shape (positions, outputs)
        What the sequence's own bases contribute; unknown ones 0.
    hypothetical : ndarray, float32, shape (positions, 4, outputs)
        What A, C, G and T would contribute at each position.
    codes : ndarray, uint8, shape (positions,)
        Codes of the bases: 0 to 3 for A, C, G, T, and 4 for unknown.
    positions : ndarray, int64, shape (positions,)
        Where each lies on its contig (0-based).
    values, background : ndarray, float64, shape (intervals, outputs)
        The outputs of the sequence, and their mean over the backgrounds.
    sums : ndarray, float64, shape (intervals, outputs)
        Sums of the contributions: as far as they are ``values - background``, these are complete.
    intervals : list of Interval
        The intervals, 0-based and half-open (bp).
    labels : list of str
        Names of the outputs.
    offsets : ndarray, int64, shape (intervals + 1,)
        Interval i has the positions ``offsets[i]:offsets[i + 1]``.
    attributes : dict
        The method, the models, the genome, and how it was computed.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> model, genome = bk.load("model_files"), bk.Genome("genome.fa")
    >>> found = bk.attribute(model, genome, "chrA:20,001-20,100", tracks="atac")
    >>> found
    <Attributions by gradient: 1 interval, 100 positions, 1 output>
    >>> found.contributions.shape, found.hypothetical.shape
    ((100, 1), (100, 4, 1))
    """

    _title, _column = "Contributions", "output"

    def __init__(self, table: AttributionTable, pieces: Sequence[Contributions]) -> None:
        labels = [output.name for output in table.outputs]
        super().__init__(table.intervals, labels, table.offsets, table.attributes)
        self._table, self._pieces = table, list(pieces)
        outputs = len(labels)
        self.codes = np.concatenate([np.empty(0, np.uint8), *(p.codes for p in pieces)])
        self.hypothetical = np.concatenate(
            [np.empty((0, len(ALPHABET), outputs), np.float32), *(p.hypothetical for p in pieces)]
        )
        self.contributions = np.concatenate(
            [np.empty((0, outputs), np.float32), *(p.contributions for p in pieces)]
        )
        self.values, self.background, self.sums = (
            np.array([getattr(p, name) for p in pieces], dtype=np.float64).reshape(-1, outputs)
            for name in ("values", "background", "sums")
        )
        self.positions = table.columns()["positions"]

    @property
    def sequence(self) -> str:
        """Letters of the sequence, one a position."""
        return "".join(letters(self.codes).tolist())

    def _of(self, numbers: list[int], columns: list[int]) -> Attributions:
        table = replace(
            self._table,
            questions=[self._table.questions[number] for number in numbers],
            outputs=[self._table.outputs[output] for output in columns],
        )
        pieces = [self._pieces[number] for number in numbers]
        return Attributions(
            table,
            [
                piece._replace(
                    hypothetical=piece.hypothetical[:, :, columns],
                    values=piece.values[columns],
                    background=piece.background[columns],
                )
                for piece in pieces
            ],
        )

    def to_dataframe(self) -> Any:  # noqa: ANN401 - pandas is not in every environment
        """Make a table with a row a position.

        Returns
        -------
        pandas.DataFrame
            Columns ``chrom``, ``position`` (0-based), ``base``, and the contributions to each
            output under its name.

        Raises
        ------
        InputError
            If pandas is not installed.
        """
        pandas = library("pandas", "to_dataframe()")
        return pandas.DataFrame(
            {
                "chrom": self.chroms,
                "position": self.positions,
                "base": letters(self.codes),
                **dict(zip(self.labels, self.contributions.T)),
            }
        )

    @property
    def _origin(self) -> str:
        return f"by {self.attributes['method']}"

    def _facts(self) -> dict[str, str]:
        return {"positions": f"{len(self.positions):,}"}

    def __repr__(self) -> str:
        intervals, outputs = self._counted()
        return self._shown(intervals, f"{len(self.positions):,} positions", outputs)
