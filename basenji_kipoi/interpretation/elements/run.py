"""What elements do to genes: in memory, or from files to files."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base import __version__
from basenji_kipoi.base.array_files import load_piece, save_piece
from basenji_kipoi.base.atomic import FIGURES, check_output
from basenji_kipoi.base.checksum import check_unchanged, fingerprint
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.progress import label_of, progress_bar
from basenji_kipoi.base.unfinished import UnfinishedRun
from basenji_kipoi.effects.passes import passes_of
from basenji_kipoi.figures.sequence_map import check_plotting
from basenji_kipoi.genome.fasta import open_genome
from basenji_kipoi.genome.genes import read_genes
from basenji_kipoi.interpretation.attribution.outputs import choose_outputs
from basenji_kipoi.interpretation.elements.asking import ask
from basenji_kipoi.interpretation.elements.browser import BROWSER, check_browser, write_browser
from basenji_kipoi.interpretation.elements.effects import ElementEffects, Found
from basenji_kipoi.interpretation.elements.places import read_elements
from basenji_kipoi.interpretation.elements.table import (
    ElementTable,
    check_table_name,
    columns_of,
    left_columns,
    moved_columns,
    moved_name,
    write_table_of,
)
from basenji_kipoi.models.model import loaded
from basenji_kipoi.prediction.interval_results import origin_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Optional

    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.interpretation.attribution.outputs import Output
    from basenji_kipoi.interpretation.elements.asking import Asked, Left
    from basenji_kipoi.interpretation.elements.options import ElementOptions
    from basenji_kipoi.interpretation.elements.places import Elements
    from basenji_kipoi.models.model import Model

__all__ = ["Summary", "element_effects", "element_effects_file"]

#: Figures that are drawn at most.
_MOST_FIGURES = 1000


@dataclass(frozen=True)
class Summary:
    """What an output holds.

    Attributes
    ----------
    genes, outputs : int
        Genes that were read, and outputs of each.
    pairs : int
        Pairs of an element and a gene that were computed.
    statuses : Counter of str
        Pairs of each status; ``ok`` and ``out of reach`` were computed.
    is_measured : bool
        Whether the elements came with measurements.
    """

    genes: int
    outputs: int
    pairs: int
    statuses: Counter[str] = field(default_factory=Counter)
    is_measured: bool = False


@dataclass(frozen=True)
class _Plan:
    """All that is asked, before anything is computed."""

    asked: Sequence[Asked]
    left: Sequence[Left]
    outputs: Sequence[Output]
    given: Optional[Elements]

    @classmethod
    def of(
        cls,
        model: Model,
        genome: Genome,
        options: ElementOptions,
        note: Callable[[str], object],
    ) -> _Plan:
        outputs = choose_outputs(
            model.targets,
            tracks=options.tracks,
            groups=options.groups,
            outputs=options.outputs,
            is_stranded=True,
        )
        genes = read_genes(options.genes, genome)
        given = None
        if options.elements is not None:
            given = read_elements(options.elements, genome.lengths, options.columns)
        asked, left, unread = ask(genes, given, model.architecture, genome.lengths, options)
        if unread:
            note(
                "genes left out, whose starts lie farther apart than what a window predicts: "
                f"{len(unread):,} ({unread[0].name or unread[0].gene_id}, for instance)"
            )
        return cls(asked, left, outputs, given)

    def tables(
        self, found: Iterator[Found], options: ElementOptions
    ) -> Iterator[dict[str, np.ndarray]]:
        """Make the rows of each gene, and those of what was left."""
        columns: dict[str, np.ndarray] = {}
        for asked, each in zip(self.asked, found):
            columns = columns_of(asked, each, self.outputs, options, self.given)
            yield columns
        if self.left and self.given is not None:
            yield left_columns(self.left, self.given, columns)

    def moved_tables(
        self, found: Iterator[Found], options: ElementOptions, window: int
    ) -> Iterator[dict[str, np.ndarray]]:
        """Make the rows of each gene's moved elements."""
        for asked, each in zip(self.asked, found):
            yield moved_columns(asked, each, self.outputs, options, window)


