"""The compressed blocks of a bigWig: made of a part of a contig at a time, in any process.

The format is described by Kent et al. 2010 (Bioinformatics 26:2204), its supplement. Values lie in
blocks that are compressed each for themselves, either as intervals or, where nearly every base has
a value of its own, as one value a base, which takes a third of the room. Summaries of bins, from 64
bp on, lie in blocks of their own; bins that hold no value have none.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ALIGNMENT", "BLOCK", "INTERVALS", "REDUCTIONS", "Layer", "Piece", "encode"]

#: Widths of the bins that are summarised (bp).
REDUCTIONS = tuple(64 << (2 * level) for level in range(7))
#: Parts begin at multiples of this (bp), so that no bin lies in two of them.
ALIGNMENT = REDUCTIONS[-1]
#: Where a block lies on its contig (0-based, half-open, bp), and its compressed size (bytes).
BLOCK = np.dtype([("start", "u4"), ("end", "u4"), ("size", "u8")])
#: Intervals, or summaries, of a block.
INTERVALS = 1024
# Single bases of a block; as many bytes as that many intervals, roughly.
_BASES = 4096
_HEADER = struct.Struct("<IIIIIBBH")
_AS_INTERVALS, _AS_BASES = 1, 3
# What a block costs beside its values: its header and its place in the index (bytes).
_OVERHEAD = 56
_INTERVAL = np.dtype([("start", "<u4"), ("end", "<u4"), ("value", "<f4")])
_SUMMARY = np.dtype(
    [
        ("contig", "<u4"),
        ("start", "<u4"),
        ("end", "<u4"),
        ("bases", "<u4"),
        ("minimum", "<f4"),
        ("maximum", "<f4"),
        ("total", "<f4"),
        ("squares", "<f4"),
    ]
)
# Values of real tracks are noisy: more effort would hardly make them smaller.
_EFFORT = 1


class Layer(NamedTuple):
    """Blocks of one kind: ``data``, compressed; their table (`BLOCK`); how many items they hold."""

    data: bytes
    blocks: np.ndarray
    items: int


class Piece(NamedTuple):
    """What a part of a contig adds to a bigWig.

    Attributes
    ----------
    contig
        The contig's index among their sorted names.
    values
        The values.
    summaries
        Those of each of `REDUCTIONS`.
    bases
        Bases that have a value.
    minimum, maximum, total, squares
        Of these values; total and squares are sums.
    largest
        Bytes of the largest block before compression.
    """

    contig: int
    values: Layer
    summaries: tuple[Layer, ...]
    bases: int
    minimum: float
    maximum: float
    total: float
    squares: float
    largest: int


def encode(
    contig: int, length: int, start: np.ndarray, end: np.ndarray, value: np.ndarray
) -> Piece:
    """Compress a part of a contig.

    Parameters
    ----------
    contig
        The contig's index among their sorted names.
    length
        Its length (bp).
    start, end : ndarray, int64, shape (runs,)
        Intervals (0-based, half-open), sorted, without overlap, at least one. The part has a few
        million bases at most, and no other part has any of its `ALIGNMENT`-wide bins.
    value : ndarray, float32, shape (runs,)
        Their values.
    """
    bases = int((end - start).sum())
    first = np.flatnonzero(np.concatenate([[True], start[1:] != end[:-1]]))
    stretches = np.add.reduceat(end - start, first)
    as_bases = 4 * bases + _OVERHEAD * int((-(-stretches // _BASES)).sum())
    as_intervals = (_INTERVAL.itemsize + _OVERHEAD / INTERVALS) * len(start)
    if as_bases < as_intervals:
        raw = _by_base(contig, start[first], stretches, np.repeat(value, end - start))
    else:
        raw = _by_interval(contig, start, end, value)
    values, largest = _layer(raw, bases if as_bases < as_intervals else len(start))
    levels = _levels(contig, length, start, end, value)
    summaries = []
    for table in levels:
        layer, size = _layer(_by_summary(table), len(table))
        summaries.append(layer)
        largest = max(largest, size)
    widths, exact = end - start, value.astype(np.float64)
    return Piece(
        contig,
        values,
        tuple(summaries),
        bases,
        float(exact.min()),
        float(exact.max()),
        float((exact * widths).sum()),
        float((exact**2 * widths).sum()),
        largest,
    )


def _layer(raw: Iterator[tuple[int, int, bytes]], items: int) -> tuple[Layer, int]:
    """Compress blocks; return them with the bytes of the largest before that."""
    compressed, rows, largest = [], [], 0
    for start, end, block in raw:
        largest = max(largest, len(block))
        compressed.append(zlib.compress(block, _EFFORT))
        rows.append((start, end, len(compressed[-1])))
    return Layer(b"".join(compressed), np.array(rows, BLOCK), items), largest


def _by_base(
    contig: int, starts: np.ndarray, sizes: np.ndarray, value: np.ndarray
) -> Iterator[tuple[int, int, bytes]]:
    values = value.astype("<f4").tobytes()
    done = 0
    for start, size in zip(starts.tolist(), sizes.tolist()):
        for offset in range(0, size, _BASES):
            count = min(_BASES, size - offset)
            left = start + offset
            header = _HEADER.pack(contig, left, left + count, 1, 1, _AS_BASES, 0, count)
            yield left, left + count, header + values[4 * done : 4 * (done + count)]
            done += count


def _by_interval(
    contig: int, start: np.ndarray, end: np.ndarray, value: np.ndarray
) -> Iterator[tuple[int, int, bytes]]:
    items = np.empty(len(start), _INTERVAL)
    items["start"], items["end"], items["value"] = start, end, value
    for at in range(0, len(items), INTERVALS):
        block = items[at : at + INTERVALS]
        left, right = int(block["start"][0]), int(block["end"][-1])
        header = _HEADER.pack(contig, left, right, 0, 0, _AS_INTERVALS, 0, len(block))
        yield left, right, header + block.tobytes()


def _by_summary(table: np.ndarray) -> Iterator[tuple[int, int, bytes]]:
    for at in range(0, len(table), INTERVALS):
        block = table[at : at + INTERVALS]
        yield int(block["start"][0]), int(block["end"][-1]), block.tobytes()


def _levels(
    contig: int, length: int, start: np.ndarray, end: np.ndarray, value: np.ndarray
) -> Iterator[np.ndarray]:
    """Yield the summaries of each width of bins."""
    width = REDUCTIONS[0]
    origin = int(start[0]) // ALIGNMENT * ALIGNMENT
    size = -(-(int(end[-1]) - origin) // width) * width
    dense, there = np.zeros(size), np.zeros(size, bool)
    widths = end - start
    place = np.arange(widths.sum()) + np.repeat(start - origin - np.cumsum(widths) + widths, widths)
    dense[place], there[place] = np.repeat(value, widths), True
    dense, there = dense.reshape(-1, width), there.reshape(-1, width)
    bases = there.sum(axis=1)
    minimum = np.min(dense, axis=1, where=there, initial=np.inf)
    maximum = np.max(dense, axis=1, where=there, initial=-np.inf)
    total, squares = dense.sum(axis=1), (dense**2).sum(axis=1)
    for reduction in REDUCTIONS:
        if reduction != width:
            first = np.arange(0, len(bases), reduction // width)
            bases, total, squares = (np.add.reduceat(s, first) for s in (bases, total, squares))
            minimum = np.minimum.reduceat(minimum, first)
            maximum = np.maximum.reduceat(maximum, first)
            width = reduction
        full = np.flatnonzero(bases)
        table = np.empty(len(full), _SUMMARY)
        table["contig"], table["start"] = contig, origin + full * width
        table["end"] = np.minimum(table["start"] + np.uint32(width), length)
        table["bases"], table["total"], table["squares"] = bases[full], total[full], squares[full]
        table["minimum"], table["maximum"] = minimum[full], maximum[full]
        yield table
