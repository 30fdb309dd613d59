"""An evaluation as files: JSON, a Parquet table of tracks, Markdown tables for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, model_validator

from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.json_files import read_json

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from basenji_kipoi.models.targets import Targets

__all__ = [
    "markdown_tables",
    "named_with_reason",
    "read_evaluation",
    "read_reporter_evaluation",
    "summary_table",
    "write_evaluation",
    "write_table",
]


class _Part(BaseModel):
    """Figures that are read by their names, with others that are kept as they are."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)


class _Track(_Part):
    identifier: str
    reason: str | None = None
    pearson_log1p: float | None = None
    pearson: float | None = None
    r2_log1p: float | None = None
    r2: float | None = None
    spearman: float | None = None
    auroc: float | None = None
    auprc: float | None = None
    specificity: float | None = None


class _Group(_Part):
    assay: str
    sample: str
    tracks: int
    pearson_log1p: float | None
    pearson: float | None
    spearman: float | None
    auprc: float | None
    specificity: float | None


class _Replicates(_Part):
    identifier: str
    prediction_replicate_pearson_log1p: float | None
    replicate_replicate_pearson_log1p: float | None


class _Measurement(_Part):
    name: str
    genes: int
    pearson: float | None
    nonzero_genes: int
    nonzero_pearson: float | None


class _Contrast(_Part):
    numerator: str
    denominator: str
    genes: int
    pearson: float | None
    expressed_genes: int
    expressed_pearson: float | None
    least_counts: float


class _Genes(_Part):
    flank: int
    measurements: list[_Measurement]
    contrasts: list[_Contrast]


class _Figures(_Part):
    """What an export reads of an evaluation."""

    command: str
    split: str
    chromosomes: list[str]
    resolution: int
    both_strands: bool
    weights_sha256: list[str]
    head: str | None = None
    tracks: list[_Track]
    groups: list[_Group]
    replicates: list[_Replicates] = []
    genes: _Genes | None = None


class _Estimate(_Part):
    value: float | None
    low: float | None
    high: float | None
    rows: int

    @model_validator(mode="after")
    def _is_whole(self) -> _Estimate:
        if (self.low is None) != (self.high is None):
            raise ValueError("an interval has low and high")
        return self


class _Agreement(_Part):
    pearson: _Estimate
    spearman: _Estimate


class _Activity(_Agreement):
    identifier: str
    sets: dict[str, _Agreement]
    pairs: dict[str, _Agreement]


class _ReporterFigures(_Part):
    """What a bundle is told of a reporter."""

    command: str
    reporter: str
    split: str
    sequences: int
    groups: int
    activities: list[_Activity]


def read_reporter_evaluation(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what `basenji-train evaluate-reporter` wrote.

    Raises
    ------
    InputError
        If it is missing or no such evaluation.
    """
    try:
        return read_json(_ReporterFigures, path).model_dump(mode="json", exclude_unset=True)
    except InputError as error:
        raise InputError(
            f"{path} is no evaluation of a reporter ({error}): make it with `basenji-train "
            "evaluate-reporter`"
        ) from error


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
    if not Path(path).is_file():
        raise InputError(f"{path} is not there: make it with `basenji-train evaluate`")
    try:
        return read_json(_Figures, path).model_dump(mode="json", exclude_unset=True)
    except InputError as error:
        raise InputError(
            f"{path} is not a readable evaluation ({error}): make it with `basenji-train evaluate`"
        ) from error


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
    # Arrow gets a file and not its name, which need not be UTF-8.
    with atomic_path(path, overwrite=overwrite) as temporary, temporary.open("wb") as file:
        pq.write_table(table, file)


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
