"""The tables that commands print of a new store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from basenji_training.store.description import TrackStatistics
    from basenji_training.store.store import Store

__all__ = ["print_reporters", "print_splits", "print_statistics"]


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


def print_reporters(findings: Mapping[str, Any], path: Path) -> None:
    """Print what a store of reporters was made of, and what its splits have.

    Parameters
    ----------
    findings
        What was found while it was made.
    path
        The store.
    """
    console = Console(highlight=False)
    for table in findings["tables"]:
        left_out = table["of_no_weight"] + table["without_value"]
        console.print(
            f"{table['name']}: {table['rows']:,} rows, {table['sequences']:,} sequences"
            + (f"; {left_out:,} rows without a value or of weight 0 left out" if left_out else "")
        )
    left, right = findings["carried_of_context"]
    vector = " + ".join(map(str, findings["vector"]))
    notes = {
        f"{findings['sequences_of_several_tables']:,} sequences are in several tables": len(
            findings["tables"]
        )
        > 1,
        f"{findings['listed_again']:,} rows list a sequence's value again": findings[
            "listed_again"
        ],
        f"{findings['measured_again']:,} sequences were measured again: weighted mean": findings[
            "measured_again"
        ],
        f"sequences carry {left} + {right} bases of the flanks: not added twice": left + right,
        f"ends of {vector} bases are the vector's, which {findings['without_vector']:,} sequences "
        "lack": sum(findings["vector"]),
        f"{findings['without_kmer']:,} sequences are too short to be compared, each is a group of "
        "its own: lower --kmer": findings["without_kmer"],
        f"{findings['shared_with_other_strand']:,} sequences share a k-mer with the other strand "
        "of one in another split": findings["shared_with_other_strand"],
    }
    for note, holds in notes.items():
        if holds:
            console.print(note)
    for reason, number in findings["pairs_left_out"].items():
        console.print(f"{number:,} pairs {reason}: left out")
    table = Table("split", "sequences", "groups", "pairs", "sets", title=str(path))
    for split, size in findings["splits"].items():
        sets = ", ".join(f"{name or 'no set'} {count:,}" for name, count in size["sets"].items())
        numbers = (f"{size[key]:,}" for key in ("sequences", "groups", "pairs"))
        table.add_row(split, *numbers, sets)
    console.print(table)
