"""The figure of a mechanism: profiles, contributions of both alleles, and genes."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from basenji_kipoi.base.sequence import ALPHABET, UNKNOWN, encode, one_hot
from basenji_kipoi.faces import library

if TYPE_CHECKING:
    from typing import Any

    from matplotlib.axes import Axes

    from basenji_kipoi.locus.mechanisms.record import AlleleBases, Mechanism

__all__ = ["mechanism_figure"]

_INK, _GREY = "#2b3440", "#c4cbd3"
#: Colours that differ for people who see red and green alike (Okabe and Ito 2008). The reference is
#: an area besides, and the alternative a line.
_REFERENCE, _ALTERNATIVE, _MOTIF = "#9fb4cc", "#d55e00", "#0072b2"
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
        figure.suptitle(title, fontsize=10, color=_INK, x=0.01, ha="left")
    for number, ax in enumerate(axes[:tracks]):
        _draw_profile(ax, record, number)
    axes[0].legend(fontsize=8, frameon=False, ncols=2, loc="upper right", bbox_to_anchor=(1, 1.35))
    axes[tracks - 1].set_xlabel(f"position on {record.chrom} (bp)", fontsize=8, color=_INK)
    _draw_bases(axes[tracks:], record)
    _draw_genes(right.subplots(), record)
    return figure


def _plain(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8, colors=_INK)


def _draw_profile(ax: Axes, record: Mechanism, number: int) -> None:
    profile = record.profile
    reference = np.array(profile.reference[number])
    alternative = np.array(profile.alternative[number])
    edges = profile.start + profile.bin * np.arange(len(reference) + 1)
    ax.stairs(reference, edges, fill=True, color=_REFERENCE, label=f"with {_cut(record.ref)}")
    ax.stairs(alternative, edges, color=_ALTERNATIVE, lw=1.4, label=f"with {_cut(record.alt)}")
    ax.axvline(record.pos - 0.5, color=_INK, lw=0.8, ls=(0, (3, 2)))
    first, last = _shown(record)
    ax.set_xlim(first, last)
    inside = (edges[1:] > first) & (edges[:-1] < last)
    top = max(reference[inside].max(initial=0), alternative[inside].max(initial=0))
    ax.set_ylim(0, 1.08 * top or 1)
    change = record.tracks[number].change
    ax.set_title(
        f"{profile.tracks[number]}   log2 change {change:+.2g}", fontsize=9, color=_INK, loc="left"
    )
    ax.xaxis.set_major_formatter("{x:,.0f}")
    _plain(ax)


def _shown(record: Mechanism) -> tuple[int, int]:
    """Find the stretch that is shown: the bins that change, and some on either side."""
    first = min(record.contributions.first_bin, record.pos) - _AROUND
    last = max(record.contributions.last_bin, record.pos) + _AROUND
    profile = record.profile
    end = profile.start + profile.bin * len(profile.reference[0])
    return max(first, profile.start), min(last, end)


def _draw_bases(axes: Any, record: Mechanism) -> None:  # noqa: ANN401 - an array of axes
    logomaker = library("logomaker", "drawing letters")
    import pandas as pd  # noqa: PLC0415 - what logomaker takes

    found = record.contributions
    sides = (found.reference, record.ref), (found.alternative, record.alt)
    values = [value for side, _ in sides for value in side.contributions]
    low, high = min(0.0, *values), max(0.0, *values)
    margin = 0.1 * (high - low) or 1.0
    longest = max(len(side.sequence) for side, _ in sides)
    for ax, (side, allele), name in zip(axes, sides, ("reference", "alternative")):
        codes = encode(side.sequence)
        heights = one_hot(codes) * np.array(side.contributions)[:, None]
        heights *= (codes != UNKNOWN)[:, None]
        table = pd.DataFrame(heights, columns=list(ALPHABET))
        logomaker.Logo(table, ax=ax, color_scheme="colorblind_safe", show_spines=False)
        begin = record.pos - 1 - found.start
        ax.axvspan(begin - 0.5, begin + len(allele) - 0.5, color="#e69f00", alpha=0.3, zorder=0)
        ax.set_ylim(low - margin, high + 2.5 * margin)
        ax.set_xlim(-0.5, longest - 0.5)
        ax.set_xticks([])
        ax.set_title(
            f"contributions to {found.track}, {name} {_cut(allele)} (sum of the bins that change: "
            f"{side.value:.4g})",
            fontsize=9, color=_INK, loc="left",
        )  # fmt: skip
        _mark_motif(ax, record, side, is_alternative=name == "alternative", top=high + margin)
        _plain(ax)


def _mark_motif(
    ax: Axes, record: Mechanism, side: AlleleBases, *, is_alternative: bool, top: float
) -> None:
    """Mark the site of the first motif in the allele where it is better."""
    if not record.motifs:
        return
    motif = record.motifs[0]
    if (motif.kind in ("gained", "strengthened")) != is_alternative:
        return
    first = motif.start - record.contributions.start
    last = first + motif.end - motif.start
    ax.plot([first - 0.4, last - 0.6], [top, top], color=_MOTIF, lw=2.5, clip_on=True)
    ax.annotate(
        f"{motif.name} ({motif.strand}), {motif.kind}", (min(last, len(side.sequence)), top),
        xytext=(4, 0), textcoords="offset points", fontsize=8, color=_MOTIF, va="center",
    )  # fmt: skip


def _draw_genes(ax: Axes, record: Mechanism) -> None:
    """Draw what the variant and the knock-out of its element do to genes."""
    _plain(ax)
    ax.set_title("genes (log2 change at their starts)", fontsize=9, color=_INK, loc="left")
    genes = sorted(record.genes, key=lambda gene: -abs(gene.change))[:_GENES]
    if not genes:
        ax.set_axis_off()
        note = "; ".join(record.notes) or "none"
        ax.text(0, 0.9, textwrap.fill(note, 34), fontsize=9, color=_INK, transform=ax.transAxes)
        return
    rows = np.arange(len(genes))[::-1]
    ax.barh(
        rows + 0.18, [gene.change for gene in genes], height=0.3, color=_ALTERNATIVE,
        label="the variant",
    )  # fmt: skip
    known = [(row, gene) for row, gene in zip(rows, genes) if gene.element_change is not None]
    if known:
        ax.barh(
            [row - 0.18 for row, _ in known], [gene.element_change for _, gene in known],
            xerr=[gene.element_spread for _, gene in known], height=0.3, color=_REFERENCE,
            hatch="///", edgecolor="white", ecolor=_INK, label="its element shuffled",
        )  # fmt: skip
    ax.axvline(0, color=_INK, lw=0.8)
    ax.set_yticks(rows, [f"{gene.gene}\n{gene.distance:,} bp" for gene in genes])
    ax.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.06))


def _cut(allele: str) -> str:
    """Shorten a long allele."""
    return allele if len(allele) <= 12 else f"{allele[:5]}…{allele[-4:]} ({len(allele)} bp)"
