"""Figures of motifs: logos, and where their sites lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.sequence import ALPHABET

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from basenji_kipoi.interpretation.motifs.described import Described

__all__ = ["motif_figure"]

#: Colours of the directions, and bins of a histogram.
_SAME, _OTHER = "#0072b2", "#d55e00"
_BINS = 40


def motif_figure(described: Described, where: str) -> Figure:
    """Draw a motif: its sites' bases, what these contribute, and where the sites lie.

    Parameters
    ----------
    described
        The motif.
    where
        What distances count from.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    # Take seconds to import.
    import logomaker  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    motif, hits = described.motif, described.hits
    figure = Figure(figsize=(10, 2.2), layout="constrained")
    shares, values, places = figure.subplots(1, 3, width_ratios=(1, 1, 0.9))
    p = motif.probabilities
    bits = p * (2 + (p * np.log2(p)).sum(axis=1, keepdims=True))
    for axes, table, label in (
        (shares, bits, "bits"),
        (values, motif.contributions, "contribution"),
    ):
        frame = pd.DataFrame(table, columns=list(ALPHABET))
        logomaker.Logo(frame, ax=axes, color_scheme="classic", flip_below=False)
        axes.set_xticks([])
        axes.set_ylabel(label, fontsize=8)
    distance = hits.distance[np.isfinite(hits.distance)]
    if len(distance):
        edges = np.linspace(*np.percentile(distance, [1, 99]), _BINS + 1)
        if edges[-1] > edges[0]:
            same = hits.same_strand[np.isfinite(hits.distance)]
            places.hist(
                [distance[same], distance[~same]], bins=edges, stacked=True,
                color=[_SAME, _OTHER], label=["same", "other"],
            )  # fmt: skip
            # Above the bars, which may be anywhere.
            places.legend(
                frameon=False, fontsize=7, title="direction", title_fontsize=7, ncols=2,
                loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0,
            )  # fmt: skip
    places.yaxis.set_major_locator(MaxNLocator(integer=True))
    places.set_xlabel(f"bp from {where}", fontsize=8)
    places.set_ylabel("sites", fontsize=8)
    for axes in (shares, values, places):
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    return figure
