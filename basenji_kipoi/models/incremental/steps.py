"""A trained network as the fewest steps that give its predictions: the form that engines share.

`lower` turns an architecture and the network built from it into steps and weights for inference:
dropout is gone; a normalisation directly behind a convolution is folded into its kernel (any other
one becomes a scale and a shift of each channel); pooling comes before a monotone activation that
the network has before it, which gives the same maxima for less work. Weights are copied and folded
in float64, then rounded once.

Steps that need the reference's values to say what a change does (maxima and activations are not
linear) have a ``key``, under which the reference pass keeps the values of their input. Behind such
a step the reference's values are at hand, so the next one has none.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Optional, Union

import numpy as np
from keras import ops

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.networks import operations as description
from basenji_kipoi.models.networks.building import layer_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras

    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.models.networks.operations import Span

__all__ = [
    "Activate",
    "Convolve",
    "Crop",
    "Head",
    "Join",
    "Lowered",
    "NotIncrementalError",
    "Pool",
    "Scale",
    "Step",
    "lower",
    "with_keys",
]

#: Arithmetic of the engines.
DTYPES = ("float32", "float64")
#: Activations that never decrease, so that they may change places with a maximum.
_MONOTONE = frozenset({"relu", "softplus", "exp_linear"})


class NotIncrementalError(ValueError):
    """A network has an operation whose changes are not known to stay local and exact."""


@dataclass(frozen=True)
class _Step:
    """What a step does, with the geometry of the operation that it comes from."""

    # Lists within make branches unhashable; what is equal has equal names.
    operation: description.Operation = field(hash=False)

    def needed(self, first: int, last: int) -> Span:
        """Input positions that the output positions [first, last) are computed from."""
        return self.operation.needed(first, last)

    def affected(self, first: int, last: int) -> Span:
        """Output positions that a change of the input positions [first, last) can reach."""
        return self.operation.affected(first, last)

    def output_channels(self, channels: int) -> int:
        """Channels of the output for an input of so many channels."""
        return self.operation.output_channels(channels)


@dataclass(frozen=True)
class Convolve(_Step):
    """A convolution with zero padding: ``before`` and ``behind`` positions at the two ends.

    Weights: ``name/kernel`` (kernel, channels, filters) for wide ones, ``name/matrix`` (channels,
    kernel * filters) with the taps in reverse order, ``name/bias`` (filters,).
    """

    name: str

    @property
    def kernel(self) -> int:
        """Taps."""
        return self.operation.kernel

    @property
    def dilation(self) -> int:
        """Positions between two taps."""
        return self.operation.dilation

    @property
    def filters(self) -> int:
        """Channels of the output."""
        return self.operation.filters

    @property
    def before(self) -> int:
        """Positions in front of one that its output depends on."""
        return -self.needed(0, 1)[0]

    @property
    def behind(self) -> int:
        """Positions behind one that its output depends on."""
        return self.needed(0, 1)[1] - 1


@dataclass(frozen=True)
class Scale(_Step):
    """A factor and a shift for each channel. Weights: ``name/scale``, ``name/shift``."""

    name: str


@dataclass(frozen=True)
class Activate(_Step):
    """A pointwise function; ``key`` is None where the reference's values are at hand."""

    name: str
    key: Optional[str] = None

    @property
    def function(self) -> str:
        """The function's name."""
        return self.operation.function


@dataclass(frozen=True)
class Pool(_Step):
    """Maxima of ``size`` positions in a row."""

    key: str

    @property
    def size(self) -> int:
        """Positions in a row."""
        return self.operation.size


@dataclass(frozen=True)
class Crop(_Step):
    """Removal of ``bins`` positions at both ends."""

    @property
    def bins(self) -> int:
        """Positions of one end."""
        return self.operation.bins


@dataclass(frozen=True)
class Join(_Step):
    """Steps whose output is added to their input, or stacked on it."""

    steps: tuple[Step, ...]

    @property
    def add(self) -> bool:
        """Whether it is added."""
        return isinstance(self.operation, description.Residual)


Step = Union[Convolve, Scale, Activate, Pool, Crop, Join]


