"""Runs and bundles as models: what `basenji-train evaluate` measures and `export` writes."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from basenji_kipoi.base.checksum import checksum
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.bundle import METADATA, Bundle
from basenji_kipoi.models.ensembles import check_alike
from basenji_kipoi.models.trained import TrainedModel
from basenji_training.fit.run_directory import BEST_WEIGHTS, Run

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import keras

    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.models.targets import Targets
    from basenji_training.store.store import Store

__all__ = [
    "Predictor",
    "RunHead",
    "joined",
    "open_models",
    "pick_tracks",
    "read_model",
    "split_as_trained",
]

_log = logging.getLogger(__name__)


class RunHead(TrainedModel):
    """One head of a run, with the weights of the best epoch, as a model of its own.

    Parameters
    ----------
    run
        The run.
    head
        The head's name.

    Attributes
    ----------
    run : Run
        The run.
    head : str
        The head's name.
    architecture : Architecture
        The network with this head only, and the run's reporters.
    targets : Targets
        The head's tracks.
    """

    def __init__(self, run: Run, head: str) -> None:
        targets = run.targets_of(head)
        alone = run.architecture.with_heads({head: len(targets)})
        super().__init__(run.path, alone, targets, both_strands=False)
        self.run, self.head = run, head

    @property
    def members(self) -> list[RunHead]:
        """A run is one network."""
        return [self]

    @cached_property
    def weights_sha256(self) -> list[str]:
        """Checksum of the file of its run's best weights."""
        return [checksum(self.path / BEST_WEIGHTS)]

    @cached_property
    def whole(self) -> keras.Model:
        """The run's network with all heads and reporters."""
        return self.run.networks().whole

    def _trained_networks(self, *, head: str | None, dtype: str) -> list[keras.Model]:
        return [self.run.network(head or self.head, dtype=dtype)]

    @classmethod
    def read(
        cls, path: str | os.PathLike[str], head: str | None = None, *, usual: str | None = None
    ) -> RunHead:
        """Read a run.

        Parameters
        ----------
        path
            Its directory.
        head
            The head; by default the only one, or `usual`.
        usual
            The head to take where there are several and none is named, if there is one of this
            name.

        Raises
        ------
        InputError
            If there is no run or no such head, none is named and there are several, or no epoch
            has finished.
        """
        run = Run(path)
        run.check_has_weights()
        if head is None and len(run.heads) == 1:
            (head,) = run.heads
        if head is None and usual in run.heads:
            head = usual
        if head not in run.heads:
            raise InputError(
                f"{path} has the heads {', '.join(run.heads)}: name one of them with --head, "
                f"not {head!r}"
                if head
                else f"{path} has several heads: name one of {', '.join(run.heads)} with --head"
            )
        return cls(run, head)


@dataclass(frozen=True)
class Predictor:
    """A network that predicts, whatever models it was joined of, and what it says about itself.

    Attributes
    ----------
    network : keras.Model
        float32 (batch, window, 4) -> (batch, bins, tracks); already the mean of members and
        strands.
    architecture : Architecture
        Its geometry.
    targets : Targets
        Its tracks, whose units its predictions have.
    both_strands : bool
        Whether predictions are means over both strands.
    members : int
        Networks whose mean it is.
    weights_sha256 : list of str
        Checksums of the files of their weights.
    splits : list of dict
        What each run or bundle was trained and held out with, where it says so: train, validation,
        test -> labels of the store.
    """

    network: keras.Model
    architecture: Architecture
    targets: Targets
    both_strands: bool = False
    members: int = 1
    weights_sha256: list[str] = field(default_factory=list)
    splits: list[dict[str, list[str]]] = field(default_factory=list)


def read_model(
    paths: Sequence[str | os.PathLike[str]],
    *,
    head: str | None = None,
    usual_head: str | None = None,
    both_strands: bool | None = None,
) -> Predictor:
    """Read one model, or several as an ensemble whose predictions are averaged.

    Parameters
    ----------
    paths
        Run directories and bundles.
    head
        Head of the runs; by default their only one, or `usual_head`.
    usual_head
        Head of runs with several where none is named, as the name of the store to compare with.
    both_strands
        Whether to average over both strands. By default as bundles say; runs say no.

    Raises
    ------
    InputError
        If one is neither a run nor a bundle, or they differ in geometry, tracks or strands.
    """
    return joined(open_models(paths, head=head, usual_head=usual_head), both_strands=both_strands)


