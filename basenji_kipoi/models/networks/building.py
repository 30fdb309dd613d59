"""From a description to a Keras model, in stock layers that every Keras backend runs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

import keras

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import ALPHABET
from basenji_kipoi.models.networks import operations as description
from basenji_kipoi.models.targets import undone

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np

    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.models.targets import Targets

__all__ = [
    "DTYPES",
    "Networks",
    "activation_function",
    "average_networks",
    "average_strands",
    "build_network",
    "build_networks",
    "in_counts",
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


@keras.saving.register_keras_serializable(package="basenji_kipoi")
def _gelu_sigmoid(x: keras.KerasTensor) -> keras.KerasTensor:
    """Gaussian error linear unit in its sigmoid approximation (Hendrycks and Gimpel 2016)."""
    return x * keras.ops.sigmoid(1.702 * x)


@keras.saving.register_keras_serializable(package="basenji_kipoi")
def _gelu_erf(x: keras.KerasTensor) -> keras.KerasTensor:
    """Gaussian error linear unit, x times the normal distribution's share below x."""
    # Keras's own divides by a root of two in single precision, even of float64.
    return 0.5 * x * (1 + keras.ops.erf(x * math.sqrt(0.5)))


@keras.saving.register_keras_serializable(package="basenji_kipoi")
class _KnownStatistics(keras.layers.Layer):
    """A normalisation with the statistics that it has, in training too.

    ``training=False`` in a call of the layer itself would not do: a network's own call wins.
    """

    def __init__(self, normalisation: keras.layers.BatchNormalization, name: str) -> None:
        super().__init__(name=name, dtype=normalisation.dtype_policy)
        self.normalisation = normalisation

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Normalise: a tensor of the same shape."""
        return self.normalisation(x, training=False)


_FUNCTIONS: dict[str, str | Callable] = {
    "relu": "relu",
    "gelu_tanh": _gelu_tanh,
    "gelu_sigmoid": _gelu_sigmoid,
    "gelu_erf": _gelu_erf,
    "softplus": "softplus",
    "exp_linear": _exp_linear,
    "linear": "linear",
}


class Networks(NamedTuple):
    """A network with all its heads, and its parts; they share layers and weights.

    Attributes
    ----------
    whole : keras.Model
        Everything, as its weights are kept in a file.
    profiles : keras.Model or None
        Input float32 (batch, window, 4); output float32 (batch, bins, tracks), or a dictionary of
        such outputs by the head's name when there are several. None without heads.
    reporters : dict of str to keras.Model
        For each reporter: float32 (batch, window of the reporter, 4) -> float32 (batch,
        activities).
    """

    whole: keras.Model
    profiles: keras.Model | None
    reporters: dict[str, keras.Model]


def build_network(
    architecture: Architecture, *, head: str | None = None, dtype: str = "float32"
) -> keras.Model:
    """Build the network that an architecture describes, without reporters, with fresh weights.

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
        If there is no such head or dtype, or the network has reporters only.
    """
    if head is not None and head not in architecture.heads:
        raise InputError(f"no head {head!r}: the network has {', '.join(architecture.heads)}")
    if not architecture.heads:
        raise InputError(
            f"the network predicts no tracks: it reads whole sequences of "
            f"{', '.join(architecture.reporters)}"
        )
    return _profiles(architecture, [head] if head is not None else architecture.heads, dtype, {})


def build_networks(architecture: Architecture, *, dtype: str = "float32") -> Networks:
    """Build the network that an architecture describes with all heads and reporters.

    In training, reporters see the statistics that the trunk's normalisations have gathered along
    genomes: those of a batch of short sequences are others. Without heads there are no such, and
    the batch's count.

    Parameters
    ----------
    architecture, dtype
        As `build_network` takes them.

    Raises
    ------
    InputError
        If there is no such dtype.
    """
    layers: dict[str, keras.Layer] = {}
    profiles = None
    if architecture.heads:
        profiles = _profiles(architecture, architecture.heads, dtype, layers)
    reporters = {
        name: _reporter(architecture, name, dtype, layers) for name in architecture.reporters
    }
    parts = [*([] if profiles is None else [profiles]), *reporters.values()]
    whole = parts[0]
    if len(parts) > 1:
        outputs = [output for part in parts for output in part.outputs]
        whole = keras.Model([part.input for part in parts], outputs, name="basenji_with_reporters")
    return Networks(whole, profiles, reporters)


def _profiles(
    architecture: Architecture, heads: Iterable[str], dtype: str, layers: dict[str, keras.Layer]
) -> keras.Model:
    """Chain the trunk and heads, with the layers that are there already or new ones."""
    policy = _policy(dtype)
    sequence = keras.Input((architecture.window, len(ALPHABET)), name="sequence")
    features = _apply(architecture.trunk, sequence, "trunk", policy, layers)
    outputs = {}
    for name in heads:
        spec = architecture.heads[name]
        # Dense on (batch, bins, channels) is one matrix product: faster than a convolution of 1.
        tracks = keras.layers.Dense(spec.tracks, dtype="float32", name=f"head_{name}")(features)
        outputs[name] = keras.layers.Activation(
            _FUNCTIONS[spec.activation], dtype="float32", name=f"tracks_{name}"
        )(tracks)
    return keras.Model(
        sequence, next(iter(outputs.values())) if len(outputs) == 1 else outputs, name="basenji"
    )


def _reporter(
    architecture: Architecture, name: str, dtype: str, layers: dict[str, keras.Layer]
) -> keras.Model:
    """Chain the trunk, as far as a reporter reads it, and the reporter's own layers."""
    policy, spec, own = _policy(dtype), architecture.reporters[name], f"reporter_{name}"
    # Where heads have built the trunk, its statistics are theirs.
    is_shared = bool(architecture.heads)
    x = keras.Input((spec.window, len(ALPHABET)), name=f"sequence_of_{name}")
    sequence, read = x, {}
    for position, operation in enumerate(architecture.trunk[: spec.depth]):
        place = layer_name("trunk", position, operation)
        x = _apply_one(operation, x, place, policy, layers, own if is_shared else None)
        read[position + 1] = x
    pooled = []
    for number, reading in enumerate(spec.readings):
        prefix = f"{own}_{number}"
        x = _apply(reading.operations, read[reading.after], prefix, policy, layers)
        weights = keras.layers.Dense(spec.queries, dtype="float32", name=f"{prefix}_queries")(x)
        weights = keras.layers.Softmax(axis=1, dtype="float32", name=f"{prefix}_weights")(weights)
        features = keras.layers.Dense(spec.features, dtype="float32", name=f"{prefix}_features")(x)
        means = keras.layers.Dot(axes=1, dtype="float32", name=f"{prefix}_means")(
            [weights, features]
        )
        pooled += [
            keras.layers.Flatten(dtype="float32", name=f"{prefix}_flat")(means),
            keras.layers.GlobalMaxPooling1D(dtype="float32", name=f"{prefix}_maxima")(x),
        ]
    x = keras.layers.Concatenate(dtype="float32", name=f"{own}_pooled")(pooled)
    x = keras.layers.Dropout(spec.dropout, dtype="float32", name=f"{own}_dropout")(x)
    activation = _FUNCTIONS[spec.activation]
    x = keras.layers.Dense(spec.hidden, activation, dtype="float32", name=f"{own}_hidden")(x)
    x = keras.layers.Dropout(spec.dropout, dtype="float32", name=f"{own}_hidden_dropout")(x)
    x = keras.layers.Dense(spec.activities, dtype="float32", name=f"{own}_activities")(x)
    return keras.Model(sequence, x, name=own)


