"""Files as the original programs write them, around any network of ours."""

from __future__ import annotations

from pathlib import Path

import h5py
import keras
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


def layers_of(network: keras.Model) -> dict[str, list[keras.layers.Layer]]:
    """Convolutions, normalisations and heads, each in the order of the description."""
    # The names begin with the operations' places, in digits.
    layers = sorted(network.layers, key=lambda layer: layer.name)
    kinds = {
        "conv1d": keras.layers.Conv1D,
        "batch_normalization": keras.layers.BatchNormalization,
        "dense": keras.layers.Dense,
    }
    return {name: [x for x in layers if isinstance(x, kind)] for name, kind in kinds.items()}


def checkpoint_variables(network: keras.Model) -> dict[str, np.ndarray]:
    """Variables of a network as those of a checkpoint of 2018 are named."""
    layers = layers_of(network)
    variables = {}
    for number, layer in enumerate(layers["conv1d"]):
        variables[f"cnn{number}/conv1d/kernel"] = layer.kernel.numpy()
    for number, layer in enumerate(layers["batch_normalization"]):
        for variable in layer.weights:
            name = f"cnn{number}/batch_normalization/{variable.name}"
            variables[name] = variable.numpy()
    (head,) = layers["dense"]
    variables["final/conv1d/kernel"] = head.kernel.numpy()[None]
    variables["final/conv1d/bias"] = head.bias.numpy()
    return variables


def write_checkpoint(prefix: Path, variables: dict[str, np.ndarray]) -> Path:
    """Write an index and a data file, in the format of TensorFlow 1."""
    import tensorflow as tf

    prefix.parent.mkdir(parents=True, exist_ok=True)
    names = sorted(variables)
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.constant(variables[name]) for name in names],
    )
    return prefix


def write_keras_file(
    path: Path, network: keras.Model, *, first: int = 0, group: str = "model_weights"
) -> Path:
    """Write weights as Keras 2 does; layers may be counted from another number than 0."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        weights = file.require_group(group)
        names = []
        for kind, layers in layers_of(network).items():
            for number, layer in enumerate(layers, first):
                name = kind + (f"_{number}" if number else "")
                names.append(name)
                for variable in layer.weights:
                    weights[f"{name}/{name}/{variable.name}:0"] = variable.numpy()
        weights.attrs["layer_names"] = names
    return path
