"""An evaluation as files: JSON, a Parquet table of tracks, Markdown tables for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from basenji_kipoi.models.targets import Targets

__all__ = [
    "markdown_tables",
    "named_with_reason",
    "read_evaluation",
    "summary_table",
    "write_evaluation",
    "write_table",
]


def write_evaluation(
    figures: dict[str, Any], path: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """Write the figures of an evaluation as JSON, whole or not at all.

    Raises
    ------
    InputError
        If the output may not be written.
    """
    with atomic_path(path, overwrite=overwrite) as temporary:
        Path(temporary).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def read_evaluation(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what `write_evaluation` wrote.

    Raises
    ------
    InputError
        If it is missing or no evaluation.
    """
    try:
        figures = json.loads(Path(path).read_text(encoding="utf-8"))
        if not {"tracks", "groups", "command"} <= set(figures):
            raise ValueError("it has no tracks")
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{path} is not a readable evaluation ({error}): make it with `basenji-train evaluate`"
        ) from error
    return figures


def write_table(
    figures: dict[str, Any],
    targets: Targets,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
) -> None:
    """Write the figures of tracks as Parquet, a row a track.

    An interval is two columns, ``_low`` and ``_high``; deciles are lists of ten, predicted and
    observed; what does not exist is null.

    Raises
    ------
    InputError
        If the output may not be written.
    """
    rows = []
    for track, target in zip(figures["tracks"], targets, strict=True):
        row = {"identifier": target.identifier, "assay": target.assay, "sample": target.sample}
        for name, value in track.items():
            if name.endswith("_interval"):
                row[f"{name[:-9]}_low"], row[f"{name[:-9]}_high"] = value
            elif name == "calibration":
                row["decile_predicted"], row["decile_observed"] = map(
                    list, zip(*value, strict=True)
                )
            else:
                row[name] = value
        rows.append(row)
    types = {"bins": pa.int64(), "peaks": pa.int64()}
    texts = {"identifier", "assay", "sample", "reason"}
    fields = [
        pa.field(
            name,
            pa.string()
            if name in texts
            else pa.list_(pa.float64())
            if name.startswith("decile_")
            else types.get(name, pa.float64()),
        )
        for name in rows[0]
    ]
    table = pa.Table.from_pylist(rows, schema=pa.schema(fields))
    with atomic_path(path, overwrite=overwrite) as temporary:
        pq.write_table(table, temporary)


def summary_table(figures: dict[str, Any]) -> str:
    """Lay out the group means of an evaluation as a Markdown table."""
    return (
        f"Means over tracks, at {figures['resolution']} bp on "
        f"{', '.join(figures['chromosomes'])} ({figures['split']}):\n\n"
        + _table(
            (
                "assay",
                "sample",
                "tracks",
                "r of log(1 + counts)",
                "r of counts",
                "rank r",
                "AUPRC",
                "specificity",
            ),
            (
                (
                    group["assay"],
                    group["sample"],
                    group["tracks"],
                    group["pearson_log1p"],
                    group["pearson"],
                    group["spearman"],
                    group["auprc"],
                    group["specificity"],
                )
                for group in figures["groups"]
            ),
        )
    )


def named_with_reason(figures: dict[str, Any]) -> str:
    """Name a track and, where it lacks figures, why."""
    reason = figures.get("reason")
    return f"{figures['identifier']} ({reason})" if reason else figures["identifier"]


def markdown_tables(figures: dict[str, Any]) -> str:
    """Lay out an evaluation as short Markdown tables: groups, replicates, genes, contrasts."""
    parts = [summary_table(figures)]
    if figures.get("replicates"):
        rows = (
            (
                named_with_reason(each),
                each["prediction_replicate_pearson_log1p"],
                each["replicate_replicate_pearson_log1p"],
            )
            for each in figures["replicates"]
        )
        parts.append(
            "Prediction against replicates, beside replicates against each other (r of "
            "log(1 + counts)):\n\n"
            + _table(("track", "prediction, replicate", "replicate, replicate"), rows)
        )
    genes = figures.get("genes")
    if genes:
        rows = (
            (
                each["name"],
                each["genes"],
                each["pearson"],
                each["nonzero_genes"],
                each["nonzero_pearson"],
            )
            for each in genes["measurements"]
        )
        parts.append(
            f"Expression of genes: counts within {genes['flank']} bp of their starts, on their "
            "strand (r of log(1 + counts)):\n\n"
            + _table(("measurement", "genes", "r", "nonzero genes", "r of those"), rows)
        )
        if genes["contrasts"]:
            rows = (
                (
                    f"{each['numerator']} / {each['denominator']}",
                    each["genes"],
                    each["pearson"],
                    each["expressed_genes"],
                    each["expressed_pearson"],
                )
                for each in genes["contrasts"]
            )
            least = genes["contrasts"][0]["least_counts"]
            heading = ("ratio", "genes", "r", f"genes with {least} counts", "r of those")
            parts.append("Ratios between conditions (r of log2):\n\n" + _table(heading, rows))
    return "\n\n".join(parts)


def _table(heading: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lay out a Markdown table; a figure that does not exist is "not defined"."""
    lines = [heading, ["---"] * len(heading), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    if value is None:
        return "not defined"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
