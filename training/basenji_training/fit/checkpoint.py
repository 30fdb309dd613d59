"""Everything that a training run needs to go on as if it had never stopped, in one file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from basenji_kipoi.base.atomic import atomic_path

if TYPE_CHECKING:
    from pathlib import Path

    from basenji_training.optimisation.train_state import TrainState
    from basenji_training.optimisation.weight_average import WeightAverage

__all__ = ["CHECKPOINT", "restore", "save"]

CHECKPOINT = "checkpoint.npz"


def save(out: Path, state: TrainState, average: WeightAverage, progress: dict[str, Any]) -> None:
    """Write the checkpoint of a run in place of an earlier one.

    Parameters
    ----------
    out
        The run directory.
    state, average
        The network with its optimisers, and the moving average of its weights.
    progress
        Where the run stands, as JSON has it.
    """
    arrays = {
        f"state_{i}": keras.ops.convert_to_numpy(variable)
        for i, variable in enumerate(state.variables)
    }
    arrays |= {f"average_{i}": value for i, value in enumerate(average.values)}
    with atomic_path(out / CHECKPOINT, overwrite=True) as temporary:
        arrays |= {"progress": np.array(json.dumps(progress)), "average_steps": average.steps}
        np.savez(temporary, allow_pickle=False, **arrays)


def restore(out: Path, state: TrainState, average: WeightAverage) -> dict[str, Any]:
    """Set a network, its optimisers and the average back to a run's checkpoint.

    Parameters
    ----------
    out
        The run directory.
    state, average
        What is set.

    Returns
    -------
    dict
        The progress that was saved with it.
    """
    with np.load(out / CHECKPOINT) as saved:
        for i, variable in enumerate(state.variables):
            variable.assign(saved[f"state_{i}"])
        average.values = [saved[f"average_{i}"] for i in range(len(average.values))]
        average.steps = int(saved["average_steps"])
        return json.loads(saved["progress"].item())
