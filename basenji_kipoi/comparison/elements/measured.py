"""How well predicted effects of elements on genes agree with measured ones.

Elements that were found to drive their gene (label 1) are told from those that were not (label 0)
by each score: the loss of the gene's prediction in a knock-out, gradient times features as a share
of the prediction, and nearness alone, which any prediction should beat. Intervals are those of a
bootstrap that draws genes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.comparison.statistics import (
    as_json,
    auprc,
    auroc,
    estimate,
    spearman,
)
from basenji_kipoi.comparison.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from basenji_kipoi.comparison.tables import Source

__all__ = ["SCORES", "compare_elements", "measured_lines", "write_measured"]

#: Each score, larger for elements that raise the gene more.
SCORES: dict[str, Callable[[Mapping[str, np.ndarray]], np.ndarray]] = {
    "knock-out": lambda columns: -columns["log2_ratio"],
    "gradient": lambda columns: columns["gradient_share"],
    "nearness": lambda columns: -np.abs(columns["distance"]),
}
_NUMBERS = ("distance", "log2_ratio", "gradient_share")


def compare_elements(source: Source) -> list[dict[str, Any]]:
    """Set predicted effects of elements beside measured ones.

    Parameters
    ----------
    source
        The table that `basenji elements` wrote of elements that came with labels or effects.

    Returns
    -------
    list of dict
        For each track and score that is known: ``pairs``, ``positives``, and as `Estimate` with a
        bootstrap over genes ``auroc`` and ``auprc`` (from labels) and ``spearman`` (of the score
        and minus the measured effect).

    Raises
    ------
    InputError
        If the table cannot be read or lacks a column.
    """
    table = read_table(source, "elements")
    tracks, genes = table.texts("track"), table.texts("gene_id")
    columns = {name: table.numbers(name) for name in _NUMBERS}
    label, effect = (
        table.numbers(name) if name in table.frame.columns else np.full(len(table), np.nan)
        for name in ("label", "measured_effect")
    )
    found = []
    for track in dict.fromkeys(each for each in tracks if each):
        for name, score in SCORES.items():
            values = score(columns)
            known = (tracks == track) & np.isfinite(values)
            labelled, measured = known & np.isfinite(label), known & np.isfinite(effect)
            if not (labelled.any() or measured.any()):
                continue
            is_positive = label[labelled] == 1
            found.append(
                {
                    "track": track,
                    "score": name,
                    "pairs": int((labelled | measured).sum()),
                    "positives": int(is_positive.sum()),
                    "auroc": estimate(
                        _of_labels(auroc), values[labelled], is_positive, blocks=genes[labelled]
                    ),
                    "auprc": estimate(
                        _of_labels(auprc), values[labelled], is_positive, blocks=genes[labelled]
                    ),
                    "spearman": estimate(
                        spearman, values[measured], -effect[measured], blocks=genes[measured]
                    ),
                }
            )
    return found


def _of_labels(statistic: Callable[..., float]) -> Callable[[np.ndarray, np.ndarray], float]:
    return lambda values, positive: statistic(values[positive], values[~positive])


def write_measured(path: Path, found: list[dict[str, Any]], *, overwrite: bool) -> None:
    """Write what `compare_elements` found as JSON."""
    with atomic_path(path, overwrite=overwrite) as temporary:
        text = json.dumps({"measured": as_json(found)}, indent=2)
        temporary.write_text(text + "\n", encoding="utf-8")


def measured_lines(found: list[dict[str, Any]]) -> Iterator[str]:
    """Format it as lines of a table."""
    rows = [["track", "score", "pairs", "positives", "AUROC", "AUPRC", "Spearman's rho"]]
    for each in found:
        figures = (each[name] for name in ("auroc", "auprc", "spearman"))
        texts = ("-" if np.isnan(figure.value) else str(figure) for figure in figures)
        rows.append([each["track"], each["score"], f"{each['pairs']:,}", f"{each['positives']:,}"])
        rows[-1] += texts
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