@dataclass(frozen=True)
class Head:
    """Tracks from features. Weights: ``name/matrix`` (channels, tracks), ``name/bias``."""

    name: str
    function: str


@dataclass(frozen=True, eq=False)
class Lowered:
    """A network as `lower` makes it; engines that are given the same one share its weights.

    Attributes
    ----------
    architecture : Architecture
        The description that it comes from.
    steps : tuple of Step
        The trunk.
    heads : tuple of Head
        The heads that have wanted tracks.
    order : ndarray, int, shape (tracks,)
        Where each wanted track is among the heads' tracks side by side.
    weights : dict of str to tensor
        Weights by their names.
    dtype : str
        Their floating type, which arithmetic and predictions have, too.
    """

    architecture: Architecture
    steps: tuple[Step, ...]
    heads: tuple[Head, ...]
    order: np.ndarray
    weights: dict[str, Any]
    dtype: str

    @property
    def tracks(self) -> int:
        """Number of the predicted tracks."""
        return len(self.order)

    def ordered(self, values: np.ndarray) -> np.ndarray:
        """Put the heads' tracks side by side, (..., tracks), in the wanted order."""
        if np.array_equal(self.order, np.arange(self.tracks)):
            return values
        return values[..., self.order]


def lower(
    architecture: Architecture,
    network: keras.Model,
    *,
    tracks: Sequence[int] | None = None,
    dtype: str = "float32",
) -> Lowered:
    """Lower a network.

    Weights are copied: what is done to the Keras network later does not count.

    Parameters
    ----------
    architecture
        The description that the network was built from.
    network
        The network; with one head or several, whose tracks are counted side by side.
    tracks
        Indices of the wanted tracks, in the wanted order; all by default.
    dtype
        "float32" or "float64": weights, arithmetic and predictions.

    Raises
    ------
    NotIncrementalError
        If the trunk has an operation that is not known here.
    InputError
        If the network was not built from the architecture or lacks a track, or for another dtype.
    """
    if dtype not in DTYPES:
        raise InputError(f"no dtype {dtype!r}: expected one of {', '.join(DTYPES)}")
    weights: dict[str, np.ndarray] = {}
    steps = _lower_chain(architecture.trunk, "trunk", network, weights)
    heads, order = _lower_heads(architecture, network, tracks, weights)
    # One by one: a large network's weights in both types at once are felt.
    tensors = {name: ops.convert_to_tensor(weights.pop(name).astype(dtype)) for name in [*weights]}
    return Lowered(architecture, tuple(with_keys(steps)[0]), heads, order, tensors, dtype)


def _weights_of(network: keras.Model, name: str) -> list[np.ndarray]:
    try:
        layer = network.get_layer(name)
    except ValueError:
        raise InputError(
            f"the network has no layer {name!r}: it was not built from this architecture, or "
            "averages over both strands (take the network of one strand)"
        ) from None
    return [np.asarray(value, dtype=np.float64) for value in layer.get_weights()]


def _lower_chain(
    operations: Sequence[description.Operation],
    prefix: str,
    network: keras.Model,
    weights: dict[str, np.ndarray],
) -> list[Step]:
    steps: list[Step] = []
    for position, operation in enumerate(operations):
        name = layer_name(prefix, position, operation)
        if isinstance(operation, description.Convolution):
            steps.append(_lower_convolution(operation, name, network, weights))
        elif isinstance(operation, description.Normalisation):
            gamma, beta, mean, variance = _weights_of(network, name)
            scale = gamma / np.sqrt(variance + operation.epsilon)
            shift = beta - mean * scale
            if steps and isinstance(steps[-1], Convolve):
                _fold(steps[-1], scale, shift, weights)
            else:
                weights[f"{name}/scale"], weights[f"{name}/shift"] = scale, shift
                steps.append(Scale(operation, name))
        elif isinstance(operation, description.Activation):
            if operation.function != "linear":
                steps.append(Activate(operation, name))
        elif isinstance(operation, description.Pooling):
            place = len(steps)
            while place and getattr(steps[place - 1], "function", None) in _MONOTONE:
                place -= 1
            steps.insert(place, Pool(operation, name))
        elif isinstance(operation, description.Crop):
            steps.append(Crop(operation))
        elif isinstance(operation, (description.Residual, description.Concatenate)):
            inner = _lower_chain(operation.branch, name, network, weights)
            steps.append(Join(operation, tuple(inner)))
        elif not isinstance(operation, description.Dropout):
            raise NotIncrementalError(
                f"{name}: changes of a {operation.op} are not known to be local; "
                "use the whole network"
            )
    return steps


