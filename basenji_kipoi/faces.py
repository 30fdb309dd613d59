"""The public face: names that are imported when they are used, and how objects show themselves.

A face (the ``__init__`` of the package or of a room) names what it offers and imports none of it
(PEP 562), so that importing it takes no time and no library; a name that needs a library which is
not installed says which one, in one line.
"""

from __future__ import annotations

import html
import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Callable

__all__ = ["face", "html_table", "library"]

#: Packages whose name to install is not the one to import.
_INSTALLED_AS = {"Bio": "biopython", "modiscolite": "modisco-lite", "sklearn": "scikit-learn"}
_OWN = __name__.partition(".")[0]


def face(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the two functions that turn a package into a lazy face.

    What a name is, the package says once, in its imports for type checkers; these are read when a
    name is first used.

    Parameters
    ----------
    package
        The package's ``__name__``. Its ``__all__`` lists what it offers.

    Returns
    -------
    callable, callable
        Its ``__getattr__`` and its ``__dir__``.
    """
    if package == _OWN:
        # Here, where every import of the package begins: a face itself imports nothing.
        from basenji_kipoi.models.tensorflow_notices import leave_out_notices  # noqa: PLC0415

        leave_out_notices()

    def get(name: str) -> Any:  # noqa: ANN401 - whatever the package offers
        module = sys.modules[package]
        if name not in module.__all__:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(library(_places(package)[name], f"{package}.{name}"), name)
        # The next use finds it without asking.
        setattr(module, name, found)
        return found

    def names() -> list[str]:
        module = sys.modules[package]
        return sorted({*vars(module), *module.__all__})

    return get, names


def _places(package: str) -> dict[str, str]:
    """Map each name that a face offers to the module that defines it."""
    import ast  # noqa: PLC0415 - importing a face reads nothing

    source = sys.modules[package].__spec__.loader.get_source(package)
    return {
        alias.name: node.module
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module != __name__
        for alias in node.names
    }


def library(name: str, purpose: str, *, otherwise: str = "") -> Any:  # noqa: ANN401 - a module
    """Import a module that needs what not every environment has.

    Parameters
    ----------
    name
        The module.
    purpose
        What needs it, for the message.
    otherwise
        What to do without it, for the message.

    Raises
    ------
    MissingLibraryError
        If it, or a package that it imports, is not installed; says what installs that.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = (error.name or name).partition(".")[0]
        if missing == _OWN:
            raise
        from basenji_kipoi.base.errors import MissingLibraryError  # noqa: PLC0415 - faces are light

        install = f"pip install {_INSTALLED_AS.get(missing, missing)}"
        more = f"; {otherwise}" if otherwise else ""
        raise MissingLibraryError(
            f"{purpose} needs {missing}, which is not installed ({install}){more}", name=missing
        ) from error


def html_table(title: str, rows: Iterable[tuple[str, object]]) -> str:
    """Make the HTML by which an object shows itself in a notebook.

    Parameters
    ----------
    title
        What it is.
    rows
        Names and values; both and the title are escaped.
    """
    cells = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'>{html.escape(str(value))}</td></tr>"
        for name, value in rows
    )
    return f"<table><caption>{html.escape(title)}</caption>{cells}</table>"
