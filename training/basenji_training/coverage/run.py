"""From files of reads to bigWig tracks: the whole way."""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import itertools
import json
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from basenji_kipoi.base.atomic import check_output
from basenji_kipoi.base.bigwig.blocks import ALIGNMENT, Piece, encode
from basenji_kipoi.base.bigwig.file import write_bigwig
from basenji_kipoi.base.checksum import fingerprint
from basenji_kipoi.base.errors import InputError, full_disk_named
from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.base.sharing.processes import executor
from basenji_kipoi.base.unfinished import UnfinishedRun
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.genes import read_genes
from basenji_training import __version__
from basenji_training.coverage.gc_bias import GcCurve, busy_tiles, fit_gc_curve
from basenji_training.coverage.report import Quality, write_report
from basenji_training.coverage.sharing import Sharing, share_reads
from basenji_training.coverage.steps import (
    GcCounts,
    Part,
    Totals,
    contig_tiles,
    count_gc,
    cover,
    lay_out,
)
from basenji_training.coverage.tss import tss_profile
from basenji_training.reads.plan import Plan
from basenji_training.reads.reading import read_sources, usual_length
from basenji_training.reads.sources import check_sources, contig_lengths, open_source
from basenji_training.reads.step_results import finished

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Executor

    from basenji_training.reads.settings import Settings

__all__ = ["make_coverage", "outputs"]

T = TypeVar("T")
_PART = 4 * ALIGNMENT  # bp of coverage that are computed at once
# Results that may wait for the writer, for each process.
_AHEAD = 3
# Shares of the fragments that are shorter than the lengths that represent them.
# A prime number, so that it meets all places of a repeat.
_QUANTILES = (np.arange(97) + 0.5) / 97


def outputs(out: Path, settings: Settings) -> list[Path]:
    """Name the bigWigs.

    Parameters
    ----------
    out
        The bigWig, ``x.bw``.
    settings
        If they ask for strands, there are ``x_plus.bw`` and ``x_minus.bw`` instead.
    """
    if out.suffix.lower() not in (".bw", ".bigwig"):
        raise InputError(f"--out is {out}: a bigWig's name ends in .bw")
    return [
        out.with_name(f"{out.stem}_{strand}{out.suffix}") if strand else out
        for strand in settings.tracks
    ]


def make_coverage(
    reads: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    settings: Settings,
    *,
    fasta: str | os.PathLike[str] | None = None,
    genes: str | os.PathLike[str] | None = None,
    processes: int = 1,
    resume: bool = False,
    overwrite: bool = False,
    command: str = "",
    progress: bool = False,
) -> Quality:
    """Make coverage tracks of reads.

    Beside the bigWigs are written ``x.json``, with what was done and counted, and ``x.html``, a
    page that shows it.

    Parameters
    ----------
    reads
        BAM, CRAM or fragment files of one sample; their coverage is added.
    out
        The bigWig (see `outputs`).
    settings
        How reads become coverage.
    fasta
        The genome: for CRAM and fragment files, GC correction and genes. Its contigs become the
        output's; else the first BAM file's do.
    genes
        GTF file, for the enrichment at transcription start sites.
    processes
        Processes that work.
    resume
        Whether to go on where an interrupted call with the same arguments stopped, and to keep
        what this one does if it is interrupted.
    overwrite
        Whether existing outputs may be replaced.
    command
        What was asked for, as the outputs are to tell it.
    progress
        Whether progress bars are shown.

    Returns
    -------
    Quality
        What the page shows.

    Raises
    ------
    InputError
        If an input is unusable, no read counts, an output may not be written, or what is to be
        resumed was begun with other inputs or settings.
    """
    out, paths = Path(out), [Path(each) for each in reads]
    if not paths:
        raise InputError("there are no files of reads")
    tracks = outputs(out, settings)
    table, page = out.with_suffix(".json"), out.with_suffix(".html")
    for path in (*tracks, table, page):
        # Whether they may be replaced is for the run to find: it may have placed them before.
        check_output(path, overwrite=True, inputs=(*paths, fasta, genes))
    check_sources(paths, settings)
    if fasta is None and (settings.gc or genes is not None):
        remedy = "pass --no-gc" if settings.gc else "leave out --genes"
        what = "the correction for GC content" if settings.gc else "--genes"
        raise InputError(f"{what} needs the genome: pass --fasta, or {remedy}")
    with full_disk_named(out), contextlib.ExitStack() as stack:
        genome = stack.enter_context(Genome(fasta)) if fasta is not None else None
        starts = read_genes(genes, genome) if genes is not None else None
        run = stack.enter_context(
            UnfinishedRun(
                (*tracks, table, page),
                "basenji-train coverage",
                {
                    **settings.model_dump(),
                    "reads": [fingerprint(path) for path in paths],
                    "fasta": fasta and fingerprint(Path(fasta)),
                    "genes": genes and fingerprint(Path(genes)),
                    **_versions(),
                },
                command=command,
                resume=resume,
                overwrite=overwrite,
                keep=resume,
            )
        )
        lengths = contig_lengths(paths, genome, settings)
        plan = Plan(run.pieces, tuple(lengths), tuple(lengths.values()), settings, genome)
        sources = [
            open_source(path, lengths, genome, settings, run.path(f"{number}.{path.name}"))
            for number, path in enumerate(paths)
        ]
        pool = stack.enter_context(executor(processes))
        reading = read_sources(plan, sources, pool, "reading" if progress else "")
        usual = usual_length(plan, reading)
        sharing = finished(
            *(plan, "shared", Sharing, share_reads),
            *(reading, usual, "sharing" if progress else ""),
        )
        reading.tally["alignments missing or too many"] += sharing.left_out
        contigs = range(len(plan.contigs))
        curve = _gc_curve(plan, reading.lengths, usual, pool) if settings.gc else None
        totals = _each(plan, pool, "events", Totals, lay_out, contigs, *_same(usual, curve))
        longest = max(total.longest for total in totals)
        reading.tally["beyond an end of their contig"] += round(sum(t.outside for t in totals))
        files = [run.output(path) for path in tracks]
        for track, path in enumerate(files):
            label = f"writing {tracks[track].name}" if progress else ""
            _write(plan, track, path, longest, pool, label=label, ahead=_AHEAD * processes)
        quality = Quality(
            tally=reading.tally,
            reads_shared=sharing.reads,
            forward=[total.forward for total in totals],
            reverse=[total.reverse for total in totals],
            contigs=plan.contigs,
            lengths=reading.lengths,
            usual_length=usual,
            gc=curve,
            tss=None if starts is None else tss_profile(files, starts),
            is_atac=settings.is_atac,
        )
        description = {
            "command": run.command,
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "versions": _versions(),
            "reads": [path.name for path in paths],
            "bigwigs": [path.name for path in tracks],
            "settings": settings.model_dump(),
            **quality.figures(),
        }
        text = json.dumps(description, indent=2) + "\n"
        run.output(table).write_text(text, encoding="utf-8")
        write_report(run.output(page), out.name, quality, description)
        run.place()
    return quality


