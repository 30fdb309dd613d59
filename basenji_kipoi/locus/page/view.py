"""The drawing of a page: association, effects, genes, elements and tracks below each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.layouts import column
from bokeh.models import (
    ColumnDataSource,
    CustomJS,
    FixedTicker,
    HoverTool,
    NumeralTickFormatter,
    Range1d,
    Select,
    Span,
    TapTool,
)
from bokeh.plotting import figure

from basenji_kipoi.base.sequence import short_allele
from basenji_kipoi.figures.panels import GREY, INK, PALETTE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bokeh.models import UIElement
    from bokeh.plotting import figure as Figure  # noqa: N812 - a class, despite its name

    from basenji_kipoi.genome.genes import Gene
    from basenji_kipoi.locus.page.content import LocusContent, PageVariant

__all__ = ["LINKAGE", "OBSERVED_BINS", "locus_drawing", "shown_range"]

_INK, _GREY = "#2b3440", "#b8c0cb"
#: Of elements that drive a gene and that hold it down.
_DRIVES, _HOLDS = PALETTE[:2]
#: Colours of r2 from 0 to 1 in fifths, from light to dark for who sees no colour; none is known.
LINKAGE = ("#dfe6ee", "#b3c6dd", "#7fa1c7", "#4574ab", "#1b3f73")
_UNKNOWN = "#ffffff"
#: Bins of an observed track over what is shown.
OBSERVED_BINS = 1000
#: Effects of elements on genes that are smaller (log2) have no arc.
_ARC = 0.1
#: Share of the locus that is shown on either side of it, and bases at least (bp).
_MARGIN, _LEAST = 0.1, 1000

#: Shows a variant: its profiles, its place, and its section of the page.
_SHOW = """
    const chosen = Number(cb_obj.value)
    const profile = profiles[chosen]
    for (let n = 0; n < shown.length; n++) {
        plots[n].visible = n < profile.tracks.length
        if (!plots[n].visible) continue
        plots[n].title.text = profile.titles[n]
        shown[n].data = {start: profile.start, end: profile.end, zero: profile.zero,
                         reference: profile.reference[n], alternative: profile.alternative[n]}
    }
    for (const line of lines) line.location = profile.place
    if (window.showMechanism) window.showMechanism(chosen)
"""
_TAP = """
    const chosen = source.selected.indices.map((row) => source.data.explained[row])
    const known = chosen.filter((number) => number >= 0)
    if (known.length) select.value = String(known[0])
