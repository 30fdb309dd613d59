"""A small network with every operation, and a bundle of it with random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.networks.random_weights import randomised
from basenji_kipoi.models.targets import Target, Targets

if TYPE_CHECKING:
    from pathlib import Path

    from basenji_kipoi.models.bundle import Bundle


def small_architecture(window: int = 2048, tracks: int = 3) -> Architecture:
    """Describe a network with every operation: bins of 32 bp, 4 of them cropped on each side."""
    operations = [
        {"op": "convolution", "filters": 8, "kernel": 7},
        {"op": "pooling", "size": 4},
        {"op": "normalisation"},
        {"op": "activation", "function": "relu"},
        {"op": "convolution", "filters": 12, "kernel": 4, "bias": True},
        {"op": "activation", "function": "gelu_tanh"},
        {"op": "pooling", "size": 8},
        {
            "op": "concatenate",
            "branch": [
                {"op": "convolution", "filters": 4, "kernel": 3, "dilation": 2},
                {"op": "normalisation"},
                {"op": "activation", "function": "relu"},
                {"op": "dropout", "rate": 0.1},
            ],
        },
        {
            "op": "residual",
            "branch": [
                {"op": "activation", "function": "gelu_tanh"},
                {"op": "convolution", "filters": 16, "kernel": 3, "dilation": 4},
                {"op": "normalisation", "gamma": "zeros"},
            ],
        },
        {"op": "crop", "bins": 4},
    ]
    return Architecture.model_validate(
        {"window": window, "trunk": operations, "heads": {"tracks": {"tracks": tracks}}}
    )


def make_small_bundle(path: Path) -> Bundle:
    """Save a small bundle with random weights; the last two tracks are a strand pair."""
    return save_random_bundle(path, small_architecture(), seed=1)


def save_random_bundle(
    path: Path, architecture: Architecture, *, seed: int, strand_pairs: tuple[int, ...] = (0, 2, 1)
) -> Bundle:
    """Save a bundle of three tracks with random weights; by default the last two are a pair."""
    from basenji_kipoi.models.bundle import save_bundle
    from basenji_kipoi.models.networks.building import build_network

    network = randomised(build_network(architecture), seed=seed)
    names = ("access", "ATAC"), ("start_plus", "STRIPE"), ("start_minus", "STRIPE")
    targets = Targets(
        [
            Target(index=index, identifier=name, strand_pair=pair, assay=assay, sample="a")
            for index, ((name, assay), pair) in enumerate(zip(names, strand_pairs))
        ]
    )
    return save_bundle(
        path,
        network=network,
        architecture=architecture,
        targets=targets,
        name="small",
        assembly="simulated",
        training={},
        evaluation={},
        model_card="# A network with random weights\n",
    )
