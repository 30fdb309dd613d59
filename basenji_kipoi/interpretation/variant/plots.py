"""Figures of a variant: both alleles' tracks, their difference, and the letters around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from basenji_kipoi.base.sequence import short_allele
from basenji_kipoi.effects.windows import longest_allele
from basenji_kipoi.figures.alleles import draw_alleles, draw_logos, join_panels
from basenji_kipoi.figures.panels import GAIN, INK, LOSS, draw_genes, gene_rows, label_panel
from basenji_kipoi.genome.fasta import open_genome
from basenji_kipoi.genome.vcf import Variant
from basenji_kipoi.interpretation.variant.view import VariantView, locate, view_variant
from basenji_kipoi.models.model import loaded
from basenji_kipoi.prediction.plots import gene_marks

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from basenji_kipoi.effects.passes import IndelMode
    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.genes import Gene
    from basenji_kipoi.models.model import Model, Strands

__all__ = ["draw_variant", "plot_variant"]

#: Bins on each side of the variant that are drawn by default.
_FLANK_BINS = 48


def plot_variant(
    model: Model | str | os.PathLike[str],
    genome: Genome | str | os.PathLike[str],
    variant: str | tuple[str, int, str, str],
    *,
    tracks: str | Sequence[str | int] | None = None,
    genes: Iterable[Gene] = (),
    flank: int | None = None,
    around: int = 30,
    method: Literal["mutation", "gradient"] = "mutation",
    both_strands: Strands = None,
    indels: IndelMode = "stitch",
) -> Figure:
    """Draw both alleles of a variant: tracks, their difference, and the letters around it.

    Parameters
    ----------
    model
        The model, or the directory of a bundle.
    genome
        The genome, or its FASTA file.
    variant
        ``"contig:position:REF:ALT"``, or these four; the position counts from 1.
    tracks
        Identifiers, patterns or indices of the tracks; by default the three whose totals change
        most. The letters explain the first one.
    genes
        Genes, as `basenji_kipoi.read_genes` gives them.
    flank
        Bases on each side of the variant that are drawn (bp); by default 48 bins.
    around
        Bases on each side of it whose contributions are drawn (bp).
    method
        How contributions are found: by every substitution, exactly, or by the gradient, which is
        faster.
    both_strands
        Whether to average over both strands; None as the model was evaluated.
    indels
        As `basenji_kipoi.score` takes it.

    Returns
    -------
    matplotlib.figure.Figure
        Tracks in counts of the coverage; letters in what they contribute to the total of the first
        track over the window, in units of the targets table.

    Raises
    ------
    InputError
        If the variant cannot be predicted, or there is no such track.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> figure = bk.plot_variant("yeast", "genome.fa", "chrA:20050:A:C", tracks="atac", around=5)
    >>> [axes.get_ylabel() for axes in figure.axes][:3]
    ['atac', 'alt - ref', 'REF']
    """
    model = loaded(model)
    given = Variant.parse(variant) if isinstance(variant, str) else Variant(0, *_four(variant))
    with open_genome(genome) as opened:
        located = locate(given, opened, longest_allele(model.architecture))
        view = view_variant(
            model,
            opened,
            located,
            tracks=tracks,
            both_strands=both_strands,
            indels=indels,
            method=method,
            around=around,
        )
    return draw_variant(view, genes=genes, flank=flank)


def _four(given: tuple[str, int, str, str]) -> tuple[str, int, None, str, str]:
    chrom, pos, ref, alt = given
    return chrom, pos, None, ref, alt


def draw_variant(
    view: VariantView, *, genes: Iterable[Gene] = (), flank: int | None = None
) -> Figure:
    """Draw what was found of a variant.

    Parameters
    ----------
    view
        What was found.
    genes, flank
        As `plot_variant` takes them.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes seconds

    edges, position = view.edges, view.variant.pos - 1
    flank = flank or _FLANK_BINS * int(edges[1] - edges[0])
    shown = (edges[1:] > position - flank) & (edges[:-1] < position + flank)
    first, last = np.flatnonzero(shown)[[0, -1]]
    edges = edges[first : last + 2]
    marks = gene_marks(genes, view.variant.chrom, int(edges[0]), int(edges[-1]))
    rows = gene_rows(marks, int(edges[0]), int(edges[-1]))
    heights = [1.15, 0.7] * len(view.tracks) + [0.24 * len(rows)] * bool(rows) + [1.0, 1.0]
    figure = Figure(figsize=(11, 1.7 + sum(heights)), layout="constrained")
    axes = figure.subplots(len(heights), 1, height_ratios=heights)
    wide, near = axes[:-2], axes[-2:]
    for column, track in enumerate(view.tracks):
        above, below = wide[2 * column : 2 * column + 2]
        values = [each[first : last + 1, column] for each in (view.reference, view.alternative)]
        total = float((view.alternative[:, column] - view.reference[:, column]).sum())
        draw_alleles(above, track.identifier, *values, edges)
        _draw_difference(below, values[1] - values[0], edges, total)
    if rows:
        draw_genes(wide[-1], rows)
    join_panels(wide, edges, view.variant.chrom, view.variant.pos)
    wide[0].legend(loc="upper right", frameon=False, fontsize=8, ncols=2)
    width = int(edges[1] - edges[0])
    title = f"{_short(view.variant)}   predicted coverage of each bin of {width} bp"
    wide[0].set_title(title, fontsize=11, color=INK)
    explained = view.tracks[0].identifier
    draw_logos(near, view.logos, f"what each base contributes to the total of {explained}")
    return figure


def _draw_difference(ax: Axes, change: np.ndarray, edges: np.ndarray, total: float) -> None:
    for part, colour in ((np.maximum(change, 0), GAIN), (np.minimum(change, 0), LOSS)):
        ax.stairs(part, edges / 1000, fill=True, color=colour, linewidth=0)
    ax.axhline(0, color=INK, linewidth=0.6)
    limit = float(np.abs(change).max()) or 1.0
    ax.set_ylim(-1.2 * limit, 1.2 * limit)
    label_panel(ax, "alt - ref", limit, signed=True)
    ax.annotate(
        f"total {total:+.3g}", (1, 0.95), xycoords="axes fraction", ha="right", va="top",
        fontsize=8, color=INK,
    )  # fmt: skip


def _short(variant: Variant) -> str:
    """Name a variant; of long alleles, their length."""
    ref, alt = map(short_allele, variant[4:])
    return f"{variant.chrom}:{variant.pos:,} {ref}>{alt}"
