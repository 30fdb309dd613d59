"""The windows in which an interval's mutations are predicted.

An interval is cut into **pieces** of equal length, as few as possible so that everything that a
base of a piece can change lies in the bins that its window predicts, whichever strand is read.
Where the network predicts too little of its window for that, a piece is no longer than a quarter of
what is predicted. A piece stands in the middle of its window but for at most half a bin: windows
start at multiples of the bin (unless they are one bin), so that all of them divide the genome into
the same bins.

Work is done and kept in **blocks**, parts of pieces that are small enough to be held in memory.
Blocks of a piece share its window: how work is divided changes no score.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from basenji_kipoi.genome.intervals import centred_window
from basenji_kipoi.models.networks.operations import needed_by

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from basenji_kipoi.genome.intervals import Interval
    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.models.networks.operations import Span

__all__ = ["Block", "blocks_of", "complete_span", "piece_length", "pieces_of"]

#: What a block holds at most: values (128 MiB of float32), and positions, which are done again if
#: a run is killed among them.
_BLOCK_VALUES, _BLOCK_POSITIONS = 1 << 25, 2048


@dataclass(frozen=True)
class Block:
    """Neighbouring positions of an interval, and the window that they are mutated in.

    Attributes
    ----------
    interval : int
        Number of the interval.
    chrom : str
        Contig.
    start, end : int
        Positions [start, end), 0-based.
    window : int
        First base of the window (0-based); it may lie before the contig, whose outside is unknown.
    """

    interval: int
    chrom: str
    start: int
    end: int
    window: int

    def __len__(self) -> int:
        return self.end - self.start


def complete_span(architecture: Architecture) -> Span:
    """Find the bases of a window whose every effect lies in predicted bins, on both strands.

    Parameters
    ----------
    architecture
        The network's geometry.

    Returns
    -------
    tuple of int
        Bases [start, end), the same number from both ends of the window; empty (start >= end) if
        there are none.
    """
    trunk, window, bins = architecture.trunk, architecture.window, architecture.bins
    # What the neighbours of the predicted bins do not depend on changes predicted bins only.
    _, start = needed_by(trunk, -1, 0)
    end, _ = needed_by(trunk, bins, bins + 1)
    start = max(start, window - end, 0)
    return start, window - start


def piece_length(architecture: Architecture) -> int:
    """Return the largest length of a piece (bp)."""
    start, end = complete_span(architecture)
    # The window's start is moved to the grid by up to half a bin, either way.
    if (length := end - start - architecture.bin) >= architecture.bin:
        return length
    return max(1, architecture.bins * architecture.bin // 4)


def pieces_of(intervals: Sequence[Interval], architecture: Architecture) -> Iterator[Block]:
    """Cut intervals into pieces, each with its window.

    Parameters
    ----------
    intervals
        Intervals of any length.
    architecture
        The network's geometry.

    Yields
    ------
    Block
        The pieces of the first interval from left to right, then those of the second, and so on.
    """
    longest = piece_length(architecture)
    # On the grid, a window of a single bin would not reach around the pieces at its ends.
    step = architecture.bin if architecture.window > architecture.bin else 1
    for number, interval in enumerate(intervals):
        pieces = -(-len(interval) // longest)
        edges = [interval.start + len(interval) * i // pieces for i in range(pieces + 1)]
        for start, end in zip(edges, edges[1:]):
            window, _ = centred_window(start, end, architecture.window, grid=step)
            yield Block(number, interval.chrom, start, end, window)


def blocks_of(pieces: Sequence[Block], values: int) -> Iterator[Block]:
    """Cut pieces into blocks that are held in memory one at a time.

    Parameters
    ----------
    pieces
        The pieces.
    values
        Values of a position, over all its mutations, tracks and scores.

    Yields
    ------
    Block
        Blocks in the order of the pieces, from left to right.
    """
    longest = max(1, min(_BLOCK_POSITIONS, _BLOCK_VALUES // values))
    for piece in pieces:
        for start in range(piece.start, piece.end, longest):
            yield replace(piece, start=start, end=min(start + longest, piece.end))
