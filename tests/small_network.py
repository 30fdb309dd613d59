"""A small network with every operation, and a bundle of it with random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.models.architecture import Architecture
from basenji_kipoi.models.targets import Target, Targets

if TYPE_CHECKING:
    from pathlib import Path

    import keras

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


def randomised(network: keras.Model, seed: int = 0) -> keras.Model:
    """Draw all weights of a network anew, whatever was drawn before.

    Kernels keep the size of their signal (He et al. 2015). Fresh statistics of normalisation
    (mean 0, variance 1, gamma 0) would hide its part, so they are drawn too.
    """
    generator = np.random.default_rng(seed)
    for variable in network.weights:
        if variable.name == "kernel":
            deviation = np.sqrt(2 / np.prod(variable.shape[:-1]))
            variable.assign(generator.normal(0, deviation, variable.shape))
        elif variable.name in {"gamma", "moving_variance"}:
            variable.assign(generator.uniform(0.5, 1.5, variable.shape))
        else:  # beta, moving_mean, bias
            variable.assign(generator.normal(0, 0.2, variable.shape))
    return network


def make_small_bundle(path: Path) -> Bundle:
    """Save a small bundle with random weights; the last two tracks are a strand pair."""
    return save_random_bundle(path, small_architecture(), seed=1)


def save_random_bundle(
    path: Path, architecture: Architecture, *, seed: int, strand_pairs: tuple[int, ...] = (0, 2, 1)
) -> Bundle:
    """Save a bundle of three tracks with random weights; by default the last two are a pair."""
    from basenji_kipoi.models.bundle import save_bundle
    from basenji_kipoi.models.network import build_network

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
