"""A trained network as the fewest steps that give its predictions.

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

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Optional, Union

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models import operations as description
from basenji_kipoi.models.network import layer_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras

    from basenji_kipoi.models.architecture import Architecture
    from basenji_kipoi.models.operations import Span

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
    "kept_spans",
    "lower",
    "with_keys",
]

#: Activations that never decrease, so that they may change places with a maximum.
_MONOTONE = frozenset({"relu", "softplus", "exp_linear"})


class NotIncrementalError(ValueError):
    """A network has an operation whose changes are not known to stay local and exact."""


@dataclass(frozen=True)
class Convolve:
    """A convolution with zero padding: ``before`` and ``behind`` positions at the two ends.

    Weights: ``name/kernel`` (kernel, channels, filters) for wide ones, ``name/matrix`` (channels,
    kernel * filters) with the taps in reverse order, ``name/bias`` (filters,).
    """

    name: str
    kernel: int
    dilation: int
    filters: int
    before: int
    behind: int


@dataclass(frozen=True)
class Scale:
    """A factor and a shift for each channel. Weights: ``name/scale``, ``name/shift``."""

    name: str


@dataclass(frozen=True)
class Activate:
    """A pointwise function; ``key`` is None where the reference's values are at hand."""

    name: str
    function: str
    key: Optional[str] = None


@dataclass(frozen=True)
class Pool:
    """Maxima of ``size`` positions in a row."""

    key: str
    size: int


@dataclass(frozen=True)
class Crop:
    """Removal of ``bins`` positions at both ends."""

    bins: int


@dataclass(frozen=True)
class Join:
    """Steps whose output is added to their input, or stacked on it."""

    steps: tuple[Step, ...]
    add: bool


Step = Union[Convolve, Scale, Activate, Pool, Crop, Join]


@dataclass(frozen=True)
class Head:
    """Tracks from features. Weights: ``name/matrix`` (channels, tracks), ``name/bias``."""

    name: str
    function: str


@dataclass(frozen=True)
class Lowered:
    """What `lower` makes.

    Attributes
    ----------
    steps : tuple of Step
        The trunk.
    heads : tuple of Head
        The heads that have wanted tracks.
    order : ndarray, int, shape (tracks,)
        Where each wanted track is among the heads' tracks side by side.
    weights : dict of str to ndarray
        Weights by their names.
    """

    steps: tuple[Step, ...]
    heads: tuple[Head, ...]
    order: np.ndarray
    weights: dict[str, np.ndarray]


def lower(
    architecture: Architecture,
    network: keras.Model,
    *,
    tracks: Sequence[int] | None = None,
    dtype: str = "float32",
) -> Lowered:
    """Lower a network.

    Parameters
    ----------
    architecture
        The description that the network was built from.
    network
        The network; with one head or several, whose tracks are counted side by side.
    tracks
        Indices of the wanted tracks, in the wanted order; all by default.
    dtype
        Floating type of the weights.

    Raises
    ------
    NotIncrementalError
        If the trunk has an operation that is not known here.
    InputError
        If the network was not built from the architecture, or lacks a track.
    """
    weights: dict[str, np.ndarray] = {}
    steps = _lower_chain(architecture.trunk, "trunk", network, weights)
    heads, order = _lower_heads(architecture, network, tracks, weights)
    rounded = {name: np.ascontiguousarray(value, dtype=dtype) for name, value in weights.items()}
    return Lowered(tuple(with_keys(steps)[0]), heads, order, rounded)


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
            scale, shift = _scale_and_shift(operation, _weights_of(network, name))
            if steps and isinstance(steps[-1], Convolve):
                folded = steps[-1]
                taps = folded.kernel
                _scale_kernel(weights, folded.name, scale, taps)
                weights[f"{folded.name}/bias"] = weights[f"{folded.name}/bias"] * scale + shift
            else:
                weights[f"{name}/scale"], weights[f"{name}/shift"] = scale, shift
                steps.append(Scale(name))
        elif isinstance(operation, description.Activation):
            if operation.function != "linear":
                steps.append(Activate(name, operation.function))
        elif isinstance(operation, description.Pooling):
            place = len(steps)
            while place and _is_monotone(steps[place - 1]):
                place -= 1
            steps.insert(place, Pool(name, operation.size))
        elif isinstance(operation, description.Crop):
            steps.append(Crop(operation.bins))
        elif isinstance(operation, (description.Residual, description.Concatenate)):
            inner = _lower_chain(operation.branch, name, network, weights)
            steps.append(Join(tuple(inner), isinstance(operation, description.Residual)))
        elif not isinstance(operation, description.Dropout):
            raise NotIncrementalError(
                f"{name}: changes of a {operation.op} are not known to be local; "
                "use the whole network"
            )
    return steps


def _is_monotone(step: Step) -> bool:
    return isinstance(step, Activate) and step.function in _MONOTONE


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
    first, last = operation.needed(0, 1)
    return Convolve(name, operation.kernel, operation.dilation, operation.filters, -first, last - 1)


def _scale_kernel(weights: dict[str, np.ndarray], name: str, scale: np.ndarray, taps: int) -> None:
    if taps > 1:
        weights[f"{name}/kernel"] = weights[f"{name}/kernel"] * scale
    weights[f"{name}/matrix"] = weights[f"{name}/matrix"] * np.tile(scale, taps)


def _scale_and_shift(
    operation: description.Normalisation, values: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    gamma, beta, mean, variance = values
    scale = gamma / np.sqrt(variance + operation.epsilon)
    return scale, beta - mean * scale


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
    steps
        Steps with or without keys.
    at_hand
        Whether the reference's values of the steps' input are at hand.

    Returns
    -------
    keyed : list of Step
        The same steps with keys.
    at_hand : bool
        Whether the reference's values of the steps' output are at hand.
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


def kept_spans(steps: Sequence[Step], first: int, last: int) -> tuple[dict[str, Span], Span]:
    """Find which reference values changes within a region look up.

    Parameters
    ----------
    steps
        Steps of a trunk.
    first, last
        The region [first, last), in positions of the steps' input.

    Returns
    -------
    spans : dict of str to tuple of int
        For each key the positions [first, last) of its step's input. Not limited to the window.
    output : tuple of int
        Positions of the steps' output that can change.
    """
    spans: dict[str, Span] = {}
    for step in steps:
        if isinstance(step, Convolve):
            first, last = first - step.behind, last + step.before
        elif isinstance(step, Pool):
            pooled = first // step.size, -(-last // step.size)
            spans[step.key] = pooled[0] * step.size, pooled[1] * step.size
            first, last = pooled
        elif isinstance(step, Activate) and step.key is not None:
            spans[step.key] = first, last
        elif isinstance(step, Crop):
            first, last = first - step.bins, last - step.bins
        elif isinstance(step, Join):
            inner, (begin, end) = kept_spans(step.steps, first, last)
            spans.update(inner)
            first, last = min(first, begin), max(last, end)
    return spans, (first, last)
