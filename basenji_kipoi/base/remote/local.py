"""Files on this machine, wherever they came from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from basenji_kipoi.base.remote.addresses import check_scheme, is_address, whole_address

if TYPE_CHECKING:
    from basenji_kipoi.base.remote.addresses import PathOrAddress

__all__ = ["local_path"]


def local_path(path: PathOrAddress) -> Path:
    """Have a file on this machine: itself, or of an address its copy.

    Raises
    ------
    InputError
        If the file of an address cannot be got, as `basenji_kipoi.base.remote.copies.local_copy`
        does.
    """
    check_scheme(path)
    if not is_address(path):
        return Path(path)
    # Few need it, and the dataloader's environment has not all that it needs.
    from basenji_kipoi.base.remote.copies import local_copy  # noqa: PLC0415

    return local_copy(whole_address(path))
