"""Small networks that the original programs made, and what they predicted."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from basenji_kipoi.published.family_2018 import read_checkpoint
from basenji_kipoi.published.family_2020 import read_keras_file

GOLDEN = Path(__file__).with_name("golden")
CHECKPOINT = GOLDEN / "checkpoint_2018" / "model.tf"
PARAMS_2018 = GOLDEN / "checkpoint_2018" / "params.txt"
KERAS_FILE = GOLDEN / "basenji2" / "model_best.h5"
PARAMS_2020 = GOLDEN / "basenji2" / "params.json"
#: Opens the small network of each family.
FAMILIES = {
    "checkpoint_2018": lambda: read_checkpoint(CHECKPOINT, PARAMS_2018),
    "basenji2": lambda: read_keras_file(KERAS_FILE, PARAMS_2020),
}


def golden_values(family: str) -> tuple[list[str], np.ndarray]:
    """Sequences, and what the original program predicted for them: (2, 112, tracks)."""
    with np.load(GOLDEN / family / "io.npz") as io:
        return io["sequences"].tolist(), io["predictions"]


def golden_variables() -> dict[str, np.ndarray]:
    """Variables of the small checkpoint, those of the optimiser too."""
    import tensorflow as tf

    checkpoint = tf.train.load_checkpoint(str(CHECKPOINT))
    return {name: checkpoint.get_tensor(name) for name in checkpoint.get_variable_to_shape_map()}
