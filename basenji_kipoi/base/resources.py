"""The memory that a command takes."""

from __future__ import annotations

from basenji_kipoi.base.errors import InputError

__all__ = ["MEMORY", "MEMORY_BYTES", "bytes_of"]

#: Memory beside the networks (GiB), where none is named: for what windows share, and for
#: predictions at hand.
MEMORY = 2.0
#: The same in bytes.
MEMORY_BYTES = int(MEMORY * (1 << 30))
_MOST_MEMORY = 1 << 20


def bytes_of(memory: float) -> int:
    """Turn memory in GiB into bytes.

    Raises
    ------
    InputError
        If it is no positive number that a machine could have.
    """
    if not 0 < memory <= _MOST_MEMORY:
        raise InputError(
            f"--memory: {memory} GiB cannot be had: expected a number above 0 and at most "
            f"{_MOST_MEMORY:,}"
        )
    return int(memory * (1 << 30))
