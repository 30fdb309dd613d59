"""Figures of contributions: letters as high as what they contribute, above what others would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basenji_kipoi.base.atomic import file_names
from basenji_kipoi.base.sequence import ALPHABET
from basenji_kipoi.figures.sequence_map import DOTS_PER_INCH, SequenceMap, draw_sequence_map

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from matplotlib.figure import Figure

    from basenji_kipoi.interpretation.attribution.files import AttributionTable
    from basenji_kipoi.interpretation.attribution.methods import Contributions

__all__ = ["draw_attribution", "draw_attributions"]


def draw_attribution(
    table: AttributionTable, number: int, output: int, found: Contributions
) -> Figure:
    """Draw what the bases of one interval contribute to one output.

    Parameters
    ----------
    table
        What intervals and outputs are.
    number, output
        Which interval, and which output.
    found
        What the interval's bases contribute.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    interval, name = table.intervals[number], table.outputs[output].name
    label = "" if interval.name == "." else f"   {interval.name}"
    return draw_sequence_map(
        SequenceMap(
            chrom=interval.chrom,
            start=interval.start,
            codes=found.codes,
            heights=found.contributions[:, output],
            cells=found.hypothetical[:, :, output],
            rows=tuple(ALPHABET),
            title=f"{name}{label}   {interval.chrom}:{interval.start + 1:,}-{interval.end:,}   "
            f"{table.attributes['method']}",
            height_label="contribution",
            cell_label="contribution, hypothetical",
        )
    )


def draw_attributions(
    table: AttributionTable, pieces: Iterable[Contributions], folder: Path
) -> list[Path]:
    """Draw every interval and output.

    Parameters
    ----------
    table
        What intervals and outputs are.
    pieces
        What the bases of each interval contribute.
    folder
        Directory to be made.

    Returns
    -------
    list of Path
        The figures, ``<contig>_<start>_<end>[.<name>].<output>.png``.
    """
    folder.mkdir()
    drawn = []
    labels = ["" if i.name == "." else f".{i.name}" for i in table.intervals]
    places = file_names(
        [f"{i.chrom}_{i.start}_{i.end}{label}" for i, label in zip(table.intervals, labels)]
    )
    names = file_names([output.name for output in table.outputs])
    for number, (place, found) in enumerate(zip(places, pieces)):
        for output, name in enumerate(names):
            path = folder / f"{place}.{name}.png"
            draw_attribution(table, number, output, found).savefig(path, dpi=DOTS_PER_INCH)
            drawn.append(path)
    return drawn
