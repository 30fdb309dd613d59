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


def load_trunk(network: keras.Model, path: str | os.PathLike[str]) -> None:
    """Give the trunk of a network the weights of another's, layer by layer.

    Window and heads may differ; the layers of the trunk must not.

    Parameters
    ----------
    network
        The network that begins with these weights.
    path
        A bundle, or a run directory. Of an ensemble it is the first network.

    Raises
    ------
    InputError
        If there is neither, or the trunks differ; names the first layer that does.
    """
    path = Path(path)
    if (path / METADATA).is_file():
        trained = Bundle.load(path).members[0].network(both_strands=False)
    else:
        run = Run(path)
        trained = run.network(run.heads[0])
    source = {layer.name: layer.get_weights() for layer in trunk_layers(trained)}
    target = {layer.name: layer for layer in trunk_layers(network)}
    for name in [*target, *source]:
        if name not in source or name not in target:
            where = "the new network" if name in target else path
            raise InputError(f"the trunk of {path} is another one: only {where} has {name}")
        ours = [weight.shape for weight in target[name].get_weights()]
        theirs = [weight.shape for weight in source[name]]
        if ours != theirs:
            raise InputError(
                f"the trunk of {path} is another one: {name} has weights of {theirs} there, "
                f"{ours} in the new network"
            )
    for name, weights in source.items():
        target[name].set_weights(weights)


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
        seen = {name: store["folds"] for name, store in settings["stores"].items()}
        return Origin(name=path.name, chromosomes=seen, origin=settings.get("origin"))
    bundle = Bundle.load(path)
    network = bundle.metadata.training.networks[0]
    seen = {bundle.metadata.assembly: network.chromosomes} if network.chromosomes else {}
    return Origin(name=bundle.metadata.name, chromosomes=seen, origin=network.origin)
