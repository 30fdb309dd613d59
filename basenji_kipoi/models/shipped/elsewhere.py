"""Bundles that lie on other machines."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from urllib.parse import quote

from pydantic import BaseModel, field_validator

from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.json_files import read_json
from basenji_kipoi.base.remote.addresses import shown_address
from basenji_kipoi.base.remote.copies import AbsentError, folder_of, local_copy

__all__ = ["fetched_model"]

_METADATA = "metadata.json"
#: What stands beside a model's files and names its weights, so that no checksum is needed.
_BESIDE = ("background.parquet", "background.genes.parquet")


class _Listing(BaseModel):
    """What a bundle's metadata say of its files: the checksum of each."""

    sha256: dict[str, str]

    @field_validator("sha256")
    @classmethod
    def _are_names(cls, files: dict[str, str]) -> dict[str, str]:
        if any(Path(name).name != name or name == ".." for name in files):
            raise ValueError("expected names of files beside the metadata")
        return files


def fetched_model(address: str) -> Path:
    """Have a copy of a bundle that lies elsewhere.

    The metadata are asked for each time. What they describe lies in a folder of its own, for which
    files are fetched that it lacks: so a model that is exchanged there is never mixed with the one
    that was there before, and a command that reads this goes on undisturbed.

    Parameters
    ----------
    address
        The folder that holds ``metadata.json``, as ``https://host/model`` or ``s3://bucket/model``.

    Returns
    -------
    Path
        The copy's folder.

    Raises
    ------
    InputError
        If a file cannot be got or is not the one that the metadata describe.
    """
    if "?" in address or "#" in address:
        raise InputError(
            f"{shown_address(address)}: expected the address of a folder, without ? or #"
        )
    address = address.rstrip("/")
    above = folder_of(address)
    metadata = local_copy(f"{address}/{_METADATA}", above)
    content = metadata.read_bytes()
    listing = read_json(_Listing, metadata)
    folder = above / hashlib.sha256(content).hexdigest()[:16]
    for name, digest in listing.sha256.items():
        local_copy(f"{address}/{quote(name)}#sha256={digest}", folder)
    if not (folder / _METADATA).exists():
        for name in _BESIDE:
            with contextlib.suppress(AbsentError):
                local_copy(f"{address}/{name}", folder)
        with atomic_path(folder / _METADATA, overwrite=True) as path:
            path.write_bytes(content)
    return folder
