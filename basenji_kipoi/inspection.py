"""What a bundle holds, as data and as a page for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from basenji_kipoi.architecture import Activation, Convolution, Normalisation, channels_of
from basenji_kipoi.sequence import ALPHABET

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from basenji_kipoi.architecture import Architecture, Operation
    from basenji_kipoi.bundle import Bundle

__all__ = ["count_parameters", "describe", "render"]


def count_parameters(architecture: Architecture) -> dict[str, int]:
    """Count the weights of the network that an architecture describes, without building it.

    Parameters
    ----------
    architecture
        The description.

    Returns
    -------
    dict of str to int
        ``trainable`` weights, and the ``fixed`` moving statistics of the normalisations.
    """
    trainable, fixed = _count(architecture.trunk, len(ALPHABET))
    trainable += sum(
        head.tracks * (architecture.channels + 1) for head in architecture.heads.values()
    )
    return {"trainable": trainable, "fixed": fixed}


def _count(operations: Sequence[Operation], channels: int) -> tuple[int, int]:
    trainable = fixed = 0
    for operation in operations:
        if isinstance(operation, Convolution):
            trainable += operation.filters * (operation.kernel * channels + operation.bias)
        elif isinstance(operation, Normalisation):
            trainable += 2 * channels
            fixed += 2 * channels
        elif hasattr(operation, "branch"):
            inner = _count(operation.branch, channels)
            trainable, fixed = trainable + inner[0], fixed + inner[1]
        channels = operation.output_channels(channels)
    return trainable, fixed


def describe(bundle: Bundle) -> dict[str, Any]:
    """Collect what is known of a bundle.

    Parameters
    ----------
    bundle
        A bundle, loaded with its checksums verified.

    Returns
    -------
    dict
        Values that JSON can hold. Lengths are in bp, ``crop`` in bins on each side.
    """
    architecture, metadata = bundle.architecture, bundle.metadata
    return {
        "path": str(bundle.path),
        "name": metadata.name,
        "assembly": metadata.assembly,
        "window": architecture.window,
        "bin": architecture.bin,
        "crop": architecture.crop,
        "bins": architecture.bins,
        "receptive_field": architecture.receptive_field,
        "parameters": count_parameters(architecture),
        "members": len(metadata.weights),
        "layers": _layers(architecture),
        "tracks": [track.model_dump() for track in bundle.targets],
        "training": metadata.training,
        "evaluation": bundle.evaluation,
        "versions": metadata.versions,
        "sha256": metadata.sha256,
    }


def _layers(architecture: Architecture) -> list[dict[str, Any]]:
    """List the trunk's operations and the heads with the shapes of their outputs."""
    layers = []
    length, channels = architecture.window, len(ALPHABET)
    for operation in architecture.trunk:
        trainable, fixed = _count([operation], channels)
        length = operation.output_length(length)
        channels = channels_of([operation], channels)
        layers.append(
            {
                "operation": operation.op,
                "options": _options(operation),
                "length": length,
                "channels": channels,
                "parameters": trainable + fixed,
            }
        )
    for name, head in architecture.heads.items():
        layers.append(
            {
                "operation": f"head {name}",
                "options": head.activation,
                "length": length,
                "channels": head.tracks,
                "parameters": head.tracks * (channels + 1),
            }
        )
    return layers


def _options(operation: Operation) -> str:
    """Put an operation's options on one line; of a branch, its operations."""
    if hasattr(operation, "branch"):
        return " > ".join(
            inner.function
            if isinstance(inner, Activation)
            else f"{inner.op} {_options(inner)}".strip()
            for inner in operation.branch
        )
    defaults = {name: f.default for name, f in type(operation).model_fields.items()}
    return " ".join(
        f"{name}={value}"
        for name, value in operation.model_dump(exclude={"op"}).items()
        if value != defaults[name]
    )


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
        grid.add_row(Text(name, style="bold"), Text(value))
    shown = ("index", "identifier", "assay", "sample", "strand_pair", "description")
    tracks = [{name: track[name] for name in shown} for track in description["tracks"]]
    parts: list[RenderableType] = [
        Text(f"{description['name']}  ({description['path']})", style="bold"),
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
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for column in rows[0]:
        numeric = all(isinstance(row[column], (int, float, type(None))) for row in rows)
        table.add_column(column.replace("_", " "), justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(Text(_text(value)) for value in row.values()))
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
    return str(value)
