"""Predicted effects beside measured ones: in memory, or from files to a page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from basenji_kipoi.base import __version__
from basenji_kipoi.base.atomic import Folder, atomic_path, check_output
from basenji_kipoi.base.checksum import checksum
from basenji_kipoi.base.progress import label_of, progress_bar
from basenji_kipoi.comparison.calibration import LEAST_CHROMOSOMES, Calibrated, calibrate
from basenji_kipoi.comparison.ceilings import from_errors, reliability_of_replicates
from basenji_kipoi.comparison.joining import join
from basenji_kipoi.comparison.matching import matched_negatives, rule_of
from basenji_kipoi.comparison.options import CompareOptions
from basenji_kipoi.comparison.page import write_page
from basenji_kipoi.comparison.statistics import (
    Estimate,
    as_json,
    auprc,
    auroc,
    estimate,
    pearson,
    same_sign,
    spearman,
)
from basenji_kipoi.comparison.tables import condition, read_table

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from basenji_kipoi.comparison.joining import Joined
    from basenji_kipoi.comparison.matching import Matched
    from basenji_kipoi.comparison.tables import Source, Table

__all__ = ["Comparison", "compare", "compare_file"]

#: Statistics of a score, by name.
_STATISTICS = {"spearman": spearman, "pearson": pearson, "same_sign": same_sign}


@dataclass(frozen=True)
class Comparison:
    """Predicted effects beside measured ones.

    Attributes
    ----------
    figures : dict
        All figures; statistics with intervals are `Estimate` tuples (value, low, high, rows).
    rows : pandas.DataFrame
        The measured table with what was made of each row: ``status``, a column for each score, and
        one for each calibrated effect.
    matched : Matched or None
        Variants with an effect and their negatives.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> found = bk.compare("scores.tsv", "effects.tsv", bk.CompareOptions(error="SE"))
    >>> found
    <Comparison of 1 score with 40 of 40 measured effects, by variant>
    >>> round(found.figures["parts"][0]["ceilings"]["pearson"], 2)
    0.94
    """

    figures: dict[str, Any]
    rows: pd.DataFrame
    matched: Matched | None

    def __repr__(self) -> str:
        scores, rows = len(self.figures["scores"]), self.figures["rows"]
        plural = "score" if scores == 1 else "scores"
        return (
            f"<Comparison of {scores} {plural} with {rows['used']:,} of {rows['measured']:,} "
            f"measured effects, by {self.figures['match']}>"
        )

    def write(self, folder: Path) -> None:
        """Write ``comparison.html``, ``comparison.json`` and ``rows.tsv`` into a folder."""
        text = json.dumps(as_json(self.figures), indent=2, allow_nan=False)
        (folder / "comparison.json").write_text(text + "\n", encoding="utf-8")
        self.rows.to_csv(folder / "rows.tsv", sep="\t", index=False, float_format="%.6g")
        write_page(folder / "comparison.html", self.figures, self.rows, self.matched)


def compare(
    predicted: Source,
    measured: Source,
    options: CompareOptions | None = None,
    *,
    command: str | None = None,
    progress: bool | None = None,
) -> Comparison:
    """Set predicted effects beside measured ones.

    Parameters
    ----------
    predicted
        Table of predictions, as `basenji_kipoi.score` makes them: its file (Parquet, TSV), or the
        table, as pyarrow or pandas has it.
    measured
        Table of measured effects, likewise.
    options
        What is compared, and how.
    command
        The command that asks for it, to be kept with the figures.
    progress
        Whether to show a progress bar; None: at a terminal and in a notebook.

    Raises
    ------
    InputError
        If something of the input cannot be used; names it.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> figures = bk.compare("scores.tsv", "effects.tsv").figures
    >>> part = figures["parts"][0]
    >>> part["name"], part["rows"], round(part["scores"][0]["spearman"].value, 2)
    ('all', 40, 0.89)
    """
    options = options or CompareOptions()
    theirs = read_table(predicted, "predictions", options.columns)
    mine = read_table(measured, "measured effects", options.columns)
    joined = join(mine, theirs, options)
    used = joined.used
    error = None if options.error is None else mine.numbers(options.error)
    replicates = np.stack(
        [mine.numbers(name) for name in options.replicates] or [joined.effect], axis=1
    )
    blocks, block_name = _blocks(mine, options)
    names = [each.name for each in joined.scores]
    chroms = _chromosomes(mine, theirs, joined)
    matched = None
    if options.with_effect is not None:
        matched = matched_negatives(mine, theirs, joined, options)
    calibrated = []
    if chroms is not None:
        known = joined.predicted[used]
        calibrated = calibrate(names, known, joined.effect[used], chroms[used])
    columns = {name: joined.predicted[:, number] for number, name in enumerate(names)}
    for each in calibrated:
        columns[each.name] = np.full(len(mine), np.nan)
        columns[each.name][used] = each.effect
    parts = [("all", np.ones(len(mine), dtype=bool))]
    parts += [(text, condition(mine, text)) for text in options.parts]
    work = len(columns) * len(parts) * len(_STATISTICS) + 2 * len(names) * (matched is not None)
    with progress_bar(label_of("comparing", progress), total=work, unit="figures") as advance:

        def measure(
            statistic: Callable[..., float], *values: np.ndarray, by: np.ndarray
        ) -> Estimate:
            advance(1)
            return estimate(statistic, *values, blocks=by, draws=options.draws, seed=options.seed)

        described = []
        for name, rows in parts:
            here = np.flatnonzero(used & rows)
            described.append(
                {
                    "name": name,
                    "rows": len(here),
                    "blocks": len(set(blocks[here])),
                    "ceilings": _ceilings(joined.effect, error, replicates, here, options),
                    "scores": [
                        {
                            "name": column,
                            "calibrated": number >= len(names),
                            **{
                                key: measure(
                                    statistic, values[here], joined.effect[here], by=blocks[here]
                                )
                                for key, statistic in _STATISTICS.items()
                            },
                        }
                        for number, (column, values) in enumerate(columns.items())
                    ],
                }
            )
        told_apart = None if matched is None else _told_apart(matched, names, blocks, measure)
    reasons = pd.Series(joined.status[~used]).value_counts()
    figures = {
        "format": "basenji-comparison",
        "format_version": 1,
        "command": command,
        "version": __version__,
        "predicted": theirs.described(),
        "measured": mine.described(),
        "genes": options.genes
        and {"file": Path(options.genes).name, "sha256": checksum(Path(options.genes))},
        "options": options.described(),
        "match": joined.match,
        "scores": [each._asdict() for each in joined.scores],
        "rows": {
            "measured": len(mine),
            "used": int(used.sum()),
            "left_out": {str(key): int(number) for key, number in reasons.items()},
            "measured_again": joined.again,
        },
        "bootstrap": {"blocks": block_name, "draws": options.draws, "seed": options.seed},
        "parts": described,
        "matching": None
        if told_apart is None
        else {"rule": rule_of(options), "seed": options.seed, **told_apart},
        "calibration": _described(calibrated, joined, chroms),
    }
    # A column of the measured table keeps its name.
    made = {"status": joined.status, **columns}
    taken = set(map(str, mine.frame.columns))
    made = {f"predicted {key}" if key in taken else key: each for key, each in made.items()}
    return Comparison(figures, mine.frame.assign(**made), matched)


def compare_file(
    predicted: str | os.PathLike[str],
    measured: str | os.PathLike[str],
    out: str | os.PathLike[str],
    options: CompareOptions | None = None,
    *,
    overwrite: bool = False,
    command: str | None = None,
    progress: bool | None = None,
) -> Comparison:
    """Compare two tables and write a page, its figures, and each row's fate, into a directory.

    Parameters
    ----------
    predicted, measured, options, command, progress
        As `compare` takes them.
    out
        Directory to be made.
    overwrite
        Whether an existing one may be replaced.

    Raises
    ------
    InputError
        If something of the input cannot be used or the output not be written; names it.
    """
    genes = None if options is None else options.genes
    kind = Folder("a comparison", holds=("comparison.json", "rows.tsv"))
    check_output(out, overwrite=overwrite, inputs=(predicted, measured, genes), folder=kind)
    found = compare(predicted, measured, options, command=command, progress=progress)
    with atomic_path(out, overwrite=overwrite) as folder:
        folder.mkdir()
        found.write(folder)
    return found


def _blocks(measured: Table, options: CompareOptions) -> tuple[np.ndarray, str]:
    """Find the block of each row: object (rows,), and what blocks are; rows without are alone."""
    name = options.blocks or measured.column("gene")
    alone = np.array([f"row {row}" for row in range(len(measured))], dtype=object)
    if name is None:
        return alone, "row"
    blocks = measured.texts(name)
    return np.where(blocks == "", alone, blocks), name


def _chromosomes(measured: Table, predicted: Table, joined: Joined) -> np.ndarray | None:
    """Find each row's chromosome; None where neither table has them."""
    if measured.has("chrom"):
        return measured.texts(measured.column("chrom"))
    if joined.match != "gene" or not predicted.has("chrom"):
        return None
    genes = predicted.texts(predicted.column("gene"))
    places = dict(zip(genes, predicted.texts(predicted.column("chrom"))))
    mine = measured.texts(measured.column("gene"))
    return np.array([places.get(gene, "") for gene in mine], dtype=object)


