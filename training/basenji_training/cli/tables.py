"""The tables that commands print of a new store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from basenji_training.store.description import TrackStatistics
    from basenji_training.store.store import Store

__all__ = ["print_splits", "print_statistics"]


def print_statistics(statistics: Sequence[TrackStatistics], path: Path) -> None:
    """Print statistics of tracks.

    Parameters
    ----------
    statistics
        One entry a track.
    path
        The store, for the title.
    """
    table = Table("track", "mean", "maximum", "clipped", "missing", title=str(path))
    for row in statistics:
        table.add_row(
            row.identifier,
            "-" if row.mean is None else f"{row.mean:.3g}",
            "-" if row.maximum is None else f"{row.maximum:.3g}",
            f"{row.clipped / max(row.bins, 1):.2%}",
            f"{row.missing / max(row.bins + row.missing, 1):.1%}",
        )
    Console().print(table)


def print_splits(store: Store) -> None:
    """Print what each split of a store consists of.

    Parameters
    ----------
    store
        The store.
    """
    table = Table("split", "labels", "regions", "Mb")
    for split, labels in store.folds.items():
        regions = [region for label in labels for region in store.regions[label]]
        bases = sum(end - start for _, start, end in regions)
        table.add_row(split, ", ".join(labels), str(len(regions)), f"{bases / 1e6:.3g}")
    Console().print(table)
