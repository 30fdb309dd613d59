"""Files of saturation mutagenesis, HDF5 or Zarr.

Both formats have the same layout, whose attribute ``layout`` explains it to who opens the file:

- ``scores/<name>``: float32, (positions of all intervals, 4, tracks) for substitutions and
  (positions, tracks) for deletions; attributes say what the score is;
- ``positions``: the place of each position on its contig (0-based), ``codes``: its reference base,
  ``status``: what became of it, an index of ``statuses``;
- ``intervals/chrom``, ``start``, ``end``, ``name``, ``strand``, ``offset``: interval i has the
  positions ``offset[i]:offset[i + 1]``;
- ``pieces/interval``, ``start``, ``end``, ``window``: which window positions were mutated in;
- ``tracks/index``, ``identifier``, ``description``;
- attributes: the models, the genome, the command, versions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.array_files import Hdf5File, ZarrFile, import_zarr, load_piece
from basenji_kipoi.base.atomic import Folder
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import ALPHABET
from basenji_kipoi.mutagenesis.scores import STATUSES
from basenji_kipoi.prediction.writers import columns_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from basenji_kipoi.base.array_files import ArrayFile
    from basenji_kipoi.effects.scores import Score
    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.intervals import Interval
    from basenji_kipoi.models.targets import Target
    from basenji_kipoi.mutagenesis.scores import Mutations
    from basenji_kipoi.mutagenesis.windows import Block

__all__ = ["MutationTable", "file_type_of", "folder_of", "write_mutations"]

_FORMAT = "basenji-mutations"
_LAYOUT = (
    "Interval i of the group 'intervals' has the entries offset[i]:offset[i+1] of 'positions', "
    "'codes', 'status' and of each array in 'scores', whose axes are (position, base, track) for "
    "substitutions and (position, track) for deletions, which begin at the position. Bases are "
    f"{', '.join(ALPHABET)}; 'codes' counts them from 0, and 4 is an unknown one. 'status' counts "
    "the entries of 'statuses'; positions that are not scored are NaN. Scores of the reference's "
    "own base are 0."
)
#: Values of a chunk: 1 MiB.
_CHUNK_VALUES = 1 << 18


@dataclass(frozen=True)
class MutationTable:
    """What a file says about its positions and tracks.

    Attributes
    ----------
    intervals : sequence of Interval
        The intervals in the order of their positions.
    tracks : sequence of Target
        The tracks in their order.
    mutations : Mutations
        What was done at each position.
    scores : sequence of Score
        The scores.
    pieces, blocks : sequence of Block
        The intervals' pieces, and the pieces' blocks.
    attributes : mapping
        The models, the genome, the command: text and numbers.
    """

    intervals: Sequence[Interval]
    tracks: Sequence[Target]
    mutations: Mutations
    scores: Sequence[Score]
    pieces: Sequence[Block]
    blocks: Sequence[Block]
    attributes: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def positions(self) -> int:
        """Positions of all intervals."""
        return sum(len(interval) for interval in self.intervals)

    def all_attributes(self) -> dict[str, str | int]:
        """Return the attributes of a file: its own and the given ones."""
        return {
            "format": _FORMAT,
            "format_version": 1,
            "layout": _LAYOUT,
            "mutations": str(self.mutations),
            **self.attributes,
        }

    def columns(self, genome: Genome) -> dict[str, np.ndarray]:
        """Return all arrays but the scores, by their path."""
        ranges = [(i.chrom, i.start, i.end) for i in self.intervals]
        lengths = np.array([len(i) for i in self.intervals], dtype=np.int64)
        empty = np.empty(0, dtype=np.uint8)
        return {
            **columns_of(self.intervals, self.tracks),
            "intervals/offset": np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            "pieces/interval": np.array([p.interval for p in self.pieces], dtype=np.int64),
            "pieces/start": np.array([p.start for p in self.pieces], dtype=np.int64),
            "pieces/end": np.array([p.end for p in self.pieces], dtype=np.int64),
            "pieces/window": np.array([p.window for p in self.pieces], dtype=np.int64),
            "positions": np.concatenate(
                [empty.astype(np.int64), *(np.arange(start, end) for _, start, end in ranges)]
            ),
            "codes": np.concatenate([empty, *(genome.codes(*place) for place in ranges)]),
            "status": np.concatenate(
                [empty, *(self.mutations.statuses(genome, *place) for place in ranges)]
            ),
            "statuses": np.array(STATUSES, dtype=object),
        }


def file_type_of(path: Path) -> type[ArrayFile]:
    """Find the file that an output's name asks for.

    Parameters
    ----------
    path
        The output: ``.h5``, ``.hdf5`` or ``.zarr``.

    Raises
    ------
    InputError
        If the suffix is another one, or the library for it is missing.
    """
    suffix = path.suffix.lower()
    if suffix in (".h5", ".hdf5"):
        return Hdf5File
    if suffix == ".zarr":
        import_zarr()
        return ZarrFile
    raise InputError(f"the output {path} names no known format: use .h5 or .zarr")


def folder_of(path: Path) -> Folder | None:
    """Tell what kind of folder an output is; None if it is a file."""
    if file_type_of(path) is Hdf5File:
        return None
    return Folder("a Zarr folder of mutations", zarr_format=_FORMAT)


def write_mutations(
    path: Path, table: MutationTable, blocks: Sequence[Path], genome: Genome
) -> np.ndarray:
    """Write a finished run to a file, a block at a time.

    Parameters
    ----------
    path
        A path that does not exist yet.
    table
        What the file says of its positions and tracks.
    blocks
        Where the scores of each of the table's blocks were saved.
    genome
        The reference.

    Returns
    -------
    ndarray, int, shape (statuses,)
        Number of positions of each status.
    """
    columns = table.columns(genome)
    shape = (table.positions, *table.mutations.axes, len(table.tracks))
    rows = max(1, min(table.positions, _CHUNK_VALUES // int(np.prod(shape[1:]))))
    dimensions = ("position", *("base" for _ in table.mutations.axes), "track")
    with file_type_of(path)(path, table.all_attributes()) as file:
        for name, values in columns.items():
            file.add(name, values)
        arrays = {
            score.name: file.create(
                f"scores/{score.name}",
                shape,
                chunk_rows=rows,
                dimensions=dimensions,
                attributes={
                    "formula": score.formula,
                    "meaning": score.meaning,
                    "units": score.units,
                    "signed": score.signed,
                    "source": score.source,
                },
            )
            for score in table.scores
        }
        first = 0
        for block, saved in zip(table.blocks, blocks):
            for name, values in load_piece(saved).items():
                arrays[name][first : first + len(block)] = values
            first += len(block)
    return np.bincount(columns["status"], minlength=len(STATUSES))
