"""Files of the 2018 family (Kelley et al. 2018): params.txt and a TensorFlow 1 checkpoint."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import check_seekable, text_lines
from basenji_kipoi.models.networks.architecture import MOST_NUMBER, Architecture
from basenji_kipoi.published.model import (
    Kind,
    PublishedModel,
    PublishedWeights,
    StoredVariable,
    listed,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Collection

__all__ = ["Checkpoint", "read_checkpoint", "read_params"]

#: Layers' entries, each standing once a layer or once for all, and what they are if left out.
_LAYER_ENTRIES = {
    "cnn_filters": None,
    "cnn_filter_sizes": 1,
    "cnn_pool": 1,
    "cnn_dilation": 1,
    "cnn_dropout": 0.0,
    "cnn_dense": 0,
}
#: Entries of the original program that change the network, with the only value supported here.
_FIXED_ENTRIES = {
    "architecture": "cnn",
    "batch_norm": "1",
    "cnn_skip": "0",
    "cnn_stride": "1",
    "nonlinearity": "relu",
    "seq_depth": "4",
    "target_classes": "1",
}
#: Entries that would add layers which this reader does not know.
_OTHER_LAYERS = re.compile(r"(cnn|conv|dcnn|rnn|full)_(?!l2)")
#: What training leaves beside a network's variables: slots of optimisers, counters, and statistics
#: of batch renormalisation.
_TRAINING_ONLY = re.compile(
    r"(^|/)(Adam(_\d+)?|Momentum|RMSProp(_\d+)?|beta[12]_power|global_step|renorm_\w+)$"
)


def read_params(path: str | os.PathLike[str]) -> Architecture:
    """Read the network that a params.txt describes.

    Every line holds a name and a value; entries of layers (``cnn_filters``, ...) stand once for
    each layer, in order. Entries of training are passed over.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Architecture
        The network, with one head, "final".

    Raises
    ------
    InputError
        If the file is missing, lacks an entry, or describes something else than the convolutions
        of this family; names the entry.
    """
    path = Path(path)
    entries: dict[str, list[str]] = defaultdict(list)
    with text_lines(path, "parameter") as lines:
        for _, line in lines:
            words = line.split()
            if len(words) not in (0, 2):
                raise ValueError(f"expected a name and a value, not {line!r}")
            if words:
                entries[words[0]].append(words[1])
    for name, values in entries.items():
        if name in _FIXED_ENTRIES:
            if set(values) != {_FIXED_ENTRIES[name]}:
                raise InputError(
                    f"{path}: {name} {values[0]} is not supported, only {_FIXED_ENTRIES[name]}"
                )
        elif _OTHER_LAYERS.match(name) and name not in _LAYER_ENTRIES:
            raise InputError(f"{path}: {name} is not supported: no layer of the 2018 family has it")
    trunk, bin_ = _trunk(entries, path)
    buffer = _number(entries, "batch_buffer", path)
    if buffer % bin_:
        raise InputError(f"{path}: batch_buffer {buffer:g} is no multiple of the bin, {bin_} bp")
    content = {
        "window": _number(entries, "seq_length", path),
        "trunk": [*trunk, {"op": "crop", "bins": int(buffer) // bin_}],
        "heads": {
            "final": {
                "tracks": _number(entries, "num_targets", path),
                "activation": _value(entries, "link", path),
            }
        },
    }
    try:
        return Architecture.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"]) or "the network"
        raise InputError(f"{path}: {place}: {first['msg']}") from None


def _trunk(entries: dict[str, list[str]], path: Path) -> tuple[list[dict[str, Any]], int]:
    """Describe the layers; also give the bin (bp)."""
    layers = len(entries["cnn_filters"])
    if not layers:
        raise InputError(f"{path}: no cnn_filters: expected the params.txt of a 2018 network")
    columns = {}
    for name, default in _LAYER_ENTRIES.items():
        values = entries[name] or [default]
        if len(values) not in (1, layers):
            raise InputError(
                f"{path}: {name} stands {len(values)} times; expected once for each of the "
                f"{layers} layers (cnn_filters), or once for all"
            )
        try:
            columns[name] = [_finite(value) for value in values] * (layers // len(values))
        except ValueError:
            shown = listed(map(str, values))
            raise InputError(f"{path}: {name}: expected numbers, not {shown}") from None
        if name == "cnn_pool" and min(columns[name]) < 1:
            raise InputError(f"{path}: {name}: expected numbers from 1 on, not {listed(values)}")
    trunk, bin_ = [], 1
    for filters, kernel, pool, dilation, dropout, dense in zip(*columns.values()):
        block = [
            {"op": "convolution", "filters": filters, "kernel": kernel, "dilation": dilation},
            {"op": "normalisation"},
            {"op": "activation", "function": "relu"},
        ]
        if pool > 1:
            block.append({"op": "pooling", "size": pool})
        if dropout:
            block.append({"op": "dropout", "rate": dropout})
        trunk += [{"op": "concatenate", "branch": block}] if dense else block
        bin_ *= int(pool)
    return trunk, bin_


def _value(entries: dict[str, list[str]], name: str, path: Path) -> str:
    values = entries[name]
    if len(values) != 1:
        raise InputError(
            f"{path}: {name} stands {len(values)} times; expected one line '{name} ...'"
        )
    return values[0]


def _number(entries: dict[str, list[str]], name: str, path: Path) -> float:
    value = _value(entries, name, path)
    try:
        return _finite(value)
    except ValueError:
        raise InputError(f"{path}: {name}: expected a number, not {value!r}") from None


def _finite(value: str | float) -> float:
    """Read a number; one that is larger than any network's is none."""
    number = float(value)
    if not abs(number) <= MOST_NUMBER:
        raise ValueError(f"{value} is no number of a network")
    return number


