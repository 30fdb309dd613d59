"""Measure one network in this process and print the figures as one line of JSON.

`resources.py` starts it once for each network and dtype, so that no measurement inherits memory
or compiled functions from another. The stages follow each other (import, load, one window, many
windows), and the peak is read behind each: it is what a process that stopped there had needed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

ONE_WINDOW_REPEATS = 3


def peak_bytes() -> int:
    """Highest resident memory of this process so far (bytes).

    The kernel's figure for the program itself: that of `resource.getrusage` can come from the
    process that started this one.
    """
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("the kernel reports no VmHWM in /proc/self/status")


def main() -> None:
    """Measure the network that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--bundle", type=Path, help="a model's directory")
    source.add_argument("--preset", help="an architecture; its first head, random weights")
    source.add_argument("--checkpoint", help="a 2018 network: the prefix of its checkpoint")
    source.add_argument("--h5", help="a 2020 network: its Keras 2 file")
    parser.add_argument("--params", type=Path, help="the parameter file of a published network")
    parser.add_argument("--dtype", required=True)
    parser.add_argument("--windows", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    arguments = parser.parse_args()
    stages = {}

    def record(stage: str, seconds: float) -> None:
        stages[stage] = {"seconds": seconds, "peak_bytes": peak_bytes()}

    start = time.perf_counter()
    import numpy as np  # noqa: PLC0415 - the imports are what is measured here

    from basenji_kipoi.base.sequence import one_hot  # noqa: PLC0415
    from basenji_kipoi.models.bundle import Bundle  # noqa: PLC0415
    from basenji_kipoi.models.networks.building import build_network  # noqa: PLC0415
    from basenji_kipoi.models.networks.presets.presets import read_preset  # noqa: PLC0415
    from basenji_kipoi.published.family_2018 import read_checkpoint  # noqa: PLC0415
    from basenji_kipoi.published.family_2020 import read_keras_file  # noqa: PLC0415

    record("import", time.perf_counter() - start)

    start = time.perf_counter()
    if arguments.preset:
        architecture = read_preset(arguments.preset)
        head = next(iter(architecture.heads))
        network = build_network(architecture, head=head, dtype=arguments.dtype)
    else:
        if arguments.bundle:
            bundle = Bundle.load(arguments.bundle)
        elif arguments.checkpoint:
            bundle = read_checkpoint(arguments.checkpoint, arguments.params)
        else:
            bundle = read_keras_file(arguments.h5, arguments.params)
        architecture, network = bundle.architecture, bundle.network(dtype=arguments.dtype)
    record("load", time.perf_counter() - start)

    random = np.random.default_rng(0)

    def predict(windows: int) -> float:
        start = time.perf_counter()
        codes = random.integers(0, 4, (windows, architecture.window), dtype=np.uint8)
        predictions = network.predict_on_batch(one_hot(codes))
        seconds = time.perf_counter() - start
        if not np.isfinite(predictions).all():
            raise ArithmeticError("the network predicts values that are not finite")
        return seconds

    record("first window", predict(1))  # includes the compilation for this shape
    record("one window", statistics.median(predict(1) for _ in range(ONE_WINDOW_REPEATS)))

    batches = [arguments.batch] * (arguments.windows // arguments.batch)
    if rest := arguments.windows % arguments.batch:
        batches.append(rest)
    record("many windows", sum(predict(size) for size in batches))

    print(
        json.dumps(
            {
                "parameters": sum(int(np.prod(w.shape)) for w in network.trainable_weights),
                "window": architecture.window,
                "bin": architecture.bin,
                "tracks": network.output_shape[-1],
                "stages": stages,
            }
        )
    )


if __name__ == "__main__":
    main()