"""


def locus_drawing(locus: LocusContent, observed: Mapping[str, np.ndarray]) -> UIElement:
    """Make the drawing.

    Parameters
    ----------
    locus
        The locus.
    observed
        Observed tracks by name: values of `OBSERVED_BINS` equal parts of what is shown.
    """
    first, last = shown_range(locus)
    shared = Range1d(first, last, bounds=(first, last), min_interval=100)
    source = _variants(locus)
    plots = [_association(locus, source, shared), _effects(source, shared)]
    if locus.genes:
        plots.append(_genes(locus, shared))
    if arcs := _arcs(locus):
        plots.append(_elements(locus, arcs, shared))
    tracks, select = _tracks(locus, source, shared, plots)
    for name, values in observed.items():
        tracks.append(_observed(name, values, (first, last), shared))
    parts = [*([select] if select is not None else []), *plots, *tracks]
    return column(*parts, sizing_mode="stretch_width")


def shown_range(locus: LocusContent) -> tuple[int, int]:
    """Find what a page shows of a contig: the variants and some bases on either side."""
    margin = max(int(_MARGIN * (locus.end - locus.start)), _LEAST)
    return max(locus.start - margin, 0), locus.end + margin


def _styled(shared: Range1d, *, height: int, title: str, y: str, **options: Any) -> Figure:  # noqa: ANN401 - whatever Bokeh's figure takes
    plot = figure(
        height=height,
        sizing_mode="stretch_width",
        x_range=shared,
        title=title,
        y_axis_label=y,
        tools="xpan,xbox_zoom,xzoom_in,xzoom_out,reset",
        toolbar_location="above",
        background_fill_color=None,
        border_fill_color=None,
        min_border_left=70,
        output_backend="svg",
        **options,
    )
    plot.outline_line_color = None
    plot.title.text_font_size = "13px"
    plot.title.text_color = _INK
    plot.grid.grid_line_color = "#e6e9ee"
    plot.xaxis.formatter = NumeralTickFormatter(format="0,0")
    for axis in plot.axis:
        axis.axis_line_color = axis.major_tick_line_color = _GREY
        axis.minor_tick_line_color = None
        axis.major_label_text_color = axis.axis_label_text_color = _INK
        axis.axis_label_text_font_style = "normal"
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    return plot


def _variants(locus: LocusContent) -> ColumnDataSource:
    explained = {id(each): number for number, each in enumerate(locus.explained)}
    is_pip = _is_pip(locus)
    values = [locus.probability(each) if is_pip else each.known.log10_p for each in locus.variants]
    return ColumnDataSource(
        {
            "name": [each.name for each in locus.variants],
            "position": [each.known.pos for each in locus.variants],
            "alleles": [
                f"{short_allele(each.known.ref)}>{short_allele(each.known.alt)}"
                for each in locus.variants
            ],
            "value": [np.nan if value is None else value for value in values],
            "change": [np.nan if each.change is None else each.change for each in locus.variants],
            "track": [each.track for each in locus.variants],
            "r2": ["-" if each.r2 is None else f"{each.r2:.2f}" for each in locus.variants],
            "colour": [_colour(each) for each in locus.variants],
            "marker": ["diamond" if not number else "circle" for number in range(len(values))],
            "size": [13 if not number else 8 for number in range(len(values))],
            "explained": [explained.get(id(each), -1) for each in locus.variants],
        }
    )


def _is_pip(locus: LocusContent) -> bool:
    return any(locus.probability(each) is not None for each in locus.variants)


def _colour(variant: PageVariant) -> str:
    if variant.r2 is None:
        return _UNKNOWN
    return LINKAGE[min(int(variant.r2 * len(LINKAGE)), len(LINKAGE) - 1)]


def _association(locus: LocusContent, source: ColumnDataSource, shared: Range1d) -> Figure:
    label = "probability" if _is_pip(locus) else "-log10 P"
    title = f"Association ({label}); the diamond comes first"
    if any(each.r2 is not None for each in locus.variants):
        title += ", darker is more linked to it (r²)"
    plot = _styled(shared, height=190, title=title, y=label)
    plot.y_range.start = 0
    _points(plot, source, "value")
    return plot


def _effects(source: ColumnDataSource, shared: Range1d) -> Figure:
    title = "Predicted: largest change of a track around the variant"
    plot = _styled(shared, height=150, title=title, y="log2 change")
    plot.add_layout(Span(location=0, dimension="width", line_color=_GREY))
    _points(plot, source, "change")
    return plot


def _points(plot: Figure, source: ColumnDataSource, y: str) -> None:
    points = plot.scatter(
        "position", y, source=source, marker="marker", size="size", fill_color="colour",
        line_color=_INK, nonselection_alpha=1.0,
    )  # fmt: skip
    tips = [
        ("variant", "@name @alleles"),
        ("position", "@position{0,0}"),
        ("value", "@value"),
        ("log2 change", "@change (@track)"),
        ("r²", "@r2"),
    ]
    plot.add_tools(HoverTool(renderers=[points], tooltips=tips), TapTool(renderers=[points]))


def _level(gene: Gene) -> int:
    return 0 if gene.strand == "-" else 1


def _middle(gene: Gene, shared: Range1d) -> float:
    """Return the middle of the part of a gene that the page shows; of all of it if that is none."""
    start, end = max(gene.start, shared.start), min(gene.end, shared.end)
    return (start + end) / 2 if start < end else (gene.start + gene.end) / 2


def _genes(locus: LocusContent, shared: Range1d) -> Figure:
    genes = sorted(locus.genes, key=lambda gene: gene.start)
    plot = _styled(
        shared, height=130, title="Genes", y="", y_range=Range1d(-0.4, 1.9, bounds=(-0.4, 1.9))
    )
    plot.yaxis.ticker = FixedTicker(ticks=[0, 1])
    plot.yaxis.major_label_overrides = {0: "on -", 1: "on +"}
    plot.ygrid.grid_line_color = None
    level = np.array([_level(gene) for gene in genes])
    # Names of neighbours on a strand take turns in two heights, so that fewer cover each other.
    turn = np.where(level == 1, np.cumsum(level), np.cumsum(1 - level)) % 2
    source = ColumnDataSource(
        {
            "name": [gene.name or gene.gene_id for gene in genes],
            "start": [gene.start for gene in genes],
            "end": [gene.end for gene in genes],
            "middle": [_middle(gene, shared) for gene in genes],
            "low": level - 0.14,
            "high": level + 0.14,
            "label": level + 0.2 + 0.26 * turn,
            "level": level,
            "tip": [gene.start if gene.strand == "-" else gene.end for gene in genes],
            "angle": [np.pi / 2 if gene.strand == "-" else -np.pi / 2 for gene in genes],
        }
    )
    plot.quad("start", "end", "high", "low", source=source, color="#56708f", line_color=None)
    plot.scatter(
        "tip", "level", source=source, marker="triangle", angle="angle", size=9, color="#2f4560"
    )
    plot.text(
        "middle", "label", text="name", source=source, text_align="center", text_font_size="10px"
    )
    return plot


def _arcs(locus: LocusContent) -> list[tuple[tuple[int, int], int, float, str]]:
    """List what elements do: the element, the gene's nearest start, log2, and what is said."""
    starts = {gene.gene_id: gene.tss for gene in locus.genes}
    found = {}
    for variant in locus.explained:
        element = variant.mechanism.element
        if element is None:
            continue
        for gene in variant.mechanism.genes:
            change = gene.element_change
            if change is None or abs(change) < _ARC or gene.gene_id not in starts:
                continue
            middle = (element.start + element.end) // 2
            tss = min(starts[gene.gene_id], key=lambda place: abs(place - middle))
            said = f"{element.name} shuffled: {gene.gene} {change:+.2f} ({gene.element_track})"
            found[element.start, element.end, gene.gene_id] = (
                (element.start, element.end), tss, change, said,
            )  # fmt: skip
    return list(found.values())


