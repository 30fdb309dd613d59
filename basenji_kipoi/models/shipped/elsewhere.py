"""Bundles that lie on other machines."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, field_validator

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.json_files import read_json
from basenji_kipoi.base.remote.copies import folder_of, local_copy

__all__ = ["fetched_model"]

_METADATA = "metadata.json"


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

    The metadata are asked for each time; files are fetched whose checksums they give and the copy
    has not.

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
        raise InputError(f"{address}: expected the address of a folder, without ? or #")
    address = address.rstrip("/")
    folder = folder_of(address)
    listing = read_json(_Listing, local_copy(f"{address}/{_METADATA}", folder))
    for name, digest in listing.sha256.items():
        local_copy(f"{address}/{name}#sha256={digest}", folder)
    return folder
