"""Which strand a track reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from basenji_kipoi.models.targets import Targets

__all__ = ["strand_of", "strands_of"]

_FORWARD = re.compile(r"(?i)([+]|[._-](plus|fwd|forward|pos|\+))$")
_REVERSE = re.compile(r"(?i)(-|[._-](minus|rev|reverse|neg))$")


def strand_of(identifier: str) -> str:
    """Tell a track's strand by its name's end: "+", "-", or "." for none."""
    if _FORWARD.search(identifier):
        return "+"
    return "-" if _REVERSE.search(identifier) else "."


def strands_of(targets: Targets) -> list[str]:
    """Tell the strand of each track: "+", "-", or "." for none.

    Of a strand pair whose names tell one of each, the names count; of others the first track is
    that of the plus strand. A track without a partner has the strand of its name.
    """
    named = [strand_of(label) for label in targets.labels]
    found = []
    for row in targets:
        own, partner = named[row.index], named[row.strand_pair]
        if row.strand_pair != row.index and {own, partner} != {"+", "-"}:
            own = "+" if row.index < row.strand_pair else "-"
        found.append(own)
    return found
