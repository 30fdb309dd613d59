"""What servers and buckets say of a file, in one form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Callable

__all__ = ["Answer", "ChangedError"]


class ChangedError(ConnectionError):
    """A file that was replaced where it lies while it was fetched."""

    def __init__(self) -> None:
        super().__init__("it was replaced while it was fetched")


@dataclass(frozen=True)
class Answer:
    """What a server says of a file, and the bytes that it sends.

    Attributes
    ----------
    begin : int
        The first byte that it sends, which may be none of the asked ones: not all can begin
        anywhere.
    size : int or None
        Bytes of the whole file, if it says so.
    version : str or None
        What differs when the file is another one: its tag, or the time of its last change.
    has_end : bool
        Whether a connection that ends too early can be told.
    is_page : bool
        Whether it calls it a page to look at, as servers do that ask for a login instead.
    read : callable
        ``read()`` receives the next bytes, none at the end.
    """

    begin: int
    size: int | None
    version: str | None
    has_end: bool
    read: Callable[[], bytes]
    is_page: bool = False
