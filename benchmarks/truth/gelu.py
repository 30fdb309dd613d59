"""How much the three functions called GELU differ in predictions and scores.

    python benchmarks/truth/gelu.py --h5 model_best.h5 --params params.json

The files are those of tests/golden/basenji2, for instance. Predicts random windows and random
substitutions of their middle base with each function, and prints how far `sigmoid` and `erf` are
from `tanh`.
"""

from __future__ import annotations

import argparse

import numpy as np

from basenji_kipoi.base.sequence import one_hot
from basenji_kipoi.published.family_2020 import read_keras_file
from basenji_kipoi.published.gelu import GELUS


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--h5", required=True)
    parser.add_argument("--params", required=True)
    parser.add_argument("--head")
    parser.add_argument("--windows", type=int, default=50)
    arguments = parser.parse_args()
    bins, effects = {}, {}
    for gelu in GELUS:
        model = read_keras_file(arguments.h5, arguments.params, head=arguments.head, gelu=gelu)
        network, window = model.network(), model.architecture.window
        random = np.random.default_rng(0)
        predicted, changes = [], []
        for _ in range(arguments.windows):
            pair = np.tile(random.integers(0, 4, window, dtype=np.uint8), (2, 1))
            pair[1, window // 2] = (pair[1, window // 2] + random.integers(1, 4)) % 4
            values = model.architecture.side_by_side(network.predict_on_batch(one_hot(pair)))
            predicted.append(values[0])
            changes.append((values[1].astype(np.float64) - values[0]).sum(axis=0))
        bins[gelu], effects[gelu] = np.stack(predicted), np.stack(changes)
    for gelu in ("sigmoid", "erf"):
        print(gelu)
        for name, found in (("predictions", bins), ("SAD", effects)):
            base, other = found["tanh"].ravel(), found[gelu].ravel()
            share = np.abs(other - base).mean() / np.abs(base).mean()
            ranks = [np.argsort(np.argsort(values)) for values in (base, other)]
            rho = np.corrcoef(*ranks)[0, 1]
            signs = np.mean(np.sign(base) == np.sign(other))
            print(
                f"  {name}: mean difference {share:.2%} of the mean size, Pearson's r "
                f"{np.corrcoef(base, other)[0, 1]:.5f}, Spearman's rho {rho:.5f}, equal signs "
                f"{signs:.1%}"
            )


if __name__ == "__main__":
    main()
