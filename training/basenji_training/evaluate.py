"""Agreement of a model's predictions with the coverage of chromosomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from basenji_kipoi.errors import InputError
from basenji_training.binning import join_bins
from basenji_training.extras import Extras
from basenji_training.gene_expression import Contrast, Expression, contrasts_of
from basenji_training.held_out import Bins, KeptBins, bins_summed, places_of, walk
from basenji_training.loci import Loci, Locus
from basenji_training.metrics import Correlation
from basenji_training.pipeline import Windows
from basenji_training.rank_figures import (
    PEAK_RULE,
    calibration,
    overlapped,
    peak_figures,
    spearman,
    specificity,
)
from basenji_training.replicate_tracks import Replicates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from basenji_kipoi.targets import Targets
    from basenji_training.held_out import Place
    from basenji_training.replicate_tracks import Replicate
    from basenji_training.store import Store
    from basenji_training.trained_model import TrainedModel

__all__ = ["Comparison", "Evaluation", "evaluate", "group_figures"]

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


class Comparison:
    """Agreement of counts and of log(1 + counts), accumulated over windows.

    Predictions and coverage are taken back to counts (`basenji_kipoi.targets.Targets.counts`) and
    joined to the resolution; bins with a missing part are left out.

    Parameters
    ----------
    windows
        Where the values come from.
    resolution
        Width of the bins that are compared (bp), a multiple of the network's bin.
    targets
        The tracks of what `see` gets; by default the store's.
    blocks
        Blocks of the bootstrap.

    Attributes
    ----------
    raw, logarithmic : Correlation
        Of counts and of log(1 + counts).

    Raises
    ------
    InputError
        If the resolution does not fit.
    """

    def __init__(
        self, windows: Windows, resolution: int, *, targets: Targets | None = None, blocks: int = 1
    ) -> None:
        self._factor = bins_summed(windows, resolution)
        self._targets = windows.store.targets
        self._sum_stats = (targets or self._targets).sum_stats
        self.raw = Correlation(len(self._sum_stats), blocks)
        self.logarithmic = Correlation(len(self._sum_stats), blocks)

    def add(self, predicted: np.ndarray, observed: np.ndarray) -> None:
        """Add a batch as `basenji_training.held_out.compared` yields it."""
        self._add(self._targets.counts(predicted), self._targets.counts(observed), 0)

    def see(self, place: Place, predicted: np.ndarray, observed: np.ndarray) -> None:
        """Add the counts of a window (`basenji_training.held_out.Collector`)."""
        self._add(predicted, observed, place.block)

    def _add(self, predicted: np.ndarray, observed: np.ndarray, block: int) -> None:
        pair = [
            join_bins(counts, self._factor, self._sum_stats) for counts in (predicted, observed)
        ]
        self.raw.add(*pair, block)
        self.logarithmic.add(*np.log1p(pair), block)

    @property
    def pearson_log1p(self) -> np.ndarray:
        """Correlation of log(1 + counts): float64 (tracks,).

        NaN if the observations are constant or missing, and 0 if the predictions alone are
        constant: left out, tracks of which nothing was learned would raise a mean.
        """
        constant_prediction, constant_observation = self.logarithmic.constant
        return np.where(constant_prediction & ~constant_observation, 0, self.logarithmic.result())


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
    """

    figures: dict[str, Any]
    targets: Targets
    bins: Bins
    loci: list[Locus]
    locus_tracks: list[int]
    expression: Expression | None
    contrasts: list[Contrast]
    replicates: tuple[list[Replicate], Bins] | None


def evaluate(
    model: TrainedModel,
    store: Store,
    *,
    split: str,
    resolution: int,
    extras: Extras | None = None,
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
    extras
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
    extras = extras or Extras()
    windows, targets = Windows(store, split, model.architecture, to_train=False), model.targets
    columns = _columns(targets, store)
    blocks = places_of(windows)[-1].block + 1
    comparison = Comparison(windows, resolution, targets=targets, blocks=blocks)
    kept = KeptBins(windows, targets.sum_stats, resolution)
    loci = Loci(windows, targets, resolution)
    collectors = [comparison, kept, loci]
    expression = replicates = None
    contrasts = contrasts_of(extras.contrasts, targets)
    if extras.genes is not None:
        expression = Expression(extras.genes, windows, targets, flank=extras.flank)
        collectors.append(expression)
    if extras.replicates:
        replicates = Replicates(extras.replicates, windows, targets, resolution)
        collectors.append(replicates)
    walk(model, windows, columns, collectors, batch_size=batch_size)
    bins = kept.arrays()
    rows = _track_figures(comparison, bins, targets, extras, resolution)
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
    comparison: Comparison, bins: Bins, targets: Targets, extras: Extras, resolution: int
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
        for identifier, intervals in extras.peaks.items()
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
