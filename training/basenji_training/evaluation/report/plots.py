"""Figures of the report that show numbers: of tracks, replicates and genes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.layouts import column, row
from bokeh.models import (
    ColumnDataSource,
    CustomJS,
    DataTable,
    HoverTool,
    NumberFormatter,
    Select,
    TableColumn,
    Whisker,
)
from bokeh.transform import factor_cmap

from basenji_training.evaluation.loci import shown_tracks
from basenji_training.evaluation.report.style import PREDICTED, REPLICATE, scatter_figure, styled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bokeh.models import UIElement

    from basenji_training.evaluation.evaluate import Evaluation

__all__ = [
    "correlations",
    "gene_scatters",
    "one_track",
    "ratio_scatters",
    "replicate_plots",
    "selection",
    "track_table",
]

#: Points of a scatter plot, drawn at random from all bins.
_POINTS = 1500
#: Bars and genes that are drawn at most.
_BARS, _GENES = 60, 3000

_COLUMNS = (
    ("pearson_log1p", "r, log"),
    ("pearson", "r"),
    ("spearman", "rank r"),
    ("r2_log1p", "R², log"),
    ("r2", "R²"),
    ("auroc", "AUROC"),
    ("auprc", "AUPRC"),
    ("peak_share", "share"),
    ("specificity", "specific"),
)


def _numbers(values: Sequence[float | None]) -> np.ndarray:
    return np.array(values, dtype=np.float64)  # None becomes NaN


def track_table(evaluation: Evaluation) -> UIElement:
    """Make the table of all tracks, which a click on a heading sorts."""
    rows = evaluation.figures["tracks"]
    data: dict[str, Any] = {
        "identifier": [each["identifier"] for each in rows],
        "assay": [target.assay for target in evaluation.targets],
        "sample": [target.sample for target in evaluation.targets],
        "reason": [each["reason"] or "" for each in rows],
        "bins": [each["bins"] for each in rows],
        "peaks": [each["peaks"] for each in rows],
    }
    columns = [
        TableColumn(field="identifier", title="track", width=150),
        TableColumn(field="assay", title="assay", width=95),
        TableColumn(field="sample", title="sample", width=95),
    ]
    for name, title in _COLUMNS:
        data[name] = _numbers([each[name] for each in rows])
        formatter = NumberFormatter(format="0.000", nan_format="-", text_align="right")
        columns.append(TableColumn(field=name, title=title, formatter=formatter, width=74))
    whole = NumberFormatter(format="0,0", text_align="right")
    columns += [
        TableColumn(field="peaks", title="peaks", formatter=whole, width=60),
        TableColumn(field="bins", title="bins", formatter=whole, width=65),
        TableColumn(field="reason", title="why not", width=170),
    ]
    return DataTable(
        source=ColumnDataSource(data),
        columns=columns,
        sizing_mode="stretch_width",
        height=min(36 + 25 * len(rows), 560),
        index_position=None,
        reorderable=False,
        row_height=25,
    )


def correlations(evaluation: Evaluation) -> UIElement:
    """Draw the correlation of each track with its interval, as many as can be read."""
    rows = [each for each in evaluation.figures["tracks"] if each["pearson_log1p"] is not None]
    rows = rows[:_BARS]
    names = [each["identifier"] for each in rows]
    intervals = [each["pearson_log1p_interval"] for each in rows]
    source = ColumnDataSource(
        {
            "track": names,
            "r": [each["pearson_log1p"] for each in rows],
            "low": _numbers([low for low, _ in intervals]),
            "high": _numbers([high for _, high in intervals]),
        }
    )
    drawn = np.concatenate([source.data[name] for name in ("low", "r", "high")])
    plot = styled(
        title="Correlation of log(1 + counts), with 95 % intervals",
        y_range=names[::-1],
        x_range=(np.nanmin(drawn) - 0.01, np.nanmax(drawn) + 0.01) if names else (0, 1),
        sizing_mode="stretch_width",
        height=90 + 20 * max(len(names), 2),
        tools="save",
        x_axis_label="r",
    )
    plot.ygrid.grid_line_color = None
    whisker = Whisker(
        source=source,
        base="track",
        lower="low",
        upper="high",
        dimension="width",
        line_color=PREDICTED,
        line_width=1.5,
    )
    whisker.upper_head.size = whisker.lower_head.size = 6
    whisker.upper_head.line_color = whisker.lower_head.line_color = PREDICTED
    plot.add_layout(whisker)
    dots = plot.scatter("r", "track", source=source, size=8, color=PREDICTED)
    plot.add_tools(
        HoverTool(
            renderers=[dots],
            tooltips=[
                ("", "@track"),
                ("r", "@r{0.000}"),
                ("interval", "@low{0.000} to @high{0.000}"),
            ],
        )
    )
    return plot


def one_track(evaluation: Evaluation) -> UIElement:
    """Draw one track's bins and its calibration; another one can be chosen."""
    figures, bins = evaluation.figures["tracks"], evaluation.bins
    tracks = [
        track for track in shown_tracks(evaluation.targets) if figures[track]["reason"] is None
    ]
    generator = np.random.default_rng(0)
    points, deciles = {}, {}
    for track in tracks:
        exists = np.flatnonzero(np.isfinite(bins.observed[:, track]))
        drawn = generator.choice(exists, min(_POINTS, len(exists)), replace=False)
        points[f"x{track}"] = np.full(_POINTS, np.nan, np.float32)
        points[f"y{track}"] = np.full(_POINTS, np.nan, np.float32)
        points[f"x{track}"][: len(drawn)] = np.log1p(bins.predicted[drawn, track])
        points[f"y{track}"][: len(drawn)] = np.log1p(bins.observed[drawn, track])
        means = _numbers(figures[track]["calibration"])
        deciles[f"x{track}"], deciles[f"y{track}"] = np.log1p(means).T
    if not tracks:
        return row()
    first = tracks[0]
    scatter = scatter_figure(
        f"Bins of {evaluation.figures['resolution']} bp, at most {_POINTS:,} at random",
        "predicted, log(1 + counts)",
        "observed, log(1 + counts)",
    )
    shown = ColumnDataSource({axis: points[f"{axis}{first}"] for axis in "xy"})
    scatter.scatter("x", "y", source=shown, size=4, color=REPLICATE, alpha=0.35, line_color=None)
    lines = scatter_figure(
        "Calibration: tenths of the bins",
        "mean prediction, log(1 + counts)",
        "mean observation, log(1 + counts)",
    )
    means = ColumnDataSource({axis: deciles[f"{axis}{first}"] for axis in "xy"})
    lines.line("x", "y", source=means, color=PREDICTED, line_width=1.5)
    lines.scatter("x", "y", source=means, size=7, color=PREDICTED)
    labels = evaluation.targets.labels
    select = selection(
        "Track",
        [(str(track), labels[track]) for track in tracks],
        [(shown, ColumnDataSource(points)), (means, ColumnDataSource(deciles))],
    )
    return column(select, row(scatter, lines))


