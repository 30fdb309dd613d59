"""The network that is trained: one trunk, its heads, and an optimiser for each of them.

Trunk and heads have optimisers of their own, since a step on one store's windows moves the trunk
and that store's head only: the other heads' moments and decay must stand still.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from basenji_kipoi.models.networks.building import build_network
from basenji_training.optimisation.optimisers import make_optimizer

if TYPE_CHECKING:
    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_training.optimisation.settings import Settings

__all__ = ["TrainState", "networks_of_heads", "trunk_layers"]


class TrainState:
    """A network in training.

    Parameters
    ----------
    architecture
        The network.
    settings
        Arithmetic, optimiser, and whether the trunk is frozen.

    Attributes
    ----------
    network : keras.Model
        With all heads.
    parts : dict of str to keras.Model
        The same layers as one network a head: (batch, window, 4) -> (batch, bins, tracks). Trunk
        variables come before the head's in their lists.
    trunk_variables : list of keras.Variable
        What is trained in the trunk: nothing if it is frozen.
    trunk_optimizer : keras.Optimizer or None
        None if the trunk is frozen.
    head_optimizers : dict of str to keras.Optimizer
    """

    def __init__(self, architecture: Architecture, settings: Settings) -> None:
        self._settings = settings
        self.network = build_network(architecture, dtype=settings.dtype)
        for layer in trunk_layers(self.network):
            # A frozen normalisation works with the statistics that it has and keeps them.
            layer.trainable = not settings.freeze_trunk
        self.parts = networks_of_heads(self.network, architecture)
        self.trunk_variables = [
            variable
            for layer in trunk_layers(self.network)
            for variable in layer.trainable_variables
        ]
        self.trunk_optimizer = None
        if self.trunk_variables:
            self.trunk_optimizer = make_optimizer(settings)
            self.trunk_optimizer.build(self.trunk_variables)
        self.head_optimizers = {head: make_optimizer(settings) for head in self.parts}
        for head, optimizer in self.head_optimizers.items():
            optimizer.build(self.head_variables(head))

    def head_variables(self, head: str) -> list[keras.Variable]:
        """Return the variables of a head."""
        return self.parts[head].trainable_variables[len(self.trunk_variables) :]

    def set_learning_rate(self, rate: float) -> None:
        """Set the rate of the next step."""
        for optimizer in self.head_optimizers.values():
            optimizer.learning_rate = rate
        if self.trunk_optimizer is not None:
            self.trunk_optimizer.learning_rate = rate * self._settings.trunk_learning_rate_factor

    @property
    def variables(self) -> list[keras.Variable]:
        """Everything that training changes, dropout's random states and moments included."""
        optimizers = [*self.head_optimizers.values()]
        if self.trunk_optimizer is not None:
            optimizers.append(self.trunk_optimizer)
        # `variables` hold the state of dropout's random generators too, which `weights` do not.
        return [
            *self.network.variables,
            *(variable for optimizer in optimizers for variable in optimizer.variables),
        ]


def trunk_layers(network: keras.Model) -> list[keras.Layer]:
    """Return the layers of a network's trunk, by how `building.layer_name` calls them."""
    return [layer for layer in network.layers if layer.name.startswith("trunk_")]


def networks_of_heads(network: keras.Model, architecture: Architecture) -> dict[str, keras.Model]:
    """Return the layers of a network with all heads as one network a head, by its name."""
    outputs = network.output
    if len(architecture.heads) == 1:
        outputs = dict.fromkeys(architecture.heads, outputs)
    return {head: keras.Model(network.input, outputs[head]) for head in architecture.heads}
