"""Measure training steps of the original programs' 2020 network; a line of JSON.

`training_step.py` starts it with the Python that the original programs run on. It imports them from
a checkout of their repository and trains as their `Trainer.fit_keras` does (`train_on_batch`, in a
compiled graph), without the metrics that they compute besides.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time


def main() -> None:
    """Measure the network of ``manuscripts/cross2020/params_human.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout")
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    arguments = parser.parse_args()
    sys.path.insert(0, arguments.checkout)

    # Of the other environment.
    import numpy as np  # noqa: PLC0415
    import tensorflow as tf  # noqa: PLC0415
    from basenji import seqnn  # noqa: PLC0415

    path = os.path.join(arguments.checkout, "manuscripts/cross2020/params_human.json")  # noqa: PTH118 - runs on old versions of Python
    with open(path) as file:  # noqa: PTH123 - the same
        params = json.load(file)
    params["model"]["verbose"] = False
    network = seqnn.SeqNN(params["model"]).model
    network.compile(
        optimizer=tf.keras.optimizers.SGD(
            learning_rate=1e-6,
            momentum=params["train"]["momentum"],
            global_clipnorm=params["train"]["clip_norm"],
        ),
        loss=tf.keras.losses.Poisson(),
    )
    generator = np.random.RandomState(0)
    length = params["model"]["seq_length"]
    codes = generator.randint(0, 4, (arguments.batch, length))
    sequence = np.eye(4, dtype=np.float32)[codes]
    coverage = generator.poisson(1, (arguments.batch, *network.output_shape[1:]))
    seconds, processor_seconds = [], []
    for _ in range(arguments.steps + 1):
        start, processor_start = time.perf_counter(), time.process_time()
        network.train_on_batch(sequence, coverage.astype(np.float32))
        seconds.append(time.perf_counter() - start)
        processor_seconds.append(time.process_time() - processor_start)
    with open("/proc/self/status") as lines:  # noqa: PTH123 - old versions of Python
        peak = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    figures = {"seconds": seconds, "processor_seconds": processor_seconds}
    print(json.dumps({**figures, "peak_bytes": peak}))


if __name__ == "__main__":
    main()
