"""Agreement of a network's predictions with the coverage of chromosomes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from basenji_kipoi.atomic import atomic_path
from basenji_kipoi.console import progress_bar
from basenji_kipoi.errors import InputError
from basenji_kipoi.network import average_strands
from basenji_training.metrics import Correlation, sum_bins
from basenji_training.pipeline import Windows, evaluation_batches

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    import keras

    from basenji_kipoi.architecture import Architecture
    from basenji_kipoi.targets import Targets
    from basenji_training.store import Store

__all__ = ["Comparison", "compared", "evaluate", "summary_table", "write_evaluation"]


def compared(
    network: keras.Model, windows: Windows, *, batch_size: int, show: str = ""
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Predict windows and read the coverage to compare with.

    Parameters
    ----------
    network
        float32 (batch, window, 4) -> (batch, bins, tracks).
    windows
        The windows, in whose order the result comes.
    batch_size
        Windows predicted at once.
    show
        Label of a progress bar; none if empty.

    Yields
    ------
    predicted, observed : ndarray, float32, shape (batch, bins, tracks)
        In the network's units; `observed` is NaN where missing.
    """
    with progress_bar(show, total=len(windows), unit="windows") as advance:
        for sequence, observed in evaluation_batches(windows, batch_size=batch_size):
            # A last, smaller batch would be compiled anew: to repeat some windows costs less.
            padded = np.resize(sequence, (batch_size, *sequence.shape[1:]))
            yield network.predict_on_batch(padded)[: len(sequence)], observed
            advance(len(sequence))


class Comparison:
    """Correlations of counts and of log(1 + counts), accumulated over batches.

    Predictions and coverage are taken back to counts (`basenji_kipoi.targets.Targets.counts`) and
    summed to the resolution; bins with a missing part are left out.

    Parameters
    ----------
    windows
        Where the batches come from.
    resolution
        Width of the bins that are compared (bp), a multiple of the network's bin.

    Raises
    ------
    InputError
        If the resolution does not fit.
    """

    def __init__(self, windows: Windows, resolution: int) -> None:
        shape = windows.architecture
        self._factor, rest = divmod(resolution, shape.bin)
        if rest or self._factor < 1 or shape.bins % self._factor:
            raise InputError(
                f"a resolution of {resolution} bp does not divide into the network's {shape.bins} "
                f"bins of {shape.bin} bp: choose a multiple of {shape.bin} that does"
            )
        self._targets = windows.store.targets
        self._raw = Correlation(len(self._targets))
        self._logarithmic = Correlation(len(self._targets))

    def add(self, predicted: np.ndarray, observed: np.ndarray) -> None:
        """Add a batch as `compared` yields it."""
        pair = [sum_bins(self._targets.counts(x), self._factor) for x in (predicted, observed)]
        self._raw.add(*pair)
        self._logarithmic.add(*np.log1p(pair))

    @property
    def pearson(self) -> np.ndarray:
        """Correlation of counts: float64 (tracks,), NaN for a constant or missing track."""
        return self._raw.result()

    @property
    def pearson_log1p(self) -> np.ndarray:
        """Correlation of log(1 + counts): float64 (tracks,), NaN as in `pearson`."""
        return self._logarithmic.result()

    @property
    def bins(self) -> np.ndarray:
        """Bins compared: int64 (tracks,)."""
        return self._raw.number


def evaluate(
    network: keras.Model,
    architecture: Architecture,
    store: Store,
    *,
    split: str,
    resolution: int,
    batch_size: int = 8,
    both_strands: bool = False,
    command: str = "",
) -> dict[str, Any]:
    """Evaluate a network on the chromosomes of a split.

    Parameters
    ----------
    network, architecture
        The network and its description.
    store
        Coverage to compare with.
    split
        train, validation or test.
    resolution
        Width of the bins that are compared (bp).
    batch_size
        Windows predicted at once.
    both_strands
        Whether to average predictions over both strands.
    command
        The command that makes the result, to be kept with it.

    Returns
    -------
    dict
        What ``evaluation.json`` holds: ``command``, ``split``, ``chromosomes``, ``resolution``
        (bp), ``both_strands``, ``tracks`` (one entry each) and ``groups`` (means over the tracks
        of an assay and sample). A figure that does not exist (constant or missing track) is None
        and does not count in a mean.
    """
    windows = Windows(store, split, architecture)
    if both_strands:
        network = average_strands(network, store.targets.strand_permutation)
    comparison = Comparison(windows, resolution)
    for batch in compared(network, windows, batch_size=batch_size, show=f"evaluating {split}"):
        comparison.add(*batch)
    pearson, logarithmic = comparison.pearson, comparison.pearson_log1p
    return {
        "command": command,
        "split": split,
        "chromosomes": store.folds[split],
        "resolution": resolution,
        "both_strands": both_strands,
        "units": "counts (scale and soft clipping undone), summed to the resolution",
        "tracks": [
            {
                "identifier": target.identifier,
                "bins": int(comparison.bins[target.index]),
                "pearson": _rounded(pearson[target.index]),
                "pearson_log1p": _rounded(logarithmic[target.index]),
            }
            for target in store.targets
        ],
        "groups": _groups(store.targets, pearson, logarithmic),
    }


def _groups(targets: Targets, pearson: np.ndarray, logarithmic: np.ndarray) -> list[dict[str, Any]]:
    members: dict[tuple[str, str], list[int]] = {}
    for target in targets:
        members.setdefault((target.assay, target.sample), []).append(target.index)
    return [
        {
            "assay": assay,
            "sample": sample,
            "tracks": len(indices),
            "pearson": _mean(pearson[indices]),
            "pearson_log1p": _mean(logarithmic[indices]),
        }
        for (assay, sample), indices in members.items()
    ]


def _mean(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return _rounded(known.mean()) if known.size else None


def _rounded(value: float) -> float | None:
    """Round a figure for JSON, which has no NaN."""
    return round(float(value), 4) if np.isfinite(value) else None


def summary_table(evaluation: dict[str, Any]) -> str:
    """Lay out the group means of an evaluation as a Markdown table."""
    lines = [
        f"Pearson correlation at {evaluation['resolution']} bp on "
        f"{', '.join(evaluation['chromosomes'])} ({evaluation['split']}):",
        "",
        "| assay | sample | tracks | r of log(1 + counts) | r of counts |",
        "| --- | --- | --- | --- | --- |",
    ]
    for group in evaluation["groups"]:
        figures = (group["pearson_log1p"], group["pearson"])
        cells = ["not defined" if figure is None else f"{figure:.3f}" for figure in figures]
        cells = [group["assay"], group["sample"], str(group["tracks"]), *cells]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def write_evaluation(
    evaluation: dict[str, Any], path: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """Write an evaluation as JSON, whole or not at all.

    Raises
    ------
    InputError
        If the output may not be written.
    """
    with atomic_path(path, overwrite=overwrite) as temporary:
        Path(temporary).write_text(json.dumps(evaluation, indent=2) + "\n", encoding="utf-8")