def open_models(
    paths: Sequence[str | os.PathLike[str]],
    *,
    head: str | None = None,
    usual_head: str | None = None,
) -> list[RunHead | Bundle]:
    """Read what models say about themselves, and nothing that takes long.

    Parameters
    ----------
    paths, head, usual_head
        As `read_model` takes them.

    Raises
    ------
    InputError
        If one is neither a run nor a bundle, or they differ in geometry, tracks or strands.
    """
    models = [_open(path, head, usual_head) for path in paths]
    check_alike(models)
    return models


def joined(models: Sequence[RunHead | Bundle], *, both_strands: bool | None = None) -> Predictor:
    """Make one model of some, whose predictions are averaged.

    Parameters
    ----------
    models
        What `open_models` gives.
    both_strands
        As `read_model` takes it.

    Raises
    ------
    InputError
        If they differ in whether they average over strands, and nothing else is asked for.
    """
    # Keras takes seconds to import.
    from basenji_kipoi.models.networks.building import (  # noqa: PLC0415
        average_networks,
        average_strands,
    )

    if both_strands is None:
        said = {model.both_strands for model in models}
        if len(said) > 1:
            raise InputError(
                "some of the models average over both strands and others do not: pass "
                "--both-strands or --one-strand"
            )
        (both_strands,) = said
    networks, checksums = [], []
    for model in models:
        networks += [member.network(both_strands=False) for member in model.members]
        checksums += model.weights_sha256
    network = average_networks(networks)
    if both_strands:
        network = average_strands(network, models[0].targets.strand_permutation)
    return Predictor(
        network,
        models[0].architecture,
        models[0].targets,
        both_strands,
        len(networks),
        checksums,
        [splits for model in models for splits in _splits(model)],
    )


def split_as_trained(store: Store, model: Predictor) -> Store:
    """Open a store with the splits that a model was trained with.

    A run of a cross-validation holds out other parts than the store names by itself.

    Parameters
    ----------
    store
        The store.
    model
        The model. Its head has the name of the data set that it was trained on: in a store of
        another name it has seen nothing, and that store's own splits hold.

    Returns
    -------
    Store
        The same data.

    Raises
    ------
    InputError
        If the members of an ensemble held out different parts, so that none is new to all.
    """
    if store.name not in model.architecture.heads:
        if model.splits:
            _log.warning(
                "the model was trained on the data set %s, this store is %s: its own splits hold",
                ", ".join(model.architecture.heads),
                store.name,
            )
        return store
    held_out = [(sorted(s["test"]), sorted(s["validation"])) for s in model.splits]
    if any(each != held_out[0] for each in held_out[1:]):
        raise InputError(
            "the models held out different parts of the data, so that none is new to all: "
            "evaluate them one by one"
        )
    return store.choose(test=held_out[0][0], validation=held_out[0][1]) if held_out else store


def _splits(model: RunHead | Bundle) -> list[dict[str, list[str]]]:
    if isinstance(model, RunHead):
        return [model.run.settings.stores[model.head].folds.model_dump()]
    networks = model.metadata.training.networks
    return [network.chromosomes.model_dump() for network in networks if network.chromosomes]


def _open(
    path: str | os.PathLike[str], head: str | None, usual_head: str | None
) -> RunHead | Bundle:
    if (Path(path) / METADATA).is_file():
        return Bundle.load(path)
    if (Path(path) / "settings.json").is_file():
        return RunHead.read(path, head, usual=usual_head)
    raise InputError(
        f"{path} is neither a run of `basenji-train fit` nor a bundle: name a directory with "
        f"settings.json or {METADATA}"
    )


def pick_tracks(
    network: keras.Model, architecture: Architecture, targets: Targets, columns: Sequence[int]
) -> tuple[keras.Model, Architecture, Targets]:
    """Leave heads and tracks out of a network; the others are predicted as before.

    Parameters
    ----------
    network
        The network, which may have more heads than are described.
    architecture, targets
        Description of one head, and of the reporters that are kept; its tracks.
    columns
        Indices of the tracks to keep, ascending, with the partner of each stranded track.

    Returns
    -------
    network, architecture, targets
        The smaller network, whole with its reporters, and what describes it.
    """
    # Keras takes seconds to import.
    from basenji_kipoi.models.networks.building import build_networks  # noqa: PLC0415

    ((name, head),) = architecture.heads.items()
    smaller = architecture.model_copy(
        update={"heads": {name: head.model_copy(update={"tracks": len(columns)})}}
    )
    picked = build_networks(smaller).whole
    for layer in picked.layers:
        weights = network.get_layer(layer.name).get_weights()
        if layer.name == f"head_{name}":
            weights = [values[..., list(columns)] for values in weights]
        layer.set_weights(weights)
    return picked, smaller, targets.select(columns)