def selection(
    title: str,
    options: list[tuple[str, str]],
    sources: list[tuple[ColumnDataSource, ColumnDataSource]],
) -> Select:
    """Make a menu that shows columns of some sources: x and y with the option's name behind."""
    select = Select(title=title, options=options, value=options[0][0], width=320)
    code = """
        for (const [shown, all] of sources) {
            const data = {}
            for (const name of Object.keys(shown.data))
                data[name] = all.data[name + cb_obj.value] ?? shown.data[name]
            shown.data = data
        }
    """
    select.js_on_change("value", CustomJS(args={"sources": sources}, code=code))
    return select


def replicate_plots(evaluation: Evaluation) -> UIElement:
    """Draw predictions against replicates beside replicates against each other."""
    replicates, bins = evaluation.replicates
    rows = evaluation.figures["replicates"]
    kinds = ["prediction, replicate", "replicate, replicate"]
    names, values, kind, pair = [], [], [], []
    for each in rows:
        for one in each["pairs"]:
            names.append(each["identifier"])
            values.append(one["pearson_log1p"])
            kind.append(kinds[one["first"] != "prediction"])
            pair.append(f"{one['first']}, {one['second']}")
    source = ColumnDataSource({"track": names, "r": _numbers(values), "kind": kind, "pair": pair})
    tracks = [each["identifier"] for each in rows]
    plot = styled(
        title="r of log(1 + counts), a point a pair",
        y_range=tracks[::-1],
        sizing_mode="stretch_width",
        height=130 + 24 * len(tracks),
        tools="save",
        x_axis_label="r",
    )
    colours = factor_cmap("kind", [PREDICTED, REPLICATE], kinds)
    dots = plot.scatter(
        "r", "track", source=source, size=9, color=colours, alpha=0.8, legend_group="kind"
    )
    plot.add_tools(HoverTool(renderers=[dots], tooltips=[("", "@pair"), ("r", "@r{0.000}")]))
    plot.add_layout(plot.legend[0], "above")
    plot.legend.orientation = "horizontal"
    plot.legend.border_line_color = None
    points = {}
    options = []
    generator = np.random.default_rng(0)
    identifiers = [each.identifier for each in replicates]
    for identifier in tracks[:_BARS]:
        first, second = [n for n, name in enumerate(identifiers) if name == identifier][:2]
        exists = np.flatnonzero(
            np.isfinite(bins.predicted[:, second])
            & np.isfinite(bins.observed[:, [first, second]]).all(axis=1)
        )
        drawn = generator.choice(exists, min(_POINTS, len(exists)), replace=False)
        key = str(len(options))
        options.append((key, f"{identifier}: {replicates[first].name}, {replicates[second].name}"))
        for name, values in (
            ("p", bins.predicted[drawn, second]),
            ("r", bins.observed[drawn, first]),
            ("y", bins.observed[drawn, second]),
        ):
            points[name + key] = np.full(_POINTS, np.nan, np.float32)
            points[name + key][: len(drawn)] = np.log1p(values)
    shown = ColumnDataSource({name: points[f"{name}0"] for name in "pry"})
    left = scatter_figure("Prediction and replicate", "prediction", "second replicate")
    left.scatter("p", "y", source=shown, size=4, color=PREDICTED, alpha=0.35, line_color=None)
    right = scatter_figure(
        "Replicate and replicate",
        "first replicate",
        "second replicate",
        x_range=left.x_range,
        y_range=left.y_range,
    )
    right.scatter("r", "y", source=shown, size=4, color=REPLICATE, alpha=0.35, line_color=None)
    select = selection(
        "Track and its first two replicates", options, [(shown, ColumnDataSource(points))]
    )
    return column(plot, select, row(left, right), sizing_mode="stretch_width")


