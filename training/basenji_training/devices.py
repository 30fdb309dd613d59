"""What the machine computes with."""

from __future__ import annotations

from pathlib import Path

import keras

__all__ = ["fastest_dtype"]


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
    if keras.distribution.list_devices("gpu"):
        return "bfloat16"
    try:
        abilities = processors.read_text().split()
    except OSError:
        return "float32"
    return "bfloat16" if {"amx_bf16", "avx512_bf16"} & set(abilities) else "float32"
