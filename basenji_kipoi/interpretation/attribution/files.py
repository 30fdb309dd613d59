"""Files of contributions: HDF5, Zarr, NumPy arrays for motif discovery, and bigWigs.

HDF5 and Zarr have the same layout, whose attribute ``layout`` explains it to who opens the file.
For modisco-lite and finemo there are ``x.ohe.npz`` (sequences) and ``x.shap.npz`` (hypothetical
contributions; one for each output where there are several): arrays of (intervals, 4, bases).
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from basenji_kipoi.base import array_files
from basenji_kipoi.base.array_files import Hdf5File, ZarrFile, import_zarr
from basenji_kipoi.base.atomic import Folder, file_names
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import ALPHABET, UNKNOWN, one_hot
from basenji_kipoi.interpretation.attribution.methods import Contributions
from basenji_kipoi.models.targets import Target
from basenji_kipoi.prediction.writers import FORMATS, PredictionTable, columns_of, format_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from basenji_kipoi.genome.intervals import Interval
    from basenji_kipoi.interpretation.attribution.outputs import Output
    from basenji_kipoi.interpretation.attribution.questions import Question

__all__ = [
    "AttributionTable",
    "Summary",
    "check_format",
    "files_of",
    "load_piece",
    "save_piece",
    "summarised",
    "write_attributions",
]

_FORMAT = "basenji-attributions"
_LAYOUT = (
    "Interval i of the group 'intervals' has the entries offset[i]:offset[i+1] of 'positions', "
    "'codes', 'contributions' (position, output) and 'hypothetical' (position, base, output). "
    "Contributions are those of the sequence's own base; hypothetical ones those of each base that "
    f"could stand there. Bases are {', '.join(ALPHABET)}; 'codes' counts them from 0, and 4 is an "
    "unknown one, which contributes 0. Outputs are the entries of 'tracks'. 'values' and "
    "'background' (interval, output) are the outputs of the sequence and their mean over the "
    "backgrounds; contributions are complete as far as 'sums' is their difference. 'windows' holds "
    "the first base of each interval's window, 'bins' which of its predicted bins were explained."
)
#: Values of a chunk: 1 MiB.
_CHUNK_VALUES = 1 << 18


@dataclass(frozen=True)
class AttributionTable:
    """What a file says about its positions and outputs.

    Attributes
    ----------
    questions : sequence of Question
        The questions in the order of their positions.
    outputs : sequence of Output
        What is explained.
    attributes : mapping
        The method, the models, the genome, the command: text and numbers.
    lengths : mapping of str to int
        Length of each contig (bp).
    """

    questions: Sequence[Question]
    outputs: Sequence[Output]
    attributes: Mapping[str, str | int] = field(default_factory=dict)
    lengths: Mapping[str, int] = field(default_factory=dict)

    @property
    def intervals(self) -> list[Interval]:
        """The intervals whose bases contribute."""
        return [question.interval for question in self.questions]

    @property
    def tracks(self) -> list[Target]:
        """The outputs, as tracks of a file."""
        return [
            Target(index=index, identifier=re.sub(r"\s", "_", output.name), strand_pair=index)
            for index, output in enumerate(self.outputs)
        ]

    @property
    def offsets(self) -> np.ndarray:
        """First position of each interval, and the number of positions: int64."""
        lengths = [len(interval) for interval in self.intervals]
        return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)

    def columns(self) -> dict[str, np.ndarray]:
        """Return what does not come from the pieces, by its path."""
        text = np.dtype(object)
        bins = [",".join(map(str, question.bins)) for question in self.questions]
        return {
            **columns_of(self.intervals, self.tracks),
            "intervals/offset": self.offsets,
            "windows": np.array([q.window for q in self.questions], dtype=np.int64),
            "bins": np.array(bins, dtype=text),
            "positions": np.concatenate(
                [np.empty(0, np.int64), *(np.arange(i.start, i.end) for i in self.intervals)]
            ),
        }


@dataclass(frozen=True)
class Summary:
    """What an output holds.

    Attributes
    ----------
    files : list of Path
        The output's files.
    intervals, positions, outputs, unknown : int
        How many there are; unknown bases contribute nothing.
    completeness : float
        The largest difference of a sum of contributions from the change that they explain,
        relative to the largest change of the same output; NaN without any change.
    """

    files: list[Path]
    intervals: int
    positions: int
    outputs: int
    unknown: int
    completeness: float


class _Format(NamedTuple):
    """A format: its name, the files of an output, and what kind of folder these are if any."""

    name: str
    files: list[Path]
    folder: Folder | None = None


def files_of(out: Path, outputs: Sequence[Output]) -> _Format:
    """Find the format and the files that an output's name asks for.

    Parameters
    ----------
    out
        ``x.h5``, ``x.zarr``, ``x.npz``, or the name of a directory of bigWigs.
    outputs
        What is explained.

    Raises
    ------
    InputError
        If the suffix is another one.
    """
    if out.suffix.lower() == ".npz":
        names = [f".{name}" for name in file_names([output.name for output in outputs])]
        names = names if len(outputs) > 1 else [""]
        made = [f"{out.stem}.ohe.npz", *(f"{out.stem}.shap{name}.npz" for name in names)]
        return _Format("npz", [out.with_name(name) for name in made])
    try:
        name = format_of(out)
    except InputError:
        raise InputError(
            f"the output {out} names no known format: use .h5, .zarr, .npz, or a directory without "
            "a suffix for bigWigs"
        ) from None
    folder = Folder("a Zarr folder of contributions", zarr_format=_FORMAT)
    return _Format(name, [out], folder if name == "zarr" else FORMATS[name].folder)


def check_format(name: str, questions: Sequence[Question]) -> list[Question]:
    """Check that a format can hold the questions; return them in the order that it needs.

    Raises
    ------
    InputError
        If it cannot, or its library is missing.
    """
    intervals = [question.interval for question in questions]
    if name == "npz":
        lengths = sorted({len(interval) for interval in intervals})
        if len(lengths) > 1:
            raise InputError(
                f".npz holds intervals of one length, and these have {lengths[0]:,} to "
                f"{lengths[-1]:,} bp: pass --length"
            )
        return list(questions)
    if name == "zarr":
        import_zarr()
    ordered = FORMATS[name].prepare(intervals) if name == "bigwig" else intervals
    places = {id(interval): question for interval, question in zip(intervals, questions)}
    return [places[id(interval)] for interval in ordered]


def save_piece(path: Path, found: Contributions) -> None:
    """Write the answer to one question."""
    array_files.save_piece(path, found._asdict())


def load_piece(path: Path) -> Contributions:
    """Read what `save_piece` wrote; raise InputError if it is damaged."""
    return Contributions(**array_files.load_piece(path))


def write_attributions(
    kind: str, paths: Sequence[Path], table: AttributionTable, pieces: Iterable[Contributions]
) -> None:
    """Write an output, an interval at a time.

    Parameters
    ----------
    kind
        Its format, as `files_of` names it.
    paths
        Where its files are written; they do not exist yet.
    table
        What the file says of its positions and outputs.
    pieces
        The answers to the table's questions, in their order.
    """
    if kind == "npz":
        _write_npz(paths, table, pieces)
    elif kind == "bigwig":
        described = PredictionTable(
            intervals=table.intervals,
            tracks=table.tracks,
            bin=1,
            lengths=table.lengths,
            attributes=table.attributes,
        )
        with FORMATS[kind](paths[0], described) as writer:
            for piece in pieces:
                writer.append(piece.contributions)
    else:
        _write_arrays(Hdf5File if kind == "hdf5" else ZarrFile, paths[0], table, pieces)


def _write_arrays(
    file_type: Any,  # noqa: ANN401 - a kind of ArrayFile
    path: Path,
    table: AttributionTable,
    pieces: Iterable[Contributions],
) -> None:
    positions, outputs = int(table.offsets[-1]), len(table.outputs)
    attributes = {
        "format": _FORMAT,
        "format_version": 1,
        "layout": _LAYOUT,
        **table.attributes,
    }
    kept: dict[str, list[np.ndarray]] = {"values": [], "background": [], "sums": []}
    codes = [np.empty(0, dtype=np.uint8)]
    with file_type(path, attributes) as file:
        for name, values in table.columns().items():
            file.add(name, values)
        rows = max(1, min(positions, _CHUNK_VALUES // (len(ALPHABET) * outputs)))
        own = file.create(
            "contributions",
            (positions, outputs),
            chunk_rows=max(1, min(positions, _CHUNK_VALUES // outputs)),
            dimensions=("position", "output"),
        )
        all_bases = file.create(
            "hypothetical",
            (positions, len(ALPHABET), outputs),
            chunk_rows=rows,
            dimensions=("position", "base", "output"),
        )
        first = 0
        for piece in pieces:
            last = first + len(piece.codes)
            own[first:last], all_bases[first:last] = piece.contributions, piece.hypothetical
            codes.append(piece.codes)
            for name, values in kept.items():
                values.append(getattr(piece, name))
            first = last
        file.add("codes", np.concatenate(codes))
        for name, values in kept.items():
            file.add(name, np.array(values, dtype=np.float64).reshape(-1, outputs))


def _write_npz(
    paths: Sequence[Path], table: AttributionTable, pieces: Iterable[Contributions]
) -> None:
    """Write sequences and hypothetical contributions (intervals, 4, bases), array by array."""
    length = len(table.intervals[0]) if table.questions else 0
    shape = len(table.questions), len(ALPHABET), length
    files = [zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) for path in paths]
    kinds = [np.dtype(np.int8), *[np.dtype(np.float32)] * (len(paths) - 1)]
    # Each archive has one array, under the name that NumPy gives to one without a name.
    arrays = [file.open("arr_0.npy", "w", force_zip64=True) for file in files]
    try:
        for array, kind in zip(arrays, kinds):
            description = {"descr": kind.str, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_2_0(array, description)
        for piece in pieces:
            letters = one_hot(piece.codes) * (piece.codes != UNKNOWN)[:, None]
            arrays[0].write(np.ascontiguousarray(letters.T, dtype=kinds[0]).tobytes())
            for output, array in enumerate(arrays[1:]):
                values = piece.hypothetical[:, :, output]
                array.write(np.ascontiguousarray(values.T, dtype=np.float32).tobytes())
    finally:
        for opened in (*arrays, *files):
            opened.close()


def summarised(
    files: Sequence[Path], table: AttributionTable, pieces: Iterable[Contributions]
) -> Summary:
    """Sum up what an output holds, from the answers that it was made of."""
    unknown, gaps, changes = 0, [], []
    for piece in pieces:
        unknown += int((piece.codes == UNKNOWN).sum())
        changes.append(piece.values - piece.background)
        gaps.append(np.abs(piece.sums - changes[-1]))
    largest = np.abs(changes).max(axis=0, initial=0) if changes else np.zeros(0)
    moved = largest > 0
    shares = np.max(gaps, axis=0)[moved] / largest[moved] if changes else np.zeros(0)
    return Summary(
        files=list(files),
        intervals=len(table.questions),
        positions=int(table.offsets[-1]),
        outputs=len(table.outputs),
        unknown=unknown,
        completeness=float(shares.max()) if len(shares) else float("nan"),
    )
