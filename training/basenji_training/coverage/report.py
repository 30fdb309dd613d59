"""The page that shows whether reads became the coverage that they should."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from basenji_training.coverage.gc_bias import LARGEST_FACTOR
from basenji_training.coverage.tss import FLANK

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from basenji_training.coverage.gc_bias import GcCurve
    from basenji_training.coverage.tss import TssProfile

__all__ = ["Quality", "write_report"]

_COLOUR, _OTHER, _GREY = "#1b5e88", "#c4572b", "#888888"
_MOST_CONTIGS = 40
# GC contents of fewer places (a share of all) are too rare to be drawn.
_RARE = 1e-4
#: The page's own markup; everything that it is given is escaped.
_PAGES = Environment(
    loader=PackageLoader("basenji_training.coverage", ""),
    autoescape=True,
    undefined=StrictUndefined,
)


@dataclass(frozen=True)
class Quality:
    """What was found on the way from reads to coverage.

    Attributes
    ----------
    tally
        How many alignments or fragments there were, by what became of them.
    reads_shared
        Reads whose weight was divided among several alignments.
    forward, reverse
        What counted on each strand of each contig, before clipping.
    contigs
        Their names.
    lengths : ndarray, int64
        Number of fragments of each length (bp); the last stands for all longer ones.
    usual_length
        Length of fragments that are not known (bp), 1 if nothing depends on it.
    gc
        The correction for GC content, if any.
    tss
        Coverage around transcription start sites, if any.
    is_atac
        Whether cuts of Tn5 were counted.
    """

    tally: Counter[str]
    reads_shared: int
    forward: Sequence[float]
    reverse: Sequence[float]
    contigs: Sequence[str]
    lengths: np.ndarray
    usual_length: int
    gc: GcCurve | None
    tss: TssProfile | None
    is_atac: bool = False

    def figures(self) -> dict[str, object]:
        """Return all figures in a form that JSON can hold."""
        forward, reverse = sum(self.forward), sum(self.reverse)
        counted = self.tally["duplicates that the file counts"]
        alignments = self.tally["alignments"] + self.tally["fragments"] + counted
        found: dict[str, object] = {
            "counts": {reason: number for reason, number in self.tally.items() if number},
            "reads_shared": self.reads_shared,
            "duplicates_share": (
                self.tally["marked as duplicate"] + self.tally["duplicates by position"] + counted
            )
            / max(alignments, 1),
            "total": forward + reverse,
            "plus_share": forward / (forward + reverse) if forward + reverse else None,
            "contigs": {
                name: round(sum(counts), 3)
                for name, *counts in zip(self.contigs, self.forward, self.reverse, strict=True)
            },
            "fragment_length": self.usual_length,
        }
        if self.gc is not None:
            names = ("observed", "expected", "rate", "factor")
            found["gc"] = {name: getattr(self.gc, name).round(6).tolist() for name in names}
        if self.tss is not None:
            found["tss"] = {
                "genes": self.tss.genes,
                "enrichment": None
                if np.isnan(self.tss.enrichment)
                else round(self.tss.enrichment, 3),
            }
        return found


def _contigs(axes: Axes, quality: Quality) -> str:
    totals = np.add(quality.forward, quality.reverse)
    chosen = np.sort(np.argsort(-totals)[:_MOST_CONTIGS])
    names = [quality.contigs[number] for number in chosen]
    forward, reverse = (np.array(each)[chosen] for each in (quality.forward, quality.reverse))
    axes.bar(names, forward, color=_COLOUR, label="plus strand")
    axes.tick_params(axis="x", rotation=90)
    axes.set_ylabel("events")
    caption = f"What counted on each contig; at most the {_MOST_CONTIGS} with most are shown."
    if reverse.any():
        axes.bar(names, reverse, bottom=forward, color=_OTHER, label="minus strand")
        axes.legend(frameon=False)
        caption += " The two strands together are nearly equal in most assays."
    return caption


def _lengths(axes: Axes, quality: Quality) -> str:
    most = np.searchsorted(np.cumsum(quality.lengths), 0.995 * quality.lengths.sum())
    shown = quality.lengths[: max(int(most), 1) + 1]
    axes.fill_between(np.arange(len(shown)), shown, step="mid", color=_COLOUR)
    label = f"median, {quality.usual_length} bp"
    axes.axvline(quality.usual_length, color=_OTHER, lw=1, label=label)
    axes.legend(frameon=False)
    axes.set(xlabel="fragment length (bp)", ylabel="fragments", xlim=(0, None), ylim=(0, None))
    caption = f"Lengths of fragments; the median is {quality.usual_length} bp."
    if quality.is_atac:
        caption += (
            " ATAC-seq shows a peak below 120 bp and one for each nucleosome, about 200 bp apart."
        )
    return caption


def _gc(axes: Axes, quality: Quality) -> str:
    gc = quality.gc
    percent = np.arange(len(gc.rate))
    mean = gc.observed.sum() / gc.expected.sum()
    shown = gc.expected > _RARE * gc.expected.sum()
    before = gc.observed[shown] / gc.expected[shown] / mean
    scale = (gc.observed * gc.factor).sum() / gc.observed.sum()
    after = before * gc.factor[shown] / scale
    low, high = gc.fitted_range
    usual = (percent[shown] >= low) & (percent[shown] <= high)
    for rates, colour, label in ((before, _GREY, "before"), (after, _OTHER, "after")):
        axes.plot(percent[shown][usual], rates[usual], "o", ms=4, color=colour, label=label)
        axes.plot(percent[shown][~usual], rates[~usual], "o", ms=3, mfc="none", mec=colour, mew=0.5)
    axes.plot(percent[shown], gc.rate[shown], color=_COLOUR, label="fitted")
    axes.axhline(1, color="black", lw=0.5)
    axes.axvspan(low - 0.5, high + 0.5, color="0.95", zorder=0)
    axes.set(xlabel="GC content of the fragment (%)", ylabel="rate, relative", ylim=(0, None))
    axes.legend(frameon=False)
    return (
        "Fragments of each GC content over the places of the genome where they can lie, peaks left "
        f"out. After the correction the points from {low} to {high} % (grey) lie near 1, unless "
        f"their rate is below 1/{LARGEST_FACTOR:.0f}, the largest correction. Beyond (circles) "
        "lies a hundredth of the genome's places; the fitted rate is level there, and fragments "
        "keep what bias is left."
    )


def _tss(axes: Axes, quality: Quality) -> str:
    tss = quality.tss
    distance = np.arange(-FLANK, FLANK + 1)
    axes.plot(distance, tss.sense, color=_COLOUR, lw=1, label="sense")
    if tss.antisense is not None:
        axes.plot(distance, tss.antisense, color=_OTHER, lw=1, label="antisense")
        axes.legend(frameon=False)
    axes.set(xlabel="distance from the TSS (bp)", ylabel="mean coverage", ylim=(0, None))
    return (
        f"Mean coverage around the transcription start sites of {tss.genes:,} genes. Enrichment "
        f"(largest mean over 51 bp within {FLANK // 2} bp, over that of the ends): "
        f"{tss.enrichment:.2f}."
    )


def write_report(
    path: Path, name: str, quality: Quality, description: Mapping[str, object]
) -> None:
    """Write the page, one file that needs no other.

    Parameters
    ----------
    path
        HTML file.
    name
        Name of the output.
    quality
        What was found.
    description
        The command (``command``), its time (``created``) and its settings (``settings``).
    """
    drawn = {
        "Contigs and strands": (_contigs, True),
        "Fragment lengths": (_lengths, quality.lengths.any()),
        "GC content": (_gc, quality.gc is not None),
        "Transcription start sites": (_tss, quality.tss is not None),
    }
    counts = {reason: number for reason, number in quality.tally.items() if number}
    counts["reads shared among several alignments"] = quality.reads_shared
    every = quality.tally["alignments"] + quality.tally["fragments"]
    rows = [
        (reason, f"{number:,}", f"{number / max(every, 1):.2%}")
        for reason, number in counts.items()
    ]
    rows.append(("events that count", f"{sum(quality.forward) + sum(quality.reverse):,.0f}", ""))
    page = _PAGES.get_template("report.html.jinja").render(
        title=f"Coverage {name}",
        description=description,
        rows=rows,
        drawings=[
            _drawing(title, draw, quality) for title, (draw, shown) in drawn.items() if shown
        ],
    )
    path.write_text(page, encoding="utf-8")


def _drawing(title: str, draw: Callable[[Axes, Quality], str], quality: Quality) -> dict[str, str]:
    """Draw a figure: its title, caption, and PNG file as base64."""
    with mpl.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(8, 3.2), layout="constrained")
        caption = draw(figure.subplots(), quality)
        image = io.BytesIO()
        figure.savefig(image, format="png", dpi=110)
    png = base64.b64encode(image.getvalue()).decode("ascii")
    return {"title": title, "caption": caption, "png": png}
