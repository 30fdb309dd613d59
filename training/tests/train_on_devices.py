"""Trains on emulated devices of a processor; run by `test_devices` in a process of its own.

python train_on_devices.py STORE OUT DEVICES [COORDINATOR PROCESS]
"""

from __future__ import annotations

import importlib.abc
import os
import sys

BACKEND = os.environ["KERAS_BACKEND"]


class NoTensorFlow(importlib.abc.MetaPathFinder):
    """Hides TensorFlow as if it were not installed."""

    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "tensorflow":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def main(store, out, devices, coordinator=None, process=0):
    if BACKEND == "jax":
        sys.meta_path.insert(0, NoTensorFlow())
    else:
        import tensorflow as tf

        (cpu,) = tf.config.list_physical_devices("CPU")
        logical = [tf.config.LogicalDeviceConfiguration()] * int(devices)
        tf.config.set_logical_device_configuration(cpu, logical)

    from known_truth import SETTINGS, tiny_architecture

    from basenji_training.fit.loop import fit
    from basenji_training.optimisation.devices import join_processes
    from basenji_training.store.store import Store

    if coordinator is not None:
        join_processes(coordinator, 2, int(process))
    settings = SETTINGS.model_copy(update={"epochs": 3})
    # Without dropout: each device of TensorFlow draws its own.
    architecture = tiny_architecture(dropout=False)
    fit(Store.open(store), architecture, out, settings, devices=int(devices), tensorboard=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
