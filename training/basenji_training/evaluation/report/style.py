"""What all figures of the report share: colours, tools, sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bokeh.models import Slope
from bokeh.plotting import figure

if TYPE_CHECKING:
    from bokeh.plotting import figure as Figure  # noqa: N812 - a class, despite its name

__all__ = ["OBSERVED", "PREDICTED", "REPLICATE", "scatter_figure", "styled"]

#: Colours that differ for people who see red and green alike (Okabe and Ito 2008).
OBSERVED = "#9fb4cc"
PREDICTED = "#d55e00"
REPLICATE = "#0072b2"

_INK = "#2b3440"


def styled(**options: Any) -> Figure:  # noqa: ANN401 - whatever Bokeh's figure takes
    """Make a figure in the report's style."""
    plot = figure(**{"background_fill_color": None, "border_fill_color": None, **options})
    plot.outline_line_color = None
    plot.title.text_font_size = "13px"
    plot.title.text_color = _INK
    plot.grid.grid_line_color = "#e6e9ee"
    for axis in plot.axis:
        axis.axis_line_color = axis.major_tick_line_color = "#b8c0cb"
        axis.minor_tick_line_color = None
        axis.major_label_text_color = axis.axis_label_text_color = _INK
        axis.axis_label_text_font_style = "normal"
    if plot.toolbar:
        plot.toolbar.logo = None
        plot.toolbar.autohide = True
    return plot


def scatter_figure(title: str, x: str, y: str, **options: Any) -> Figure:  # noqa: ANN401 - as above
    """Make a square figure for points, with the line on which both are equal.

    Parameters
    ----------
    title, x, y
        Title and what the axes show.
    options
        Further options of the figure.
    """
    plot = styled(
        title=title,
        x_axis_label=x,
        y_axis_label=y,
        width=470,
        height=430,
        tools="pan,box_zoom,wheel_zoom,reset,save",
        active_scroll=None,
        **options,
    )
    plot.add_layout(Slope(gradient=1, y_intercept=0, line_color="#b8c0cb", line_dash="dashed"))
    return plot
