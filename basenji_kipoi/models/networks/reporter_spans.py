"""A reporter of sequences that differ in a span of its window alone.

The rest of the window, the construct around an insert, is the same for all of them. What the
network has there, as far as nothing of the span reaches, is computed once; the numbers are those of
the whole network, up to rounding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, NamedTuple

import numpy as np

from basenji_kipoi.base.sequence import one_hot
from basenji_kipoi.models.networks.operations import Convolution, Normalisation, Pooling

if TYPE_CHECKING:
    import keras

    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.models.networks.operations import Operation, Span

    Tensor = Any

__all__ = ["spanned_reporter"]

# Keras takes seconds to import.
# ruff: noqa: PLC0415


class _Part(NamedTuple):
    """What differs, positions [first, last) of a tensor, and the whole tensor of one sequence."""

    values: Tensor
    first: int
    last: int
    background: Tensor

    def block(self, begin: int, end: int) -> Tensor:
        """Return positions [begin, end), which hold the part; zeros beyond the tensor's ends."""
        from keras import ops

        length, rows = self.background.shape[1], self.values.shape[0]
        left = ops.pad(
            self.background[:, max(begin, 0) : self.first], [(0, 0), (max(-begin, 0), 0), (0, 0)]
        )
        right = ops.pad(
            self.background[:, self.last : min(end, length)],
            [(0, 0), (0, max(end - length, 0)), (0, 0)],
        )
        around = [ops.repeat(each, rows, axis=0) for each in (left, right)]
        return ops.concatenate([around[0], self.values, around[1]], axis=1)


def spanned_reporter(
    network: keras.Model, architecture: Architecture, reporter: str, codes: np.ndarray, span: Span
) -> Callable[[np.ndarray], np.ndarray] | None:
    """Make a function that predicts sequences which differ in a span.

    Parameters
    ----------
    network
        float32 (batch, window, 4) -> (batch, activities): a reporter, or the mean of several.
    architecture, reporter
        The networks' description, and the reporter's name.
    codes : ndarray, uint8, shape (window,)
        One of the sequences.
    span
        Bases [first, last) of the window in which others differ from it.

    Returns
    -------
    callable or None
        Takes codes, uint8 (batch, window), whose batch is compiled for; returns float32 (batch,
        activities). None if the network has operations that are not known here, or ends elsewhere.
    """
    from keras import ops

    from basenji_kipoi.models.networks.backend import compiled

    head, end = architecture.reporters[reporter], f"reporter_{reporter}_activities"
    chains = [reading.chain(architecture.trunk) for reading in head.readings]
    members = [each for each in network.layers if each.name.startswith("member_")] or [network]
    for member in members:
        layers = {layer.name for layer in getattr(member, "layers", ())}
        if end not in layers or network.output_shape[-1] != head.activities:
            return None
    for operation in {id(each): each for chain in chains for each in chain}.values():
        is_known = isinstance(operation, (Convolution, Pooling)) or operation.is_pointwise
        if not is_known or hasattr(operation, "branch"):
            return None

    def predicted(values: Tensor, background: Tensor) -> Tensor:
        found = [
            _member(member, architecture, reporter, _Part(values, *span, background))
            for member in members
        ]
        return sum(found[1:], found[0]) / len(found)

    run, one = compiled(predicted), ops.convert_to_tensor(one_hot(codes[None]))
    first, last = span

    def predict(batch: np.ndarray) -> np.ndarray:
        values = ops.convert_to_tensor(one_hot(batch[:, first:last]))
        return ops.convert_to_numpy(run(values, one))

    return predict


def _member(member: keras.Model, architecture: Architecture, reporter: str, part: _Part) -> Tensor:
    """Predict with one network: the trunk, the reporter's readings, and what pools them."""
    from keras import ops

    head, own = architecture.reporters[reporter], f"reporter_{reporter}"
    read: dict[int, _Part] = {}
    for place, operation in enumerate(architecture.trunk[: head.depth]):
        part = _applied(operation, _layer(member, "trunk", place, operation, own), part)
        read[place + 1] = part
    pooled = []
    for number, reading in enumerate(head.readings):
        prefix, part = f"{own}_{number}", read[reading.after]
        for place, operation in enumerate(reading.operations):
            part = _applied(operation, _layer(member, prefix, place, operation, own), part)
        x = part.block(0, part.background.shape[1])
        weights = member.get_layer(f"{prefix}_weights")(member.get_layer(f"{prefix}_queries")(x))
        features = member.get_layer(f"{prefix}_features")(x)
        means = member.get_layer(f"{prefix}_means")([weights, features])
        pooled += [member.get_layer(f"{prefix}_flat")(means), ops.max(x, axis=1)]
    x = member.get_layer(f"{own}_pooled")(pooled)
    return member.get_layer(f"{own}_activities")(member.get_layer(f"{own}_hidden")(x))


def _layer(
    member: keras.Model, prefix: str, place: int, operation: Operation, own: str
) -> keras.Layer:
    """Find the layer of an operation; a normalisation that is the trunk's has a name of its own."""
    from basenji_kipoi.models.networks.building import layer_name

    name = layer_name(prefix, place, operation)
    names = {layer.name for layer in member.layers}
    return member.get_layer(f"{own}_{name}" if f"{own}_{name}" in names else name)


def _applied(operation: Operation, layer: keras.Layer, part: _Part) -> _Part:
    """Apply an operation to what differs, with what it reads of the rest, and to the rest."""
    from keras import ops

    run = _normalised(layer) if isinstance(operation, Normalisation) else layer
    background = run(part.background)
    if operation.is_pointwise:
        return _Part(run(part.values), part.first, part.last, background)
    first, last = operation.affected(part.first, part.last)
    first, last = max(first, 0), min(last, background.shape[1])
    block = part.block(*operation.needed(first, last))
    if isinstance(operation, Pooling):
        return _Part(run(block), first, last, background)
    values = ops.conv(
        block, layer.kernel, strides=1, padding="valid", dilation_rate=operation.dilation
    )
    if layer.use_bias:
        values = values + layer.bias
    return _Part(values, first, last, background)


def _normalised(layer: keras.Layer) -> Callable[[Tensor], Tensor]:
    normalisation = getattr(layer, "normalisation", layer)
    return lambda x: normalisation(x, training=False)
