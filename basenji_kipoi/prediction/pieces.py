"""Predictions of a table, window by window, saved in pieces, by this process or several."""

from __future__ import annotations

import contextlib
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from basenji_kipoi.base.array_files import save_piece
from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.base.progress import label_of, progress_bar
from basenji_kipoi.base.sharing.processes import shared_out
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.models.model import load, paths_of
from basenji_kipoi.models.targets import COUNTS, counts_of
from basenji_kipoi.prediction.tiles import predict_intervals, windows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from basenji_kipoi.base.sharing.processes import Device
    from basenji_kipoi.base.sharing.shards import ShardedRun
    from basenji_kipoi.models.model import Model, Strands
    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.prediction.writers import PredictionTable

__all__ = ["count_windows", "names_of_pieces", "predicted", "save_pieces", "windows_of_a_piece"]

#: A piece that is saved at a time has at most so many values (64 MiB), ...
_PIECE_VALUES = 1 << 24
#: ... and so many bases in its windows, so that an interruption costs little, and processes that
#: share the pieces end at about the same time.
_PIECE_BASES = 1 << 20


def count_windows(table: PredictionTable, architecture: Architecture) -> int:
    """Count the windows that predict a table."""
    return sum(windows_of(len(interval), architecture) for interval in table.intervals)


def predicted(
    model: Model,
    genome: Genome,
    table: PredictionTable,
    *,
    columns: Sequence[int] | None,
    dtype: Literal["float32", "bfloat16"],
    both_strands: Strands,
    batch_size: int,
    skipped: int = 0,
) -> Iterator[np.ndarray]:
    """Yield the rows of a table, float32 (bins, tracks), window by window behind some of them."""
    if not table.intervals:
        return
    stream = predict_intervals(
        model.network(dtype=dtype, both_strands=both_strands),
        model.architecture,
        genome,
        table.intervals,
        batch_size=batch_size,
        tracks=columns,
        skipped=skipped,
    )
    is_counts = table.attributes["unit"] == COUNTS
    for predicted in stream:
        values = predicted.values
        yield counts_of(table.tracks, values).astype(np.float32) if is_counts else values


def windows_of_a_piece(table: PredictionTable, architecture: Architecture, batch_size: int) -> int:
    """Count the windows that are saved together.

    They are some whole batches, so that batches are those of a run in one go, and the predictions
    the same to the last bit.
    """
    values = architecture.bins * len(table.tracks)
    windows = min(_PIECE_VALUES // values, _PIECE_BASES // architecture.window)
    return max(1, windows // batch_size) * batch_size


def names_of_pieces(table: PredictionTable, architecture: Architecture, windows: int) -> list[str]:
    """Name the pieces of a table, each of so many windows but for the last."""
    return [
        f"windows-{first:09}.npz" for first in range(0, count_windows(table, architecture), windows)
    ]


def save_pieces(
    run: ShardedRun,
    model: Model,
    genome: Genome,
    table: PredictionTable,
    options: dict[str, Any],
    *,
    windows: int,
    workers: Sequence[Device],
    progress: bool | None,
) -> None:
    """Predict the pieces of a run that are still to do.

    Parameters
    ----------
    run
        The run.
    model, genome, table
        What is predicted.
    options
        The other arguments of `predicted`.
    windows
        Windows of a piece.
    workers
        The share of the machine of each process that predicts; none for this one.
    progress
        Whether to show a progress bar.
    """
    total = count_windows(table, model.architecture)
    out, label = run.outputs[0], label_of("predicting", progress)
    firsts = [(number, number * windows) for number in run.todo]
    pieces = [
        (run.path(run.names[number]), first, min(windows, total - first))
        for number, first in firsts
    ]
    left = sum(number for _, _, number in pieces)
    done = sum(min(windows, total - number * windows) for number in run.wanted) - left
    with progress_bar(label, total=left + done, unit="windows", done=done) as advance:
        if workers:
            arguments = (paths_of(model), genome.path, table, out, options)
            shared_out(workers, _predicting, arguments, pieces, advance)
        else:
            mine = _Pieces(model, genome, table, out, options)
            for piece in pieces:
                mine.save(*piece, advance)


@contextlib.contextmanager
def _predicting(
    models: Sequence[Path],
    fasta: Path,
    *more: Any,  # noqa: ANN401 - passed on
) -> Iterator[Callable[..., int]]:
    """Open what predicts pieces, in a process of its own."""
    with Genome(fasta) as genome:
        yield _Pieces(load(models), genome, *more).save


class _Pieces:
    """Predicts pieces of a table and saves them, neighbouring ones in one stream."""

    def __init__(
        self,
        model: Model,
        genome: Genome,
        table: PredictionTable,
        out: Path,
        options: dict[str, Any],
    ) -> None:
        self._given, self._out, self._options = (model, genome, table), out, options
        self._next, self._stream = -1, iter(())

    def save(
        self,
        path: Path,
        first: int,
        number: int,
        advance: Callable[[int], object] = lambda _: None,
    ) -> int:
        """Predict some windows from the first on; return how many."""
        if first != self._next:
            self._stream = predicted(*self._given, skipped=first, **self._options)
        rows = []
        for each in islice(self._stream, number):
            rows.append(each)
            advance(1)
        with atomic_path(path, overwrite=True, output=self._out) as temporary:
            save_piece(temporary, {"predictions": np.concatenate(rows)})
        self._next = first + number
        return number