def element_effects(
    model: Model | str | os.PathLike[str],
    genome: Genome | str | os.PathLike[str],
    options: ElementOptions,
    *,
    progress: bool | None = None,
) -> ElementTable:
    """Find which elements drive genes, in memory.

    Parameters
    ----------
    model
        The model, or the directory of a bundle.
    genome
        The genome, or its FASTA file.
    options
        What is asked of which elements and genes.
    progress
        Whether to show a progress bar; None: at a terminal and in a notebook.

    Returns
    -------
    ElementTable
        A row for each element, gene and output; with ``options.distances``, ``moved`` has what
        moved elements do.

    Raises
    ------
    InputError
        If something of the input cannot be used.

    Examples
    --------
    >>> from pathlib import Path
    >>> import basenji_kipoi as bk
    >>> options = bk.ElementOptions(Path("genes.gtf"), gene="one", tracks="atac", size=512, draws=1)
    >>> table = bk.element_effects("model_files", "genome.fa", options, progress=False)
    >>> len(table)
    32
    """
    model = loaded(model)
    with open_genome(genome) as opened:
        plan = _Plan.of(model, opened, options, lambda _: None)
        found: list[Found] = []
        _compute(
            model, opened, plan, options, range(len(plan.asked)),
            lambda _, each: found.append(each), progress,
        )  # fmt: skip
        attributes = _attributes(model, opened, options)
    moved = None
    if options.distances:
        window = model.architecture.window
        moved = ElementTable(_joined(plan.moved_tables(iter(found), options, window)), attributes)
    return ElementTable(_joined(plan.tables(iter(found), options)), attributes, moved)


