"""The picture of a training run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from basenji_kipoi.atomic import atomic_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["plot_learning_curve"]

#: Columns that a history has for each head if there are several.
_OF_HEAD = "validation_r_"


def plot_learning_curve(history: Sequence[dict[str, float]], path: Path) -> None:
    """Plot loss and validation correlation against epochs.

    Parameters
    ----------
    history
        One entry an epoch, as `basenji_training.fit.Run.history` gives them.
    path
        The PNG file to be written; an existing one is replaced.
    """
    epochs = [row["epoch"] for row in history]
    heads = [name.removeprefix(_OF_HEAD) for name in history[0] if name.startswith(_OF_HEAD)]
    figure = Figure(figsize=(7, 6), layout="constrained")
    losses, correlations = figure.subplots(2, 1, sharex=True)
    losses.plot(epochs, [row["loss"] for row in history], label="training (augmented, dropout)")
    losses.plot(epochs, [row["validation_loss"] for row in history], label="validation")
    losses.set_ylabel("loss")
    losses.legend(frameon=False)
    values = [row["validation_r"] for row in history]
    best = max(range(len(values)), key=values.__getitem__)
    correlations.plot(epochs, values, color="C1", label="mean over heads")
    for number, head in enumerate(heads):
        color, of_head = f"C{number + 4}", [row[_OF_HEAD + head] for row in history]
        correlations.plot(epochs, of_head, color=color, linewidth=1, label=head)
    if heads:
        correlations.legend(frameon=False)
    correlations.plot(epochs[best], values[best], "o", color="C3")
    correlations.annotate(
        f"best: {values[best]:.3f} (epoch {epochs[best]:.0f})",
        (epochs[best], values[best]),
        xytext=(0, -16),
        textcoords="offset points",
        ha="right",
    )
    correlations.set_ylabel("validation: mean over tracks of\nPearson r of log(1 + counts)")
    correlations.set_xlabel("epoch")
    for axes in (losses, correlations):
        axes.spines[["top", "right"]].set_visible(False)
    with atomic_path(path, overwrite=True) as temporary:
        figure.savefig(temporary, dpi=120)
