"""Models with random weights, which cost what trained ones do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basenji_kipoi.models.bundle import save_bundle
from basenji_kipoi.models.targets import Target, Targets

if TYPE_CHECKING:
    from pathlib import Path

    import keras

    from basenji_kipoi.models.bundle import Bundle
    from basenji_kipoi.models.networks.architecture import Architecture

__all__ = ["save_random"]


def save_random(path: Path, network: keras.Model, architecture: Architecture) -> Bundle:
    """Save a network of one head, as it is, as a bundle of unnamed tracks of one strand."""
    tracks = next(iter(architecture.heads.values())).tracks
    return save_bundle(
        path,
        network=network,
        architecture=architecture,
        targets=Targets(
            [Target(index=i, identifier=f"track_{i}", strand_pair=i) for i in range(tracks)]
        ),
        name="random",
        assembly="random",
        training={},
        evaluation={},
        model_card="# A network with random weights\n",
    )