class Checkpoint(PublishedWeights):
    """A checkpoint of TensorFlow 1, read without its graph (the .meta file).

    Parameters
    ----------
    prefix
        The files' common name: with "model.tf", model.tf.index and model.tf.data-00000-of-00001.
    """

    family = "the 2018 family"

    def __init__(self, prefix: str | os.PathLike[str]) -> None:
        self.path = Path(prefix)

    @property
    def files(self) -> list[Path]:
        """The index and the data, in as many files as there are."""
        return [
            self.path.with_name(f"{self.path.name}.index"),
            *sorted(self.path.parent.glob(f"{self.path.name}.data-*")),
        ]

    def variables(self) -> dict[str, StoredVariable]:
        """Find the network's variables; see `PublishedWeights.variables`."""
        # Only readers of checkpoints need TensorFlow itself, whatever runs the network.
        import tensorflow as tf  # noqa: PLC0415

        index = self.files[0]
        if not index.is_file():
            raise InputError(
                f"{index} is missing: name the checkpoint without .index and .data-..., for "
                "instance model.tf"
            )
        for path in self.files:
            check_seekable(path, "checkpoint")
        try:
            checkpoint = tf.train.load_checkpoint(str(self.path))
        except _reader_errors() as error:
            raise InputError(f"{index} is no checkpoint of TensorFlow: {_reason(error)}") from error
        shapes = checkpoint.get_variable_to_shape_map()
        types = checkpoint.get_variable_to_dtype_map()
        variables = {}
        for name in sorted(shapes):
            # A slot is named after its variable, whichever optimiser it belongs to.
            if _TRAINING_ONLY.search(name) or name.rpartition("/")[0] in shapes:
                continue
            stored = StoredVariable(
                tuple(shapes[name]),
                types[name].name,
                partial(self._read, checkpoint, name),
            )
            if name == "final/conv1d/kernel":  # a convolution of one position is a matrix product
                stored = stored._replace(shape=stored.shape[1:], read=lambda s=stored: s.read()[0])
            variables[name] = stored
        return variables

    def _read(self, checkpoint: Any, name: str) -> Any:  # noqa: ANN401 - TensorFlow is not imported
        try:
            return checkpoint.get_tensor(name)
        except _reader_errors() as error:
            raise InputError(
                f"{self.path}.data-*: {name} cannot be read; the file is damaged or incomplete, "
                f"get it again: {_reason(error)}"
            ) from error

    def layer(self, kind: Kind, number: int, stored: Collection[str]) -> str:
        """Name a layer; see `PublishedWeights.layer`."""
        return {
            "convolution": f"cnn{number}/conv1d",
            "normalisation": f"cnn{number}/batch_normalization",
            # Later releases of the original program renamed it.
            "head": "final/dense" if "final/dense/kernel" in stored else "final/conv1d",
        }[kind]


def read_checkpoint(
    prefix: str | os.PathLike[str],
    params: str | os.PathLike[str],
    **details: Any,  # noqa: ANN401 - each documented at `PublishedModel`
) -> PublishedModel:
    """Open a network of the 2018 family.

    Parameters
    ----------
    prefix
        The checkpoint, as `Checkpoint` takes it.
    params
        Its params.txt.
    details
        Targets, name and assembly, as `PublishedModel` takes them.

    Raises
    ------
    InputError
        If the parameter file is bad. The weights are read, and checked, when the network is built.
    """
    return PublishedModel(read_params(params), Checkpoint(prefix), params=params, **details)


def _reader_errors() -> tuple[type[Exception], ...]:
    """List what TensorFlow's reader raises: some of its errors become Python's."""
    import tensorflow as tf  # noqa: PLC0415 - needed where a checkpoint is read

    return tf.errors.OpError, IndexError, RuntimeError, ValueError


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
