"""The exceptions for problems that the user of a command can mend."""

from __future__ import annotations

__all__ = ["InputError", "MissingLibraryError"]


class InputError(ValueError):
    """Input that cannot be used as it is.

    The message is a single line that names the file, line or record, says what was expected and
    what to do. Commands print it after ``error:`` and exit with status 2.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> try:
    ...     bk.load("no_model")
    ... except bk.InputError as error:
    ...     print(error)
    no model at no_model: expected a directory with metadata.json
    """


class MissingLibraryError(InputError, ImportError):
    """A library that not every environment has is needed, and not installed.

    Parameters
    ----------
    message
        The line that says so.
    name
        The library.
    """

    def __init__(self, message: str, *, name: str) -> None:
        super().__init__(message)
        self.name = name
