"""Letters of a sequence, as high as a value of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.sequence import ALPHABET, UNKNOWN, one_hot
from basenji_kipoi.faces import library

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_letters"]


def draw_letters(ax: Axes, codes: np.ndarray, heights: np.ndarray, first: int) -> None:
    """Draw letters; those of unknown bases and those whose height is not finite are left out.

    Parameters
    ----------
    ax
        Where.
    codes : ndarray, uint8, shape (bases,)
        The bases.
    heights : ndarray, shape (bases,)
        Heights, below the line where negative.
    first
        Place of the first one on the axis.
    """
    logomaker = library("logomaker", "drawing letters")
    import pandas as pd  # noqa: PLC0415 - what logomaker takes

    known = (codes != UNKNOWN)[:, None]
    table = pd.DataFrame(
        one_hot(codes) * known * np.nan_to_num(heights)[:, None],
        columns=list(ALPHABET),
        index=np.arange(first, first + len(codes)),
    )
    logomaker.Logo(
        table, ax=ax, color_scheme="colorblind_safe", show_spines=False, baseline_width=0
    )
    ax.set_xticks([])
