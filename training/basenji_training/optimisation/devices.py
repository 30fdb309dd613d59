"""What the machine computes with, and how several devices share a batch."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import keras

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from basenji_training.optimisation.step_jax import JaxDevices
    from basenji_training.optimisation.step_tensorflow import TensorFlowDevices

__all__ = ["all_devices", "fastest_dtype", "join_processes", "lost_process_named", "shared_by"]

#: What JAX's errors say where a process that takes part is gone: sums by Gloo, and the coordinator.
_LOST = re.compile(r"gloo|coordination service", re.IGNORECASE)


def fastest_dtype(processors: Path = Path("/proc/cpuinfo")) -> str:
    """Name the arithmetic that trains fastest here.

    Parameters
    ----------
    processors
        Where Linux lists the processors' abilities.

    Returns
    -------
    str
        "bfloat16" with a GPU, or on processors that multiply bfloat16 matrices in hardware;
        "float32" otherwise, where bfloat16 is emulated and slow.
    """
    if all_devices()[0].startswith("gpu"):
        return "bfloat16"
    try:
        abilities = processors.read_text().split()
    except OSError:
        return "float32"
    return "bfloat16" if {"amx_bf16", "avx512_bf16"} & set(abilities) else "float32"


def join_processes(coordinator: str, processes: int, process: int) -> None:
    """Join the processes, on this or other hosts, that train together (JAX only).

    Before anything computes.

    Parameters
    ----------
    coordinator
        HOST:PORT at which process 0 can be reached.
    processes
        How many there are.
    process
        Which one this is, from 0.

    Raises
    ------
    InputError
        If the backend is not JAX or the number does not exist.
    """
    if keras.config.backend() != "jax":
        raise InputError(
            "several processes train together on JAX only: set the environment variable "
            "KERAS_BACKEND=jax"
        )
    if not 0 <= process < processes:
        raise InputError(f"--process {process}: expected a number from 0 to {processes - 1}")
    keras.distribution.initialize(coordinator, processes, process)


@contextlib.contextmanager
def lost_process_named() -> Iterator[None]:
    """Turn what JAX raises when another process of the training is gone into a line that says so.

    Raises
    ------
    InputError
        In its place.
    """
    try:
        yield
    except (ValueError, RuntimeError) as error:
        if isinstance(error, InputError) or not _LOST.search(str(error)):
            raise
        raise InputError(
            "another process of this training ended or cannot be reached: start all of them again "
            "with --resume, which goes on from the last checkpoint"
        ) from error


def shared_by(number: int, batch_size: int) -> TensorFlowDevices | JaxDevices:
    """Return the devices that share each batch.

    Parameters
    ----------
    number
        How many, of all processes together.
    batch_size
        Windows a step, on all of them together.

    Returns
    -------
    TensorFlowDevices or JaxDevices
        They build and compile a training step for the backend of Keras.

    Raises
    ------
    InputError
        If there are not so many, or the batch cannot be shared evenly.
    """
    there = all_devices()
    if number > len(there):
        raise InputError(f"--devices {number}: there are {len(there)} ({', '.join(there)})")
    if batch_size % number:
        raise InputError(f"a batch of {batch_size} windows cannot be shared by {number} devices")
    backend = keras.config.backend()
    # Each imports its own framework: the other need not be installed.
    if backend == "jax":
        from basenji_training.optimisation.step_jax import JaxDevices  # noqa: PLC0415

        return JaxDevices(number, batch_size)
    if backend == "tensorflow":
        from basenji_training.optimisation.step_tensorflow import TensorFlowDevices  # noqa: PLC0415

        return TensorFlowDevices(number)
    raise InputError(f"training runs on TensorFlow and JAX, not on {backend}")


def all_devices() -> list[str]:
    """List the GPUs, or the processors where there is none; on JAX, of all processes."""
    there = keras.distribution.list_devices()
    return [name for name in there if name.startswith("gpu")] or there
