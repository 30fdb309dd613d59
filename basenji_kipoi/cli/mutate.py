"""The command ``basenji mutate``: saturation mutagenesis of intervals."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Optional

import typer

from basenji_kipoi import __version__
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.cli.console import command_line
from basenji_kipoi.cli.options import (
    INDEL_NAMES,
    MEMORY,
    BothStrands,
    Fasta,
    Memory,
    Overwrite,
    Quiet,
    Tracks,
    read_names,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from basenji_kipoi.effects.passes import IndelMode
    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.models.bundle import Bundle
    from basenji_kipoi.models.targets import Targets
    from basenji_kipoi.mutagenesis.files import MutationTable, UnfinishedRun
    from basenji_kipoi.mutagenesis.scores import Mutagenesis

# What a command needs is imported when it runs: TensorFlow alone takes seconds, and --help none.
# ruff: noqa: PLC0415

__all__ = ["mutate"]

#: Figures that are drawn without being asked for by name.
_MOST_FIGURES = 100


def mutate(
    model: Annotated[
        list[Path],
        typer.Option(
            help="Directory of a trained model (a bundle); given several times, predictions are "
            "averaged over the models."
        ),
    ],
    fasta: Fasta,
    bed: Annotated[Path, typer.Option(help="Intervals of any length: BED, plain or gzip.")],
    out: Annotated[Path, typer.Option(help="Scores to write: x.h5 or x.zarr.")],
    mutations: Annotated[
        str,
        typer.Option(
            help="snv: every base becomes each of the three others. deletion:K: K bases are "
            "deleted from each base on."
        ),
    ] = "snv",
    tracks: Tracks = None,
    scores: Annotated[
        str,
        typer.Option(
            help="Scores, separated by commas, as those of 'basenji score' but REF and ALT. SAD "
            "of substitutions is the quickest by far."
        ),
    ] = "SAD",
    both_strands: BothStrands = None,
    plots: Annotated[
        Optional[Path],
        typer.Option(help="Directory of figures to write, one for each interval and track."),
    ] = None,
    plot_tracks: Annotated[
        Optional[str],
        typer.Option(help="Tracks to draw.", show_default="all that are scored"),
    ] = None,
    indels: Annotated[
        Literal["anchor", "stitch"],
        typer.Option(
            *INDEL_NAMES,
            help="Deletions: the window's first base stays (anchor), or the first one up to the "
            "deletion and the last one behind it (stitch).",
        ),
    ] = "anchor",
    memory: Memory = MEMORY,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Mutate every base of each interval and score what that changes.

    An interrupted run goes on where it was when its command is repeated.
    """
    from basenji_kipoi.base.atomic import atomic_path, check_output
    from basenji_kipoi.effects.passes import passes_of
    from basenji_kipoi.effects.scores import scores_named
    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.intervals import read_bed
    from basenji_kipoi.models.ensembles import load_members
    from basenji_kipoi.mutagenesis.files import (
        MutationTable,
        UnfinishedRun,
        file_type_of,
        write_mutations,
    )
    from basenji_kipoi.mutagenesis.scores import Mutations
    from basenji_kipoi.mutagenesis.windows import blocks_of, pieces_of

    # Whatever may be wrong is found before a network is loaded.
    file_type_of(out)
    check_output(out, overwrite=overwrite)
    kind, wanted = Mutations.parse(mutations), scores_named(read_names(scores))
    for score in wanted:
        if score.name in ("REF", "ALT"):
            raise InputError(
                f"--scores: {score.name} is no effect of a mutation: name others "
                "('basenji predict' gives the reference's predictions)"
            )
    bundles = load_members(model)
    weights = [bundle.weights_sha256[0] for bundle in bundles]
    passes = passes_of(bundles, both_strands=both_strands, shifts=(0,))
    columns = bundles[0].targets.columns_of(tracks)
    began = time.monotonic()
    with Genome(fasta) as genome:
        intervals = read_bed(bed, genome.lengths)
        drawn = []
        if plots is not None:
            check_output(plots, overwrite=overwrite)
            drawn = _drawn(bundles[0].targets, columns, plot_tracks, len(intervals) * len(wanted))
        pieces = list(pieces_of(intervals, bundles[0].architecture))
        table = MutationTable(
            intervals=intervals,
            tracks=[bundles[0].targets[column] for column in columns],
            mutations=kind,
            scores=wanted,
            pieces=pieces,
            blocks=list(blocks_of(pieces, kind.each * len(columns) * len(wanted))),
            attributes={
                "models": ", ".join(bundle.metadata.name for bundle in bundles),
                "model_sha256": ", ".join(weights),
                "assembly": bundles[0].metadata.assembly,
                "window": bundles[0].architecture.window,
                "bin": bundles[0].architecture.bin,
                "both_strands": any(each.reverse for each in passes),
                "indels": indels,
                "fasta": str(fasta),
                "bed": str(bed),
                "command": command_line("basenji"),
                "version": __version__,
            },
        )
        description = {
            "intervals": [f"{interval}" for interval in intervals],
            "blocks": [[block.start, block.end, block.window] for block in table.blocks],
            "fasta": [str(fasta.absolute()), fasta.stat().st_size, fasta.stat().st_mtime_ns],
            "models": weights,
            "passes": passes,
            "tracks": columns,
            "mutations": str(kind),
            "indels": indels,
            "memory": memory,
            "scores": [score.name for score in wanted],
            "version": __version__,
        }
        run = UnfinishedRun(out, description, overwrite=overwrite)
        todo = [n for n in range(len(table.blocks)) if not run.has(n)]
        if todo:
            _score(
                _mutagenesis(
                    bundles,
                    genome,
                    table,
                    columns=columns,
                    both_strands=both_strands,
                    indels=indels,
                    memory=memory,
                ),
                table,
                run,
                todo,
                quiet=quiet,
            )
        with atomic_path(out, overwrite=overwrite) as path:
            statuses = write_mutations(path, table, run, genome)
            if plots is not None:
                from basenji_kipoi.mutagenesis.plots import draw_mutations

                with atomic_path(plots, overwrite=overwrite) as folder:
                    draw_mutations(path, folder, tracks=drawn)
        run.remove()
    if not quiet:
        _summarise(out, table, statuses, time.monotonic() - began)


