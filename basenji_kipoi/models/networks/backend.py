"""What depends on the backend that Keras runs on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Callable

import keras

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["compiled", "pulled_back"]


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


def pulled_back(
    function: Callable,
    x: Any,  # noqa: ANN401 - a tensor of the backend
    cotangents: Sequence[Any],
) -> tuple[Any, list[Any]]:
    """Compute a function, and weighted sums of its derivatives (vector-Jacobian products).

    Parameters
    ----------
    function
        A function of one tensor. It runs once, however many weights there are.
    x
        Where it is derived.
    cotangents
        Weights of the function's values, each of their shape.

    Returns
    -------
    values : tensor
        The function at ``x``.
    gradients : list of tensor
        For each of the weights the gradient of the weighted sum of the values, of the shape of
        ``x``.

    Raises
    ------
    InputError
        If the backend derives nothing in this way.
    """
    backend = keras.config.backend()
    if backend == "tensorflow":
        import tensorflow  # noqa: PLC0415 - only with this backend

        with tensorflow.GradientTape(persistent=len(cotangents) > 1) as tape:
            tape.watch(x)
            values = function(x)
        zero = tensorflow.UnconnectedGradients.ZERO
        return values, [
            tape.gradient(values, x, output_gradients=each, unconnected_gradients=zero)
            for each in cotangents
        ]
    if backend == "jax":
        import jax  # noqa: PLC0415 - only with this backend

        values, back = jax.vjp(function, x)
        return values, [back(each)[0] for each in cotangents]
    raise InputError(
        f"gradients need Keras on TensorFlow or JAX, and it runs on {backend}: set KERAS_BACKEND"
    )
