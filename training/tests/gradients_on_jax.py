"""Derives a small network in this process, whose backend is JAX; run by `test_gradients_on_jax`.

python gradients_on_jax.py BUNDLE OUT
"""

from __future__ import annotations

import sys

import keras
import numpy as np

from basenji_kipoi.base.sequence import one_hot
from basenji_kipoi.interpretation.gradients import Gradients
from basenji_kipoi.interpretation.gradients_of_layers import LayerGradients
from basenji_kipoi.models.bundle import Bundle


def main(bundle, out):
    """Save values and gradients of weighted sums, and the gradient of the network's output."""
    bundle = Bundle.load(bundle)
    architecture = bundle.architecture
    random = np.random.default_rng(0)
    windows = one_hot(random.integers(0, 5, (2, architecture.window), dtype=np.uint8))
    weights = random.normal(size=(2, architecture.bins, len(bundle.targets)))
    gradients = Gradients([bundle], tracks=range(len(bundle.targets)), both_strands=True)
    found = gradients.gradients(windows, weights, (0, architecture.window))
    layers = LayerGradients(bundle.network(both_strands=True)).gradient(windows)
    np.savez(
        out, backend=keras.config.backend(), layers=layers,
        values=found.values, gradients=found.gradients,
    )  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
