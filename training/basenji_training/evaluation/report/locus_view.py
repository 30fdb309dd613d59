"""The locus view: predicted over observed tracks along chromosomes, with genes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from bokeh.layouts import column, row
from bokeh.models import (
    AutocompleteInput,
    ColumnDataSource,
    CustomJS,
    DataRange1d,
    FixedTicker,
    MultiChoice,
    NumeralTickFormatter,
    Range1d,
    Select,
)

from basenji_training.evaluation.report.style import OBSERVED, PREDICTED, styled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bokeh.models import UIElement

    from basenji_kipoi.genome.genes import Gene
    from basenji_training.evaluation.evaluate import Evaluation
    from basenji_training.evaluation.loci import Locus

__all__ = ["locus_view"]

#: Tracks that are shown at first.
_FIRST = 4
#: Length that is shown at first, and around a gene that is asked for (bp).
_VIEW, _AROUND = 40_000, 10_000
#: With more of a chromosome in view, names of genes would cover each other (bp).
_NAMED = 50_000

#: Shows a locus: `source`s of the tracks, the genes, and the range.
_SHOW = """
    const number = Number(locus.value)
    const all = loci[number].data
    for (const [track, source] of Object.entries(shown))
        source.data = {
            start: all.start, zero: all.zero,
            observed: all["o" + track], predicted: all["p" + track],
        }
    gene_source.data = gene_data[number].data
    const [first, last] = spans[number]
    range.bounds = [first, last]
    range.reset_start = first
    range.reset_end = last
"""
_MOVE = """
    const [from, to] = spans[Number(locus.value)]
    range.start = from
    range.end = Math.min(to, from + view)
"""
_FIND = """
    const place = places.data.name.indexOf(cb_obj.value)
    if (place >= 0) {
        const centre = places.data.tss[place]
        locus.value = String(places.data.locus[place])
        const [first, last] = spans[places.data.locus[place]]
        range.start = Math.max(first, centre - around)
        range.end = Math.min(last, centre + around)
    }
