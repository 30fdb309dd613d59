"""The original programs' networks, read from their own files: see tests/golden/README.md."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import pytest

from basenji_kipoi.architecture import Architecture

GOLDEN = Path(__file__).with_name("golden")
NORMALISATION = ("gamma", "beta", "moving_mean", "moving_variance")


def architecture_2018(folder):
    """Describe the network of a params.txt of 2018."""
    params = {}
    for line in (folder / "params.txt").read_text().split("\n"):
        if line:
            key, value = line.split("\t")
            params.setdefault(key, []).append(value)
    trunk, bin_ = [], 1
    names = ("filters", "filter_sizes", "pool", "dilation", "dropout", "dense")
    layers = zip(*(map(float, params[f"cnn_{name}"]) for name in names))
    for filters, kernel, pool, dilation, dropout, dense in layers:
        block = [
            {"op": "convolution", "filters": filters, "kernel": kernel, "dilation": dilation},
            {"op": "normalisation"},
            {"op": "activation", "function": "relu"},
        ]
        if pool > 1:
            block.append({"op": "pooling", "size": pool})
        block.append({"op": "dropout", "rate": dropout})
        trunk += [{"op": "concatenate", "branch": block}] if dense else block
        bin_ *= int(pool)
    trunk.append({"op": "crop", "bins": int(params["batch_buffer"][0]) // bin_})
    head = {"tracks": params["num_targets"][0], "activation": params["link"][0]}
    content = {"window": params["seq_length"][0], "trunk": trunk, "heads": {"final": head}}
    return Architecture.model_validate(content)


def weights_2018(folder):
    """Read a checkpoint: convolutions, normalisations, head."""
    tensorflow = pytest.importorskip("tensorflow")
    checkpoint = tensorflow.train.load_checkpoint(str(folder / "model.tf"))
    names = checkpoint.get_variable_to_shape_map()
    layers = range(sum(name.endswith("conv1d/kernel") for name in names) - 1)
    convolutions = [checkpoint.get_tensor(f"cnn{i}/conv1d/kernel") for i in layers]
    normalisations = [
        [checkpoint.get_tensor(f"cnn{i}/batch_normalization/{name}") for name in NORMALISATION]
        for i in layers
    ]
    head = [checkpoint.get_tensor(f"final/conv1d/{name}") for name in ("kernel", "bias")]
    return convolutions, normalisations, [head[0][0], head[1]]


def architecture_2020(folder):
    """Describe the network of a params.json of 2020."""
    model = json.loads((folder / "params.json").read_text())["model"]
    gelu = {"op": "activation", "function": "gelu_tanh"}
    normalisation = {"op": "normalisation", "momentum": model["bn_momentum"]}
    trunk, width = [], 4

    def block(filters, kernel_size=1, pool_size=1, dropout=0.0, dilation=1):
        convolution = {"op": "convolution", "filters": filters, "kernel": kernel_size}
        operations = [gelu, {**convolution, "dilation": dilation}, normalisation]
        if dropout:
            operations.append({"op": "dropout", "rate": dropout})
        if pool_size > 1:
            operations.append({"op": "pooling", "size": pool_size})
        return operations

    for given in model["trunk"]:
        part = dict(given)
        name = part.pop("name")
        if name == "conv_block":
            trunk += block(**part)
            width = part["filters"]
        elif name == "conv_tower":
            for step in range(part["repeat"]):
                width = round(part["filters_init"] * part["filters_mult"] ** step)
                trunk += block(width, part["kernel_size"], part["pool_size"])
        elif name == "dilated_residual":
            rate = 1
            for _ in range(part["repeat"]):
                branch = block(part["filters"], 3, dilation=rate)
                branch += block(width, dropout=part["dropout"])
                trunk.append({"op": "residual", "branch": branch})
                rate = round(rate * part["rate_mult"])
        else:
            trunk.append({"op": "crop", "bins": part["cropping"]})
    heads = {
        name: {"tracks": head["units"], "activation": head["activation"]}
        for name, head in model.items()
        if name.startswith("head_")
    }
    content = {"window": model["seq_length"], "trunk": [*trunk, gelu], "heads": heads}
    return Architecture.model_validate(content)


def weights_2020(folder):
    """Read a Keras 2 file: convolutions, normalisations, head."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "model_best.h5") as file:
        weights = file["model_weights"]

        def read(layer, *names):
            return [weights[layer][layer][f"{name}:0"][:] for name in names]

        def layers(kind):
            number = sum(name.rstrip("0123456789").rstrip("_") == kind for name in weights)
            return [kind, *(f"{kind}_{i}" for i in range(1, number))]

        convolutions = [read(layer, "kernel")[0] for layer in layers("conv1d")]
        normalisations = [read(layer, *NORMALISATION) for layer in layers("batch_normalization")]
        return convolutions, normalisations, read("dense", "kernel", "bias")


def load(network, convolutions, normalisations, head):
    """Give a network weights; its layers' names sort in the order of the description."""
    layers = sorted(network.layers, key=lambda layer: layer.name)

    def of(kind):
        return [layer for layer in layers if isinstance(layer, kind)]

    for layer, kernel in zip_equal(of(keras.layers.Conv1D), convolutions):
        layer.set_weights([kernel])
    for layer, values in zip_equal(of(keras.layers.BatchNormalization), normalisations):
        layer.set_weights(values)
    of(keras.layers.Dense)[0].set_weights(head)


def zip_equal(left, right):
    assert len(left) == len(right)
    return zip(left, right)


FAMILIES = {
    "checkpoint_2018": (architecture_2018, weights_2018),
    "basenji2": (architecture_2020, weights_2020),
}
