"""From contributions to motifs, their names and their sites: in memory, or from files to files."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from basenji_kipoi.base import __version__
from basenji_kipoi.base.array_files import load_piece, save_piece
from basenji_kipoi.base.atomic import check_output
from basenji_kipoi.base.checksum import check_unchanged, fingerprint
from basenji_kipoi.base.progress import label_of, progress_bar
from basenji_kipoi.base.unfinished import UnfinishedRun
from basenji_kipoi.figures.sequence_map import check_plotting
from basenji_kipoi.interpretation.motifs.databases import names_of, read_database
from basenji_kipoi.interpretation.motifs.described import describe, distances_of
from basenji_kipoi.interpretation.motifs.discovery import (
    arrays_of,
    check_discovery,
    find_motifs,
    merged,
    motifs_of,
)
from basenji_kipoi.interpretation.motifs.options import MotifOptions
from basenji_kipoi.interpretation.motifs.reading import of_attributions, read_attributions
from basenji_kipoi.interpretation.motifs.result import FOLDER, Motifs
from basenji_kipoi.models.targets import columns_named

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from typing import Any

    from basenji_kipoi.interpretation.attribution.result import Attributions
    from basenji_kipoi.interpretation.motif_matrices import Motif
    from basenji_kipoi.interpretation.motifs.discovery import FoundMotif
    from basenji_kipoi.interpretation.motifs.options import Scale
    from basenji_kipoi.interpretation.motifs.reading import AttributedSequences

__all__ = ["motifs", "motifs_file"]


def motifs(
    attributions: Attributions | str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    tracks: str | None = None,
    scale: Scale = "relative",
    most: int = 2000,
    fewest: int = 20,
    false_discovery: float = 0.2,
    database: str | os.PathLike[str] | None = None,
    genes: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Motifs:
    """Find the motifs of contributions and name them by a database, in memory.

    Discovery is TF-MoDISco's (Shrikumar et al. 2018), by modisco-lite.

    Parameters
    ----------
    attributions
        What `basenji_kipoi.attribute` returned, or what `basenji attribute` wrote: ``x.h5``, or
        ``x.ohe.npz`` and ``x.shap.npz``. Hundreds of sequences of 41 bases or more are needed.
    tracks
        Outputs that motifs are looked for in, names or patterns separated by commas; all by
        default.
    scale
        ``relative``: contributions divided by each sequence's prediction; ``plain``: as they are.
    most
        Seqlets (stretches that contribute much) of each sign that are clustered at most.
    fewest
        Sites that a motif has at least.
    false_discovery
        Rate of false discovery at which seqlets are taken, between 0 and 1.
    database
        Known motifs: a MEME file, ``jaspar``, or ``jaspar:GROUP`` (such as fungi) of the package
        pyjaspar; without it motifs have no names.
    genes
        GTF, whose nearest starts sites are placed by (bp); by default the middle of the interval.
    progress
        Whether to show a progress bar; None: at a terminal and in a notebook.

    Returns
    -------
    Motifs
        The motifs, those with most sites first: matrices, names, sites with their effects.

    Raises
    ------
    InputError
        If something of the input cannot be used, or a library is missing; names it.

    Examples
    --------
    Two sequences have no motif: of a genome one passes hundreds.

    >>> import basenji_kipoi as bk
    >>> model, genome = bk.load("model_files"), bk.Genome("genome.fa")
    >>> places = [("chrA", 20_000, 20_064), ("chrA", 33_200, 33_264)]
    >>> contributions = bk.attribute(model, genome, places, tracks="atac")
    >>> bk.motifs(contributions, genes="genes.gtf")
    <Motifs of 2 sequences: 0 motifs, 0 sites>
    """
    options = MotifOptions(
        tracks=tracks,
        scale=scale,
        most=most,
        fewest=fewest,
        false_discovery=false_discovery,
        database=None if database is None else str(database),
        genes=None if genes is None else Path(genes),
    )
    if isinstance(attributions, (str, list, tuple)) or hasattr(attributions, "__fspath__"):
        paths = _paths(attributions)
        work = _Work.of(read_attributions(paths), options, ", ".join(map(str, paths)))
    else:
        work = _Work.of(of_attributions(attributions), options, "bk.attribute's result")
    found: list[FoundMotif] = []
    work.search(work.columns, lambda _, some: found.extend(some), progress)
    return work.result(found)


def motifs_file(
    attributions: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    options: MotifOptions | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool | None = None,
    note: Callable[[str], object] = lambda _: None,
    command: str = "",
) -> Motifs:
    """Find the motifs of contributions, name them by a database, and write them with their sites.

    Parameters
    ----------
    attributions
        What `basenji attribute` wrote: ``x.h5``, or ``x.ohe.npz`` and ``x.shap.npz``.
    out
        Directory to be written: ``motifs.meme``, ``motifs.tsv``, ``hits.bed``, ``index.html``.
    options
        How they are found and named.
    resume, overwrite
        Whether to go on with what an interrupted run left (the tracks that were searched); whether
        to replace an output and delete what such a run left.
    progress
        Whether to show a progress bar.
    note
        Called with what the user should know, a line each.
    command
        The command, which the page will name.

    Returns
    -------
    Motifs
        The motifs, those with most sites first.

    Raises
    ------
    InputError
        If something of the input cannot be used, a library is missing, or the output may not be
        written.

    Examples
    --------
    >>> from basenji_kipoi.interpretation import MotifOptions, motifs_file
    >>> motifs_file("nothing.h5", "motifs", MotifOptions(scale="plain"))
    Traceback (most recent call last):
    basenji_kipoi.base.errors.InputError: nothing.h5 is missing
    """
    options = options or MotifOptions()
    paths, out = _paths(attributions), Path(out)
    is_file = options.database and not options.database.startswith("jaspar")
    files = [*paths, *([options.genes] if options.genes else [])]
    files += [Path(options.database)] if is_file else []
    check_output(out, overwrite=overwrite or resume, inputs=files, folder=FOLDER)
    work = _Work.of(read_attributions(paths), options, ", ".join(map(str, paths)))
    check_plotting()
    settings = {
        "files": [fingerprint(path) for path in files],
        "version": __version__,
        **{name: str(value) for name, value in asdict(options).items()},
    }
    with UnfinishedRun(
        [out], "basenji motifs", settings, command=command, resume=resume, overwrite=overwrite
    ) as run:
        names = {column: f"{column:06}.npz" for column in work.columns}
        todo = [column for column in work.columns if not run.has(names[column])]
        if run.is_resumed and len(todo) < len(names):
            note(f"going on with {run.folder}: {1 - len(todo) / len(names):.0%} is done")

        def keep(column: int, some: list[FoundMotif]) -> None:
            with run.piece(names[column]) as path:
                save_piece(path, arrays_of(some))

        work.search(todo, keep, progress)
        found = work.result(
            [
                each
                for column in work.columns
                for each in motifs_of(load_piece(run.path(names[column])), column)
            ]
        )
        found.write_new(run.output(out), command)
        check_unchanged(dict(zip(files, settings["files"])))
        run.place()
    return found


def _paths(given: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[Path]:
    if isinstance(given, str) or hasattr(given, "__fspath__"):
        given = [given]
    return [Path(path) for path in given]


@dataclass(frozen=True)
class _Work:
    """All that is asked, checked before anything is computed.

    Attributes
    ----------
    given : AttributedSequences
        The sequences, with contributions on the scale that is asked for.
    columns : list of int
        Outputs that motifs are looked for in.
    known : list of Motif
        The database; empty without one.
    genes : object or None
        Genes that sites lie near.
    options : MotifOptions
        How motifs are found.
    source : str
        Where the contributions are from.
    """

    given: AttributedSequences
    columns: list[int]
    known: list[Motif]
    genes: Any
    options: MotifOptions
    source: str

    @classmethod
    def of(cls, given: AttributedSequences, options: MotifOptions, source: str) -> _Work:
        columns = columns_named(given.labels, options.tracks, option="--tracks")
        known = read_database(options.database) if options.database else []
        genes = distances_of(given, options.genes, Path(source))
        if options.scale == "relative":
            given = given.relative()
        check_discovery()
        return cls(given, list(dict.fromkeys(columns)), known, genes, options, source)

    def search(
        self,
        columns: Sequence[int],
        keep: Callable[[int, list[FoundMotif]], object],
        progress: bool | None,
    ) -> None:
        """Look for motifs in some of the outputs, and keep those of each."""
        done = len(self.columns) - len(columns)
        label = label_of("looking for motifs", progress)
        with progress_bar(label, total=len(self.columns), unit="tracks", done=done) as advance:
            for column in columns:
                keep(column, find_motifs(self.given, column, self.options))
                advance(1)

    def result(self, found: Sequence[FoundMotif]) -> Motifs:
        """Join the motifs of all outputs, name and describe them."""
        joined = merged(found)
        names: list[list] = [[] for _ in joined]
        if self.known:
            names = names_of([each.probabilities for each in joined], self.known)
        attributes = {
            "attributions": self.source,
            "scale": self.options.scale,
            "tracks": ", ".join(self.given.labels[column] for column in self.columns),
            "database": self.options.database or "",
            "where": "the middle of the interval" if self.genes is None else "the nearest start",
            "version": __version__,
        }
        described = describe(joined, names, self.given, self.genes)
        return Motifs(described, self.given.labels, len(self.given.intervals), attributes)
