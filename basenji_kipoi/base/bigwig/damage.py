"""What the reader of bigWigs does about damage, as an error that the user can read."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from typing import TYPE_CHECKING

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["damage_is_an_error"]

_READING = threading.Lock()
#: Exceptions of pybigtools, which not every environment has.
_DAMAGE = ("PanicException", "BBIReadError")


@contextlib.contextmanager
def damage_is_an_error(problem: str) -> Iterator[None]:
    """Turn what pybigtools does about a damaged file into an `InputError`.

    Parameters
    ----------
    problem
        What could not be read, which begins the message.

    Raises
    ------
    InputError
        If the body meets damage.

    Notes
    -----
    It may panic, which Python sees as an exception that is no `Exception`, of a class that cannot
    be imported; and it writes to standard error what it thinks of the file. That is kept back while
    it reads, and shown afterwards if nothing is wrong: another thread may have written it.
    """
    reason = None
    with _READING, tempfile.TemporaryFile() as kept:
        try:
            real = os.dup(2)
        except OSError:
            real = None  # there is no standard error
        else:
            os.dup2(kept.fileno(), 2)
        try:
            yield
        except InputError:
            raise
        except (ValueError, OSError, KeyError, MemoryError) as error:
            reason = error
        except BaseException as error:
            if type(error).__name__ not in _DAMAGE:
                raise
            reason = error
        finally:
            if real is not None:
                os.dup2(real, 2)
                os.close(real)
        if reason is None and kept.tell():
            kept.seek(0)
            os.write(2, kept.read())
    if reason is not None:
        text = " ".join(str(reason).split())
        raise InputError(f"{problem}, it is damaged or incomplete ({text}): get it again") from None
