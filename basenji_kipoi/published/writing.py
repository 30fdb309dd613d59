"""Networks in files as the original programs write them, which the two families read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basenji_kipoi.base.array_files import NewHdf5

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import keras
    import numpy as np

__all__ = ["checkpoint_variables", "write_checkpoint", "write_keras_file"]


def checkpoint_variables(network: keras.Model) -> dict[str, np.ndarray]:
    """Name the variables of a network of one head as a checkpoint of 2018 does.

    Returns
    -------
    dict
        float32 arrays by name. The head's kernel is (1, channels, tracks): it was a convolution.
    """
    layers = _layers(network)
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


def write_checkpoint(prefix: Path, variables: Mapping[str, np.ndarray]) -> Path:
    """Write a TensorFlow 1 checkpoint: an index and one file of data.

    Parameters
    ----------
    prefix
        What both names begin with; its folder is made. Files that are there are replaced.
    variables
        Arrays by name, as `checkpoint_variables` gives them.

    Returns
    -------
    Path
        The prefix.
    """
    import tensorflow as tf  # noqa: PLC0415 - takes seconds; only TensorFlow writes this format

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
    """Write weights as Keras 2 does.

    Parameters
    ----------
    path
        The HDF5 file; its folder is made. A file that is there is replaced.
    network
        A network of one head.
    first
        Number of the first layer of each kind: Keras counts on from a process's earlier networks.
    group
        Where the weights are: "model_weights" in a whole model's file.

    Returns
    -------
    Path
        The file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with NewHdf5(path) as new:
        weights = new.file.require_group(group)
        names = []
        for kind, layers in _layers(network).items():
            for number, layer in enumerate(layers, first):
                name = kind + (f"_{number}" if number else "")
                names.append(name)
                for variable in layer.weights:
                    weights[f"{name}/{name}/{variable.name}:0"] = variable.numpy()
        weights.attrs["layer_names"] = names
    return path


def _layers(network: keras.Model) -> dict[str, list[keras.layers.Layer]]:
    """Find convolutions, normalisations and heads, each in the order of the description."""
    import keras  # noqa: PLC0415 - takes seconds

    # The names begin with the operations' places, in digits.
    layers = sorted(network.layers, key=lambda layer: layer.name)
    kinds = {
        "conv1d": keras.layers.Conv1D,
        "batch_normalization": keras.layers.BatchNormalization,
        "dense": keras.layers.Dense,
    }
    return {name: [x for x in layers if isinstance(x, kind)] for name, kind in kinds.items()}
