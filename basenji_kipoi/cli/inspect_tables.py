"""The tables that ``basenji inspect`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from rich.console import RenderableType

__all__ = ["PARTS", "render", "shown"]


#: What can be asked for, in the order in which it is shown.
PARTS = ("network", "tracks", "training", "evaluation")


def render(
    description: Mapping[str, Any], parts: Collection[str] = PARTS, *, width: int = 160
) -> RenderableType:
    """Lay out what `describe` found for a terminal.

    Parameters
    ----------
    description
        The result of `describe`.
    parts
        What is wanted, of `PARTS`.
    width
        Columns of the terminal. A table of records that is wider becomes several, each with the
        names of its rows.

    Returns
    -------
    renderable
        What `rich.console.Console.print` takes.
    """
    columns = ("index", "identifier", "assay", "sample", "strand_pair", "description")
    tracks = [{name: track[name] for name in columns} for track in description["tracks"]]
    tables: list[RenderableType] = []
    if "network" in parts:
        tables.append(_table("Network", description["layers"]))
    if "tracks" in parts:
        tables.append(_table("Tracks", tracks))
    for name in ("training", "evaluation"):
        if name in parts:
            tables += _section(name.capitalize(), description[name], width)
    return Group(*tables)


def _section(title: str, content: Mapping[str, Any], width: int) -> list[Table]:
    """Lay out nested data: one table of single values, and one of each list of records."""
    entries, records = _flatten(content)
    tables = []
    if entries:
        rows = [{"entry": name, "value": value} for name, value in entries]
        tables.append(_table(title, rows))
    for name, rows in records:
        tables += [_table(f"{title}: {name}", part) for part in _fitting(rows, width)]
    return tables


def _fitting(rows: Sequence[Mapping[str, Any]], width: int) -> Iterator[list[dict[str, Any]]]:
    """Cut records into parts that a width holds; the first column, which names them, stays."""
    flat = [dict(_flatten(row)[0]) | dict(_flatten(row)[1]) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    # A column has two spaces beside it; long text is wrapped.
    widths = {
        name: 2 + min(max(len(name), *(len(_text(row.get(name))) for row in flat)), width // 2)
        for name in names
    }
    first, part, used = names[0], [], 0
    for name in names[1:]:
        if part and widths[first] + used + widths[name] > width - 2:
            yield [{each: row.get(each) for each in (first, *part)} for row in flat]
            part, used = [], 0
        part.append(name)
        used += widths[name]
    yield [{each: row.get(each) for each in (first, *part)} for row in flat]


def _flatten(
    content: Mapping[str, Any], prefix: str = ""
) -> tuple[list[tuple[str, object]], list[tuple[str, list[dict[str, Any]]]]]:
    """Separate values, named by their path of keys, from lists of records."""
    entries, records = [], []
    for key, value in content.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            inner = _flatten(value, f"{name}.")
            entries += inner[0]
            records += inner[1]
        elif isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
            records.append((name, value))
        else:
            entries.append((name, value))
    return entries, records


def _table(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    """Make a table of records with the same keys; columns of numbers stand to the right."""
    table = Table(
        title=Text(shown(title)), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD
    )
    columns = list(dict.fromkeys(column for row in rows for column in row))
    for column in columns:
        numeric = all(isinstance(row.get(column), (int, float, type(None))) for row in rows)
        name = Text(shown(column.replace("_", " ")))
        table.add_column(name, justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(Text(_text(row.get(column))) for column in columns))
    return table


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    return shown(str(value))


def shown(text: str) -> str:
    """Make text harmless for a terminal: what is not printable stands there in escapes."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
