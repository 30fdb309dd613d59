"""Figures as files: PNG, SVG or PDF, as the name says."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from matplotlib.figure import Figure

__all__ = ["check_figure", "save_figure"]

_FORMATS = ("png", "svg", "pdf")
_DOTS_PER_INCH = 150
#: What a file tells of when it was made: nothing, so that equal figures are equal files.
_UNDATED = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None, "ModDate": None}}


def check_figure(
    path: str | os.PathLike[str],
    *,
    overwrite: bool,
    inputs: Iterable[str | os.PathLike[str] | None] = (),
) -> None:
    """Check that a figure may be written, before any work is spent on it.

    Parameters
    ----------
    path
        The file.
    overwrite, inputs
        As `basenji_kipoi.base.atomic.check_output` takes them.

    Raises
    ------
    InputError
        If the name's ending is none of the formats, or the file may not be written.
    """
    if _format_of(path) not in _FORMATS:
        raise InputError(f"--out {path}: expected a name that ends in .png, .svg or .pdf")
    check_output(path, overwrite=overwrite, inputs=inputs)


def save_figure(figure: Figure, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a figure in the format of the name's ending, whole or not at all."""
    from matplotlib import rc_context  # noqa: PLC0415 - takes seconds

    kind = _format_of(path)
    # Letters of an SVG stay letters, which can be searched; identifiers come from no random number.
    settings = {"svg.fonttype": "none", "svg.hashsalt": "basenji", "pdf.fonttype": 42}
    # In memory first: on a full disk matplotlib's own writing of a PDF fails for another reason.
    content = io.BytesIO()
    with rc_context(settings):
        figure.savefig(content, format=kind, dpi=_DOTS_PER_INCH, metadata=_UNDATED[kind])
    with atomic_path(path, overwrite=overwrite) as scratch:
        scratch.write_bytes(content.getvalue())


def _format_of(path: str | os.PathLike[str]) -> str:
    return Path(path).suffix[1:].lower()
