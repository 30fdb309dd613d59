"""From a file of contributions to motifs, their names and their sites."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from basenji_kipoi.base import __version__
from basenji_kipoi.base.atomic import Folder, atomic_path, check_output
from basenji_kipoi.base.progress import label_of, progress_bar
from basenji_kipoi.figures.sequence_map import check_plotting
from basenji_kipoi.interpretation.motifs.databases import names_of, read_database
from basenji_kipoi.interpretation.motifs.described import describe, distances_of
from basenji_kipoi.interpretation.motifs.discovery import check_discovery, find_motifs, merged
from basenji_kipoi.interpretation.motifs.options import MotifOptions
from basenji_kipoi.interpretation.motifs.outputs import write_motifs
from basenji_kipoi.interpretation.motifs.reading import read_attributions
from basenji_kipoi.models.targets import columns_named

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from basenji_kipoi.interpretation.motifs.described import Described

__all__ = ["motifs_file"]

_FOLDER = Folder("a folder of motifs", holds=("motifs.meme", "motifs.tsv", "hits.bed"))


def motifs_file(
    attributions: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    options: MotifOptions | None = None,
    *,
    overwrite: bool = False,
    progress: bool | None = None,
    command: str = "",
) -> list[Described]:
    """Find the motifs of contributions, name them by a database, and write them with their sites.

    Parameters
    ----------
    attributions
        What `basenji attribute` wrote: ``x.h5``, or ``x.ohe.npz`` and ``x.shap.npz``.
    out
        Directory to be written: ``motifs.meme``, ``motifs.tsv``, ``hits.bed``, ``index.html``.
    options
        How they are found and named.
    overwrite
        Whether an existing output may be replaced.
    progress
        Whether to show a progress bar.
    command
        The command, which the page will name.

    Returns
    -------
    list of Described
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
    if isinstance(attributions, str) or hasattr(attributions, "__fspath__"):
        attributions = [attributions]
    paths, out = [Path(path) for path in attributions], Path(out)
    database = options.database and not options.database.startswith("jaspar")
    inputs = [*paths, options.genes, options.database if database else None]
    check_output(out, overwrite=overwrite, inputs=inputs, folder=_FOLDER)
    given = read_attributions(paths)
    columns = columns_named(given.labels, options.tracks, option="--tracks")
    known = read_database(options.database) if options.database else []
    genes = distances_of(given, options.genes, paths[0])
    if options.scale == "relative":
        given = given.relative()
    check_discovery()
    check_plotting()
    found = []
    label = label_of("looking for motifs", progress)
    with progress_bar(label, total=len(columns), unit="tracks") as advance:
        for output in columns:
            found += find_motifs(given, output, options)
            advance(1)
    motifs = merged(found)
    names = (
        names_of([each.probabilities for each in motifs], known) if known else [[]] * len(motifs)
    )
    described = describe(motifs, names, given, genes)
    facts = [
        f"{len(described):,} motifs of {len(given.intervals):,} sequences of "
        f"{', '.join(map(str, paths))}; contributions {options.scale}",
        f"tracks: {', '.join(given.labels[column] for column in columns)}; database: "
        f"{options.database or 'none'}; version {__version__}",
        *([command] if command else []),
    ]
    where = "the middle of the interval" if genes is None else "the nearest start"
    with atomic_path(out, overwrite=overwrite) as folder:
        write_motifs(folder, described, given.labels, facts, where)
    return described
