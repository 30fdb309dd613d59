"""Parts of a report on reporters: predicted beside measured activities of sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.layouts import column, row
from bokeh.models import ColumnDataSource

from basenji_training.evaluation.report.plots import selection
from basenji_training.evaluation.report.sections import Section, Table, interval, write_page
from basenji_training.evaluation.report.style import PREDICTED, REPLICATE, scatter_figure

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from bokeh.models import UIElement

    from basenji_training.evaluation.reporters.figures import ReporterComparison

__all__ = ["reporter_sections", "write_reporter_report"]

#: Points of a scatter plot, drawn at random.
_POINTS = 2000


def write_reporter_report(
    compared: ReporterComparison, path: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """Write the report on a reporter.

    Parameters
    ----------
    compared
        What `evaluate_reporter` gives.
    path
        The HTML file.
    overwrite
        Whether an existing one may be replaced.

    Raises
    ------
    InputError
        If the output may not be written.
    """
    figures = compared.figures
    networks = figures["networks"]
    write_page(
        path,
        reporter_sections(compared),
        heading=f"The reporter {figures['reporter']}",
        subtitle=f"{figures['split']} split"
        + (f" · mean of {networks} networks" if networks > 1 else ""),
        command=figures["command"],
        overwrite=overwrite,
    )


def reporter_sections(compared: ReporterComparison) -> Iterator[Section]:
    """Describe how a reporter's predictions agree with measurements."""
    figures = compared.figures
    name = figures["reporter"]
    yield Section(
        f"levels-{name}",
        f"{name}: activities",
        f"{figures['sequences']:,} sequences in {figures['groups']:,} groups of the "
        f"{figures['split']} split; intervals of 95 % are those of draws of groups.",
        _correlations(
            (activity["identifier"], kind, each)
            for activity in figures["activities"]
            for kind, each in (("all", activity), *activity["sets"].items())
        ),
        _scatters(compared, "activity", _levels(compared)),
    )
    yield Section(
        f"pairs-{name}",
        f"{name}: pairs",
        "Differences within pairs of sequences: the alternative less the reference.",
        _correlations(
            (activity["identifier"], kind, each)
            for activity in figures["activities"]
            for kind, each in activity["pairs"].items()
        ),
        _scatters(compared, "difference", _differences(compared)),
    )


def _correlations(rows: Iterator[tuple[str, str, dict[str, Any]]]) -> Table:
    cells = (
        (
            activity,
            kind,
            each["pearson"]["rows"],
            each["pearson"]["value"],
            interval((each["pearson"]["low"], each["pearson"]["high"])),
            each["spearman"]["value"],
            interval((each["spearman"]["low"], each["spearman"]["high"])),
        )
        for activity, kind, each in rows
    )
    heading = ("activity", "of", "rows", "r", "interval", "rank r", "interval")
    return Table(heading, cells, texts=2)


def _levels(compared: ReporterComparison) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    rows = compared.store.rows_of(compared.figures["split"])
    yield from zip(compared.predicted.T, compared.store.values[rows].T, strict=True)


def _differences(compared: ReporterComparison) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    pairs = compared.pairs
    for predicted, observed in _levels(compared):
        yield tuple(np.diff(values[pairs], axis=1)[:, 0] for values in (predicted, observed))


def _scatters(
    compared: ReporterComparison, what: str, values: Iterator[tuple[np.ndarray, np.ndarray]]
) -> UIElement:
    """Draw predicted beside measured values; another activity can be chosen."""
    generator = np.random.default_rng(0)
    points: dict[str, np.ndarray] = {}
    for number, (predicted, observed) in enumerate(values):
        exists = np.flatnonzero(np.isfinite(observed))
        drawn = generator.choice(exists, min(_POINTS, len(exists)), replace=False)
        for axis, each in (("x", predicted), ("y", observed)):
            points[f"{axis}{number}"] = np.full(_POINTS, np.nan, np.float32)
            points[f"{axis}{number}"][: len(drawn)] = each[drawn]
    activities = compared.store.activities
    shown = ColumnDataSource({axis: points[f"{axis}0"] for axis in "xy"})
    plot = scatter_figure(f"At most {_POINTS:,} at random", f"predicted {what}", f"measured {what}")
    colour = REPLICATE if what == "activity" else PREDICTED
    plot.scatter("x", "y", source=shown, size=4, color=colour, alpha=0.35, line_color=None)
    options = [(str(number), _named(each)) for number, each in enumerate(activities)]
    if len(options) == 1:
        return row(plot)
    return column(selection("Activity", options, [(shown, ColumnDataSource(points))]), plot)


def _named(activity: Any) -> str:  # noqa: ANN401 - an Activity
    return f"{activity.identifier} ({activity.unit})" if activity.unit else activity.identifier
