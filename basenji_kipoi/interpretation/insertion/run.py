"""Insertions: in memory, or from files to files."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from basenji_kipoi.base import __version__
from basenji_kipoi.base.array_files import load_piece, save_piece
from basenji_kipoi.base.atomic import FIGURES, check_output
from basenji_kipoi.base.checksum import fingerprint
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import write_table
from basenji_kipoi.base.unfinished import UnfinishedRun
from basenji_kipoi.effects.passes import passes_of
from basenji_kipoi.figures.sequence_map import check_plotting
from basenji_kipoi.genome.fasta import open_genome
from basenji_kipoi.genome.intervals import read_bed, read_intervals
from basenji_kipoi.interpretation.insertion.backgrounds import (
    around_intervals,
    of_sequences,
    read_backgrounds,
    shuffles_of,
)
from basenji_kipoi.interpretation.insertion.experiment import Experiment
from basenji_kipoi.interpretation.insertion.options import InsertOptions
from basenji_kipoi.interpretation.insertion.predictors import (
    ActivityPredictor,
    TrackPredictor,
)
from basenji_kipoi.interpretation.insertion.result import COLUMNS, SUMMARY_COLUMNS
from basenji_kipoi.models.model import loaded
from basenji_kipoi.prediction.interval_results import origin_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.intervals import GivenIntervals, Interval
    from basenji_kipoi.interpretation.insertion.backgrounds import Background
    from basenji_kipoi.interpretation.insertion.predictors import Predictor
    from basenji_kipoi.interpretation.insertion.result import Insertions
    from basenji_kipoi.models.model import Model, Strands

__all__ = ["insert", "insert_file"]

#: Shuffled backgrounds of each interval by default.
_SHUFFLES = 10


def insert(
    model: Model | str | os.PathLike[str],
    inserts: str | Sequence[str],
    genome: Genome | str | os.PathLike[str] | None = None,
    intervals: GivenIntervals | None = None,
    *,
    sequences: Sequence[str] | Mapping[str, str] | None = None,
    shuffles: int | None = None,
    seed: int = 0,
    positions: Sequence[int] = (0,),
    spacings: Sequence[int] = (),
    orientations: Sequence[str] = ("+", "-"),
    sampled: bool = False,
    tracks: str | None = None,
    groups: Mapping[str, str] | None = None,
    bins: int | None = None,
    reporter: str | None = None,
    both_strands: Strands = None,
    progress: bool | None = None,
) -> Insertions:
    """Put motifs or sequences into backgrounds and find what they do to predictions.

    Parameters
    ----------
    model
        The model, or the directory of a bundle.
    inserts
        One or several: ``LETTERS`` or ``NAME=LETTERS`` of IUPAC's code, in which N keeps the
        background's base, or ``FILE:NAME``, a motif of a MEME file or a sequence of a FASTA file.
    genome, intervals
        Where backgrounds are from: the window around the middle of each interval.
    sequences
        Backgrounds instead: letters of one window each, with or without names.
    shuffles
        Shuffled backgrounds of each that keep dinucleotides; 0 for these as they are. By default
        10 of each interval, and sequences as they are.
    seed
        Of the shuffles and the sites.
    positions
        Of single inserts, or of the first one of a pair: from the background's middle to its own
        (bp).
    spacings
        With any, all pairs of the inserts (of one, the pair with itself) whose middles are so many
        bp apart; the second one stands at position plus spacing.
    orientations
        ``+``, ``-`` or both.
    sampled
        Whether sites are drawn from a motif's probabilities instead of its best letters.
    tracks, groups
        Tracks, each by itself, and means of tracks by name, as `basenji_kipoi.attribute` takes
        them.
    bins
        So many bins around the middle of the window are summed, 0 for all; by default those that
        overlap the 512 bp there.
    reporter
        Predict the activities of this reporter instead; backgrounds are then sequences that its
        assay could measure, and tracks are names of activities.
    both_strands
        Whether to average over both strands; None as the model was evaluated.
    progress
        Whether to show a progress bar; None: at a terminal and in a notebook.

    Returns
    -------
    Insertions
        ``effects``, float64 (backgrounds, arrangements, outputs), on the scale of log2 ratios, and
        ``cooperation``, what pairs do beyond the sum of both alone.

    Raises
    ------
    InputError
        If something of the input cannot be used; names it.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> model = bk.load("model_files")
    >>> found = bk.insert(
    ...     model, ["reb1=TTACCCGG", "abf1=RTCRNNNNNACG"], "genome.fa", ("chrA", 20_000, 20_064),
    ...     spacings=[30, 60], orientations="+", tracks="atac", shuffles=3,
    ... )
    >>> found.effects.shape, found.to_dataframe().shape
    ((3, 2, 1), (2, 13))
    """
    options = InsertOptions(
        inserts=(inserts,) if isinstance(inserts, str) else tuple(inserts),
        positions=tuple(positions),
        spacings=tuple(spacings),
        orientations=tuple(orientations),
        sampled=sampled,
        shuffles=shuffles,
        seed=seed,
        tracks=tracks,
        groups=tuple(f"{name}={members}" for name, members in (groups or {}).items()),
        bins=bins,
        reporter=reporter,
        both_strands=both_strands,
    )
    if (sequences is None) == (intervals is None) or (genome is None) != (intervals is None):
        raise InputError("backgrounds: pass a genome and intervals, or sequences")
    model = loaded(model)
    predictor = _predictor(model, options)
    if sequences is not None:
        named = dict(enumerate(sequences)) if not hasattr(sequences, "items") else sequences
        pairs = [(f"sequence {n + 1}" if isinstance(n, int) else n, s) for n, s in named.items()]
        backgrounds = of_sequences(pairs, predictor.length, shorter=predictor.shorter)
    else:
        with open_genome(genome) as opened:
            places = read_intervals(intervals, opened.lengths)
            backgrounds = _windows(opened, places, predictor)
    backgrounds = _shuffled(backgrounds, options, of_genome=intervals is not None)
    work = Experiment(predictor, backgrounds, options)
    found = [work.predict(number) for number in work.bar(range(len(backgrounds)), progress)]
    return work.result(found, origin_of(model, both_strands))


def insert_file(
    model: Model | str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    options: InsertOptions,
    *,
    fasta: str | os.PathLike[str] | None = None,
    bed: str | os.PathLike[str] | None = None,
    backgrounds: str | os.PathLike[str] | None = None,
    plots: str | os.PathLike[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool | None = None,
    note: Callable[[str], object] = lambda _: None,
    command: str = "",
) -> Insertions:
    """Put motifs or sequences into backgrounds, from files to files.

    Parameters
    ----------
    model
        The model, or the directories of bundles, whose predictions are averaged.
    out
        The table, ``x.tsv``: a row for each background, arrangement and track. Beside it appears
        ``x.summary.tsv``, with means and spread over the backgrounds.
    options
        What is put where, and what is predicted.
    fasta, bed
        The genome and the intervals whose windows are backgrounds.
    backgrounds
        FASTA of backgrounds instead.
    plots
        Directory of figures.
    resume, overwrite
        Whether to go on with what an interrupted run left; whether to replace outputs.
    progress
        Whether to show a progress bar.
    note
        Called with what the user should know, a line each.
    command
        The command, to be kept with what is unfinished.

    Returns
    -------
    Insertions
        What the tables hold.

    Raises
    ------
    InputError
        If something of the input cannot be used, or the output may not be written.

    Examples
    --------
    >>> from basenji_kipoi.interpretation import InsertOptions, insert_file
    >>> options = InsertOptions(("reb1=TTACCCGG",), tracks="atac", shuffles=2)
    >>> found = insert_file(
    ...     "model_files", "out.tsv", options, fasta="genome.fa", bed="promoter.bed"
    ... )
    >>> len(found.backgrounds), found.attributes["scale"]
    (2, 'log2 ratio')
    """
    out = Path(out)
    if (backgrounds is None) == (bed is None) or (fasta is None) != (bed is None):
        raise InputError("backgrounds: pass --fasta and --bed, or --backgrounds")
    if out.suffix != ".tsv":
        raise InputError(f"the output {out} names no known format: use .tsv")
    summary = out.with_name(f"{out.stem}.summary.tsv")
    figures = [] if plots is None else [Path(plots)]
    if figures:
        check_plotting()
    model = loaded(model)
    predictor = _predictor(model, options)
    given = [Path(each) for each in (fasta, bed, backgrounds) if each is not None]
    inputs = (*(member.path for member in model.members), *given)
    for path, kind in ((out, None), (summary, None), *((path, FIGURES) for path in figures)):
        check_output(path, overwrite=overwrite or resume, inputs=inputs, folder=kind)
    with nullcontext() if fasta is None else open_genome(fasta) as genome:
        if genome is not None:
            found = _windows(genome, read_bed(bed, genome.lengths), predictor)
        else:
            named = read_backgrounds(Path(backgrounds), predictor.length)
            found = of_sequences(
                named, predictor.length, shorter=predictor.shorter, source=str(backgrounds)
            )
    found = _shuffled(found, options, of_genome=genome is not None)
    work = Experiment(predictor, found, options)
    settings = {
        **{path.name: fingerprint(path) for path in given},
        "models": model.weights_sha256,
        "passes": passes_of(model.members, both_strands=options.both_strands, shifts=(0,)),
        "version": __version__,
        **{name: str(value) for name, value in asdict(options).items()},
        "matrices": [each.probabilities.tolist() for each in work.inserts],
    }
    with UnfinishedRun(
        [out, summary, *figures], "basenji insert", settings,
        command=command, resume=resume, overwrite=overwrite,
    ) as run:  # fmt: skip
        names = [f"{number:06}.npz" for number in range(len(found))]
        todo = [number for number, name in enumerate(names) if not run.has(name)]
        if run.is_resumed and len(todo) < len(names):
            note(f"going on with {run.folder}: {1 - len(todo) / len(names):.0%} is done")
        for number in work.bar(todo, progress):
            with run.piece(names[number]) as path:
                save_piece(path, {"predicted": work.predict(number)})
        predicted = [load_piece(run.path(name))["predicted"] for name in names]
        result = work.result(predicted, origin_of(model, options.both_strands))
        write_table(run.output(out), COLUMNS, result.rows())
        write_table(run.output(summary), SUMMARY_COLUMNS, result.summary_rows())
        if figures:
            # Draws with matplotlib, which takes seconds to import.
            from basenji_kipoi.interpretation.insertion.plots import draw_insertions  # noqa: PLC0415

            draw_insertions(result, run.output(figures[0]))
        run.place()
    return result


def _predictor(model: Model, options: InsertOptions) -> Predictor:
    if options.reporter is not None:
        return ActivityPredictor(model, options)
    return TrackPredictor(model, options)


def _windows(
    genome: Genome, intervals: Sequence[Interval], predictor: Predictor
) -> list[Background]:
    if not intervals:
        raise InputError("no intervals: expected at least one, whose window is a background")
    if predictor.shorter:
        raise InputError(
            "a reporter's backgrounds are sequences that its assay could measure: pass these "
            "(--backgrounds) instead of intervals"
        )
    return around_intervals(genome, intervals, predictor.length)


def _shuffled(
    given: list[Background], options: InsertOptions, *, of_genome: bool
) -> list[Background]:
    number = options.shuffles
    if number is None:
        number = _SHUFFLES if of_genome else 0
    return shuffles_of(given, number, options.seed)
