"""Writes bigWig files out of blocks that were compressed elsewhere (`blocks`).

pybigtools writes one Python tuple at a time; smoothed coverage has a value of
its own at nearly every base. Its summaries (0.3.0) have values where a gap has none, and those of
pyBigWig (0.3.29), which writes arrays, differ from sparse tracks; where a disk is full, the one
panics and the other ends the process. The format is described by Kent et al. 2010 (Bioinformatics
26:2204).
"""

from __future__ import annotations

import contextlib
import shutil
import struct
import tempfile
from typing import IO, TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.bigwig.blocks import BLOCK, INTERVALS, REDUCTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from basenji_kipoi.base.bigwig.blocks import Layer, Piece

__all__ = ["write_bigwig"]

_MAGIC, _VERSION = 0x888FFC26, 4
_NAMES_MAGIC, _INDEX_MAGIC = 0x78CA8C91, 0x2468ACE0
_HEADER = struct.Struct("<IHHQQQHHQQIQ")
_ZOOM = struct.Struct("<IIQQ")
_SUMMARY = struct.Struct("<Qdddd")
_NAMES = struct.Struct("<IIIIQQ")
_INDEX = struct.Struct("<IIQIIIIQII")
_NODE = struct.Struct("<BBH")
_COUNT, _ZOOM_COUNT = struct.Struct("<Q"), struct.Struct("<I")
# Items of a node of both trees.
_FAN = 256
_LEFT = [("contig", "<u4"), ("start", "<u4"), ("last", "<u4"), ("end", "<u4")]
_LEAF = np.dtype([*_LEFT, ("offset", "<u8"), ("size", "<u8")])
_INNER = np.dtype([*_LEFT, ("child", "<u8")])


