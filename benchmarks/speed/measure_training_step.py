"""Measure training steps of one network in this process and print the figures as a line of JSON.

`training_step.py` starts it once for each network, arithmetic and batch, so that no measurement
inherits memory or compiled functions from another. It trains as `basenji-train fit` does, on random
sequence and counts.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
from measure_network import peak_bytes

from basenji_kipoi.base.sequence import one_hot
from basenji_training.fit.recipe import read_network, read_recipe
from basenji_training.optimisation.devices import shared_by
from basenji_training.optimisation.losses import CoverageLoss
from basenji_training.optimisation.train_state import TrainState


def main() -> None:
    """Measure the recipe that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", required=True, help="network and settings; its first head")
    parser.add_argument("--dtype", required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True, help="steps behind the first")
    arguments = parser.parse_args()

    recipe = read_recipe(arguments.recipe)
    architecture = read_network(recipe.network)
    name, head = next(iter(architecture.heads.items()))
    architecture = architecture.with_heads({name: head.tracks})
    settings = recipe.settings.model_copy(update={"dtype": arguments.dtype})
    state = TrainState(architecture, settings)
    # So low that the weights stay finite on noise; it costs what any rate costs.
    state.set_learning_rate(1e-6)
    take_step = shared_by(1, arguments.batch).compile(
        state, dict.fromkeys(state.parts, CoverageLoss(settings)), settings.clip_norm
    )
    generator = np.random.default_rng(0)
    codes = generator.integers(0, 4, (arguments.batch, architecture.window), dtype=np.uint8)
    sequence = one_hot(codes)
    shape = (arguments.batch, architecture.bins, head.tracks)
    coverage = generator.poisson(1, shape).astype(np.float32)
    seconds, processor_seconds = [], []
    for _ in range(arguments.steps + 1):
        start, processor_start = time.perf_counter(), time.process_time()
        loss = float(take_step(name, sequence, coverage))
        seconds.append(time.perf_counter() - start)
        processor_seconds.append(time.process_time() - processor_start)
        if not np.isfinite(loss):
            raise ArithmeticError("the loss is not finite")
    figures = {"seconds": seconds, "processor_seconds": processor_seconds}
    print(json.dumps({**figures, "peak_bytes": peak_bytes()}))


if __name__ == "__main__":
    main()
