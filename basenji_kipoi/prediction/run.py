"""Predictions of intervals: in memory, or from files to a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from basenji_kipoi.base import __version__
from basenji_kipoi.base.array_files import load_piece
from basenji_kipoi.base.atomic import check_output
from basenji_kipoi.base.checksum import check_unchanged, checksum, fingerprint
from basenji_kipoi.base.progress import label_of, progress_bar
from basenji_kipoi.base.sharing.processes import worker_devices
from basenji_kipoi.base.sharing.shards import ShardedRun, check_shard
from basenji_kipoi.genome.fasta import open_genome
from basenji_kipoi.genome.intervals import read_bed, read_intervals
from basenji_kipoi.models.model import batch_size_of, loaded, paths_of
from basenji_kipoi.models.targets import unit_of
from basenji_kipoi.prediction.pieces import (
    count_windows,
    names_of_pieces,
    predicted,
    save_pieces,
    windows_of_a_piece,
)
from basenji_kipoi.prediction.result import Predictions
from basenji_kipoi.prediction.writers import FORMATS, PredictionTable, format_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.intervals import GivenIntervals, Interval
    from basenji_kipoi.models.model import Model, Strands

__all__ = ["predict", "predict_file"]


def predict(
    model: Model | str | os.PathLike[str],
    genome: Genome | str | os.PathLike[str],
    intervals: GivenIntervals,
    *,
    tracks: str | Sequence[str | int] | None = None,
    both_strands: Strands = None,
    dtype: Literal["float32", "bfloat16"] = "float32",
    counts: bool = False,
    batch_size: int | None = None,
    progress: bool | None = None,
) -> Predictions:
    """Predict every bin of intervals, in memory.

    Intervals are covered from their start by whole bins. Long ones take several windows, side by
    side; short ones stand in the middle of theirs.

    Parameters
    ----------
    model
        The model, or the directory of a bundle.
    genome
        The genome, or its FASTA file.
    intervals
        Intervals of any length: `Interval` objects; (contig, start, end), counted from 0 with the
        end excluded (bp); text such as ``"chrI:101-200"`` as genome browsers write it, counted from
        1 with the last base included; or the path of a BED file.
    tracks
        Identifiers, patterns such as ``"tif_*"`` or indices of the tracks; all by default.
    both_strands
        Whether to average over both strands; None as the model was evaluated.
    dtype
        Arithmetic of the network.
    counts
        Whether values are counts of the coverage, all undone that made a track's values of them:
        scale, soft clipping, power (`basenji_kipoi.models.Targets.counts`). What a hard clip took
        is not known. By default they are in the units of the targets table.
    batch_size
        Windows that are predicted at a time; by default as many as make 131,072 bp, at least one.
    progress
        Whether to show a progress bar; None: at a terminal and in a notebook.

    Returns
    -------
    Predictions
        ``values``, float32 (bins of all intervals, tracks), with their intervals, bins and tracks.

    Raises
    ------
    InputError
        If an interval lies outside of the genome, or there is no such track.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> model, genome = bk.load("model_files"), bk.Genome("genome.fa")
    >>> promoter = bk.predict(model, genome, ("chrA", 19_800, 20_200), tracks="atac,stripe_wt_*")
    >>> promoter.values.shape, promoter.labels
    ((13, 3), ['atac', 'stripe_wt_plus', 'stripe_wt_minus'])
    """
    model = loaded(model)
    columns = model.targets.columns_of(tracks, option="tracks")
    with open_genome(genome) as opened:
        places = read_intervals(intervals, opened.lengths)
        table = _table(
            model, opened, places, columns, dtype=dtype, both_strands=both_strands, counts=counts
        )
        values = np.empty((table.rows, len(table.tracks)), dtype=np.float32)
        stream = predicted(
            model,
            opened,
            table,
            columns=None if tracks is None else columns,
            dtype=dtype,
            both_strands=both_strands,
            batch_size=batch_size or batch_size_of(model.architecture),
        )
        filled, label = 0, label_of("predicting", progress)
        total = count_windows(table, model.architecture)
        with progress_bar(label, total=total, unit="windows") as advance:
            for rows in stream:
                values[filled : filled + len(rows)] = rows
                filled += len(rows)
                advance(1)
    return Predictions(table, values)


def predict_file(
    model: Model | str | os.PathLike[str],
    fasta: str | os.PathLike[str],
    bed: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    output_format: Literal["hdf5", "zarr", "bigwig"] | None = None,
    tracks: str | Sequence[str | int] | None = None,
    both_strands: Strands = None,
    dtype: Literal["float32", "bfloat16"] = "float32",
    counts: bool = False,
    batch_size: int | None = None,
    devices: str | None = None,
    shard: tuple[int, int] | None = None,
    join_shards: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool | None = None,
    note: Callable[[str], object] = lambda _: None,
    command: str = "",
) -> PredictionTable:
    """Predict every bin of the intervals of a BED file into a file, a batch at a time.

    What an interrupted run finished waits in the folder ``<out>.unfinished``.

    Parameters
    ----------
    model, tracks, both_strands, dtype, counts, batch_size, progress
        As `predict` takes them.
    fasta, bed
        The genome and the intervals.
    out
        The output: ``x.h5``, ``x.zarr``, or a directory of one bigWig a track.
    output_format
        Its format, if the name does not tell.
    devices
        Processes that predict, as `basenji_kipoi.base.sharing.processes.devices_of` reads
        them; None for this one, on all that it may use.
    shard
        Which part of the work is done, counted from 1, and of how many: it becomes a folder in
        ``<out>.shards``. None to write the output.
    join_shards
        Whether the output is made of all its shards.
    resume
        Whether to go on with what an interrupted run of the same left.
    overwrite
        Whether to replace an existing output, and to delete what an interrupted run left.
    note
        Called with what the user should know, a line each.
    command
        The command, which the output will name.

    Returns
    -------
    PredictionTable
        What the rows and columns of the output are.

    Raises
    ------
    InputError
        If something of the input cannot be used, or the output may not be written.

    Examples
    --------
    >>> from basenji_kipoi.prediction import predict_file
    >>> table = predict_file("model_files", "genome.fa", "intervals.bed", "out.h5", tracks="atac")
    >>> table.rows, table.bin
    (1126, 32)
    """
    # Whatever may be wrong is found before the network is loaded.
    out, workers = Path(out), worker_devices(devices)
    check_shard(shard, join=join_shards)
    writer_of = FORMATS[output_format or format_of(out)]
    inputs = (*paths_of(model), fasta, bed)
    is_shard = shard is not None  # which has a place of its own
    check_output(out, overwrite=overwrite or is_shard, inputs=inputs, folder=writer_of.folder)
    model = loaded(model)
    columns = model.targets.columns_of(tracks)
    with open_genome(fasta) as genome:
        table = _table(
            model,
            genome,
            writer_of.prepare(read_bed(bed, genome.lengths)),
            columns,
            dtype=dtype,
            both_strands=both_strands,
            counts=counts,
            more={"bed": str(bed), "command": command},
        )
        batch = batch_size or batch_size_of(model.architecture)
        windows = windows_of_a_piece(table, model.architecture, batch)
        before = fingerprint(genome.path)
        # Shards may be of machines that have each a copy of its own, of another time.
        in_shards = is_shard or join_shards
        settings = {
            "model": model.weights_sha256,
            "fasta": checksum(genome.path) if in_shards else before,
            "bed": checksum(Path(bed)),
            "format": output_format or format_of(out),
            "tracks": columns,
            "dtype": dtype,
            "both_strands": list(model.averages_strands(both_strands)),
            "counts": counts,
            "batch_size": batch,
            "windows of a piece": windows,
            "version": __version__,
        }
        with ShardedRun(
            out, "basenji predict", settings,
            names=names_of_pieces(table, model.architecture, windows),
            shard=shard, join=join_shards,
            command=command, resume=resume, overwrite=overwrite, note=note,
        ) as run:  # fmt: skip
            options = {
                "columns": None if tracks is None else columns,
                "dtype": dtype,
                "both_strands": both_strands,
                "batch_size": batch,
            }
            save_pieces(
                run, model, genome, table, options, windows=windows, workers=workers,
                progress=progress,
            )  # fmt: skip
            check_unchanged({genome.path: before})
            if shard is not None:
                run.place_shard()
                return table
            with writer_of(run.output(out), table) as writer:
                for name in run.names:
                    writer.append(load_piece(run.path(name))["predictions"])
            check_unchanged({genome.path: before})
            run.place()
    return table


def _table(
    model: Model,
    genome: Genome,
    intervals: Sequence[Interval],
    columns: Sequence[int],
    *,
    dtype: str,
    both_strands: Strands,
    counts: bool,
    more: dict[str, str] | None = None,
) -> PredictionTable:
    """Describe the predictions."""
    return PredictionTable(
        intervals=intervals,
        tracks=[model.targets[column] for column in columns],
        bin=model.architecture.bin,
        lengths=genome.lengths,
        attributes={
            "model": model.name,
            "model_sha256": ", ".join(model.weights_sha256),
            "assembly": model.assembly,
            "window": model.architecture.window,
            "unit": unit_of(counts=counts),
            "dtype": dtype,
            "both_strands": any(model.averages_strands(both_strands)),
            "fasta": str(genome.path),
            **(more or {}),
            "version": __version__,
        },
    )
