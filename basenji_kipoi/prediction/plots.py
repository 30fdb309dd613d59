"""Figures of predictions."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.figures.panels import PALETTE, GeneMark, Panel, draw_panels
from basenji_kipoi.models.targets import COUNTS, columns_named, counts_of
from basenji_kipoi.prediction.observed import read_observed

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.figure import Figure

    from basenji_kipoi.genome.genes import Gene
    from basenji_kipoi.models.targets import Target
    from basenji_kipoi.prediction.result import Predictions

__all__ = ["check_tracks", "gene_marks", "plot_tracks"]

#: Panels that still can be read.
_MOST = 40
#: Bins that are drawn at most: more would be narrower than a dot.
_MOST_BINS = 50_000


def plot_tracks(
    predictions: Predictions,
    *,
    genes: Iterable[Gene] = (),
    observed: Mapping[str, str | os.PathLike[str]] | None = None,
) -> Figure:
    """Draw predicted tracks of an interval, with genes and what was measured.

    Both tracks of a strand pair share a panel, the second of them below the line.

    Parameters
    ----------
    predictions
        Of one interval, in either unit; counts of the coverage are drawn.
    genes
        Genes, as `basenji_kipoi.read_genes` gives them.
    observed
        bigWigs by the identifier of a track: the same sums of what was measured are drawn in grey
        behind the prediction, which is a line then.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; ``figure.savefig("x.png")`` writes it.

    Raises
    ------
    InputError
        If there are several intervals or too many tracks, or a bigWig cannot be read.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> model, genome = bk.load("yeast"), bk.Genome("genome.fa")
    >>> predictions = bk.predict(model, genome, "chrA:10,001-30,000", tracks="atac,stripe_wt_*")
    >>> figure = bk.plot_tracks(predictions, genes=bk.read_genes("genes.gtf", genome))
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['atac', 'stripe_wt', 'genes']
    """
    if len(predictions) != 1:
        raise InputError(
            f"a figure shows one interval, not {len(predictions)}: draw predictions[i] of each"
        )
    if len(predictions.values) > _MOST_BINS:
        raise InputError(
            f"{predictions.intervals[0]} has {len(predictions.values):,} bins: a figure shows at "
            f"most {_MOST_BINS:,}"
        )
    tracks = predictions.tracks
    check_tracks(tracks)
    is_counts = predictions.attributes["unit"] == COUNTS
    values = predictions.values if is_counts else counts_of(tracks, predictions.values)
    interval = predictions.intervals[0]
    edges = np.append(predictions.starts, predictions.ends[-1])
    labels = [track.identifier for track in tracks]
    measured: dict[int, np.ndarray] = {}
    for name, path in (observed or {}).items():
        for column in columns_named(labels, name, option="observed"):
            measured[column] = read_observed(path, tracks[column], interval.chrom, edges)
    panels = [
        Panel(
            label,
            colour,
            values[:, above],
            None if below is None else values[:, below],
            measured.get(above),
            None if below is None else measured.get(below),
        )
        for label, colour, above, below in _paired(tracks)
    ]
    strands = "   other strand below the line" if any(p.below is not None for p in panels) else ""
    return draw_panels(
        panels,
        edges,
        chrom=interval.chrom,
        title=f"{interval.chrom}:{interval.start + 1:,}-{interval.end:,}{strands}",
        unit=f"coverage (of each bin of {predictions.bin} bp)",
        genes=gene_marks(genes, interval.chrom, interval.start, interval.end),
    )


def check_tracks(tracks: Sequence[Target]) -> None:
    """Check that a figure has room for tracks.

    Raises
    ------
    InputError
        If it has not.
    """
    panels = len(_paired(tracks))
    if panels > _MOST:
        raise InputError(
            f"--tracks: {panels:,} panels are too many for a figure: choose at most {_MOST}"
        )


def gene_marks(genes: Iterable[Gene], chrom: str, start: int, end: int) -> list[GeneMark]:
    """Find the genes of an interval [start, end) (bp, 0-based), as they are drawn."""
    return [
        GeneMark(gene.name or gene.gene_id, gene.strand, gene.start, gene.end)
        for gene in genes
        if gene.contig == chrom and gene.start < end and gene.end > start
    ]


def _paired(tracks: Sequence[Target]) -> list[tuple[str, str, int, int | None]]:
    """Pair the strands: label, colour of the assay, and the columns above and below the line."""
    columns = {track.index: column for column, track in enumerate(tracks)}
    colours: dict[str, str] = {}
    panels = []
    for column, track in enumerate(tracks):
        colour = colours.setdefault(track.assay, PALETTE[len(colours) % len(PALETTE)])
        partner = columns.get(track.strand_pair, column)
        if partner == column:
            panels.append((track.identifier, colour, column, None))
        elif track.index < track.strand_pair:
            label = _shared_start(track.identifier, tracks[partner].identifier)
            panels.append((label or track.identifier, colour, column, partner))
    return panels


def _shared_start(first: str, second: str) -> str:
    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, second))
    return "".join(letter for letter, _ in same).rstrip("_.+-")
