"""Random weights, for networks that are measured or tried out before they are trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

__all__ = ["randomised"]


def randomised(network: keras.Model, seed: int = 0) -> keras.Model:
    """Draw all weights of a network anew, whatever was drawn before.

    Kernels keep the size of their signal (He et al. 2015). Fresh statistics of normalisation
    (mean 0, variance 1, gamma 0) would hide its part, so they are drawn too.

    Parameters
    ----------
    network
        Changed in place.
    seed
        Of NumPy's default generator: the same seed gives the same weights.

    Returns
    -------
    keras.Model
        The network itself.
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
