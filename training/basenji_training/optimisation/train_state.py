"""The network that is trained: one trunk, its heads, and an optimiser for each of them.

Trunk and heads have optimisers of their own, since a step on one store's windows moves the trunk
and that store's head only: the other heads' moments and decay must stand still.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from basenji_kipoi.models.networks.building import build_networks
from basenji_training.optimisation.optimisers import make_optimizer

if TYPE_CHECKING:
    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.models.networks.building import Networks
    from basenji_training.optimisation.settings import Settings

__all__ = ["TrainState", "networks_of_heads", "trunk_layers", "trunk_variables"]


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
        With all heads and reporters.
    parts : dict of str to keras.Model
        The same layers as one network a head or reporter, by its name.
    """

    def __init__(self, architecture: Architecture, settings: Settings) -> None:
        self._settings = settings
        networks = build_networks(architecture, dtype=settings.dtype)
        self.network = networks.whole
        for layer in trunk_layers(self.network):
            # A frozen normalisation works with the statistics that it has and keeps them.
            layer.trainable = not settings.freeze_trunk
        self.parts = networks_of_heads(networks, architecture)
        trunk = trunk_variables(self.network)
        self._trunk = {id(variable) for variable in trunk}
        self._shared = _built(settings, trunk)
        #: A reporter reads the trunk up to some depth: the rest must stand still in its steps.
        self._own_trunk = {
            name: _built(settings, self.trunk_variables(name)) for name in architecture.reporters
        }
        self._head_optimizers = {
            name: _built(settings, self.head_variables(name)) for name in self.parts
        }

    def trunk_variables(self, head: str) -> list[keras.Variable]:
        """Return what a step of a head trains in the trunk: nothing if it is frozen."""
        return [each for each in self.parts[head].trainable_variables if id(each) in self._trunk]

    def head_variables(self, head: str) -> list[keras.Variable]:
        """Return the variables of a head."""
        trainable = self.parts[head].trainable_variables
        return [each for each in trainable if id(each) not in self._trunk]

    def optimizers(self, head: str) -> list[tuple[keras.Optimizer, list[keras.Variable]]]:
        """Return what moves in a step of a head, with the optimiser that moves it: trunk, head."""
        trunk = self._own_trunk.get(head, self._shared)
        groups = [(self._head_optimizers[head], self.head_variables(head))]
        if trunk is not None:
            groups.insert(0, (trunk, self.trunk_variables(head)))
        return groups

    def set_learning_rate(self, rate: float) -> None:
        """Set the rate of the next step."""
        for optimizer in self._head_optimizers.values():
            optimizer.learning_rate = rate
        if self._shared is not None:
            self._shared.learning_rate = rate * self._settings.trunk_learning_rate_factor
        for optimizer in filter(None, self._own_trunk.values()):
            optimizer.learning_rate = rate * self._settings.reporter_trunk_learning_rate_factor

    @property
    def variables(self) -> list[keras.Variable]:
        """Everything that training changes, dropout's random states and moments included."""
        optimizers = [*self._head_optimizers.values(), self._shared, *self._own_trunk.values()]
        # `variables` hold the state of dropout's random generators too, which `weights` do not.
        return [
            *self.network.variables,
            *(v for optimizer in filter(None, optimizers) for v in optimizer.variables),
        ]


def _built(settings: Settings, variables: list[keras.Variable]) -> keras.Optimizer | None:
    """Make an optimiser of variables; None if there are none."""
    if not variables:
        return None
    optimizer = make_optimizer(settings)
    optimizer.build(variables)
    return optimizer


def trunk_layers(network: keras.Model) -> list[keras.Layer]:
    """Return the layers of a network's trunk, by how `building.layer_name` calls them."""
    return [layer for layer in network.layers if layer.name.startswith("trunk_")]


def trunk_variables(network: keras.Model) -> list[keras.Variable]:
    """Return what is trained of a network's trunk."""
    return [each for layer in trunk_layers(network) for each in layer.trainable_variables]


def networks_of_heads(networks: Networks, architecture: Architecture) -> dict[str, keras.Model]:
    """Return the layers of a network as one network a head or reporter, by its name."""
    parts = {}
    if networks.profiles is not None:
        outputs = networks.profiles.output
        if len(architecture.heads) == 1:
            outputs = dict.fromkeys(architecture.heads, outputs)
        parts = {
            head: keras.Model(networks.profiles.input, outputs[head]) for head in architecture.heads
        }
    return {**parts, **networks.reporters}
