"""Whether a bigWig has the form of one: what its reader does not survive is found before.

The reader takes sizes and places from the file as they come. A wrong size makes it ask for more
memory than there is, a wrong place lets it walk in circles, and both end the process.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, BinaryIO

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_form"]

_MAGIC, _BIGBED_MAGIC = 0x888FFC26, 0x8789F2EB
_NAMES_MAGIC, _INDEX_MAGIC = 0x78CA8C91, 0x2468ACE0
#: Version, zoom levels, places of names, data and index, two fields of bigBed, a place of its text,
#: place of the summary, bytes of a block, place of an extension.
_HEADER = "HHQQQHHQQIQ"
_ZOOM = "IIQQ"
#: Behind the magic number: block size, bytes of a key and of a value, number of names, reserved.
_NAMES = "IIIQQ"
#: Behind the magic number: block size, items, first and last place, end of the data, items a slot.
_INDEX = "IQIIIIQII"
_LONGEST_NAME = 2**16
#: Bytes of the largest block that a reader is asked to unpack.
_LARGEST_BLOCK = 2**28
_DEEPEST = 20


def check_form(path: Path) -> None:
    """Check that what a bigWig tells of its own parts lies in it.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    InputError
        If it does not, or the file is missing, no bigWig, or has no end.
    """
    try:
        with path.open("rb") as file:
            _Form(file).check()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}: expected a bigWig file") from None
    except (ValueError, struct.error) as error:
        raise InputError(
            f"{path}: not a readable bigWig file ({error}): it is damaged or incomplete, get it "
            "again"
        ) from None


class _Form:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        magic = file.read(4)
        for order in "<>":
            if magic in (struct.pack(f"{order}I", each) for each in (_MAGIC, _BIGBED_MAGIC)):
                self._order, self._magic = order, magic
                break
        else:
            raise ValueError("it does not begin as one")

    def check(self) -> None:
        _, zooms, names, data, index, _, _, _, summary, block, _ = self._unpack(4, _HEADER)
        if block > _LARGEST_BLOCK:
            raise ValueError(f"its blocks have {block:,} bytes")
        for place in (names, data, index, summary):
            self._check_within(place, 0)
        for number in range(zooms):
            *_, data, index = self._unpack(64 + struct.calcsize(f"={_ZOOM}") * number, _ZOOM)
            self._check_index(index)
        self._check_names(names)
        self._check_index(self._unpack(4, _HEADER)[4])
        if self._read(self._size - 4, 4) != self._magic:
            raise ValueError("the mark at its end is missing")

    def _check_names(self, place: int) -> None:
        magic, _, key, value, number, _ = self._unpack(place, f"I{_NAMES}")
        if magic != _NAMES_MAGIC or not 0 < key <= _LONGEST_NAME or value != 8:
            raise ValueError("its list of contigs is damaged")
        if number * (key + value) > self._size:
            raise ValueError(f"it lists {number:,} contigs, more than fit in it")
        self._walk(place + 32, leaf=key + value, inner=key + 8, at=key, sizes=False)

    def _check_index(self, place: int) -> None:
        magic, *_ = self._unpack(place, f"I{_INDEX}")
        if magic != _INDEX_MAGIC:
            raise ValueError("its index is damaged")
        self._walk(place + 48, leaf=32, inner=24, at=16, sizes=True)

    def _walk(self, root: int, *, leaf: int, inner: int, at: int, sizes: bool) -> None:
        """Visit all nodes of a tree; `at` is where an inner item has its child's place."""
        seen, level = {root}, [root]
        for _ in range(_DEEPEST):
            below = []
            for node in level:
                is_leaf, _, count = self._unpack(node, "BBH")
                items = self._read(node + 4, count * (leaf if is_leaf else inner))
                if not is_leaf:
                    form = struct.Struct(f"{self._order}{at}xQ{inner - at - 8}x")
                    below += [child for (child,) in form.iter_unpack(items)]
                elif sizes:
                    for start, size in struct.iter_unpack(f"{self._order}16xQQ", items):
                        self._check_within(start, size)
            if not below:
                return
            if len(set(below)) < len(below) or not seen.isdisjoint(below):
                break
            seen.update(below)
            level = below
        raise ValueError("its index goes in circles")

    def _unpack(self, place: int, form: str) -> tuple[int, ...]:
        form = self._order + form
        return struct.unpack(form, self._read(place, struct.calcsize(form)))

    def _read(self, place: int, size: int) -> bytes:
        self._check_within(place, size)
        self._file.seek(place)
        return self._file.read(size)

    def _check_within(self, place: int, size: int) -> None:
        if place < 0 or place + size > self._size:
            raise ValueError(f"it ends at {self._size:,}, before a part at {place:,}")
