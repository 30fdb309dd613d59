"""A page of sections with everything in it, which works offline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bokeh.embed import components
from bokeh.resources import Resources
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from basenji_kipoi.base.atomic import atomic_path

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

__all__ = ["Section", "Table", "interval", "write_page"]

#: The page's own markup; everything that it is given is escaped, but for `Markup`.
_PAGES = Environment(
    loader=PackageLoader("basenji_training.evaluation.report", ""),
    autoescape=True,
    undefined=StrictUndefined,
)


class Table(NamedTuple):
    """A table whose first ``texts`` columns are text."""

    heading: Sequence[str]
    rows: Iterable[Sequence[object]]
    texts: int = 1


class Section(NamedTuple):
    """A part of the page, with its anchor; None where it has no table or drawing."""

    key: str
    title: str
    text: str
    table: Table | None
    drawing: Any


def write_page(
    path: str | os.PathLike[str],
    sections: Iterable[Section],
    *,
    heading: str,
    subtitle: str,
    command: str,
    overwrite: bool = False,
) -> None:
    """Write a page.

    Parameters
    ----------
    path
        The HTML file.
    sections
        Its parts.
    heading, subtitle, command
        What stands above them.
    overwrite
        Whether an existing one may be replaced.

    Raises
    ------
    InputError
        If the output may not be written.
    """
    sections = list(sections)
    script, drawn = components(
        {each.key: each.drawing for each in sections if each.drawing is not None}
    )
    library = Resources(mode="inline", components=["bokeh", "bokeh-widgets", "bokeh-tables"])
    page = _PAGES.get_template("page.html.jinja").render(
        heading=heading,
        subtitle=subtitle,
        command=command,
        sections=sections,
        drawn={key: Markup(division) for key, division in drawn.items()},
        script=Markup(script),
        library=Markup(library.render()),
    )
    with atomic_path(path, overwrite=overwrite) as temporary:
        temporary.write_text(page, encoding="utf-8")


def interval(pair: Sequence[float | None]) -> str | None:
    """Write the ends of an interval, if it has any."""
    return None if None in pair else f"{pair[0]:.3f} to {pair[1]:.3f}"


def _shown(value: object) -> str:
    """Write a cell of a table."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


_PAGES.filters["shown"] = _shown
