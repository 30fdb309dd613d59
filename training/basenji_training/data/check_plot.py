"""The picture of a store's check."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from basenji_kipoi.models.strands import strands_of

if TYPE_CHECKING:
    from pathlib import Path

    from basenji_kipoi.models.targets import Targets
    from basenji_training.data.survey import Survey

__all__ = ["plot_check"]

#: Tracks up to which each has its name in the picture.
_NAMED = 40


def plot_check(targets: Targets, measured: Survey, path: Path) -> None:
    """Draw values, missing and clipped bins, correlations, and profiles around start sites.

    Parameters
    ----------
    targets
        The tracks.
    measured
        Their measures.
    path
        PNG file to be written.
    """
    figure = Figure(figsize=(14, 11), layout="constrained", dpi=110)
    ((values, correlation), (shares, profiles)) = figure.subplots(2, 2)
    at = np.arange(len(targets))
    for name, height, mark in (
        ("maximum", measured.maximum, "^"),
        ("99% of bins are below", measured.quantiles[1], "_"),
        ("mean", measured.mean, "o"),
    ):
        values.plot(at, np.where(height > 0, height, np.nan), mark, label=name)
    values.set(yscale="log", ylabel="value of a bin", title="Values (zeros not shown)")
    values.legend(frameon=False, ncols=3, loc="upper left", bbox_to_anchor=(0, 1))
    values.margins(y=0.2)
    shares.plot(at, measured.missing, "s", label="missing")
    shares.plot(at, measured.clipped, "x", label="above a threshold")
    shares.plot(at, measured.zero, ".", label="zero")
    shares.set(ylim=(-0.03, 1.15), ylabel="share of bins", title="Missing, clipped and zero bins")
    shares.legend(frameon=False, ncols=3, loc="upper left")
    image = correlation.imshow(measured.correlation, vmin=-1, vmax=1, cmap="RdBu_r")
    correlation.set_title(f"r of log(1 + counts) at {measured.resolution} bp")
    figure.colorbar(image, ax=correlation, shrink=0.8)
    if len(targets) <= _NAMED:
        for axes in (values, shares, correlation):
            axes.set_xticks(at, targets.labels, rotation=90, fontsize=8)
        correlation.set_yticks(at, targets.labels, fontsize=8)
    else:
        for axes in (values, shares, correlation):
            axes.set_xlabel("track")
    _plot_profiles(profiles, targets, measured)
    figure.savefig(path, format="png")


def _plot_profiles(axes, targets: Targets, measured: Survey) -> None:  # noqa: ANN001 - matplotlib's
    if measured.profiles is None or not measured.profiles.sites:
        axes.axis("off")
        reason = "no genes were given" if measured.profiles is None else "no gene starts here"
        axes.text(0.5, 0.5, reason, ha="center")
        return
    groups: dict[tuple[str, str], list[int]] = {}
    for target, strand in zip(targets, strands_of(targets), strict=True):
        is_pair = target.strand_pair != target.index
        key = target.assay or target.identifier, strand if is_pair else "."
        groups.setdefault(key, []).append(target.index)
    colours = {assay: f"C{i % 10}" for i, assay in enumerate(dict.fromkeys(a for a, _ in groups))}
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = measured.profiles.mean / measured.mean
    for (assay, strand), members in groups.items():
        known = relative[:, members][:, np.isfinite(relative[:, members]).all(axis=0)]
        if known.shape[1]:
            axes.plot(
                measured.profiles.offsets,
                known.mean(axis=1),
                color=colours[assay],
                linestyle="--" if strand == "-" else "-",
                label={"+": f"{assay}, own strand", "-": f"{assay}, other strand"}.get(
                    strand, assay
                ),
            )
    axes.axhline(1, color="0.8", linewidth=1, zorder=0)
    axes.set(
        xlabel="distance from the start site (bp, downstream to the right)",
        ylabel="mean over the track's mean",
        title=f"Signal at {measured.profiles.sites:,} start sites",
    )
    if axes.lines[:-1]:  # but the line at 1
        axes.legend(frameon=False, fontsize=8)
