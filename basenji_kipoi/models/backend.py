"""What depends on the backend that Keras runs on."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable

import keras

__all__ = ["compiled"]


def compiled(
    function: Callable,
    *,
    any_shape: bool = False,
    **fixed: Any,  # noqa: ANN401 - whatever it takes
) -> Callable:
    """Compile a function of tensors with the backend, where it has a compiler.

    Parameters
    ----------
    function
        The function.
    any_shape
        Whether shapes differ from call to call. A backend that can compiles once for all of them
        then; the function must not read shapes as numbers.
    **fixed
        Arguments that are no tensors and stay the same.

    Returns
    -------
    callable
        The function of its other, positional arguments.
    """
    # TensorFlow counts compilations of a `partial` for each object: a closure's would be added up.
    run = partial(function, **fixed)
    backend = keras.config.backend()
    if backend == "tensorflow":
        import tensorflow  # noqa: PLC0415 - only with this backend

        return tensorflow.function(run, autograph=False, reduce_retracing=any_shape)
    if backend == "jax":
        import jax  # noqa: PLC0415 - only with this backend

        return jax.jit(run)
    return run
