"""The tables that ``basenji inspect`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

__all__ = ["render"]


def render(description: Mapping[str, Any]) -> RenderableType:
    """Lay out what `describe` found for a terminal.

    Parameters
    ----------
    description
        The result of `describe`.

    Returns
    -------
    renderable
        What `rich.console.Console.print` takes.
    """
    parameters = description["parameters"]
    facts = {
        "assembly": description["assembly"],
        "window": f"{description['window']:,} bp",
        "output": f"{description['bins']:,} bins of {description['bin']} bp, "
        f"{description['crop']} bins cropped on each side",
        "receptive field": f"{description['receptive_field']:,} bp",
        "parameters": f"{parameters['trainable']:,} trainable, {parameters['fixed']:,} fixed",
        "members": str(description["members"]),
        "versions": ", ".join(f"{name} {value}" for name, value in description["versions"].items()),
        "checksums": f"{len(description['sha256'])} files verified",
    }
    grid = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        grid.add_row(Text(name, style="bold"), Text(shown(value)))
    columns = ("index", "identifier", "assay", "sample", "strand_pair", "description")
    tracks = [{name: track[name] for name in columns} for track in description["tracks"]]
    parts: list[RenderableType] = [
        Text(shown(f"{description['name']}  ({description['path']})"), style="bold"),
        Padding(grid, (1, 0)),
        _table("Network", description["layers"]),
        _table("Tracks", tracks),
    ]
    for name in ("training", "evaluation"):
        parts += _section(name.capitalize(), description[name])
    return Group(*parts)


def _section(title: str, content: Mapping[str, Any]) -> list[Table]:
    """Lay out nested data: one table of single values, and one of each list of records."""
    entries, records = _flatten(content)
    tables = []
    if entries:
        rows = [{"entry": name, "value": value} for name, value in entries]
        tables.append(_table(title, rows))
    return tables + [_table(f"{title}: {name}", rows) for name, rows in records]


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
