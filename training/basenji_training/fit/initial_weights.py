"""Fine-tuning: the trunk of a trained network as the beginning of another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.bundle import METADATA, Bundle
from basenji_kipoi.models.training_record import Origin
from basenji_training.fit.run_directory import Run
from basenji_training.optimisation.train_state import trunk_layers

if TYPE_CHECKING:
    import os

    import keras

__all__ = ["load_trunk", "origin_of"]


def load_trunk(network: keras.Model, path: str | os.PathLike[str], member: int = 1) -> None:
    """Give the trunk of a network the weights of another's, layer by layer.

    Window and heads may differ; the layers of the trunk must not, but for those at its end that
    the network lacks because only reporters read it.

    Parameters
    ----------
    network
        The network that begins with these weights.
    path
        A bundle, or a run directory.
    member
        Which network of an ensemble, from 1.

    Raises
    ------
    InputError
        If there is neither or no such member, or the trunks differ; names the first layer that
        does.
    """
    path = Path(path)
    if (path / METADATA).is_file():
        members = Bundle.load(path).members
        if member > len(members):
            raise InputError(f"--init-member {member}: {path} has {len(members)} networks")
        trained = members[member - 1].networks()[0].whole
    else:
        trained = Run(path).networks().whole
    source = {layer.name: layer.get_weights() for layer in trunk_layers(trained)}
    target = {layer.name: layer for layer in trunk_layers(network)}
    lacking = [name for name in target if name not in source]
    if any(layer.name.startswith("head_") for layer in network.layers):
        lacking += [name for name in source if name not in target]
    for name in lacking:
        where = "the new network" if name in target else path
        raise InputError(f"the trunk of {path} is another one: only {where} has {name}")
    for name, layer in target.items():
        ours = [weight.shape for weight in layer.get_weights()]
        theirs = [weight.shape for weight in source[name]]
        if ours != theirs:
            raise InputError(
                f"the trunk of {path} is another one: {name} has weights of {theirs} there, "
                f"{ours} in the new network"
            )
    for name, layer in target.items():
        layer.set_weights(source[name])


def origin_of(path: str | os.PathLike[str]) -> Origin:
    """Tell what a trained network has seen, for those that begin with its weights.

    Parameters
    ----------
    path
        A bundle, or a run directory.

    Returns
    -------
    Origin
        Its name, what it was trained with, and its own origin.

    Raises
    ------
    InputError
        If there is neither.
    """
    path = Path(path)
    if not (path / METADATA).is_file():
        settings = Run(path).settings
        seen = {name: store.folds for name, store in settings.stores.items()}
        return Origin(name=path.name, chromosomes=seen, origin=settings.origin)
    bundle = Bundle.load(path)
    network = bundle.metadata.training.networks[0]
    seen = {bundle.metadata.assembly: network.chromosomes} if network.chromosomes else {}
    return Origin(name=bundle.metadata.name, chromosomes=seen, origin=network.origin)
