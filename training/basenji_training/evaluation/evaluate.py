"""Agreement of a model's predictions with the coverage of chromosomes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_training.evaluation.annotations import Annotations
from basenji_training.evaluation.gene_expression import Contrast, Expression, contrasts_of
from basenji_training.evaluation.loci import Loci, Locus
from basenji_training.evaluation.track_replicates import Replicates
from basenji_training.measures.comparison import Comparison
from basenji_training.measures.held_out import Bins, KeptBins, compared, places_of
from basenji_training.measures.rank_figures import (
    PEAK_RULE,
    calibration,
    overlapped,
    peak_figures,
    spearman,
    specificity,
)
from basenji_training.store.windows import Windows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from basenji_kipoi.models.targets import Targets
    from basenji_training.evaluation.reporters.figures import ReporterComparison
    from basenji_training.evaluation.track_replicates import Replicate
    from basenji_training.evaluation.trained_model import Predictor
    from basenji_training.measures.held_out import Collector
    from basenji_training.store.store import Store

__all__ = ["Evaluation", "evaluate", "group_figures", "walk"]

#: Figures of a track that are averaged over the tracks of an assay and sample.
GROUP_FIGURES = (
    "pearson",
    "pearson_log1p",
    "spearman",
    "r2",
    "r2_log1p",
    "auroc",
    "auprc",
    "specificity",
)


@dataclass(frozen=True)
class Evaluation:
    """Figures, and the values behind them that a report draws.

    Attributes
    ----------
    figures : dict
        What ``evaluation.json`` holds. A figure that does not exist is None.
    targets : Targets
        The model's tracks.
    bins : Bins
        Kept bins.
    loci : list of Locus
        Stretches to be looked at, with the tracks `locus_tracks`.
    locus_tracks : list of int
        Their tracks.
    expression : Expression, optional
        Expression of genes.
    contrasts : list of Contrast
        The contrasts of its measurements.
    replicates : tuple of (list of Replicate, Bins), optional
        Replicates and what was compared with them, as `Replicates.figures` has it.
    reporters : list of ReporterComparison
        What the model's reporters predict beside what was measured.
    """

    figures: dict[str, Any]
    targets: Targets
    bins: Bins
    loci: list[Locus]
    locus_tracks: list[int]
    expression: Expression | None
    contrasts: list[Contrast]
    replicates: tuple[list[Replicate], Bins] | None
    reporters: list[ReporterComparison] = field(default_factory=list)

    def with_reporters(self, compared: Sequence[ReporterComparison]) -> Evaluation:
        """Add how the model's reporters agree with measurements."""
        if not compared:
            return self
        measured = {each.figures["reporter"]: each.figures for each in compared}
        return replace(
            self, figures={**self.figures, "reporters": measured}, reporters=list(compared)
        )


def evaluate(
    model: Predictor,
    store: Store,
    *,
    split: str,
    resolution: int,
    annotations: Annotations | None = None,
    batch_size: int = 8,
    command: str = "",
) -> Evaluation:
    """Evaluate a model on the chromosomes of a split, in one pass over them.

    Parameters
    ----------
    model
        The model.
    store
        Coverage to compare with. It may have more tracks than the model.
    split
        train, validation or test.
    resolution
        Width of the bins that are compared (bp).
    annotations
        What else to look at.
    batch_size
        Windows predicted at once.
    command
        The command that makes the result, to be kept with it.

    Raises
    ------
    InputError
        If the store lacks a track of the model, or something else does not fit.
    """
    annotations = annotations or Annotations()
    windows, targets = Windows(store, split, model.architecture, to_train=False), model.targets
    columns = _columns(targets, store)
    blocks = places_of(windows)[-1].block + 1
    comparison = Comparison(windows, resolution, targets=targets, blocks=blocks)
    kept = KeptBins(windows, targets.sum_stats, resolution)
    loci = Loci(windows, targets, resolution)
    collectors = [comparison, kept, loci]
    expression = replicates = None
    contrasts = contrasts_of(annotations.contrasts, targets)
    if annotations.genes is not None:
        expression = Expression(annotations.genes, windows, targets, flank=annotations.flank)
        collectors.append(expression)
    if annotations.replicates:
        replicates = Replicates(annotations.replicates, windows, targets, resolution)
        collectors.append(replicates)
    walk(model, windows, columns, collectors, batch_size=batch_size)
    bins = kept.arrays()
    rows = _track_figures(comparison, bins, targets, annotations, resolution)
    figures: dict[str, Any] = {
        "command": command,
        "split": split,
        "chromosomes": store.folds[split],
        "resolution": resolution,
        "both_strands": model.both_strands,
        "members": model.members,
        "weights_sha256": model.weights_sha256,
        "head": next(iter(model.architecture.heads)),
        "store": store.name,
        "units": "counts (scale and soft clipping undone), summed to the resolution; of mean and "
        "max tracks, the mean and the maximum",
        "intervals": "95 %, block bootstrap, 1000 draws",
        "blocks": blocks,
        "ranked_share": kept.share,
        "peaks": PEAK_RULE,
        "tracks": rows,
        "groups": group_figures(rows, targets),
    }
    if expression is not None:
        figures["genes"] = expression.figures(contrasts)
    shown = None
    if replicates is not None:
        figures["replicates"], drawn = replicates.figures()
        shown = replicates.replicates, drawn
    return Evaluation(
        _for_json(figures), targets, bins, loci.loci(), loci.tracks, expression, contrasts, shown
    )