def _drawn(targets: Targets, columns: list[int], wanted: str | None, each: int) -> list[int]:
    """Find where the tracks to be drawn are among those that are scored."""
    from basenji_kipoi.mutagenesis.plots import check_plotting

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


def _mutagenesis(
    bundles: Sequence[Bundle],
    genome: Genome,
    table: MutationTable,
    *,
    columns: Sequence[int],
    both_strands: bool | None,
    indels: IndelMode,
    memory: float,
) -> Mutagenesis:
    """Choose how mutations are scored: SAD of substitutions has a way of its own."""
    from basenji_kipoi.effects.choice import effect_engine
    from basenji_kipoi.effects.passes import passes_of
    from basenji_kipoi.effects.scorer import CountedBins, Scorer
    from basenji_kipoi.incremental.steps import NotIncrementalError
    from basenji_kipoi.mutagenesis.scores import AlleleScores, SubstitutionTotals

    names = [score.name for score in table.scores]
    if table.mutations.deleted is None and names == ["SAD"]:
        with contextlib.suppress(NotIncrementalError):  # the engine below says why
            return SubstitutionTotals(bundles, genome, columns=columns, both_strands=both_strands)
    architecture = bundles[0].architecture
    scorer = Scorer(table.scores, table.tracks, architecture, CountedBins())
    passes = passes_of(bundles, both_strands=both_strands, shifts=(0,))
    engine = effect_engine(
        bundles,
        genome,
        tracks=columns,
        both_strands=both_strands,
        indels=indels,
        whole=scorer.needs_whole_windows(passes),
        memory_bytes=int(memory * (1 << 30)),
    )
    return AlleleScores(engine, genome, table.mutations, scorer, names)


def _score(
    mutagenesis: Mutagenesis,
    table: MutationTable,
    run: UnfinishedRun,
    todo: Sequence[int],
    *,
    quiet: bool,
) -> None:
    """Score the blocks that are still to do, and keep each."""
    total = table.positions * table.mutations.each
    left = sum(len(table.blocks[number]) for number in todo) * table.mutations.each
    if left < total and not quiet:
        typer.echo(
            f"going on with {run.path}: {(total - left) / total:.0%} is done already", err=True
        )
    with progress_bar(
        "" if quiet else "mutating", total=total, unit="mutations", done=total - left
    ) as advance:
        for number in todo:
            run.save(number, mutagenesis.scores(table.blocks[number], advance))


def _summarise(out: Path, table: MutationTable, statuses: np.ndarray, seconds: float) -> None:
    from basenji_kipoi.mutagenesis.scores import STATUSES

    many = "" if len(table.intervals) == 1 else "s"
    typer.echo(
        f"wrote {out}: {table.positions:,} positions, {len(table.tracks):,} tracks, "
        f"{len(table.intervals):,} interval{many}, in {seconds:.1f} s",
        err=True,
    )
    for status, count in zip(STATUSES[1:], statuses[1:]):
        if count:
            typer.echo(f"  {count:,} positions {status}", err=True)
