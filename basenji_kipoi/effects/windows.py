"""Where the window of a variant lies.

A window is placed by the variant alone, never by the variants beside it in a file, so that parts
of a file give what the whole file gives. Windows may reach beyond the contig, whose outside is
unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import Allele
from basenji_kipoi.effects.passes import changed_bins
from basenji_kipoi.genome.alleles import AlleleWindow
from basenji_kipoi.genome.intervals import centred_window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.effects.passes import Pass
    from basenji_kipoi.models.networks.architecture import Architecture

__all__ = ["WindowPlacement", "WindowRule", "longest_allele"]


def longest_allele(architecture: Architecture) -> int:
    """Return the length of the longest REF or ALT that is scored where none is said (bp)."""
    return max(architecture.bins * architecture.bin // 4, 1)


class WindowRule(NamedTuple):
    """A rule that places the windows of variants, whatever the network.

    Attributes
    ----------
    kind : {"centred", "grid", "cluster"}
        As `WindowPlacement` has it.
    tile : int
        Length of a tile, whose variants share a window (bp); of ``cluster``.
    """

    kind: Literal["centred", "grid", "cluster"] = "centred"
    tile: int = 1

    def __str__(self) -> str:
        return f"cluster:{self.tile}" if self.kind == "cluster" else self.kind


@dataclass(frozen=True)
class WindowPlacement:
    """A rule that places windows.

    Attributes
    ----------
    kind : {"centred", "grid", "cluster"}
        ``centred``: the variant's first base is at index window / 2 - 1. ``grid``: the multiple of
        the bin that is nearest to that, so within half a bin of it. ``cluster``: the contig is cut
        into tiles from its first base on, and all variants of a tile share the grid window of the
        tile's middle.
    window, bin : int
        Length of a window and of a bin (bp).
    tile : int
        Length of a tile (bp), of ``cluster``.
    """

    kind: Literal["centred", "grid", "cluster"]
    window: int
    bin: int
    tile: int = 1

    @classmethod
    def of(
        cls, rule: WindowRule, architecture: Architecture, passes: Sequence[Pass]
    ) -> WindowPlacement:
        """Fit a rule to a network.

        Parameters
        ----------
        rule
            The rule.
        architecture, passes
            The network, and the shifts and strands that are averaged.

        Raises
        ------
        InputError
            If a shift leaves variants outside of what is predicted, or a tile is so long that a
            single base at its ends could change bins that are not predicted.
        """
        geometry = architecture.window, architecture.bin
        kind, tile = rule
        if kind != "cluster":
            _check_shifts(architecture, passes, 0 if kind == "centred" else architecture.bin // 2)
            return cls(kind, *geometry)
        longest = _longest_tile(architecture, passes)
        if tile > longest:
            limit = f"use at most cluster:{longest}" if longest else "use grid"
            raise InputError(
                f"--window: variants of cluster:{tile} could change bins beyond those that the "
                f"model predicts: {limit}"
            )
        return cls("cluster", *geometry, tile)

    def start(self, position: int) -> int:
        """Place the window of a variant.

        Parameters
        ----------
        position
            The variant's first base (0-based).

        Returns
        -------
        int
            First base of the window (0-based), negative where it begins before the contig.
        """
        if self.kind == "cluster":
            position = position // self.tile * self.tile + self.tile // 2
        # Of an even window, the variant's first base is the one left of the middle.
        behind = position + 1
        grid = 1 if self.kind == "centred" else self.bin
        return centred_window(behind, behind, self.window, grid=grid)[0]


def _check_shifts(architecture: Architecture, passes: Sequence[Pass], reach: int) -> None:
    """Check that shifted windows predict where the variant is, which lies ``reach`` bp off."""
    middle = architecture.window // 2 - 1
    begin = architecture.crop * architecture.bin
    end = begin + architecture.bins * architecture.bin
    for shift in sorted({each.shift for each in passes} - {0}):
        if not begin <= middle - shift - reach <= middle - shift + reach < end:
            raise InputError(
                f"--shifts: windows shifted by {shift} bp predict nothing where the variant "
                f"is: the {end - begin} bp in their middle are predicted"
            )


def _longest_tile(architecture: Architecture, passes: Sequence[Pass]) -> int:
    """Find the longest tile whose single bases change predicted bins only (bp)."""
    middle = architecture.window // 2 - 1
    # A base that replaces itself: only where it lies matters.
    base = np.zeros(1, dtype=np.uint8)

    def fits(tile: int) -> bool:
        # Snapping to the grid moves the window by up to half a bin either way.
        ends = (
            middle - tile // 2 - architecture.bin // 2,
            middle + (tile - 1) - tile // 2 + architecture.bin // 2,
        )
        spans = [
            changed_bins(architecture, passes, AlleleWindow("", 0, Allele(end, 1, base)))
            for end in ends
        ]
        return all(first >= 0 and last <= architecture.bins for first, last in spans)

    shortest, longest = 0, architecture.window
    while shortest < longest:
        tile = (shortest + longest + 1) // 2
        shortest, longest = (tile, longest) if fits(tile) else (shortest, tile - 1)
    return longest
