"""The picture of a training run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from basenji_kipoi.base.atomic import atomic_path
from basenji_training.fit.run_directory import best_epoch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

__all__ = [
    "OF_ACTIVITIES",
    "OF_BOTH",
    "OF_TRACKS",
    "draw_learning_curve",
    "plot_learning_curve",
]

#: What validation correlates of tracks, of sequences, and of both.
OF_TRACKS = "mean over tracks of\nPearson r of log(1 + counts)"
OF_ACTIVITIES = "mean over activities of\nPearson r"
OF_BOTH = "mean over heads of Pearson r\n(tracks: of log(1 + counts))"
#: Columns that a history has for each head if there are several.
_OF_HEAD = "validation_r_"
#: Epochs up to which each is a point of its own: a line through one or two shows little.
_MARKED = 20
#: Part of the height of the curves that is added above them, for a label.
_ROOM = 0.25


def plot_learning_curve(
    history: Sequence[dict[str, float]], path: Path, measure: str = OF_TRACKS
) -> None:
    """Write the picture that `draw_learning_curve` makes.

    Parameters
    ----------
    history
        One entry an epoch, as `basenji_training.fit.loop.Run.history` gives them.
    path
        The PNG file to be written; an existing one is replaced.
    measure
        As `draw_learning_curve` takes it.
    """
    figure = draw_learning_curve(history, measure)
    with atomic_path(path, overwrite=True) as temporary:
        figure.savefig(temporary, dpi=120)


def draw_learning_curve(history: Sequence[dict[str, float]], measure: str = OF_TRACKS) -> Figure:
    """Draw loss and validation correlation against epochs.

    Parameters
    ----------
    history
        One entry an epoch; at least one.
    measure
        What the validation correlation is.

    Returns
    -------
    matplotlib.figure.Figure
        Losses above, correlations below, with a label at the best epoch.
    """
    epochs = [row["epoch"] for row in history]
    heads = [name.removeprefix(_OF_HEAD) for name in history[0] if name.startswith(_OF_HEAD)]
    marker = "." if len(epochs) <= _MARKED else ""
    figure = Figure(figsize=(7, 6), layout="constrained")
    losses, correlations = figure.subplots(2, 1, sharex=True)
    for column, label in (
        ("loss", "training (augmented, dropout)"),
        ("validation_loss", "validation"),
    ):
        losses.plot(epochs, [row[column] for row in history], marker=marker, label=label)
    losses.set_ylabel("loss")
    losses.legend(frameon=False)
    values = [row["validation_r"] for row in history]
    correlations.plot(epochs, values, color="C1", marker=marker, label="mean over heads")
    for number, head in enumerate(heads):
        color, of_head = f"C{number + 4}", [row[_OF_HEAD + head] for row in history]
        correlations.plot(epochs, of_head, color=color, linewidth=1, marker=marker, label=head)
    correlations.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    _label_best(correlations, history[best_epoch(history)])
    if heads:
        # Beside the axes, where no curve goes.
        correlations.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    correlations.set_ylabel(f"validation: {measure}")
    correlations.set_xlabel("epoch")
    correlations.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for axes in (losses, correlations):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _label_best(axes: Axes, best: dict[str, float]) -> None:
    """Mark the best epoch, with its label above all curves, where room is made for it."""
    point = best["epoch"], best["validation_r"]
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + _ROOM * (high - low))
    axes.plot(*point, "o", color="C3")
    left, right = axes.get_xlim()
    is_left = point[0] < (left + right) / 2
    axes.annotate(
        f"best: {best['validation_r']:.3f} (epoch {best['epoch']:.0f})",
        point,
        xytext=(point[0], 0.98),
        textcoords=("data", "axes fraction"),
        ha="left" if is_left else "right",
        va="top",
        arrowprops={"arrowstyle": "-", "color": "C3", "linewidth": 0.8},
    )
