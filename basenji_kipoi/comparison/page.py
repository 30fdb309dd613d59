"""The page of a comparison: one HTML file with everything in it, which works offline."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from basenji_kipoi.comparison.joining import USED
from basenji_kipoi.comparison.plots import (
    DRAWN,
    calibration_figure,
    estimates_figure,
    matching_figure,
    scatter_figure,
)
from basenji_kipoi.comparison.statistics import Estimate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure

    from basenji_kipoi.comparison.matching import Matched

__all__ = ["write_page"]

_DOTS_PER_INCH = 120
#: What statistics are called.
_LABELS = {"spearman": "Spearman rho", "pearson": "Pearson r", "same_sign": "same sign"}


class _Table(NamedTuple):
    """A table whose first column is text."""

    heading: Sequence[str]
    rows: Sequence[Sequence[object]]


class _Section(NamedTuple):
    """A part of the page: text, tables with their titles, and figures as what they show."""

    key: str
    title: str
    text: str
    tables: Sequence[tuple[str, _Table]] = ()
    figures: Sequence[tuple[str, str]] = ()


def _shown(value: object) -> str:
    """Show a cell."""
    if isinstance(value, Estimate):
        if not np.isfinite(value.value):
            return "-"
        interval = f" ({value.low:.3f} to {value.high:.3f})" if np.isfinite(value.low) else ""
        return f"{value.value:.3f}{interval}"
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return "-"
    if isinstance(value, float):
        return f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


#: The page's own markup; everything that it is given is escaped.
_PAGES = Environment(
    loader=PackageLoader("basenji_kipoi.comparison", ""),
    autoescape=True,
    undefined=StrictUndefined,
)
_PAGES.filters["shown"] = _shown


def write_page(
    path: Path, figures: dict[str, Any], rows: pd.DataFrame, matched: Matched | None
) -> None:
    """Write the page of a comparison.

    Parameters
    ----------
    path
        The HTML file.
    figures, rows, matched
        As `basenji_kipoi.comparison.run.Comparison` has them.
    """
    counts = figures["rows"]
    page = _PAGES.get_template("page.html.jinja").render(
        heading="Predicted beside measured effects",
        subtitle=f"{counts['used']:,} of {counts['measured']:,} measured effects, matched by "
        f"{figures['match']}",
        figures=figures,
        sections=list(_sections(figures, rows, matched)),
    )
    # Names of files may hold bytes that are no text.
    path.write_text(page, encoding="utf-8", errors="backslashreplace")


def _inlined(figure: Figure) -> str:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=_DOTS_PER_INCH)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


def _sections(
    figures: dict[str, Any], rows: pd.DataFrame, matched: Matched | None
) -> Iterator[_Section]:
    parts = figures["parts"]
    used = rows.loc[rows[_column(rows, "status")] == USED]
    effect = used[figures["options"]["effect"]].astype(float).to_numpy()
    bootstrap = figures["bootstrap"]
    yield _Section(
        "agreement",
        "Agreement",
        f"Intervals hold 95 % of {bootstrap['draws']:,} draws of blocks with replacement (blocks: "
        f"{bootstrap['blocks']}; seed {bootstrap['seed']}). Dashed lines are ceilings. Orange rows "
        "were tuned on these measurements, on other chromosomes than they are compared on.",
        [(each["name"], _agreement(each)) for each in parts],
        [
            (label, _inlined(estimates_figure(parts, key, label)))
            for key, label in _LABELS.items()
            if key != "pearson"
        ],
    )
    yield _Section(
        "ceilings",
        "Ceilings",
        "How well the true effects themselves agree with the measured ones. From standard errors: "
        "the reliability is 1 - mean(error²) / variance of the effects, the largest r its root; "
        "rho and signs assume normal effects. From replicates: the reliability of their mean by "
        "the Spearman-Brown formula.",
        [("", _ceiling_table(parts))],
    )
    drawn = parts[0]["scores"][: min(DRAWN, len(figures["scores"]))]
    values = [used[_column(rows, each["name"])].astype(float).to_numpy() for each in drawn]
    yield _Section(
        "scatter",
        "Effects",
        "Predictions beyond 99 % of their size are drawn at the ends of the axis. "
        f"At most {DRAWN} scores are drawn, in the order in which they were named.",
        figures=[("measured against predicted", _inlined(scatter_figure(drawn, values, effect)))],
    )
    if matched is not None:
        yield _matching(figures["matching"], matched)
    yield _calibration(figures["calibration"], rows, used, effect)
    yield _Section(
        "rows",
        "Rows and files",
        "Every measured row stands in rows.tsv with what was made of it.",
        [("rows left out", _left_out(figures["rows"])), ("files", _files(figures))],
    )


def _column(rows: pd.DataFrame, name: str) -> str:
    """Find the column that the comparison made, whatever the measured table has."""
    renamed = f"predicted {name}"
    return renamed if renamed in rows.columns else name


def _agreement(part: dict[str, Any]) -> _Table:
    r = part["ceilings"].get("pearson", np.nan)
    return _Table(
        [
            f"{part['rows']:,} rows, {part['blocks']:,} blocks",
            *_LABELS.values(),
            "r over its ceiling",
        ],
        [
            [
                each["name"],
                *(each[key] for key in _LABELS),
                each["pearson"].value / r if r else np.nan,
            ]
            for each in part["scores"]
        ],
    )


def _ceiling_table(parts: Sequence[dict[str, Any]]) -> _Table:
    return _Table(
        ["rows", "reliability", *_LABELS.values(), "reliability (replicates)", "r (replicates)"],
        [
            [
                each["name"],
                *(each["ceilings"].get(key) for key in ("reliability", *_LABELS)),
                each["ceilings"].get("replicates", {}).get("reliability"),
                each["ceilings"].get("replicates", {}).get("pearson"),
            ]
            for each in parts
        ],
    )


def _matching(found: dict[str, Any], matched: Matched) -> _Section:
    names = [each["name"] for each in found["scores"]]
    return _Section(
        "matching",
        "Variants with an effect against matched negatives",
        f"{found['rule']} {found['positives']:,} have negatives, of {found['candidates']:,} "
        f"candidates; {found['unmatched']:,} have none. Sizes of scores are compared. A variant "
        "and its negatives are drawn together. AUPRC at random is "
        f"{found['auprc_at_random']:.2f}; distances differ by {found['apart_bp']['median']:.0f} bp "
        f"in the median and {found['apart_bp']['most']:.0f} at most.",
        [
            (
                "",
                _Table(
                    ["score", "AUROC", "AUPRC"],
                    [[each["name"], each["auroc"], each["auprc"]] for each in found["scores"]],
                ),
            )
        ],
        [("ROC, precision and recall, distances", _inlined(matching_figure(matched, names)))],
    )


def _calibration(
    found: dict[str, Any], rows: pd.DataFrame, used: pd.DataFrame, effect: np.ndarray
) -> _Section:
    title = "Calibration, a chromosome left out"
    if found["reason"]:
        return _Section("calibration", title, f"None: {found['reason']}.")
    # The last one has all scores, where there are several.
    names = [each["name"] for each in found["scores"]]
    names = [*names[: DRAWN - 1], names[-1]] if len(names) > DRAWN else names
    values = [used[_column(rows, name)].astype(float).to_numpy() for name in names]
    return _Section(
        "calibration",
        title,
        "Effects of each chromosome by a regression on all others: a line from each score, and "
        "ridge regression from all. R² is of these effects; slope and intercept are of all rows.",
        [
            (
                "",
                _Table(
                    ["", "slope", "intercept", "R²"],
                    [
                        [each["name"], each["slope"], each["intercept"], each["r2"]]
                        for each in found["scores"]
                    ],
                ),
            )
        ],
        [("calibration", _inlined(calibration_figure(names, values, effect)))],
    )


def _left_out(found: dict[str, Any]) -> _Table:
    rows = [["used", found["used"]], *found["left_out"].items()]
    if found["measured_again"]:
        rows.append(["used, of what another row measures too", found["measured_again"]])
    return _Table(["", "rows"], rows)


def _files(figures: dict[str, Any]) -> _Table:
    kinds = ("predicted", "measured", "genes")
    return _Table(
        ["", "file", "SHA-256"],
        [
            [kind, figures[kind]["file"], figures[kind]["sha256"]]
            for kind in kinds
            if figures[kind] is not None
        ],
    )