def _versions() -> dict[str, str]:
    packages = ("numpy", "oxbow", "scipy")
    return {
        "basenji_training": __version__,
        **{name: importlib.metadata.version(name) for name in packages},
    }


def _each(
    plan: Plan,
    pool: Executor,
    step: str,
    kind: type[T],
    function: Callable[..., T],
    contigs: range,
    *arguments: Iterable[object],
) -> list[T]:
    """Take a step for each contig."""
    names = [f"{step}.{contig}" for contig in contigs]
    calls = zip(*_same(plan), names, *_same(kind, function), contigs, *arguments, strict=False)
    futures = [pool.submit(finished, *call) for call in calls]
    return [future.result() for future in futures]


def _gc_curve(plan: Plan, lengths: np.ndarray, usual: int, pool: Executor) -> GcCurve:
    """Fit the correction for GC content to all contigs."""
    contigs = range(len(plan.contigs))
    tiles = _each(plan, pool, "tiles", np.ndarray, contig_tiles, contigs)
    busy = np.split(busy_tiles(np.concatenate(tiles)), np.cumsum([len(each) for each in tiles]))
    representative = np.array([usual])
    if lengths.any():
        shares = np.cumsum(lengths) / lengths.sum()
        representative = np.searchsorted(shares, _QUANTILES)
    lengths = np.maximum(representative, 1)
    counts = _each(plan, pool, "gc", GcCounts, count_gc, contigs, *_same(usual, lengths), busy[:-1])
    observed, every, expected = (np.sum(each, axis=0) for each in zip(*counts, strict=True))
    return fit_gc_curve(observed, expected, every)


def _in_order(
    pool: Executor, function: Callable[..., T], calls: Iterable[tuple], ahead: int
) -> Iterator[T]:
    """Yield results in the order of the calls, of which few run ahead: results are large."""
    waiting: deque = deque()
    for call in calls:
        waiting.append(pool.submit(function, *call))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _write(
    plan: Plan, track: int, path: Path, longest: int, pool: Executor, *, label: str, ahead: int
) -> None:
    """Write the bigWig of a track."""
    # Contigs in the order of their names, as the format wants them.
    order = sorted(range(len(plan.contigs)), key=lambda contig: plan.contigs[contig])
    parts = [
        Part(contig, rank, track, start, min(start + _PART, plan.sizes[contig]))
        for rank, contig in enumerate(order)
        for start in range(0, plan.sizes[contig], _PART)
    ]
    calls = (
        (plan, f"cover.{part.contig}.{track}.{part.start}", Piece, cover, part, longest)
        for part in parts
    )

    def pieces(advance: Callable[[float], None]) -> Iterator[Piece]:
        has_values = False
        results = _in_order(pool, finished, calls, ahead)
        for part, piece in zip(parts, results, strict=True):
            has_values = piece is not None or (has_values and part.start > 0)
            if piece is not None:
                yield piece
            elif part.end == plan.sizes[part.contig] and not has_values:
                # Other programs that copy a track may drop a contig without any value, and then it
                # would be missing instead of zero.
                end = np.array([part.end])
                value = np.zeros(1, np.float32)
                yield encode(part.rank, part.end, end - 1, end, value)
            advance((part.end - part.start) / 1000)

    with progress_bar(label, total=sum(plan.sizes) // 1000, unit="kb") as advance:
        write_bigwig(path, dict(zip(plan.contigs, plan.sizes, strict=True)), pieces(advance))


def _same(*values: object) -> list[Iterator[object]]:
    """Arguments that every call of a map gets."""
    return [itertools.repeat(value) for value in values]
