"""Models that come with the package, and go by a name.

A wheel has each in a folder beside this file, where ``setup.py`` copies it to when the wheel is
built; a checkout of the repository has it at its top.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.remote.addresses import check_scheme, is_address, whole_address

if TYPE_CHECKING:
    import os

__all__ = ["SHIPPED", "model_folder"]

#: Folder of each shipped model in a checkout, by the model's name.
SHIPPED = {"yeast": "model_files"}
_HERE = Path(__file__).resolve().parent
_CHECKOUT = _HERE.parents[2]


def model_folder(model: str | os.PathLike[str]) -> Path:
    """Find the folder of a model.

    Parameters
    ----------
    model
        The folder, or the name of a shipped model. Where there is a file or folder of that name, it
        is what is meant. Or the address of a bundle elsewhere (https, http, s3, gs).

    Returns
    -------
    Path
        The folder; of an address, that of its copy.

    Raises
    ------
    InputError
        If there is no such folder, or it cannot be fetched.
    """
    check_scheme(model)
    if is_address(model):
        # Few need it, and what it needs takes time to import.
        from basenji_kipoi.models.shipped.elsewhere import fetched_model  # noqa: PLC0415

        return fetched_model(whole_address(model))
    path, name = Path(model), str(model)
    if name in SHIPPED and not path.exists():
        packaged = _HERE / name
        path = packaged if packaged.is_dir() else _CHECKOUT / SHIPPED[name]
    if not path.is_dir():
        raise InputError(
            f"no model at {path}: expected a directory with metadata.json, or a name that comes "
            f"with the package ({', '.join(SHIPPED)})"
        )
    return path
