"""Runs and bundles as one model: what `basenji-train evaluate` measures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from basenji_kipoi.bundle import METADATA, Bundle, check_alike
from basenji_kipoi.errors import InputError
from basenji_kipoi.network import average_networks, average_strands
from basenji_training.fit import Run

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import keras

    from basenji_kipoi.architecture import Architecture
    from basenji_kipoi.targets import Targets

__all__ = ["TrainedModel", "read_model"]


@dataclass(frozen=True)
class TrainedModel:
    """A network that predicts, and what it says about itself.

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
    """

    network: keras.Model
    architecture: Architecture
    targets: Targets
    both_strands: bool = False
    members: int = 1


def read_model(
    paths: Sequence[str | os.PathLike[str]], *, both_strands: bool | None = None
) -> TrainedModel:
    """Read one model, or several as an ensemble whose predictions are averaged.

    Parameters
    ----------
    paths
        Run directories and bundles.
    both_strands
        Whether to average over both strands. By default as bundles say; runs say no.

    Raises
    ------
    InputError
        If one is neither a run nor a bundle, or they differ in geometry, tracks or strands.
    """
    models = [_open(path) for path in paths]
    check_alike(models)
    if both_strands is None:
        said = {isinstance(m, Bundle) and m.metadata.both_strands for m in models}
        if len(said) > 1:
            raise InputError(
                "some of the models average over both strands and others do not: pass "
                "--both-strands or --one-strand"
            )
        (both_strands,) = said
    networks = []
    for model in models:
        if isinstance(model, Bundle):
            networks += [member.network(both_strands=False) for member in model.members]
        else:
            networks.append(model.network())
    network = average_networks(networks)
    if both_strands:
        network = average_strands(network, models[0].targets.strand_permutation)
    return TrainedModel(
        network, models[0].architecture, models[0].targets, both_strands, len(networks)
    )


def _open(path: str | os.PathLike[str]) -> Run | Bundle:
    if (Path(path) / METADATA).is_file():
        return Bundle.load(path)
    if (Path(path) / "settings.json").is_file():
        return Run(path)
    raise InputError(
        f"{path} is neither a run of `basenji-train fit` nor a bundle: name a directory with "
        f"settings.json or {METADATA}"
    )