class _Section:
    """Blocks that follow each other in a file, and their index."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.items = file, 0
        self._tables: list[tuple[int, np.ndarray]] = []

    def add(self, contig: int, layer: Layer) -> None:
        self.file.write(layer.data)
        self.items += layer.items
        self._tables.append((contig, layer.blocks))

    @property
    def blocks(self) -> int:
        return sum(len(table) for _, table in self._tables)

    def index(self, position: int, origin: int) -> bytes:
        """Make the index that stands at ``position``, of blocks that begin at ``origin``."""
        blocks = np.concatenate([np.zeros(0, BLOCK), *(table for _, table in self._tables)])
        leaves = np.empty(len(blocks), _LEAF)
        leaves["contig"] = leaves["last"] = np.repeat(
            [contig for contig, _ in self._tables], [len(table) for _, table in self._tables]
        )
        leaves["start"], leaves["end"], leaves["size"] = (
            blocks["start"],
            blocks["end"],
            blocks["size"],
        )
        leaves["offset"] = origin + np.cumsum(blocks["size"]) - blocks["size"]
        levels = [leaves]
        while len(levels[0]) > _FAN:
            below = levels[0]
            nodes = np.empty(-(-len(below) // _FAN), _INNER)
            nodes["contig"], nodes["start"] = below["contig"][::_FAN], below["start"][::_FAN]
            # Blocks are sorted and do not overlap: the last of a node reaches farthest.
            final = np.minimum(np.arange(1, len(nodes) + 1) * _FAN, len(below)) - 1
            nodes["last"], nodes["end"] = below["last"][final], below["end"][final]
            levels.insert(0, nodes)
        first, last = leaves[0], leaves[-1]
        header = _INDEX.pack(
            _INDEX_MAGIC,
            _FAN,
            len(leaves),
            first["contig"],
            first["start"],
            last["last"],
            last["end"],
            position,
            INTERVALS,
            0,
        )
        return header + _tree(levels, position + len(header))


def _tree(levels: list[np.ndarray], position: int) -> bytes:
    """Lay out the nodes of a tree, from the root to the leaves, that begins at ``position``."""
    parts = []
    for depth, items in enumerate(levels):
        nodes = [items[at : at + _FAN] for at in range(0, len(items), _FAN)]
        sizes = np.array([_NODE.size + node.nbytes for node in nodes])
        if depth:
            levels[depth - 1]["child"] = position + np.cumsum(sizes) - sizes
        position += int(sizes.sum())
        parts.append(nodes)
    is_leaf = [depth == len(levels) - 1 for depth in range(len(levels))]
    return b"".join(
        _NODE.pack(leaf, 0, len(node)) + node.tobytes()
        for leaf, nodes in zip(is_leaf, parts)
        for node in nodes
    )


def _names(lengths: Mapping[str, int], position: int) -> bytes:
    """Make the tree of contigs that stands at ``position``."""
    names = sorted(lengths)
    keys = np.array([name.encode() for name in names])
    leaves = np.empty(len(names), [("key", keys.dtype), ("number", "<u4"), ("length", "<u4")])
    leaves["key"], leaves["number"] = keys, np.arange(len(names))
    leaves["length"] = [lengths[name] for name in names]
    levels = [leaves]
    while len(levels[0]) > _FAN:
        below = levels[0]
        nodes = np.empty(-(-len(below) // _FAN), [("key", keys.dtype), ("child", "<u8")])
        nodes["key"] = below["key"][::_FAN]
        levels.insert(0, nodes)
    header = _NAMES.pack(_NAMES_MAGIC, _FAN, keys.dtype.itemsize, 8, len(names), 0)
    return header + _tree(levels, position + len(header))


def write_bigwig(path: Path, lengths: Mapping[str, int], pieces: Iterable[Piece]) -> None:
    """Write a bigWig.

    Parameters
    ----------
    path
        File to write.
    lengths
        Contigs and their lengths (bp); names are ASCII.
    pieces
        Parts of contigs, at least one, sorted by contig's index and by place; each is written as
        it comes.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(path.open("wb"))
        fixed = _HEADER.size + _ZOOM.size * len(REDUCTIONS)
        names = _names(lengths, fixed + _SUMMARY.size)
        data_at = fixed + _SUMMARY.size + len(names)
        file.write(bytes(data_at + _COUNT.size))
        values = _Section(file)
        zooms = [
            _Section(stack.enter_context(tempfile.TemporaryFile(dir=path.parent)))
            for _ in REDUCTIONS
        ]
        bases, largest, total, squares = 0, 0, 0.0, 0.0
        minimum, maximum = float("inf"), float("-inf")
        for piece in pieces:
            values.add(piece.contig, piece.values)
            for zoom, layer in zip(zooms, piece.summaries):
                zoom.add(piece.contig, layer)
            bases, largest = bases + piece.bases, max(largest, piece.largest)
            minimum, maximum = min(minimum, piece.minimum), max(maximum, piece.maximum)
            total, squares = total + piece.total, squares + piece.squares
        index_at = file.tell()
        file.write(values.index(index_at, data_at + _COUNT.size))
        headers = []
        for reduction, zoom in zip(REDUCTIONS, zooms):
            # Summaries that are hardly fewer than the values save nobody any reading.
            if zoom.items > values.items / 2:
                continue
            zoom_at = file.tell()
            file.write(_ZOOM_COUNT.pack(zoom.items))
            zoom.file.seek(0)
            shutil.copyfileobj(zoom.file, file)
            headers.append((reduction, 0, zoom_at, file.tell()))
            file.write(zoom.index(file.tell(), zoom_at + _ZOOM_COUNT.size))
        file.write(struct.pack("<I", _MAGIC))
        file.seek(0)
        file.write(
            _HEADER.pack(
                *(_MAGIC, _VERSION, len(headers), fixed + _SUMMARY.size, data_at, index_at),
                *(0, 0, 0, fixed, largest, 0),
            )
        )
        file.write(b"".join(_ZOOM.pack(*header) for header in headers))
        file.seek(fixed)
        file.write(_SUMMARY.pack(bases, minimum, maximum, total, squares))
        file.write(names)
        file.write(_COUNT.pack(values.blocks))
