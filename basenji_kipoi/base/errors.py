"""The one exception for problems that the user of a command can mend."""

from __future__ import annotations

__all__ = ["InputError"]


class InputError(ValueError):
    """Input that cannot be used as it is.

    The message is a single line that names the file, line or record, says what was expected and
    what to do. Commands print it after ``error:`` and exit with status 2.
    """
