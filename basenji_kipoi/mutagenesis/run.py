"""Saturation mutagenesis of intervals: in memory, or from files to a file."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import numpy as np

from basenji_kipoi.base import __version__
from basenji_kipoi.base.array_files import save_piece
from basenji_kipoi.base.atomic import FIGURES, atomic_path, check_output
from basenji_kipoi.base.checksum import check_unchanged, checksum, fingerprint
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.progress import label_of, progress_bar
from basenji_kipoi.base.resources import MEMORY
from basenji_kipoi.base.sharing.processes import shared_out, worker_devices
from basenji_kipoi.base.sharing.shards import ShardedRun, check_shard
from basenji_kipoi.effects.reporters.oligos import Oligos
from basenji_kipoi.genome.fasta import Genome, open_genome
from basenji_kipoi.genome.intervals import read_bed, read_intervals
from basenji_kipoi.models.model import load, loaded, paths_of
from basenji_kipoi.mutagenesis.choice import choose
from basenji_kipoi.mutagenesis.files import MutationTable, folder_of, write_mutations
from basenji_kipoi.mutagenesis.result import MutationMap
from basenji_kipoi.mutagenesis.scores import Mutations
from basenji_kipoi.mutagenesis.windows import blocks_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    from basenji_kipoi.effects.passes import IndelMode
    from basenji_kipoi.genome.intervals import GivenIntervals, Interval
    from basenji_kipoi.models.model import Model, Strands
    from basenji_kipoi.models.targets import Targets
    from basenji_kipoi.mutagenesis.choice import Choice
    from basenji_kipoi.mutagenesis.scores import Mutagenesis
    from basenji_kipoi.mutagenesis.windows import Block

__all__ = ["mutate", "mutate_file"]

#: Figures that are drawn without being asked for by name.
_MOST_FIGURES = 100


def mutate(
    model: Model | str | os.PathLike[str],
    genome: Genome | str | os.PathLike[str],
    intervals: GivenIntervals,
    *,
    deleted: int | None = None,
    scores: Sequence[str] = ("SAD",),
    tracks: str | Sequence[str | int] | None = None,
    both_strands: Strands = None,
    indels: IndelMode = "stitch",
    counts: bool = False,
    reporter: str | None = None,
    oligos: Oligos | None = None,
    memory: float = MEMORY,
    progress: bool | None = None,
) -> MutationMap:
    """Mutate every base of intervals and score what that changes, in memory.

    Parameters
    ----------
    model
        The model, or the directory of a bundle.
    genome
        The genome, or its FASTA file.
    intervals
        Intervals of any length, as `basenji_kipoi.predict` takes them.
    deleted
        Bases that are deleted from each position on (bp); by default, every base becomes each of
        the three others instead.
    scores
        Names of scores: those of `basenji_kipoi.SCORES` but REF and ALT. SAD of substitutions is
        the quickest by far.
    tracks
        Identifiers, patterns such as ``"tif_*"`` or indices of the tracks; all by default.
    both_strands
        Whether to average over both strands; None as the model was evaluated.
    indels
        Of deletions: the window's first base stays up to the deletion and its last one behind it
        (``stitch``), or the first one alone (``anchor``).
    counts
        Whether scores are of counts of the coverage, as `basenji_kipoi.predict` has it, and not of
        the units of the targets table. SAD of substitutions then has no quicker way than others.
    reporter
        Name of a reporter: what mutations change in its activities, in the place of tracks. The
        score is SAD of `basenji_kipoi.effects.reporters.scores.REPORTER_SCORES`.
    oligos
        What the reporter's oligos are; by default as its assay has them, read in both directions.
    memory
        Memory for predictions and what they share (GiB).
    progress
        Whether to show a progress bar; None: at a terminal and in a notebook.

    Returns
    -------
    MutationMap
        ``scores``, float32 (positions, 4, tracks), or (positions, tracks) for deletions, with
        their intervals, positions and tracks.

    Raises
    ------
    InputError
        If an interval lies outside of the genome, or there is no such track or score.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> model, genome = bk.load("model_files"), bk.Genome("genome.fa")
    >>> found = bk.mutate(model, genome, ("chrA", 20_048, 20_056), tracks=["stripe_wt_plus"])
    >>> found.scores["SAD"].shape
    (8, 4, 1)
    >>> bk.mutate(model, genome, "chrA:20,049-20,056", deleted=3).scores["SAD"].shape
    (8, 18)
    >>> forward = bk.Oligos(strand="+")
    >>> bk.mutate(model, genome, "chrA:20,049-20,056", reporter="promoter", oligos=forward)
    <MutationMap of basenji-yeast: snv, 1 interval, 8 positions, SAD of 2 tracks>
    """
    if deleted is not None and deleted < 1:
        raise InputError(f"no deletions of {deleted} bases: expected 1 or more")
    choice = choose(
        loaded(model),
        Mutations(deleted),
        scores=scores,
        tracks=tracks,
        both_strands=both_strands,
        indels=indels,
        counts=counts,
        reporter=reporter,
        oligos=oligos or Oligos(),
        option="tracks",
    )
    with open_genome(genome) as opened:
        table = _table(choice, opened, read_intervals(intervals, opened.lengths))
        shape = (table.positions, *choice.mutations.axes, len(choice.columns))
        values = {score.name: np.empty(shape, dtype=np.float32) for score in choice.scores}
        ends = np.cumsum([len(block) for block in table.blocks])

        def keep(number: int, found: Mapping[str, np.ndarray]) -> None:
            rows = slice(ends[number] - len(table.blocks[number]), ends[number])
            for name, scored in found.items():
                values[name][rows] = scored

        if table.blocks:
            mutagenesis = choice.mutagenesis(opened, memory=memory)
            blocks = range(len(table.blocks))
            _score(mutagenesis, table, blocks, keep, progress, blocks)
        return MutationMap(table, table.columns(opened), values)


def mutate_file(
    model: Model | str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    fasta: str | os.PathLike[str],
    bed: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    deleted: int | None = None,
    scores: Sequence[str] = ("SAD",),
    tracks: str | Sequence[str | int] | None = None,
    both_strands: Strands = None,
    indels: IndelMode = "stitch",
    counts: bool = False,
    reporter: str | None = None,
    oligos: Oligos | None = None,
    plots: str | os.PathLike[str] | None = None,
    plot_tracks: str | Sequence[str | int] | None = None,
    memory: float = MEMORY,
    devices: str | None = None,
    shard: tuple[int, int] | None = None,
    join_shards: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool | None = None,
    note: Callable[[str], object] = lambda _: None,
    command: str = "",
) -> tuple[MutationTable, np.ndarray | None]:
    """Mutate every base of the intervals of a BED file, into a file.

    What an interrupted run finished waits in the folder ``<out>.unfinished``.

    Parameters
    ----------
    model, deleted, scores, tracks, both_strands, indels, counts, reporter, oligos, memory, progress
        As `mutate` takes them.
    fasta, bed
        The genome and the intervals.
    out
        The output: ``x.h5`` or ``x.zarr``.
    plots
        Directory of figures to write, one for each interval and track.
    plot_tracks
        Tracks to draw; all that are scored by default.
    devices
        Processes that score, as `basenji_kipoi.base.sharing.processes.devices_of` reads
        them, each with ``memory``; None for this one, on all that it may use.
    shard
        Which part of the work is done, counted from 1, and of how many: it becomes a folder in
        ``<out>.shards``. None to write the output.
    join_shards
        Whether the output is made of all its shards.
    resume
        Whether to go on where an interrupted call with the same arguments stopped.
    overwrite
        Whether to replace an existing output, and unfinished work of another run.
    note
        Called with what the user should know, a line each.
    command
        The command, which the output will name.

    Returns
    -------
    table : MutationTable
        What is in the output.
    statuses : ndarray or None, int, shape (statuses,)
        Number of positions of each of `basenji_kipoi.mutagenesis.scores.STATUSES`; None of a shard.

    Raises
    ------
    InputError
        If something of the input cannot be used, or the output may not be written.

    Examples
    --------
    >>> from basenji_kipoi.mutagenesis import mutate_file
    >>> table, statuses = mutate_file("model_files", "genome.fa", "promoter.bed", "map.h5")
    >>> table.positions, statuses.tolist()
    (8, [8, 0, 0])
    """
    # Whatever may be wrong is found before a network is loaded.
    out, fasta, bed, workers = Path(out), Path(fasta), Path(bed), worker_devices(devices)
    inputs = (*paths_of(model), fasta, bed)
    check_shard(shard, join=join_shards, whole=[] if plots is None else ["plots"])
    is_shard = shard is not None  # which has a place of its own
    check_output(out, overwrite=overwrite or is_shard, inputs=inputs, folder=folder_of(out))
    if plots is not None:
        # The output itself must not be lost either.
        check_output(Path(plots), overwrite=overwrite, inputs=(*inputs, out), folder=FIGURES)
    asked: dict[str, Any] = {
        "mutations": Mutations(deleted),
        "scores": scores,
        "tracks": tracks,
        "both_strands": both_strands,
        "indels": indels,
        "counts": counts,
        "reporter": reporter,
        "oligos": oligos or Oligos(),
    }
    choice = choose(loaded(model), **asked)
    with open_genome(fasta) as genome:
        intervals = read_bed(bed, genome.lengths)
        drawn = []
        if plots is not None:
            figures = len(intervals) * len(choice.scores)
            drawn = _drawn(choice.targets, choice.columns, plot_tracks, figures)
        table = _table(choice, genome, intervals, bed=str(bed), command=command)
        before = fingerprint(fasta)
        # Shards may be of machines that have each a copy of its own, of another time.
        in_shards = is_shard or join_shards
        settings = {
            "intervals": [f"{interval}" for interval in intervals],
            "blocks": [[block.start, block.end, block.window] for block in table.blocks],
            "fasta": checksum(fasta) if in_shards else before,
            "models": choice.model.weights_sha256,
            **choice.settings,
            "tracks": choice.columns,
            "mutations": str(table.mutations),
            "memory": memory,
            "scores": [score.name for score in choice.scores],
            "version": __version__,
        }
        names = [f"block-{number:06}.npz" for number in range(len(table.blocks))]
        with ShardedRun(
            out, "basenji mutate", settings, names=names, shard=shard, join=join_shards,
            command=command, resume=resume, overwrite=overwrite, note=note,
        ) as run:  # fmt: skip

            def keep(number: int, found: Mapping[str, np.ndarray]) -> None:
                with run.piece(names[number]) as path:
                    save_piece(path, found)

            if run.todo and workers:
                arguments = (paths_of(choice.model), asked, fasta, memory, run.outputs[0])
                each = ((run.path(names[number]), table.blocks[number]) for number in run.todo)
                with _progress(table, run.todo, progress, run.wanted) as advance:
                    shared_out(workers, _mutating, arguments, each, advance)
            elif run.todo:
                mutagenesis = choice.mutagenesis(genome, memory=memory)
                _score(mutagenesis, table, run.todo, keep, progress, run.wanted)
            check_unchanged({fasta: before})
            if shard is not None:
                run.place_shard()
                return table, None
            path = run.output(out)
            statuses = write_mutations(path, table, [run.path(name) for name in names], genome)
            if plots is not None:
                # Draws with matplotlib, which takes seconds to import.
                from basenji_kipoi.mutagenesis.plots import draw_mutations  # noqa: PLC0415

                with atomic_path(Path(plots), overwrite=overwrite) as folder:
                    draw_mutations(path, folder, tracks=drawn)
            check_unchanged({fasta: before})
            run.place()
    return table, statuses


def _drawn(
    targets: Targets, columns: list[int], wanted: str | Sequence[str | int] | None, each: int
) -> list[int]:
    """Find where the tracks to be drawn are among those that are scored."""
    from basenji_kipoi.figures.sequence_map import check_plotting  # noqa: PLC0415 - takes seconds

    check_plotting()
    if wanted is None and each * len(columns) > _MOST_FIGURES:
        raise InputError(
            f"--plots would draw {each * len(columns):,} figures: name tracks with --plot-tracks"
        )
    names = columns if wanted is None else targets.columns_of(wanted, option="--plot-tracks")
    for column in names:
        if column not in columns:
            raise InputError(
                f"--plot-tracks: {targets.labels[column]} is not among the tracks of --tracks"
            )
    return [columns.index(column) for column in names]


def _table(
    choice: Choice, genome: Genome, intervals: Sequence[Interval], **more: str
) -> MutationTable:
    """Describe what is computed, and cut it into blocks."""
    pieces = choice.pieces(intervals, genome)
    values = choice.mutations.each * len(choice.columns) * len(choice.scores)
    return MutationTable(
        intervals=intervals,
        tracks=[choice.targets[column] for column in choice.columns],
        mutations=choice.mutations,
        scores=choice.scores,
        pieces=pieces,
        blocks=list(blocks_of(pieces, values)),
        attributes={
            **choice.attributes,
            "fasta": str(genome.path),
            **more,
            "version": __version__,
        },
    )


def _score(
    mutagenesis: Mutagenesis,
    table: MutationTable,
    todo: Sequence[int],
    keep: Callable[[int, Mapping[str, np.ndarray]], object],
    progress: bool | None,
    wanted: Sequence[int],
) -> None:
    """Score the blocks that are still to do, and keep each."""
    with _progress(table, todo, progress, wanted) as advance:
        for number in todo:
            keep(number, mutagenesis.scores(table.blocks[number], advance))


def _progress(
    table: MutationTable, todo: Sequence[int], progress: bool | None, wanted: Sequence[int]
) -> contextlib.AbstractContextManager[Callable[[int], None]]:
    """Show a bar of the mutations of those blocks that are wanted, of which some are to do."""
    total, left = (
        sum(len(table.blocks[number]) for number in each) * table.mutations.each
        for each in (wanted, todo)
    )
    label = label_of("mutating", progress)
    return progress_bar(label, total=total, unit="mutations", done=total - left)


@contextlib.contextmanager
def _mutating(
    models: Sequence[Path], asked: dict[str, Any], fasta: Path, memory: float, out: Path
) -> Iterator[Callable[[Path, Block], int]]:
    """Open what scores blocks and saves them, in a process of its own."""
    choice = choose(load(models), **asked)
    with Genome(fasta) as genome:
        mutagenesis = choice.mutagenesis(genome, memory=memory)

        def score(path: Path, block: Block) -> int:
            found = mutagenesis.scores(block, lambda _: None)
            with atomic_path(path, overwrite=True, output=out) as temporary:
                save_piece(temporary, found)
            return len(block) * choice.mutations.each

        yield score
