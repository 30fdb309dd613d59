"""The screenful that ``basenji inspect`` prints first."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from basenji_kipoi.cli.inspect_tables import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType

__all__ = ["facts", "summary"]

#: Groups of tracks whose figures are shown; of more, the last line says how many.
_MOST_GROUPS = 5


def summary(description: Mapping[str, Any]) -> RenderableType:
    """Lay out what is asked first about a model.

    Parameters
    ----------
    description
        The result of `basenji_kipoi.models.inspection.describe`.
    """
    grid = Table.grid(padding=(0, 2))
    for name, value in (*facts(description), *_more(description)):
        grid.add_row(Text(name, style="bold"), Text(shown(value)))
    return Group(
        Text(shown(f"{description['name']}  ({description['path']})"), style="bold"),
        Padding(grid, (1, 0)),
        Text("more: --details network, tracks, training, evaluation or all; all of it: --json"),
    )


def facts(description: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Say what a model reads and predicts, a name and a text each."""
    parameters, members = description["parameters"], description["members"]
    yield "assembly", description["assembly"]
    yield "window", f"{description['window']:,} bp"
    yield (
        "output",
        f"{description['bins']:,} bins of {description['bin']} bp, "
        f"{description['crop']} bins cropped on each side",
    )
    yield "receptive field", f"{description['receptive_field']:,} bp"
    yield (
        "parameters",
        f"{parameters['trainable']:,} trainable, {parameters['fixed']:,} fixed"
        + (f", in each of {members:,} members" if members > 1 else ""),
    )
    yield (
        "versions",
        ", ".join(f"{name} {value}" for name, value in description["versions"].items()),
    )
    yield "checksums", f"{len(description['sha256'])} files verified"


def _more(description: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    assays = Counter(track["assay"] or "no assay" for track in description["tracks"])
    kinds = ", ".join(f"{count:,} {assay}" for assay, count in assays.most_common(_MOST_GROUPS))
    left = len(assays) - _MOST_GROUPS
    yield "tracks", kinds + (f", and of {left:,} other assays" if left > 0 else "")
    for name, assay in description["reporters"].items():
        activities = ", ".join(each["identifier"] for each in assay["activities"])
        yield (
            f"reporter {name}",
            f"{activities}, of sequences of {assay['shortest']:,} to {assay['longest']:,} bp",
        )
    training = description["training"]
    for record in [training, *training.get("members", ())]:
        if chromosomes := record.get("chromosomes"):
            yield (
                "held out",
                f"{', '.join(chromosomes['test'])} (test), "
                f"{', '.join(chromosomes['validation'])} (validation)",
            )
            break
    groups = description["evaluation"].get("groups") or []
    figures = [
        f"{group.get('assay', '')}, {group.get('sample', '')}: {group['pearson_log1p']:.3f}"
        for group in groups
        if isinstance(group.get("pearson_log1p"), float)
    ]
    if figures:
        resolution = description["evaluation"].get("resolution")
        yield "evaluation", f"r of log(1 + counts) of bins of {resolution} bp:"
        for figure in figures[:_MOST_GROUPS]:
            yield "", figure
        if len(figures) > _MOST_GROUPS:
            yield "", f"and {len(figures) - _MOST_GROUPS:,} more groups"
