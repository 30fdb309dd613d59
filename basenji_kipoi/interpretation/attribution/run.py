"""Contributions of bases: in memory, or from files to files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from basenji_kipoi.base import __version__
from basenji_kipoi.base.atomic import FIGURES, check_output
from basenji_kipoi.base.checksum import check_unchanged, fingerprint
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import ALPHABET
from basenji_kipoi.base.sharing.processes import worker_devices
from basenji_kipoi.base.unfinished import UnfinishedRun
from basenji_kipoi.effects.passes import passes_of
from basenji_kipoi.figures.sequence_map import check_plotting
from basenji_kipoi.genome.fasta import open_genome
from basenji_kipoi.genome.genes import Genes, read_genes
from basenji_kipoi.genome.intervals import read_bed, read_intervals
from basenji_kipoi.interpretation.attribution.explaining import explain, explain_in_workers
from basenji_kipoi.interpretation.attribution.files import (
    AttributionTable,
    Summary,
    check_format,
    files_of,
    load_piece,
    save_piece,
    summarised,
    write_attributions,
)
from basenji_kipoi.interpretation.attribution.methods import ExpectedGradients
from basenji_kipoi.interpretation.attribution.options import AttributionOptions
from basenji_kipoi.interpretation.attribution.outputs import choose_outputs
from basenji_kipoi.interpretation.attribution.questions import (
    gene_questions,
    genes_named,
    interval_questions,
)
from basenji_kipoi.interpretation.attribution.result import Attributions
from basenji_kipoi.models.model import loaded
from basenji_kipoi.prediction.interval_results import origin_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.intervals import GivenIntervals, Interval
    from basenji_kipoi.interpretation.attribution.methods import Contributions
    from basenji_kipoi.interpretation.attribution.options import Method
    from basenji_kipoi.interpretation.attribution.outputs import Output
    from basenji_kipoi.interpretation.attribution.questions import Bins, Question
    from basenji_kipoi.models.model import Model, Strands

__all__ = ["attribute", "attribute_file"]

#: Hypothetical contributions of a question that are held in memory (1 GiB of float32).
_MOST_VALUES = 1 << 28
#: Figures that are drawn at most.
_MOST_FIGURES = 1000


def attribute(
    model: Model | str | os.PathLike[str],
    genome: Genome | str | os.PathLike[str],
    intervals: GivenIntervals | None = None,
    *,
    method: Method = "gradient",
    tracks: str | None = None,
    groups: Mapping[str, str] | None = None,
    outputs: str = "sum",
    bins: Bins = "interval",
    length: int | None = None,
    genes: str | os.PathLike[str] | None = None,
    gene: str | None = None,
    both_strands: Strands = None,
    backgrounds: int = 10,
    points: int = 10,
    seed: int = 0,
    progress: bool | None = None,
) -> Attributions:
    """Find what each base contributes to predictions, in memory.

    Parameters
    ----------
    model
        The model, or the directory of a bundle.
    genome
        The genome, or its FASTA file.
    intervals
        The bases that contribute, as `basenji_kipoi.predict` takes intervals: each stands in the
        middle of a window. With ``genes`` it may be left out: then the window around each gene.
    method
        ``gradient`` (times input, minus its mean over the four letters), ``expected-gradients``
        (against shuffled backgrounds that keep dinucleotides), or ``mutation`` (every
        substitution, exactly).
    tracks
        Tracks, each explained by itself: identifiers, patterns, indices, ``assay:NAME`` or
        ``sample:NAME``, separated by commas; all by default.
    groups
        Tracks by the name of a group, whose mean is explained.
    outputs
        ``sum`` over the bins, or ``log-ratio:A/B`` of two tracks or groups (log2).
    bins
        Explain the bins that the ``interval`` overlaps, or all of its ``window``.
    length
        Bases around each interval's middle that contribute (bp); the interval by default.
    genes
        GTF file: explain the bins of its genes' starts, on their strand.
    gene
        Some of these genes, by identifier or name, separated by commas.
    both_strands
        Whether to average over both strands; None as the model was evaluated.
    backgrounds, points, seed
        Of expected gradients: shuffled sequences, points on the way from each, and the seed.
    progress
        Whether to show a progress bar; None: at a terminal and in a notebook.

    Returns
    -------
    Attributions
        ``contributions``, float32 (positions, outputs), with their intervals and outputs.

    Raises
    ------
    InputError
        If something of the input cannot be used; names it.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> model, genome = bk.load("model_files"), bk.Genome("genome.fa")
    >>> found = bk.attribute(model, genome, ("chrA", 20_000, 20_064), tracks="atac")
    >>> found.contributions.shape, found.sums.shape
    ((64, 1), (1, 1))
    """
    options = AttributionOptions(
        method=method,
        tracks=tracks,
        groups=tuple(f"{name}={members}" for name, members in (groups or {}).items()),
        outputs=outputs,
        bins=bins,
        length=length,
        genes=None if genes is None else Path(genes),
        gene=gene,
        both_strands=both_strands,
        backgrounds=backgrounds,
        points=points,
        seed=seed,
    )
    model = loaded(model)
    with open_genome(genome) as opened:
        places = None if intervals is None else read_intervals(intervals, opened.lengths)
        table = _table(model, opened, places, options)
        explained: list[Contributions] = []
        explain(
            model, opened, table, options, range(len(table.questions)),
            lambda _, found: explained.append(found), progress,
        )  # fmt: skip
    return Attributions(table, explained)


def attribute_file(
    model: Model | str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    fasta: str | os.PathLike[str],
    bed: str | os.PathLike[str] | None,
    out: str | os.PathLike[str],
    options: AttributionOptions,
    *,
    plots: str | os.PathLike[str] | None = None,
    devices: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool | None = None,
    note: Callable[[str], object] = lambda _: None,
    command: str = "",
) -> Summary:
    """Find what each base contributes to predictions, from files to files.

    Parameters
    ----------
    model
        The model, or the directories of bundles, whose predictions are averaged.
    fasta, bed
        The genome, and the bases that contribute; without the latter, those around genes.
    out
        The output: ``x.h5``, ``x.zarr``, ``x.npz`` (which becomes ``x.ohe.npz`` and
        ``x.shap.npz``), or a directory of bigWigs.
    options
        What is explained, and how.
    plots
        Directory of figures, one for each interval and output.
    devices
        Processes that explain, as `basenji_kipoi.base.sharing.processes.devices_of` reads
        them; None for this one, on all that it may use.
    resume, overwrite
        Whether to go on with what an interrupted run left; whether to replace outputs and delete
        what such a run left.
    progress
        Whether to show a progress bar.
    note
        Called with what the user should know, a line each.
    command
        The command, which the output will name.

    Returns
    -------
    Summary
        What the output holds.

    Raises
    ------
    InputError
        If something of the input cannot be used, or the output may not be written.

    Examples
    --------
    >>> from basenji_kipoi.interpretation import AttributionOptions, attribute_file
    >>> options = AttributionOptions(tracks="atac")
    >>> summary = attribute_file("model_files", "genome.fa", "promoter.bed", "out.h5", options)
    >>> summary.positions, summary.outputs
    (8, 1)
    """
    # Whatever may be wrong is found before a network is loaded.
    out, fasta, bed = Path(out), Path(fasta), None if bed is None else Path(bed)
    files_of(out, ())
    workers = worker_devices(devices)
    model = loaded(model)
    with open_genome(fasta) as genome:
        places = None if bed is None else read_bed(bed, genome.lengths)
        more = {"bed": str(bed or ""), "command": command}
        table = _table(model, genome, places, options, more=more, out=out)
        kind, files, folder = files_of(out, table.outputs)
        figures = [] if plots is None else [Path(plots)]
        if figures:
            check_plotting()
            number = len(table.questions) * len(table.outputs)
            if number > _MOST_FIGURES:
                raise InputError(f"--plots would draw {number:,} figures: ask for fewer outputs")
        inputs = (*(member.path for member in model.members), fasta, bed, options.genes)
        for path, made in (*((p, folder) for p in files), *((p, FIGURES) for p in figures)):
            check_output(path, overwrite=overwrite or resume, inputs=inputs, folder=made)
        settings = {
            "fasta": fingerprint(fasta),
            "models": model.weights_sha256,
            "passes": passes_of(model.members, both_strands=options.both_strands, shifts=(0,)),
            "version": __version__,
            **{name: str(value) for name, value in asdict(options).items()},
            "outputs": [[each.name, each.tracks, each.against] for each in table.outputs],
            "questions": [
                [str(each.interval), each.window, list(each.bins), each.strand]
                for each in table.questions
            ],
        }
        with UnfinishedRun(
            [*files, *figures], "basenji attribute", settings,
            command=command, resume=resume, overwrite=overwrite,
        ) as run:  # fmt: skip
            names = [f"{number:06}.npz" for number in range(len(table.questions))]
            todo = [number for number, name in enumerate(names) if not run.has(name)]
            if run.is_resumed and len(todo) < len(names):
                note(f"going on with {run.folder}: {1 - len(todo) / len(names):.0%} is done")

            def keep(number: int, found: Contributions) -> None:
                with run.piece(names[number]) as path:
                    save_piece(path, found)

            pieces = [run.path(name) for name in names]
            if todo and workers:
                explain_in_workers(
                    model, fasta, table, options, {number: pieces[number] for number in todo},
                    out=out, workers=workers, progress=progress,
                )  # fmt: skip
            else:
                explain(model, genome, table, options, todo, keep, progress)
            written = [run.output(path) for path in files]
            write_attributions(kind, written, table, map(load_piece, pieces))
            if figures:
                # Draws with matplotlib, which takes seconds to import.
                from basenji_kipoi.interpretation.attribution.plots import draw_attributions  # noqa: PLC0415

                draw_attributions(table, map(load_piece, pieces), run.output(figures[0]))
            summary = summarised(files, table, map(load_piece, pieces))
            check_unchanged({fasta: settings["fasta"]})
            run.place()
    return summary


def _table(
    model: Model,
    genome: Genome,
    intervals: Sequence[Interval] | None,
    options: AttributionOptions,
    *,
    more: Mapping[str, str] | None = None,
    out: Path | None = None,
) -> AttributionTable:
    """Find what is explained where, and check that it can be."""
    has_genes = options.genes is not None
    outputs = choose_outputs(
        model.targets,
        tracks=options.tracks,
        groups=options.groups,
        outputs=options.outputs,
        is_stranded=has_genes,
    )
    questions = _questions(model, genome, intervals, options)
    if out is not None:
        questions = check_format(files_of(out, outputs).name, questions)
    _check_memory(questions, outputs)
    attributes = {
        "method": options.method,
        **origin_of(model, options.both_strands),
        "outputs": options.outputs,
        "genes": str(options.genes or ""),
        "fasta": str(genome.path),
        **(more or {}),
        "version": __version__,
    }
    if options.method == ExpectedGradients.name:
        shuffles = {name: getattr(options, name) for name in ("backgrounds", "points", "seed")}
        attributes.update(shuffles)
    return AttributionTable(questions, outputs, attributes, genome.lengths)


def _questions(
    model: Model,
    genome: Genome,
    intervals: Sequence[Interval] | None,
    options: AttributionOptions,
) -> list[Question]:
    genes: Genes | None = None
    if options.genes is not None:
        genes = read_genes(options.genes, genome)
    wanted = [] if options.gene is None or genes is None else genes_named(genes, options.gene)
    if intervals is not None:
        return list(
            interval_questions(
                intervals,
                model.architecture,
                genome.lengths,
                bins=options.bins,
                length=options.length,
                genes=genes,
                wanted=wanted,
            )
        )
    if genes is None:
        raise InputError("nothing to explain: pass intervals (--bed), genes (--genes), or both")
    return list(
        gene_questions(wanted or genes, model.architecture, genome.lengths, length=options.length)
    )


def _check_memory(questions: Sequence[Question], outputs: Sequence[Output]) -> None:
    longest = max((len(question.interval) for question in questions), default=0)
    if longest * len(ALPHABET) * len(outputs) > _MOST_VALUES:
        most = _MOST_VALUES // (longest * len(ALPHABET))
        raise InputError(
            f"{len(outputs):,} outputs of {longest:,} bases are more than memory is meant to hold: "
            f"name at most {most:,} with --tracks, or fewer bases with --length"
        )