def _ceilings(
    effect: np.ndarray,
    error: np.ndarray | None,
    replicates: np.ndarray,
    here: np.ndarray,
    options: CompareOptions,
) -> dict[str, Any]:
    """Compute the ceilings of a part; None where nothing tells them."""
    found: dict[str, Any] = {}
    if error is not None:
        known = here[error[here] > 0]
        found = {
            "rows": len(known),
            **from_errors(effect[known], error[known], seed=options.seed)._asdict(),
        }
    if options.replicates:
        reliability = reliability_of_replicates(replicates[here])
        found["replicates"] = {"reliability": reliability, "pearson": float(np.sqrt(reliability))}
    return found


def _told_apart(
    matched: Matched,
    names: list[str],
    blocks: np.ndarray,
    measure: Callable[..., Estimate],
) -> dict[str, Any]:
    """Measure how well scores tell variants with an effect from their negatives.

    A variant and its negatives are drawn together, with their block.
    """
    by = blocks[matched.positives]
    number = matched.negative_scores.shape[1]

    def areas(area: Callable[..., float]) -> Callable[..., float]:
        return lambda positive, *negative: area(positive, np.concatenate(negative))

    scores = []
    for column, name in enumerate(names):
        positive = np.abs(matched.positive_scores[:, column])
        negative = np.abs(matched.negative_scores[:, :, column]).T
        scores.append(
            {
                "name": name,
                "auroc": measure(areas(auroc), positive, *negative, by=by),
                "auprc": measure(areas(auprc), positive, *negative, by=by),
            }
        )
    apart = np.abs(matched.negative_distances - matched.positive_distances[:, None])
    return {
        "positives": len(matched.positives),
        "negatives_each": number,
        "candidates": matched.candidates,
        "unmatched": matched.unmatched,
        "auprc_at_random": 1 / (1 + number),
        "apart_bp": {"median": float(np.median(apart)), "most": float(apart.max())},
        "scores": scores,
    }


def _described(
    calibrated: list[Calibrated], joined: Joined, chroms: np.ndarray | None
) -> dict[str, Any]:
    """Describe the calibration, or why there is none."""
    if not calibrated:
        reason = f"rows lie on fewer than {LEAST_CHROMOSOMES} chromosomes"
        return {"reason": "chromosomes are not known" if chroms is None else reason, "scores": []}
    effect = joined.effect[joined.used]
    total = float(((effect - effect.mean()) ** 2).sum())
    return {
        "reason": None,
        "chromosomes": sorted(set(chroms[joined.used])),
        "scores": [
            {
                "name": each.name,
                "slope": each.slope,
                "intercept": each.intercept,
                "r2": 1 - float(((effect - each.effect) ** 2).sum()) / total if total else np.nan,
            }
            for each in calibrated
        ],
    }