def _joined(parts: Iterable[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    tables = list(parts)
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def element_effects_file(
    model: Model | str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    fasta: str | os.PathLike[str],
    out: str | os.PathLike[str],
    options: ElementOptions,
    *,
    browser: str | os.PathLike[str] | None = None,
    plots: str | os.PathLike[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool | None = None,
    note: Callable[[str], object] = lambda _: None,
    command: str = "",
) -> Summary:
    """Find which elements drive genes, from files to files.

    Parameters
    ----------
    model
        The model, or the directories of bundles, whose predictions are averaged.
    fasta
        The genome.
    out
        The table: ``x.tsv``, ``x.tsv.gz`` or ``x.parquet``; with ``options.distances`` appears
        ``x.moved.tsv`` and so on beside it.
    options
        What is asked of which elements and genes.
    browser
        Directory of files for genome browsers: ``links.bedpe``, ``elements.bed``, and bigWigs of
        each gene.
    plots
        Directory of figures, one for each gene and output.
    resume, overwrite
        Whether to go on with what an interrupted run left; whether to replace outputs and delete
        what such a run left.
    progress
        Whether to show a progress bar.
    note
        Called with what the user should know, a line each.
    command
        The command, which unfinished runs will name.

    Returns
    -------
    Summary
        What the table holds.

    Raises
    ------
    InputError
        If something of the input cannot be used, or an output may not be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from basenji_kipoi.interpretation import ElementOptions, element_effects_file
    >>> options = ElementOptions(Path("genes.gtf"), gene="one", tracks="atac", size=512, draws=1)
    >>> summary = element_effects_file("model_files", "genome.fa", "elements.tsv", options)
    >>> summary.genes, summary.pairs
    (1, 32)
    """
    # Whatever may be wrong is found before a network is loaded.
    out, fasta = Path(out), Path(fasta)
    check_table_name(out)
    model = loaded(model)
    with open_genome(fasta) as genome:
        plan = _Plan.of(model, genome, options, note)
        moved = moved_name(out) if options.distances else None
        folders = []
        if browser is not None:
            check_browser(plan.asked, plan.outputs)
            folders.append((Path(browser), BROWSER))
        if plots is not None:
            check_plotting()
            number = len(plan.asked) * len(plan.outputs)
            if number > _MOST_FIGURES:
                raise InputError(
                    f"--plots would draw {number:,} figures: name fewer genes or tracks"
                )
            folders.append((Path(plots), FIGURES))
        tables = [path for path in (out, moved) if path is not None]
        paths = [*tables, *(path for path, _ in folders)]
        inputs = (
            *(member.path for member in model.members), fasta, options.genes, options.elements
        )  # fmt: skip
        for path, kind in (*((path, None) for path in tables), *folders):
            check_output(path, overwrite=overwrite or resume, inputs=inputs, folder=kind)
        files = [each for each in (fasta, options.genes, options.elements) if each is not None]
        settings = {
            "files": [fingerprint(path) for path in files],
            "models": model.weights_sha256,
            "passes": passes_of(model.members, both_strands=options.both_strands, shifts=(0,)),
            "version": __version__,
            **{name: str(value) for name, value in asdict(options).items()},
            "paths": [path.name for path in paths],
        }
        with UnfinishedRun(
            paths, "basenji elements", settings,
            command=command, resume=resume, overwrite=overwrite,
        ) as run:  # fmt: skip
            names = [f"{number:06}.npz" for number in range(len(plan.asked))]
            todo = [number for number, name in enumerate(names) if not run.has(name)]
            if run.is_resumed and len(todo) < len(names):
                note(f"going on with {run.folder}: {1 - len(todo) / len(names):.0%} is done")

            def keep(number: int, found: Found) -> None:
                with run.piece(names[number]) as path:
                    save_piece(path, found._asdict())

            _compute(model, genome, plan, options, todo, keep, progress)

            def found() -> Iterator[Found]:
                return (Found(**load_piece(run.path(name))) for name in names)

            statuses: Counter[str] = Counter()

            def counted() -> Iterator[dict[str, np.ndarray]]:
                for part in plan.tables(found(), options):
                    is_left = part["track"][0] == ""
                    step = 1 if is_left else len(plan.outputs)
                    statuses.update(part["status"][::step].tolist())
                    yield part

            write_table_of(run.output(out), out, counted())
            if moved is not None:
                window = model.architecture.window
                parts = plan.moved_tables(found(), options, window)
                write_table_of(run.output(moved), moved, parts)
            if browser is not None:
                write_browser(
                    run.output(Path(browser)), plan.asked, found(), plan.outputs, options,
                    genome.lengths, _attributes(model, genome, options),
                )  # fmt: skip
            if plots is not None:
                # Draws with matplotlib, which takes seconds to import.
                from basenji_kipoi.interpretation.elements.plots import draw_elements  # noqa: PLC0415

                draw_elements(run.output(Path(plots)), plan.asked, found(), plan.outputs, options)
            check_unchanged(dict(zip(files, settings["files"])))
            run.place()
    return Summary(
        genes=len(plan.asked),
        outputs=len(plan.outputs),
        pairs=sum(map(len, plan.asked)),
        statuses=statuses,
        is_measured=plan.given is not None and plan.given.is_measured,
    )


def _attributes(model: Model, genome: Genome, options: ElementOptions) -> dict[str, str | int]:
    """Say how the table was made."""
    return {
        **origin_of(model, options.both_strands),
        "fasta": str(genome.path),
        **{name: str(value) for name, value in asdict(options).items() if value is not None},
        "version": __version__,
    }


def _compute(
    model: Model,
    genome: Genome,
    plan: _Plan,
    options: ElementOptions,
    todo: Sequence[int],
    keep: Callable[[int, Found], object],
    progress: bool | None,
) -> None:
    """Compute the genes that are still to do, and keep what is found of each."""
    if not todo:
        return
    # Imports Keras, which takes seconds: not before there is something to compute.
    from basenji_kipoi.models.incremental.steps import NotIncrementalError  # noqa: PLC0415

    try:
        effects = ElementEffects(model.members, genome, plan.outputs, options)
    except NotIncrementalError as error:
        raise InputError(f"basenji elements cannot treat this network: {error}") from None
    steps = [effects.steps(asked) for asked in plan.asked]
    left = sum(steps[number] for number in todo)
    unit = effects.unit if options.has_knock_out or options.distances else "genes"
    label = label_of("elements", progress)
    with progress_bar(label, total=sum(steps), unit=unit, done=sum(steps) - left) as advance:
        for number in todo:
            keep(number, effects.find(plan.asked[number], advance))