def gene_scatters(evaluation: Evaluation) -> UIElement:
    """Draw predicted and observed expression; another measurement can be chosen."""
    expression = evaluation.expression
    predicted, observed = expression.values()
    figures = evaluation.figures["genes"]["measurements"]
    pairs = {
        f"{each['name']} (r = {each['pearson']:.3f})": (
            np.log1p(predicted[:, number]),
            np.log1p(observed[:, number]),
        )
        for number, each in enumerate(figures)
        if each["pearson"] is not None
    }
    return _genes(evaluation, "Measurement", pairs, "log(1 + counts)")


def ratio_scatters(evaluation: Evaluation) -> UIElement:
    """Draw predicted and observed ratios of genes; another contrast can be chosen."""
    pairs = {}
    figures = evaluation.figures["genes"]["contrasts"]
    for contrast, each in zip(evaluation.contrasts, figures, strict=True):
        predicted, observed, expressed = evaluation.expression.ratios(contrast)
        if each["expressed_pearson"] is not None:
            name = f"{each['numerator']} / {each['denominator']}"
            pairs[f"{name} (r = {each['expressed_pearson']:.3f})"] = (
                np.where(expressed, predicted, np.nan),
                observed,
            )
    return _genes(evaluation, "Contrast", pairs, "log2 ratio")


def _genes(
    evaluation: Evaluation, title: str, pairs: dict[str, tuple[np.ndarray, np.ndarray]], unit: str
) -> UIElement:
    genes = evaluation.expression.genes
    chosen = np.arange(len(genes))
    if len(genes) > _GENES:
        chosen = np.sort(np.random.default_rng(0).choice(len(genes), _GENES, replace=False))
    if not pairs:
        return row()
    points = {}
    for number, pair in enumerate(list(pairs.values())[:_BARS]):
        for axis, values in zip("xy", pair, strict=True):
            points[f"{axis}{number}"] = values[chosen].astype(np.float32)
    names = [genes[place].name or genes[place].gene_id for place in chosen]
    where = [f"{genes[p].contig}:{genes[p].tss[0]:,} ({genes[p].strand})" for p in chosen]
    shown = ColumnDataSource({"x": points["x0"], "y": points["y0"], "gene": names, "where": where})
    plot = scatter_figure("Genes", f"predicted, {unit}", f"observed, {unit}")
    dots = plot.scatter(
        "x", "y", source=shown, size=5, color=REPLICATE, alpha=0.45, line_color=None
    )
    plot.add_tools(HoverTool(renderers=[dots], tooltips=[("", "@gene"), ("", "@where")]))
    options = [(str(number), name) for number, name in enumerate(list(pairs)[:_BARS])]
    return column(selection(title, options, [(shown, ColumnDataSource(points))]), plot)
