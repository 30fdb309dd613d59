"""Everything that a training run needs to go on as if it had never stopped, in one file."""

from __future__ import annotations

import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import check_seekable
from basenji_training.fit.records import Progress

if TYPE_CHECKING:
    from pathlib import Path

    from basenji_training.optimisation.train_state import TrainState
    from basenji_training.optimisation.weight_average import WeightAverage

__all__ = ["CHECKPOINT", "restore", "save"]

CHECKPOINT = "checkpoint.npz"
_ZIP = (zipfile.BadZipFile, zlib.error, NotImplementedError)


def save(out: Path, state: TrainState, average: WeightAverage, progress: Progress) -> None:
    """Write the checkpoint of a run in place of an earlier one.

    Parameters
    ----------
    out
        The run directory.
    state, average
        The network with its optimisers, and the moving average of its weights.
    progress
        Where the run stands.
    """
    arrays = {
        f"state_{i}": keras.ops.convert_to_numpy(variable)
        for i, variable in enumerate(state.variables)
    }
    arrays |= {f"average_{i}": value for i, value in enumerate(average.values)}
    with atomic_path(out / CHECKPOINT, overwrite=True) as temporary:
        arrays |= {"progress": np.array(progress.model_dump_json()), "average_steps": average.steps}
        np.savez(temporary, allow_pickle=False, **arrays)


def restore(out: Path, state: TrainState, average: WeightAverage) -> Progress:
    """Set a network, its optimisers and the average back to a run's checkpoint.

    Parameters
    ----------
    out
        The run directory.
    state, average
        What is set.

    Returns
    -------
    Progress
        The progress that was saved with it.

    Raises
    ------
    InputError
        If the checkpoint is damaged, or of another network.
    """
    path = out / CHECKPOINT
    check_seekable(path, "checkpoint")
    try:
        with np.load(path, allow_pickle=False) as saved:
            progress = Progress.model_validate_json(saved["progress"].item())
            values = [_like(saved, f"state_{i}", each) for i, each in enumerate(state.variables)]
            averages = [_like(saved, f"average_{i}", each) for i, each in enumerate(average.values)]
            steps = int(saved["average_steps"])
    # What NumPy, zipfile and zlib raise on damaged files; a size that is not there is one of them.
    except (ValueError, KeyError, OSError, EOFError, TypeError, MemoryError, *_ZIP) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{path} is damaged, or of another network ({reason}): train into another directory"
        ) from error
    for variable, value in zip(state.variables, values, strict=True):
        variable.assign(value)
    average.values, average.steps = averages, steps
    return progress


def _like(saved: np.lib.npyio.NpzFile, name: str, variable: Any) -> np.ndarray:  # noqa: ANN401
    """Read an array that must have a variable's shape."""
    value = saved[name]
    if value.shape != tuple(variable.shape):
        raise ValueError(f"{name} has the shape {value.shape}, not {tuple(variable.shape)}")
    return value