"""


def locus_view(evaluation: Evaluation) -> UIElement:
    """Make the view: menus for the locus, the tracks and a gene, and the tracks below each other.

    Dragging moves it, the buttons zoom. The height of a track follows what is in view.
    """
    loci, labels = evaluation.loci, evaluation.targets.labels
    resolution = evaluation.figures["resolution"]
    starts = [each.position[1] + each.start for each in loci]
    spans = [
        (start, start + len(each.predicted) * resolution)
        for start, each in zip(starts, loci, strict=True)
    ]
    sources = [_values(each, resolution) for each in loci]
    genes = list(evaluation.expression.genes) if evaluation.expression else []
    gene_data = [_genes(genes, each, *span) for each, span in zip(loci, spans, strict=True)]
    first, last = spans[0]
    shared = Range1d(
        first, min(last, first + _VIEW), bounds=(first, last), min_interval=20 * resolution
    )
    shared.reset_start, shared.reset_end = first, last
    gene_source = ColumnDataSource(dict(gene_data[0].data))
    plots = {}
    shown = {}
    for place, track in enumerate(evaluation.locus_tracks):
        data = {name: sources[0].data[name] for name in ("start", "zero")}
        data["observed"] = sources[0].data[f"o{place}"]
        data["predicted"] = sources[0].data[f"p{place}"]
        shown[str(place)] = ColumnDataSource(data)
        plots[str(place)] = _track(labels[track], shown[str(place)], shared)
        plots[str(place)].visible = place in _first_tracks(evaluation)
    names = _gene_track(gene_source, shared)
    options = [
        (str(number), f"{each.position[0]}:{first:,}-{last:,}")
        for number, (each, (first, last)) in enumerate(zip(loci, spans, strict=True))
    ]
    locus = Select(title="Locus", options=options, value="0", width=260)
    arguments = {
        "locus": locus,
        "loci": sources,
        "shown": shown,
        "gene_source": gene_source,
        "gene_data": gene_data,
        "spans": [list(span) for span in spans],
        "range": shared,
    }
    show = CustomJS(args={**arguments, "view": _VIEW}, code=_SHOW + _MOVE)
    locus.js_on_change("value", show)
    tracks = MultiChoice(
        title="Tracks",
        options=[
            (place, labels[track])
            for place, track in zip(plots, evaluation.locus_tracks, strict=True)
        ],
        value=[place for place, plot in plots.items() if plot.visible],
        sizing_mode="stretch_width",
    )
    tracks.js_on_change(
        "value",
        CustomJS(
            args={"plots": plots},
            code="for (const [place, plot] of Object.entries(plots)) "
            "plot.visible = cb_obj.value.includes(place)",
        ),
    )
    controls: list[UIElement] = [locus]
    if genes:
        places = _places(gene_data)
        find = AutocompleteInput(
            title="Gene",
            completions=sorted(set(places.data["name"])),
            placeholder="name",
            case_sensitive=False,
            min_characters=2,
            width=160,
        )
        code = CustomJS(args={**arguments, "places": places, "around": _AROUND}, code=_FIND)
        find.js_on_change("value", code)
        controls.append(find)
    return column(
        row(*controls, tracks, sizing_mode="stretch_width"),
        names,
        *plots.values(),
        sizing_mode="stretch_width",
    )


def _first_tracks(evaluation: Evaluation) -> set[int]:
    """Choose the tracks that are shown at first: the first that have values."""
    figures = evaluation.figures["tracks"]
    known = [
        place
        for place, track in enumerate(evaluation.locus_tracks)
        if figures[track]["reason"] is None
    ]
    return set(known[:_FIRST])


def _values(locus: Locus, resolution: int) -> ColumnDataSource:
    bins, tracks = locus.predicted.shape
    data = {
        "start": locus.position[1] + locus.start + resolution * np.arange(bins),
        "zero": np.zeros(bins, np.float32),
    }
    for place in range(tracks):
        data[f"o{place}"] = locus.observed[:, place]
        data[f"p{place}"] = locus.predicted[:, place]
    return ColumnDataSource(data)


def _genes(genes: Sequence[Gene], locus: Locus, first: int, last: int) -> ColumnDataSource:
    """Genes of a locus: their bodies, and where an arrow shows the start and the direction."""
    offset = locus.position[1]
    here = [
        g._replace(start=g.start + offset, end=g.end + offset, tss=tuple(t + offset for t in g.tss))
        for g in genes
        if g.contig == locus.chromosome and g.start + offset < last and g.end + offset > first
    ]
    here.sort(key=lambda g: g.start)
    level = np.array([0 if g.strand == "-" else 1 for g in here], dtype=int)
    # Names of neighbours on a strand take turns in two heights, so that fewer cover each other.
    turn = np.where(level == 1, np.cumsum(level), np.cumsum(1 - level)) % 2
    return ColumnDataSource(
        {
            "name": [g.name or g.gene_id for g in here],
            "start": [g.start for g in here],
            "end": [g.end for g in here],
            "middle": [(g.start + g.end) / 2 for g in here],
            "low": level - 0.14,
            "high": level + 0.14,
            "label": level + 0.18 + 0.26 * turn,
            "level": level,
            "tip": [g.start if g.strand == "-" else g.end for g in here],
            "angle": [np.pi / 2 if g.strand == "-" else -np.pi / 2 for g in here],
            "tss": [g.tss[-1] if g.strand == "-" else g.tss[0] for g in here],
        }
    )


def _places(gene_data: Sequence[ColumnDataSource]) -> ColumnDataSource:
    """Say where each gene is found."""
    data: dict[str, list] = {"name": [], "tss": [], "locus": []}
    for number, source in enumerate(gene_data):
        data["name"] += source.data["name"]
        data["tss"] += source.data["tss"]
        data["locus"] += [number] * len(source.data["name"])
    return ColumnDataSource(data)


def _gene_track(source: ColumnDataSource, shared: Range1d) -> UIElement:
    plot = styled(
        height=140,
        sizing_mode="stretch_width",
        x_range=shared,
        y_range=Range1d(-0.4, 1.75),
        tools="xpan,xbox_zoom,xzoom_in,xzoom_out,xwheel_zoom,reset",
        active_scroll=None,
        x_axis_location="above",
        toolbar_location="above",
        min_border_left=70,
    )
    plot.toolbar.autohide = False
    plot.xaxis.formatter = NumeralTickFormatter(format="0,0")
    plot.yaxis.ticker = FixedTicker(ticks=[0, 1])
    plot.yaxis.major_label_overrides = {0: "genes on -", 1: "genes on +"}
    plot.ygrid.grid_line_color = None
    plot.quad("start", "end", "high", "low", source=source, color="#56708f", line_color=None)
    plot.scatter(
        "tip", "level", source=source, marker="triangle", angle="angle", size=9, color="#2f4560"
    )
    text = plot.text(
        "middle", "label", text="name", source=source, text_align="center", text_font_size="10px"
    )
    shared.js_on_change(
        "end",
        CustomJS(
            args={"text": text, "longest": _NAMED},
            code="text.visible = cb_obj.end - cb_obj.start < longest",
        ),
    )
    return plot


def _track(label: str, source: ColumnDataSource, shared: Range1d) -> UIElement:
    plot = styled(
        title=label,
        height=120,
        sizing_mode="stretch_width",
        x_range=shared,
        y_range=DataRange1d(start=0, range_padding=0.05),
        window_axis="x",
        tools="xpan",
        toolbar_location=None,
        min_border_left=70,
    )
    plot.xaxis.visible = False
    plot.yaxis.ticker.desired_num_ticks = 3
    plot.varea_step(
        x="start", y1="zero", y2="observed", source=source, step_mode="after", color=OBSERVED
    )
    plot.step(
        x="start", y="predicted", source=source, mode="after", color=PREDICTED, line_width=1.3
    )
    return plot
