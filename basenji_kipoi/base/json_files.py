"""JSON files of which a pydantic class says what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import check_seekable

if TYPE_CHECKING:
    import os

__all__ = ["read_json"]

_Content = TypeVar("_Content", bound=BaseModel)


def read_json(kind: type[_Content], path: str | os.PathLike[str]) -> _Content:
    """Read a file.

    Parameters
    ----------
    kind
        The pydantic class.
    path
        The JSON file.

    Raises
    ------
    InputError
        If the file is missing, a directory, a pipe (which might be waited for), or does not fit the
        class; names the first entry that does not.
    """
    path = Path(path)
    check_seekable(path, "JSON")
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path} is missing") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a directory: expected a JSON file") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"]) or "the file"
        raise InputError(f"{path}: {place}: {first['msg']}") from None
