"""Pages of loci, from files to files."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from basenji_kipoi.base import __version__
from basenji_kipoi.base.atomic import Folder, check_output, file_names
from basenji_kipoi.base.checksum import check_unchanged, checksum, fingerprint
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.progress import label_of, progress_bar
from basenji_kipoi.base.sharing.shards import ShardedRun, check_shard, whole_command
from basenji_kipoi.faces import library
from basenji_kipoi.genome.fasta import open_genome
from basenji_kipoi.locus.linkage import open_linkage
from basenji_kipoi.locus.mechanisms.run import Explainer
from basenji_kipoi.locus.mechanisms.scored import Place
from basenji_kipoi.locus.page.content import content_of
from basenji_kipoi.locus.page.ranked import RANKED, read_posteriors, read_ranked_scores
from basenji_kipoi.locus.reading import check_table, read_loci
from basenji_kipoi.models.model import loaded

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Mapping, Sequence

    from basenji_kipoi.locus.linkage import Key, Linkage
    from basenji_kipoi.locus.mechanisms.scored import ScoredVariant
    from basenji_kipoi.locus.page.content import LocusContent
    from basenji_kipoi.locus.page.options import PageOptions
    from basenji_kipoi.locus.variants import LocusVariant
    from basenji_kipoi.models.model import Model

__all__ = ["PAGES", "Summary", "locus_file"]

PAGES = Folder("a folder of pages of loci", holds=("index.html",), only=".html")


@dataclass
class Summary:
    """What was written.

    Attributes
    ----------
    loci, variants, explained : int
        Loci, variants, and those whose mechanism is shown.
    reasons : Counter of str
        Variants without predictions, by reason.
    first : str
        What the first locus shows.
    """

    loci: int = 0
    variants: int = 0
    explained: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    first: str = ""


def locus_file(
    model: Model | str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    fasta: str | os.PathLike[str],
    out: str | os.PathLike[str],
    options: PageOptions,
    *,
    shard: tuple[int, int] | None = None,
    join_shards: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool | None = None,
    note: Callable[[str], object] = lambda _: None,
    command: str = "",
) -> Summary:
    """Write the page of a locus, or a folder of the pages of many.

    Parameters
    ----------
    model
        The model, or the directories of bundles, whose predictions are averaged.
    fasta
        The genome.
    out
        ``x.html`` for one locus; else a folder: ``index.html``, and a page a locus.
    options
        What pages are made of.
    shard
        Which part of the loci pages are made of, counted from 1, and of how many: it becomes a
        folder in ``<out>.shards``. None to write the output.
    join_shards
        Whether the output is made of all its shards.
    resume, overwrite
        Whether to go on with what an interrupted run left; whether to replace outputs and delete
        what such a run left.
    progress
        Whether to show a progress bar.
    note
        Called with what the user should know, a line each.
    command
        The command, which pages will name without options of shards.

    Returns
    -------
    Summary
        What was written; of a shard, what its pages show.

    Raises
    ------
    InputError
        If something of the input cannot be used, or the output may not be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from basenji_kipoi.locus import MechanismOptions, PageOptions, locus_file
    >>> asked = MechanismOptions(genes=Path("genes.gtf"), tracks="atac", draws=1)
    >>> options = PageOptions(Path("locus.tsv"), asked, explain=1)
    >>> done = locus_file("model_files", "genome.fa", "locus.html", options)
    >>> done.loci, done.variants, done.explained
    (1, 6, 1)
    """
    # Whatever may be wrong is found before a network is loaded.
    out, fasta = Path(out), Path(fasta)
    check_shard(shard, join=join_shards)
    is_page, in_shards = _is_one_page(out), shard is not None or join_shards
    if is_page and in_shards:
        raise InputError(
            f"--shard and --join-shards share the pages of many loci, and --out {out} is one page: "
            "name a folder, or leave them out"
        )
    check_table(options.variants)
    for path in options.files:
        if not path.exists():
            raise InputError(f"{path} does not exist")
    posteriors = None if options.ranking is None else read_posteriors(options.ranking)
    model = loaded(model)
    known = None
    if options.ranking is not None:
        known, why = read_ranked_scores(options.ranking, model, fasta, options.mechanism)
        if known is None:
            note(f"scores of {options.ranking} are computed again: {why}")
    with open_genome(fasta) as genome:
        explainer = Explainer(model, genome, options.mechanism, known)
        table = read_loci(
            options.variants, genome, format=options.format, columns=options.columns,
            rsids=options.rsids, gap=options.gap,
        )  # fmt: skip
        for line in table.lines():
            note(line)
        loci = table.by_locus()
        if is_page and len(loci) > 1:
            raise InputError(
                f"{options.variants} has {len(loci):,} loci, and --out {out} is one page: name a "
                "folder, which will hold a page a locus and index.html"
            )
        if options.explain:
            library("logomaker", "figures of mechanisms", otherwise="or pass --explain 0")
        _check_observed(options, {each.chrom for each in table.usable})
        linkage = None
        if options.linkage is not None:
            linkage = open_linkage(options.linkage, table.variants, note)
        inputs = (*(member.path for member in model.members), fasta, *options.files)
        check_output(
            out, overwrite=overwrite or resume or shard is not None, inputs=inputs,
            folder=None if is_page else PAGES,
        )  # fmt: skip
        ranked = [] if options.ranking is None else [options.ranking / name for name in RANKED]
        watched = {
            path: fingerprint(path)
            for path in (fasta, *options.files, *(path for path in ranked if path.exists()))
        }
        settings = _settings(options, model, watched, in_shards=in_shards)
        names = [f"{name}.html" for name in file_names(list(loci))]
        with ShardedRun(
            out, "basenji locus", settings, names=names, shard=shard, join=join_shards,
            command=whole_command(command) if in_shards else command, resume=resume,
            overwrite=overwrite, note=note, has_notes=True,
        ) as run:  # fmt: skip
            rows = list(loci.items())
            wanted, left = (
                sum(len(rows[number][1]) for number in numbers)
                for numbers in (run.wanted, run.todo)
            )
            label = label_of("locus", progress)
            with progress_bar(label, total=wanted, unit="variants", done=wanted - left) as advance:
                for number in run.todo:
                    locus = _content(
                        explainer, *rows[number], linkage, posteriors, options, advance
                    )
                    index = "" if is_page else "index.html"
                    _write(run, names[number], locus, explainer, options, index)
            check_unchanged(watched)
            if shard is None:
                _write_output(run, out, is_page=is_page)
                run.place()
            else:
                run.place_shard()
    return _summary(run)


def _is_one_page(out: Path) -> bool:
    """Tell whether an output is the page of one locus, and no folder."""
    return out.suffix.lower() in (".html", ".htm")


def _settings(
    options: PageOptions, model: Model, watched: Mapping[Path, list[object]], *, in_shards: bool
) -> dict[str, object]:
    """List all that pages depend on."""
    asked = asdict(options)
    asked.update(asked.pop("mechanism"))
    files: list[object] = list(watched.values())
    if in_shards:  # of machines that have each a copy of its own, in another place
        files = [checksum(path) for path in watched]
        asked = {name: _without_places(value) for name, value in asked.items()}
    return {
        "files": files,
        "models": model.weights_sha256,
        "version": __version__,
        **{name: str(value) for name, value in asked.items()},
    }


def _without_places(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_places(each) for name, each in value.items()}
    return "a file" if isinstance(value, Path) else value


def _check_observed(options: PageOptions, contigs: Collection[str]) -> None:
    """Check that observed tracks can be drawn, before what takes long."""
    if options.observed:
        from basenji_kipoi.locus.page.observed import read_observed  # noqa: PLC0415 - as in `_write`

        for path in options.observed.values():
            for contig in contigs:
                read_observed(path, contig, 0, 1000)


def _content(
    explainer: Explainer,
    name: str,
    rows: Sequence[LocusVariant],
    linkage: Linkage | None,
    posteriors: Mapping[Key, float] | None,
    options: PageOptions,
    advance: Callable[[int], object],
) -> LocusContent:
    """Score the variants of a locus, and explain those with most support."""
    keys = list(dict.fromkeys(row.key for row in rows if row.reason is None))
    scored: dict[Key, ScoredVariant] = {}
    if keys:
        found = explainer.score([Place(*key) for key in keys], progress=False)
        scored = dict(zip(keys, found))
    locus = content_of(
        name, rows, scored,
        labels=[explainer.model.targets[track].identifier for track in explainer.tracks],
        genes=list(explainer.genes or ()), window=explainer.model.architecture.window,
        linkage=linkage, posteriors=posteriors,
    )  # fmt: skip
    chosen = [each for each in locus.variants if each.scored is not None][: options.explain]
    advance(len(rows) - len(chosen))
    records = explainer.explain([each.scored for each in chosen], advance) if chosen else []
    known = {id(each): record for each, record in zip(chosen, records)}
    variants = tuple(replace(each, mechanism=known.get(id(each))) for each in locus.variants)
    return replace(locus, variants=variants)


def _write(
    run: ShardedRun,
    name: str,
    locus: LocusContent,
    explainer: Explainer,
    options: PageOptions,
    index: str,
) -> None:
    """Write the page of a locus as a piece of the run, and note what it shows."""
    # Import Bokeh and matplotlib, which take seconds: not before there is something to draw.
    from basenji_kipoi.locus.page.observed import read_observed  # noqa: PLC0415
    from basenji_kipoi.locus.page.view import shown_range  # noqa: PLC0415
    from basenji_kipoi.locus.page.writing import IndexRow, locus_page  # noqa: PLC0415

    observed = {}
    # A locus whose rows all have a reason may lie nowhere.
    if any(each.known.reason is None for each in locus.variants):
        observed = {
            track: read_observed(path, locus.chrom, *shown_range(locus))
            for track, path in options.observed.items()
        }
    page = locus_page(
        locus, model=explainer.model.name, command=run.command, index=index, observed=observed
    )
    reasons = Counter(each.reason for each in locus.variants if each.reason)
    run.note(
        name,
        {
            "row": IndexRow.of(locus, name)._asdict(),
            "variants": len(locus.variants),
            "explained": len(locus.explained),
            "reasons": dict(reasons),
        },
    )
    with run.piece(name) as path:
        # Names of files may hold bytes that are no text.
        path.write_text(page, encoding="utf-8", errors="backslashreplace")


def _write_output(run: ShardedRun, out: Path, *, is_page: bool) -> None:
    """Write the page, or the folder of finished pages."""
    from basenji_kipoi.locus.page.writing import IndexRow, index_page  # noqa: PLC0415 - as above

    target = run.output(out)
    if is_page:
        target.write_bytes(run.path(run.names[0]).read_bytes())
        return
    target.mkdir()
    for name in run.names:
        (target / name).write_bytes(run.path(name).read_bytes())
    rows = [IndexRow(**run.notes[name]["row"]) for name in run.names]
    page = index_page(rows, command=run.command)
    (target / "index.html").write_text(page, encoding="utf-8", errors="backslashreplace")


def _summary(run: ShardedRun) -> Summary:
    """Count what the pages show that were made."""
    names = [run.names[number] for number in run.wanted]
    # A shard that was made before may have lost notes, which joining it tells.
    notes = [run.notes[name] for name in names if name in run.notes]
    found = Summary(loci=len(names), first=notes[0]["row"]["summary"] if notes else "")
    for each in notes:
        found.variants += each["variants"]
        found.explained += each["explained"]
        found.reasons.update(each["reasons"])
    return found
