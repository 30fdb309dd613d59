"""The figure of a mechanism: profiles, contributions of both alleles, and genes."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from basenji_kipoi.base.sequence import encode
from basenji_kipoi.figures.alleles import Logo, draw_alleles, draw_logos, join_panels
from basenji_kipoi.figures.panels import GREY, INK, PALETTE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from basenji_kipoi.locus.mechanisms.record import Mechanism, MotifChange

__all__ = ["mechanism_figure"]

_MOTIF = PALETTE[0]
#: Share of a panel of letters that a motif's name takes above them.
_ROOM = 0.2
#: Bases around the bins that change which are shown at least on either side (bp).
_AROUND = 500
#: Genes that are shown at most.
_GENES = 8


def mechanism_figure(record: Mechanism, *, titled: bool = True) -> Figure:
    """Draw a mechanism: profiles, contributions of both alleles with the motif, and genes.

    Parameters
    ----------
    record
        What `basenji_kipoi.mechanism` made.
    titled
        Whether its sentence stands above.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> found = bk.mechanism("model_files", "genome.fa", "chrA:20050:A:C", tracks="atac")
    >>> bk.mechanism_figure(found).savefig("mechanism.png")
    """
    tracks = len(record.profile.tracks)
    heights = [1.0] * tracks + [1.15, 1.15]
    figure = Figure(figsize=(12, 1.4 + 1.05 * sum(heights)), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[3, 1])
    axes = left.subplots(len(heights), 1, height_ratios=heights)
    if titled:
        title = "\n".join(textwrap.wrap(record.sentence, 150))
        figure.suptitle(title, fontsize=10, color=INK, x=0.01, ha="left")
    _draw_profiles(axes[:tracks], record)
    _draw_bases(axes[tracks:], record)
    _draw_genes(right.subplots(), record)
    return figure


def _draw_profiles(axes: Sequence[Axes], record: Mechanism) -> None:
    """Draw both alleles' tracks around the bins that change."""
    profile = record.profile
    values = np.array([profile.reference, profile.alternative])
    edges = profile.start + profile.bin * np.arange(values.shape[2] + 1)
    first = min(record.contributions.first_bin, record.pos) - _AROUND
    last = max(record.contributions.last_bin, record.pos) + _AROUND
    inside = np.flatnonzero((edges[1:] > first) & (edges[:-1] < last))
    edges = edges[inside[0] : inside[-1] + 2]
    for number, ax in enumerate(axes):
        draw_alleles(ax, profile.tracks[number], *values[:, number, inside], edges)
        ax.set_title(
            f"log2 change {record.tracks[number].change:+.2g}", fontsize=9, color=INK, loc="left"
        )
    join_panels(axes, edges, record.chrom, record.pos)
    axes[0].legend(fontsize=8, frameon=False, ncols=2, loc="upper right", bbox_to_anchor=(1, 1.35))


def _draw_bases(axes: Sequence[Axes], record: Mechanism) -> None:
    """Draw what bases contribute in both alleles, and the motif above that of the better one."""
    found = record.contributions
    begin = record.pos - 1 - found.start
    sides = (found.reference, record.ref), (found.alternative, record.alt)
    logos = [
        Logo(
            found.start,
            encode(side.sequence),
            np.array(side.contributions),
            (begin, begin + len(allele)),
        )
        for side, allele in sides
    ]
    before, after = (f"{side.value:.4g}" for side, _ in sides)
    title = f"what each base contributes to {found.track}, in the bins that change"
    draw_logos(axes, logos, f"{title} (sum {before} with REF, {after} with ALT)")
    if record.motifs:
        low, high = axes[0].get_ylim()
        room = _ROOM * (high - low)
        for ax in axes:
            ax.set_ylim(low, high + room)
        is_better = record.motifs[0].kind in ("gained", "strengthened")
        _mark_motif(axes[int(is_better)], record.motifs[0], high + room / 2)


def _mark_motif(ax: Axes, motif: MotifChange, top: float) -> None:
    """Mark the site of a motif."""
    ax.plot([motif.start - 0.4, motif.end - 0.6], [top, top], color=_MOTIF, lw=2.5, clip_on=True)
    ax.annotate(
        f"{motif.name} ({motif.strand}), {motif.kind}", (motif.end, top),
        xytext=(4, 0), textcoords="offset points", fontsize=8, color=_MOTIF, va="center",
    )  # fmt: skip


def _draw_genes(ax: Axes, record: Mechanism) -> None:
    """Draw what the variant and the knock-out of its element do to genes."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8, colors=INK)
    ax.set_title("genes (log2 change at their starts)", fontsize=9, color=INK, loc="left")
    genes = sorted(record.genes, key=lambda gene: -abs(gene.change))[:_GENES]
    if not genes:
        ax.set_axis_off()
        note = "; ".join(record.notes) or "none"
        ax.text(0, 0.9, textwrap.fill(note, 34), fontsize=9, color=INK, transform=ax.transAxes)
        return
    rows = np.arange(len(genes))[::-1]
    ax.barh(
        rows + 0.18, [gene.change for gene in genes], height=0.3, color=INK,
        label="the variant",
    )  # fmt: skip
    known = [(row, gene) for row, gene in zip(rows, genes) if gene.element_change is not None]
    if known:
        ax.barh(
            [row - 0.18 for row, _ in known], [gene.element_change for _, gene in known],
            xerr=[gene.element_spread for _, gene in known], height=0.3, color=GREY,
            hatch="///", edgecolor="white", ecolor=INK, label="its element shuffled",
        )  # fmt: skip
    ax.axvline(0, color=INK, lw=0.8)
    ax.set_yticks(rows, [f"{gene.gene}\n{gene.distance:,} bp" for gene in genes])
    ax.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.06))