def _columns(targets: Targets, store: Store) -> np.ndarray:
    """Find a model's tracks among a store's."""
    places = {label: column for column, label in enumerate(store.targets.labels)}
    missing = [label for label in targets.labels if label not in places]
    if missing:
        raise InputError(
            f"the store {store.path} has no track {missing[0]!r}, which the model predicts: "
            "evaluate on a store of the same targets table"
        )
    return np.array([places[label] for label in targets.labels])


def _track_figures(
    comparison: Comparison, bins: Bins, targets: Targets, annotations: Annotations, resolution: int
) -> list[dict[str, Any]]:
    """Compute the figures of each track; NaN where one does not exist."""
    raw, logarithmic = comparison.raw, comparison.logarithmic
    figures = {"bins": raw.number}
    for suffix, correlation in (("", raw), ("_log1p", logarithmic)):
        for statistic in correlation.statistics:
            figures[statistic + suffix] = correlation.result(statistic)
            figures[f"{statistic}{suffix}_interval"] = correlation.interval(statistic).T
    figures["spearman"], interval = spearman(bins.predicted, bins.observed, bins.block)
    figures["spearman_interval"] = interval.T
    figures["specificity"] = specificity(bins, targets)
    known = {
        targets.labels.index(identifier): overlapped(bins, resolution, intervals)
        for identifier, intervals in annotations.peaks.items()
    }
    peaks = peak_figures(bins, known)
    deciles = calibration(bins)
    constant = raw.constant
    return [
        {
            "identifier": target.identifier,
            **{name: values[target.index] for name, values in figures.items()},
            "peaks": peaks[target.index].peaks,
            "peak_share": peaks[target.index].share,
            **{
                name: getattr(peaks[target.index], name)
                for name in ("auroc", "auroc_interval", "auprc", "auprc_interval")
            },
            "calibration": deciles[target.index],
            "reason": _reason(raw.number[target.index], *constant[:, target.index]),
        }
        for target in targets
    ]


def _reason(bins: int, constant_prediction: bool, constant_observation: bool) -> str | None:
    """Say why a track has no correlation; None if it has one."""
    if bins == 0:
        return "no bin has a value"
    if constant_observation:
        return "the observed track is constant"
    return "the predictions are constant" if constant_prediction else None


def group_figures(rows: Sequence[Mapping[str, Any]], targets: Targets) -> list[dict[str, Any]]:
    """Average the figures of tracks over each assay and sample.

    Parameters
    ----------
    rows
        Figures of each track, None or NaN where one does not exist: such a track does not count in
        that mean.
    targets
        The tracks, in the same order.

    Returns
    -------
    list of dict
        In the order of the table; a mean of nothing is None.
    """
    members: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row, target in zip(rows, targets, strict=True):
        members.setdefault((target.assay, target.sample), []).append(row)
    groups = []
    for (assay, sample), tracks in members.items():
        means = {}
        for name in GROUP_FIGURES:
            values = np.array([track.get(name) for track in tracks], dtype=np.float64)
            means[name] = np.nanmean(values) if np.isfinite(values).any() else np.nan
        groups.append({"assay": assay, "sample": sample, "tracks": len(tracks), **means})
    return _for_json(groups)


def _for_json(value: Any) -> Any:  # noqa: ANN401 - any content of a JSON file
    """Make plain types of NumPy's; round figures; NaN, which JSON lacks, becomes None."""
    if isinstance(value, dict):
        return {key: _for_json(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_for_json(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return _rounded(value)
    return value


def _rounded(value: float) -> float | None:
    """Four decimals, or four digits of what is larger."""
    if not np.isfinite(value):
        return None
    return round(value, 4) if abs(value) < 1 else float(f"{value:.5g}")


def walk(
    model: Predictor,
    windows: Windows,
    columns: np.ndarray,
    collectors: Sequence[Collector],
    *,
    batch_size: int,
) -> None:
    """Predict every window once and show it to the collectors.

    Parameters
    ----------
    model
        The model.
    windows
        The windows.
    columns : ndarray, int, shape (tracks,)
        The model's tracks among the store's.
    collectors
        Who sees the windows, in the genome's order.
    batch_size
        Windows predicted at once.
    """
    places = iter(places_of(windows))
    stored = windows.store.targets
    for predicted, observed in compared(
        model.network, windows, batch_size=batch_size, show=f"evaluating {windows.split}"
    ):
        # Each in its own units: a bundle may clip and scale otherwise than the store.
        counts = model.targets.counts(predicted), stored.counts(observed)[..., columns]
        for window in zip(*counts, strict=True):
            place = next(places)
            for collector in collectors:
                collector.see(place, *window)
