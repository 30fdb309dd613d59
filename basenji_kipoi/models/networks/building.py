"""From a description to a Keras model, in stock layers that every Keras backend runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

import keras

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import ALPHABET
from basenji_kipoi.models.networks import operations as description

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from basenji_kipoi.models.networks.architecture import Architecture

__all__ = [
    "DTYPES",
    "activation_function",
    "average_networks",
    "average_strands",
    "build_network",
    "layer_name",
]

#: Arithmetic of a network and the Keras policy that gives it; weights are float32 in both.
DTYPES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


@keras.saving.register_keras_serializable(package="basenji_kipoi")
def _exp_linear(x: keras.KerasTensor) -> keras.KerasTensor:
    """Positive link of the 2018 network: exp(x) below zero, x + 1 above (Kelley et al. 2018)."""
    return keras.ops.elu(x) + 1


@keras.saving.register_keras_serializable(package="basenji_kipoi")
def _gelu_tanh(x: keras.KerasTensor) -> keras.KerasTensor:
    """Gaussian error linear unit in its tanh approximation (Hendrycks and Gimpel 2016)."""
    return keras.ops.gelu(x, approximate=True)


_FUNCTIONS: dict[str, str | Callable] = {
    "relu": "relu",
    "gelu_tanh": _gelu_tanh,
    "softplus": "softplus",
    "exp_linear": _exp_linear,
    "linear": "linear",
}


def build_network(
    architecture: Architecture, *, head: str | None = None, dtype: str = "float32"
) -> keras.Model:
    """Build the network that an architecture describes, with fresh weights.

    Parameters
    ----------
    architecture
        The description.
    head
        The head to end with. By default the only one, or all of them.
    dtype
        "float32", or "bfloat16" for bfloat16 arithmetic on float32 weights. Normalisation and
        heads compute in float32 in both.

    Returns
    -------
    keras.Model
        Input float32 (batch, window, 4); output float32 (batch, bins, tracks), or a dictionary of
        such outputs by the head's name when there are several.

    Raises
    ------
    InputError
        If there is no such head or dtype.
    """
    if head is not None and head not in architecture.heads:
        raise InputError(f"no head {head!r}: the network has {', '.join(architecture.heads)}")
    if dtype not in DTYPES:
        raise InputError(f"no dtype {dtype!r}: expected one of {', '.join(DTYPES)}")
    policy = keras.DTypePolicy(DTYPES[dtype])
    sequence = keras.Input((architecture.window, len(ALPHABET)), name="sequence")
    features = _apply(architecture.trunk, sequence, "trunk", policy)
    outputs = {}
    for name in [head] if head is not None else architecture.heads:
        spec = architecture.heads[name]
        # Dense on (batch, bins, channels) is one matrix product: faster than a convolution of 1.
        tracks = keras.layers.Dense(spec.tracks, dtype="float32", name=f"head_{name}")(features)
        outputs[name] = keras.layers.Activation(
            _FUNCTIONS[spec.activation], dtype="float32", name=f"tracks_{name}"
        )(tracks)
    return keras.Model(
        sequence, next(iter(outputs.values())) if len(outputs) == 1 else outputs, name="basenji"
    )


def layer_name(prefix: str, position: int, operation: description.Operation) -> str:
    """Name the layer of an operation after its place, e.g. trunk_12_residual_03_convolution.

    Parameters
    ----------
    prefix
        "trunk", or the name of the operation whose branch this is.
    position, operation
        The operation and its place in the trunk or the branch.
    """
    return f"{prefix}_{position:02d}_{operation.op}"


def activation_function(name: str) -> Callable:
    """Return the function of an activation's name, tensor to tensor, on any backend."""
    return keras.activations.get(_FUNCTIONS[name])


def average_networks(networks: Sequence[keras.Model]) -> keras.Model:
    """Average the predictions of several networks.

    Parameters
    ----------
    networks
        Each float32 (batch, window, 4) -> (batch, bins, tracks), with one head; at least one.

    Returns
    -------
    keras.Model
        Of the same shapes; the only network itself, or one that holds each as a layer,
        ``member_1`` and so on, and shares its weights.
    """
    if len(networks) == 1:
        return networks[0]
    sequence = keras.Input(networks[0].input_shape[1:], name="sequence_of_all_members")
    members = [
        keras.Model(network.input, network.output, name=f"member_{number}")(sequence)
        for number, network in enumerate(networks, start=1)
    ]
    mean = keras.layers.Average(dtype="float32", name="mean_of_members")(members)
    return keras.Model(sequence, mean, name="basenji_ensemble")


def average_strands(network: keras.Model, strand_permutation: np.ndarray) -> keras.Model:
    """Average a network's predictions over both strands.

    A network that was trained on both strands does not see them quite alike; the mean predicts
    better than either, and is the same for a sequence and its reverse complement.

    Parameters
    ----------
    network
        float32 (batch, window, 4) -> float32 (batch, bins, tracks), with one head.
    strand_permutation : ndarray, int64, shape (tracks,)
        Order of the tracks under reverse complement.

    Returns
    -------
    keras.Model
        Of the same shapes; it holds `network` as a layer and shares its weights.
    """
    sequence = keras.Input(network.input_shape[1:], name="sequence_of_both_strands")
    # Channels are A, C, G, T: reversed, they are their complements.
    # One axis after the other: older releases of Keras flip no two at once on TensorFlow.
    other = network(keras.ops.flip(keras.ops.flip(sequence, axis=1), axis=2))
    other = keras.ops.take(keras.ops.flip(other, axis=1), strand_permutation, axis=2)
    mean = keras.layers.Average(dtype="float32", name="mean_of_strands")([network(sequence), other])
    return keras.Model(sequence, mean, name="basenji_both_strands")


def _apply(
    operations: Sequence[description.Operation],
    x: keras.KerasTensor,
    prefix: str,
    policy: keras.DTypePolicy,
) -> keras.KerasTensor:
    """Chain layers; a layer's name is its place."""
    for position, operation in enumerate(operations):
        x = _apply_one(operation, x, layer_name(prefix, position, operation), policy)
    return x


def _apply_one(
    operation: description.Operation, x: keras.KerasTensor, name: str, policy: keras.DTypePolicy
) -> keras.KerasTensor:
    common = {"name": name, "dtype": policy}
    if isinstance(operation, description.Convolution):
        return keras.layers.Conv1D(
            operation.filters,
            operation.kernel,
            dilation_rate=operation.dilation,
            padding="same",
            use_bias=operation.bias,
            kernel_initializer="he_normal",
            **common,
        )(x)
    if isinstance(operation, description.Normalisation):
        return keras.layers.BatchNormalization(
            momentum=operation.momentum,
            epsilon=operation.epsilon,
            gamma_initializer=operation.gamma,
            **common,
        )(x)
    if isinstance(operation, description.Activation):
        return keras.layers.Activation(_FUNCTIONS[operation.function], **common)(x)
    if isinstance(operation, description.Pooling):
        return keras.layers.MaxPooling1D(operation.size, **common)(x)
    if isinstance(operation, description.Dropout):
        return keras.layers.Dropout(operation.rate, **common)(x)
    if isinstance(operation, description.Crop):
        return keras.layers.Cropping1D(operation.bins, **common)(x)
    branch = _apply(operation.branch, x, name, policy)
    join = (
        keras.layers.Add
        if isinstance(operation, description.Residual)
        else keras.layers.Concatenate
    )
    return join(**common)([x, branch])