def _elements(locus: LocusContent, arcs: Sequence, shared: Range1d) -> Figure:
    plot = _styled(
        shared, height=140, y="", y_range=Range1d(-0.15, 1.15),
        title="Elements and the genes that they drive (blue) or hold down (orange, dashed)",
    )  # fmt: skip
    plot.yaxis.visible = False
    plot.grid.grid_line_color = None
    longest = max(abs((s + e) / 2 - tss) for (s, e), tss, *_ in arcs) or 1
    for is_driving, colour, dash in ((True, _DRIVES, "solid"), (False, _HOLDS, "dashed")):
        chosen = [each for each in arcs if (each[2] < 0) == is_driving]
        if not chosen:
            continue
        xs, ys = [], []
        for (start, end), tss, *_ in chosen:
            angle = np.linspace(0, np.pi, 31)
            middle = (start + end) / 2
            xs.append((middle + tss) / 2 + (middle - tss) / 2 * np.cos(angle))
            ys.append(max(abs(middle - tss) / longest, 0.12) * np.sin(angle))
        source = ColumnDataSource(
            {
                "xs": xs,
                "ys": ys,
                "width": [min(1 + 1.5 * abs(change), 7) for _, _, change, _ in chosen],
                "said": [said for *_, said in chosen],
            }
        )
        lines = plot.multi_line(
            "xs", "ys", source=source, line_width="width", line_color=colour, line_dash=dash
        )
        plot.add_tools(HoverTool(renderers=[lines], tooltips="@said"))
    edges = sorted({each[0] for each in arcs})
    plot.quad([s for s, _ in edges], [e for _, e in edges], 0.06, -0.06, color=_INK)
    return plot


def _tracks(
    locus: LocusContent, source: ColumnDataSource, shared: Range1d, above: Sequence[Figure]
) -> tuple[list[Figure], Select | None]:
    """Draw the tracks of both alleles of the chosen variant, and the menu that chooses it."""
    explained = locus.explained
    if not explained:
        return [], None
    profiles = [_profile(each) for each in explained]
    most = max(len(each["tracks"]) for each in profiles)
    plots, shown = [], []
    for number in range(most):
        data = profiles[0]
        known = number < len(data["tracks"])
        place = number if known else 0
        names = {key: data[key] for key in ("start", "end", "zero")}
        names.update({key: data[key][place] for key in ("reference", "alternative")})
        values = ColumnDataSource(names)
        plot = _styled(shared, height=120, title=data["titles"][place], y="predicted")
        plot.quad(
            "start", "end", "reference", "zero", source=values, color=GREY, line_color=None,
            legend_label="reference",
        )  # fmt: skip
        plot.step(
            "start", "alternative", source=values, mode="after", line_color=INK,
            line_width=1.6, legend_label="alternative",
        )  # fmt: skip
        plot.legend.label_text_font_size = "10px"
        plot.legend.background_fill_alpha = 0.6
        plot.visible = known
        plots.append(plot)
        shown.append(values)
    lines = []
    for plot in (*above, *plots):
        line = Span(
            location=profiles[0]["place"], dimension="height", line_color=_INK, line_dash="dotted"
        )
        plot.add_layout(line)
        lines.append(line)
    options = [(str(number), each.name) for number, each in enumerate(explained)]
    select = Select(title="Variant", options=options, value="0", name="variant", width=320)
    arguments = {"profiles": profiles, "shown": shown, "plots": plots, "lines": lines}
    select.js_on_change("value", CustomJS(args=arguments, code=_SHOW))
    source.selected.js_on_change(
        "indices", CustomJS(args={"source": source, "select": select}, code=_TAP)
    )
    return plots, select


def _profile(variant: PageVariant) -> dict[str, Any]:
    profile = variant.mechanism.profile
    bins = len(profile.reference[0])
    start = profile.start + profile.bin * np.arange(bins)
    return {
        "tracks": profile.tracks,
        "titles": [
            f"{each.track}: log2 change {each.change:+.2g} with {short_allele(variant.known.alt)}"
            for each in variant.mechanism.tracks
        ],
        "start": start,
        "end": start + profile.bin,
        "zero": np.zeros(bins, np.float32),
        "reference": [np.array(row, np.float32) for row in profile.reference],
        "alternative": [np.array(row, np.float32) for row in profile.alternative],
        "place": variant.known.pos,
    }


def _observed(name: str, values: np.ndarray, span: tuple[int, int], shared: Range1d) -> Figure:
    plot = _styled(shared, height=110, title=f"{name}: observed", y="observed")
    edges = np.linspace(*span, len(values) + 1)
    plot.quad(edges[:-1], edges[1:], np.nan_to_num(values), 0, color="#7c8794", line_color=None)
    return plot