def _policy(dtype: str) -> keras.DTypePolicy:
    if dtype not in DTYPES:
        raise InputError(f"no dtype {dtype!r}: expected one of {', '.join(DTYPES)}")
    return keras.DTypePolicy(DTYPES[dtype])


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


def in_counts(network: keras.Model, targets: Targets) -> keras.Model:
    """Let a network predict counts of the coverage, as `Targets.counts` makes them.

    Parameters
    ----------
    network
        float32 (batch, window, 4) -> float32 (batch, bins, tracks), with one head.
    targets
        Its tracks.

    Returns
    -------
    keras.Model
        Of the same shapes, in float32; it shares the network's weights.
    """
    counts = keras.layers.Lambda(
        lambda bins: undone(keras.ops, list(targets), bins), name="counts", dtype="float32"
    )
    return keras.Model(network.input, counts(network.output), name="basenji_counts")


def _apply(
    operations: Sequence[description.Operation],
    x: keras.KerasTensor,
    prefix: str,
    policy: keras.DTypePolicy,
    layers: dict[str, keras.Layer],
    guest: str | None = None,
) -> keras.KerasTensor:
    """Chain layers; a layer's name is its place."""
    for position, operation in enumerate(operations):
        name = layer_name(prefix, position, operation)
        x = _apply_one(operation, x, name, policy, layers, guest)
    return x


def _apply_one(
    operation: description.Operation,
    x: keras.KerasTensor,
    name: str,
    policy: keras.DTypePolicy,
    layers: dict[str, keras.Layer],
    guest: str | None = None,
) -> keras.KerasTensor:
    """Apply the layer of this name, which is made and noted if it is not there yet.

    A guest of the layers, by its name, leaves the statistics of normalisations as they are.
    """
    branch = getattr(operation, "branch", None)
    if branch is not None:
        branch = _apply(branch, x, name, policy, layers, guest)
    if name not in layers:
        layers[name] = _layer(operation, name=name, dtype=policy)
    if branch is not None:
        return layers[name]([x, branch])
    if guest and isinstance(operation, description.Normalisation):
        return _KnownStatistics(layers[name], name=f"{guest}_{name}")(x)
    return layers[name](x)


def _layer(operation: description.Operation, **common: Any) -> keras.Layer:  # noqa: ANN401
    """Make the layer of an operation."""
    if isinstance(operation, description.Convolution):
        return keras.layers.Conv1D(
            operation.filters,
            operation.kernel,
            dilation_rate=operation.dilation,
            padding="same",
            use_bias=operation.bias,
            kernel_initializer="he_normal",
            **common,
        )
    if isinstance(operation, description.Normalisation):
        return keras.layers.BatchNormalization(
            momentum=operation.momentum,
            epsilon=operation.epsilon,
            gamma_initializer=operation.gamma,
            **common,
        )
    if isinstance(operation, description.Activation):
        return keras.layers.Activation(_FUNCTIONS[operation.function], **common)
    if isinstance(operation, description.Pooling):
        return keras.layers.MaxPooling1D(operation.size, **common)
    if isinstance(operation, description.Dropout):
        return keras.layers.Dropout(operation.rate, **common)
    if isinstance(operation, description.Crop):
        return keras.layers.Cropping1D(operation.bins, **common)
    if isinstance(operation, description.Residual):
        return keras.layers.Add(**common)
    return keras.layers.Concatenate(**common)
