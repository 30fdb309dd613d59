"""Time and memory of gradients beside the forward pass of the same network, in one process.

python benchmarks/speed/gradients.py basenji2018
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from measure_network import peak_bytes
from random_model import save_random

from basenji_kipoi.base.sequence import one_hot
from basenji_kipoi.interpretation.gradients import Gradients
from basenji_kipoi.models.networks.building import build_network
from basenji_kipoi.models.networks.presets.presets import read_preset

REPEATS = 3


def main() -> None:
    """Measure the network that the argument names and print a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("preset", help="an architecture; its first head, random weights")
    arguments = parser.parse_args()
    architecture = read_preset(arguments.preset)
    head = next(iter(architecture.heads))
    architecture = architecture.with_heads({head: architecture.heads[head].tracks})
    with tempfile.TemporaryDirectory() as folder:
        bundle = save_random(Path(folder) / "model", build_network(architecture), architecture)
        network = bundle.network(both_strands=False)
        gradients = Gradients([bundle], tracks=[0], both_strands=False)
    codes = np.random.default_rng(0).integers(0, 4, (1, architecture.window), dtype=np.uint8)
    window, middle = one_hot(codes), architecture.bins // 2
    weights = np.ones((1, architecture.bins, 1))
    one = np.zeros_like(weights)
    one[0, middle] = 1
    whole, span = (0, architecture.window), gradients.span_of(middle, middle + 1)
    passes = {
        "forward": lambda: network.predict_on_batch(window),
        "gradient of all bins": lambda: gradients.gradients(window, weights, whole),
        "gradient of one bin": lambda: gradients.gradients(window[:, slice(*span)], one, span),
    }
    seconds: dict[str, list[float]] = {name: [] for name in passes}
    peaks = {}
    for repeat in range(REPEATS + 1):
        # In turn, so that what else the machine does slows all of them alike.
        for name, run in passes.items():
            began = time.perf_counter()
            run()
            if repeat:  # the first time compiles
                seconds[name].append(time.perf_counter() - began)
            peaks.setdefault(name, peak_bytes())
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    times = {name: value / medians["forward"] for name, value in medians.items()}
    print(json.dumps({"seconds": medians, "times_forward": times, "peak_bytes": peaks}, indent=1))


if __name__ == "__main__":
    main()