def _lower_convolution(
    operation: description.Convolution,
    name: str,
    network: keras.Model,
    weights: dict[str, np.ndarray],
) -> Convolve:
    values = _weights_of(network, name)
    kernel = values[0]
    if kernel.shape[0] != operation.kernel or kernel.shape[2] != operation.filters:
        raise InputError(
            f"the network's layer {name!r} has a kernel of shape {kernel.shape}: "
            "it was not built from this architecture"
        )
    if operation.kernel > 1:
        weights[f"{name}/kernel"] = kernel
    # Taps in reverse order are in the order of the outputs that one input position reaches.
    weights[f"{name}/matrix"] = kernel[::-1].transpose(1, 0, 2).reshape(kernel.shape[1], -1)
    weights[f"{name}/bias"] = values[1] if operation.bias else np.zeros(operation.filters)
    return Convolve(operation, name)


def _fold(
    step: Convolve, scale: np.ndarray, shift: np.ndarray, weights: dict[str, np.ndarray]
) -> None:
    kernel, matrix, bias = (f"{step.name}/{part}" for part in ("kernel", "matrix", "bias"))
    if step.kernel > 1:
        weights[kernel] = weights[kernel] * scale
    weights[matrix] = weights[matrix] * np.tile(scale, step.kernel)
    weights[bias] = weights[bias] * scale + shift


def _lower_heads(
    architecture: Architecture,
    network: keras.Model,
    tracks: Sequence[int] | None,
    weights: dict[str, np.ndarray],
) -> tuple[tuple[Head, ...], np.ndarray]:
    present = {layer.name for layer in network.layers}
    built = [name for name in architecture.heads if f"head_{name}" in present]
    total = sum(architecture.heads[name].tracks for name in built)
    wanted = np.arange(total) if tracks is None else np.asarray(tracks, dtype=np.intp)
    if wanted.ndim != 1 or not wanted.size or wanted.min() < 0 or wanted.max() >= total:
        raise InputError(f"tracks must be indices from 0 to {total - 1}, and at least one")
    heads, kept, before = [], [], 0
    for name in built:
        spec, layer = architecture.heads[name], f"head_{name}"
        here = np.unique(wanted[(wanted >= before) & (wanted < before + spec.tracks)])
        if here.size:
            matrix, bias = _weights_of(network, layer)
            weights[f"{layer}/matrix"] = matrix[:, here - before]
            weights[f"{layer}/bias"] = bias[here - before]
            heads.append(Head(layer, spec.activation))
            kept.append(here)
        before += spec.tracks
    return tuple(heads), np.searchsorted(np.concatenate(kept), wanted)


def with_keys(steps: Sequence[Step], at_hand: bool = False) -> tuple[list[Step], bool]:
    """Give a key to the activations that have to look the reference's values up.

    Parameters
    ----------
    steps, at_hand
        Steps, and whether the reference's values of their input are at hand.

    Returns
    -------
    keyed, at_hand
        The same steps with keys, and whether the reference's values of their output are at hand.
    """
    keyed: list[Step] = []
    for step in steps:
        if isinstance(step, Activate):
            keyed.append(replace(step, key=None if at_hand else step.name))
            at_hand = True
        elif isinstance(step, Join):
            inner, _ = with_keys(step.steps, at_hand)
            keyed.append(replace(step, steps=tuple(inner)))
            at_hand = False
        else:
            keyed.append(step)
            if isinstance(step, (Convolve, Pool)):
                at_hand = isinstance(step, Pool)
    return keyed, at_hand
