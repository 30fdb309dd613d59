"""What layers of a Keras model put out, and the gradients of that with respect to the sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
from keras import ops

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.networks.backend import pulled_back

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from basenji_kipoi.models.incremental.reference import Tensor

__all__ = ["REDUCTIONS", "LayerGradients"]

#: How to turn what was kept of a layer's output into one value a window.
REDUCTIONS = {
    "sum": lambda values: ops.sum(values, axis=1),
    "max": lambda values: ops.max(values, axis=1),
    "min": lambda values: ops.min(values, axis=1),
    "absmax": lambda values: ops.max(ops.abs(values), axis=1),
}


class LayerGradients:
    """What a layer of a Keras model puts out, and its gradient with respect to the sequence.

    Parameters
    ----------
    network
        The model; one that averages over strands or members holds what it averages as layers.
    """

    def __init__(self, network: keras.Model) -> None:
        self._network = network
        self._parts: dict[tuple[str | int, bool], keras.Model] = {}

    @property
    def names(self) -> list[str]:
        """Names of the layers, from the sequence to the output.

        Of a network inside the model, its layers come first and its predictions, called as the
        network is, behind them. Of several such networks, the members of an ensemble, only the
        first one's layers are listed.
        """
        return [layer.name for _, layer in _layers(self._network)]

    def part(self, layer: str | int, *, before: bool = False) -> keras.Model:
        """Cut the model behind a layer.

        Parameters
        ----------
        layer
            The layer's name, or its number in `names`, also as text; -1 is the model's output.
        before
            Whether to cut in front of the layer if it is an activation.

        Raises
        ------
        InputError
            If there is no such layer; lists those that there are.
        """
        key = (layer, before)
        if key not in self._parts:
            network, found = self._layer(layer)
            is_before = before and isinstance(found, keras.layers.Activation)
            end = found.input if is_before else found.output
            self._parts[key] = keras.Model(network.input, end)
        return self._parts[key]

    def gradient(
        self,
        windows: np.ndarray,
        *,
        layer: str | int = -1,
        before: bool = False,
        index: tuple = (slice(None),),
        reduction: str = "sum",
    ) -> np.ndarray:
        """Derive one number a window with respect to the window's channels.

        Parameters
        ----------
        windows : ndarray, float32, shape (windows, bases, 4)
            Channels.
        layer, before
            As `part` takes them; the model's output by default.
        index
            What of the layer's output to keep; its first entry keeps all windows.
        reduction
            How that becomes one number, of `REDUCTIONS`.

        Returns
        -------
        ndarray, float32, shape (windows, bases, 4)
        """
        part = self.part(layer, before=before)

        def numbers(x: Tensor) -> Tensor:
            kept = part(x, training=False)[index]
            return REDUCTIONS[reduction](ops.reshape(kept, (len(windows), -1)))

        ones = ops.ones((len(windows),), dtype="float32")
        _, (gradient,) = pulled_back(numbers, ops.convert_to_tensor(windows), [ones])
        return ops.convert_to_numpy(gradient)

    def _layer(self, layer: str | int) -> tuple[keras.Model, keras.layers.Layer]:
        """Find a layer and the network that it stands in."""
        listed = list(_layers(self._network))
        for network, found in listed:
            if found.name == layer:
                return network, found
        try:
            return listed[int(layer)]
        except (ValueError, IndexError):
            raise InputError(
                f"no layer {layer!r}: expected a number below {len(listed)} or one of "
                f"{', '.join(self.names)}"
            ) from None


def _layers(network: keras.Model) -> Iterator[tuple[keras.Model, keras.layers.Layer]]:
    """List the layers that can be cut at, each with the network that is cut."""
    inner = [part for part in network.layers if hasattr(part, "layers")]
    for layer in network.layers:
        if layer in inner:
            # All members of an ensemble have the layers of the first.
            if layer is inner[0]:
                yield from _layers(layer)
            # A network inside a network is known by its own input.
            yield layer, layer
        elif not (inner and isinstance(layer, keras.layers.InputLayer)):
            yield network, layer
