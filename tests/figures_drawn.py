"""What a figure shows, read from the figure."""

from __future__ import annotations

import numpy as np

__all__ = ["panel", "steps"]


def panel(figure, label):
    """Find the axes with a label at their left."""
    (found,) = [axes for axes in figure.axes if axes.get_ylabel() == label]
    return found


def steps(axes):
    """List the values of each row of steps in axes."""
    stairs = [patch for patch in axes.patches if hasattr(patch, "get_data")]
    return [np.asarray(patch.get_data().values) for patch in stairs]
