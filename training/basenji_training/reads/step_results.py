"""Results of steps, kept for another call: files of plain arrays (npz), which hold no code."""

from __future__ import annotations

import typing
import zipfile
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from basenji_training.reads.plan import Plan

__all__ = ["finished", "read_result", "write_result"]

T = TypeVar("T")
_ROOT = "result"


def finished(
    plan: Plan, step: str, kind: type[T], function: Callable[..., T | None], *arguments: object
) -> T | None:
    """Run a step, unless an interrupted call has finished it.

    Parameters
    ----------
    plan
        The plan, which the function gets first.
    step
        Name of the step.
    kind
        What the function returns; see `write_result`.
    function, *arguments
        What it does.

    Returns
    -------
    object
        What the function returned, now or then.

    Raises
    ------
    InputError
        If the result of then is damaged.
    """
    path = plan.folder / f"{step}.npz"
    if path.exists():
        return read_result(path, kind)
    result = function(plan, *arguments)
    with atomic_path(path) as temporary:
        write_result(temporary, result)
    return result


def write_result(path: Path, result: object) -> None:
    """Write the result of a step.

    Parameters
    ----------
    path
        The file, x.npz.
    result
        An array, a number, bytes, a `Counter` of texts or numbers, a named tuple of these, or a
        tuple of such named tuples; None is a file without arrays.
    """
    arrays = {} if result is None else dict(_arrays_of(result, _ROOT))
    np.savez(path, allow_pickle=False, **arrays)


def read_result(path: Path, kind: type[T]) -> T | None:
    """Read the result of a step.

    Parameters
    ----------
    path
        The file.
    kind
        What the step returns.

    Raises
    ------
    InputError
        If the file is damaged. Its step cannot just be taken again: later ones may have changed
        what it wrote.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return _of_arrays(kind, arrays, _ROOT) if arrays.files else None
    except (EOFError, KeyError, OSError, RuntimeError, ValueError, zipfile.BadZipFile):
        raise InputError(
            f"{path} is damaged and cannot be gone on with: begin anew, with --overwrite and "
            "without --resume"
        ) from None


def _arrays_of(value: object, name: str) -> Iterator[tuple[str, np.ndarray]]:
    if isinstance(value, Counter):
        yield f"{name}.keys", np.array(list(value))
        yield f"{name}.counts", np.array(list(value.values()), np.int64)
    elif isinstance(value, bytes):
        yield name, np.frombuffer(value, np.uint8)
    elif isinstance(value, tuple):
        parts = getattr(value, "_fields", None) or range(len(value))
        yield f"{name}.parts", np.array(len(value))
        for part, content in zip(parts, value, strict=True):
            yield from _arrays_of(content, f"{name}.{part}")
    else:
        yield name, np.asarray(value)


def _of_arrays(kind: Any, arrays: Mapping[str, np.ndarray], name: str) -> Any:  # noqa: ANN401 - any type
    origin = typing.get_origin(kind) or kind
    if origin is Counter:
        keys, counts = (arrays[f"{name}.{part}"].tolist() for part in ("keys", "counts"))
        return Counter(dict(zip(keys, counts, strict=True)))
    if origin is bytes:
        return arrays[name].tobytes()
    if origin is np.ndarray:
        return arrays[name]
    if origin in (int, float):
        return origin(arrays[name])
    parts = int(arrays[f"{name}.parts"])
    if origin is tuple:
        (each, _) = typing.get_args(kind)
        return tuple(_of_arrays(each, arrays, f"{name}.{part}") for part in range(parts))
    fields = typing.get_type_hints(kind)
    if len(fields) != parts:
        raise ValueError
    return kind(*(_of_arrays(each, arrays, f"{name}.{part}") for part, each in fields.items()))
