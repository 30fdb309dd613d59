"""Files of Keras weights: read with suspicion, written where there is room for them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.atomic import check_space
from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    import os
    from pathlib import Path

    import h5py
    import keras

__all__ = ["check_finite", "halve", "load_weights", "save_weights"]


def load_weights(network: keras.Model, path: Path, described: str | os.PathLike[str]) -> None:
    """Give a network the weights of a file of Keras.

    Parameters
    ----------
    network
        The network.
    path
        The file, which may come from anywhere.
    described
        What described the network, for messages.

    Raises
    ------
    InputError
        If the file is damaged, leads to other files, or does not fit the network.
    """
    from basenji_kipoi.base.array_files import open_hdf5  # noqa: PLC0415 - h5py takes a moment

    with open_hdf5(path):
        try:
            with warnings.catch_warnings():
                # The error says the same in one line.
                warnings.simplefilter("ignore")
                network.load_weights(path)
        except Exception as error:
            # Keras passes on whatever a damaged file makes h5py and NumPy raise.
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(f"{path} does not fit {described}: {reason}") from error


def save_weights(network: keras.Model, path: Path) -> None:
    """Write a network's weights to a new file of Keras.

    Raises
    ------
    InputError
        If there is no room for them.
    """
    size = sum(variable.numpy().nbytes for variable in network.weights)
    # Keras writes HDF5 itself, which crashes on a full disk; beside the weights, it describes them.
    check_space(path, size + 4096 * (len(network.weights) + len(network.layers) + 1))
    network.save_weights(path)


def check_finite(values: np.ndarray, name: str, path: str | os.PathLike[str]) -> None:
    """Check the weights of a variable: one that is infinite or NaN spoils some or all predictions.

    Raises
    ------
    InputError
        If one is not finite; names the file and the variable.
    """
    # Half-precision types of other packages know no isfinite.
    if not np.isfinite(values.astype(np.float32)).all():
        raise InputError(
            f"{path}: {name} has weights that are not finite numbers: the file is damaged, get it "
            "again"
        )


def halve(path: Path) -> None:
    """Write the numbers of a weights file in float16."""
    import h5py  # noqa: PLC0415 - takes a moment; only writers of models need it here

    from basenji_kipoi.base.array_files import NewHdf5  # noqa: PLC0415 - likewise

    full = path.with_name(f"{path.name}.full")
    path.replace(full)
    with h5py.File(full) as source, NewHdf5(path) as new:
        target = new.file

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                value = item[()]
                # Counters, such as a random generator's, are whole numbers and stay.
                is_float = np.issubdtype(value.dtype, np.floating)
                made = target.create_dataset(
                    name, data=value.astype("float16") if is_float else value
                )
            else:
                made = target.require_group(name)
            made.attrs.update(item.attrs)

        target.attrs.update(source.attrs)
        source.visititems(copy)
    full.unlink()
