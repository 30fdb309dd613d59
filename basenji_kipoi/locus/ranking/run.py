"""Variants of loci ranked: in memory, or from files to a folder, in steps that can be resumed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from basenji_kipoi.base import __version__
from basenji_kipoi.base.atomic import check_output
from basenji_kipoi.base.checksum import check_unchanged, fingerprint
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.unfinished import UnfinishedRun
from basenji_kipoi.effects.windows import WindowRule
from basenji_kipoi.genome.fasta import open_genome
from basenji_kipoi.genome.genes import Genes, read_genes
from basenji_kipoi.locus.linkage import open_linkage
from basenji_kipoi.locus.mechanisms.scored import WINDOW
from basenji_kipoi.locus.ranking.background import random_variants
from basenji_kipoi.locus.ranking.effects import Scored, predicted_effects
from basenji_kipoi.locus.ranking.files import (
    BACKGROUND,
    FOLDER,
    digest_of,
    is_made_of,
    write_ranking,
    write_vcf,
)
from basenji_kipoi.locus.ranking.options import RANDOM, RankOptions
from basenji_kipoi.locus.ranking.posterior import METHODS, check_sets, rank_sets
from basenji_kipoi.locus.ranking.result import Ranking
from basenji_kipoi.locus.ranking.scored import check_background, own_background, read_scored
from basenji_kipoi.locus.ranking.table import (
    described_columns,
    set_rows,
    shares_of_random,
    variant_rows,
)
from basenji_kipoi.locus.reading import read_loci
from basenji_kipoi.locus.variants import LocusTable
from basenji_kipoi.models.model import load, loaded
from basenji_kipoi.scoring.in_memory import score
from basenji_kipoi.scoring.options import ScoreOptions
from basenji_kipoi.scoring.outputs import genes_path
from basenji_kipoi.scoring.run import score_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.locus.linkage import Key, Linkage
    from basenji_kipoi.locus.ranking.files import RankInputs
    from basenji_kipoi.models.model import Model

__all__ = ["rank", "rank_file"]

_SCORES = "scores.parquet"
#: Random variants that lie near each other: what is predicted of them shares much.
_TOGETHER = 10


def rank(
    model: Model | str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    genome: Genome | str | os.PathLike[str],
    variants: LocusTable | str | os.PathLike[str],
    *,
    genes: Genes | str | os.PathLike[str] | None = None,
    linkage: Linkage | str | os.PathLike[str] | None = None,
    rsids: str | os.PathLike[str] | None = None,
    options: RankOptions | None = None,
    progress: bool | None = None,
) -> Ranking:
    """Rank the variants of loci by association and predicted effects, in memory.

    The numbers are those of ``basenji rank``.

    Parameters
    ----------
    model
        The model, or the directories of bundles.
    genome
        The genome, or its FASTA file.
    variants
        A table of loci, as `basenji_kipoi.read_loci` reads it, or its file.
    genes
        Genes, or a GTF file of them: changes of genes, and directions.
    linkage
        Linkage, or its file (genotypes, or a matrix of r).
    rsids
        VCF that has the places of rsIDs.
    options
        How they are ranked.
    progress
        Whether to show a progress bar; None: at a terminal and in a notebook.

    Raises
    ------
    InputError
        If something of the input cannot be used; names it.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> options = bk.RankOptions(weight=0.5, random=20, tracks=("atac",))
    >>> found = bk.rank("model_files", "genome.fa", "locus.tsv", options=options)
    >>> found
    <Ranking of 6 variants in 1 sets, weight 0.5 (given)>
    >>> found.variants.select(["rank", "pos", "pip"]).to_pylist()[0]
    {'rank': 1, 'pos': 20050, 'pip': 0.4}
    """
    options = options or RankOptions()
    model = loaded(model)
    with open_genome(genome) as opened:
        if genes is not None and not isinstance(genes, Genes):
            genes = read_genes(genes, opened)
        table = variants
        if not isinstance(table, LocusTable):
            table = read_loci(
                table, opened, format=options.format, columns=options.columns, rsids=rsids,
                gap=options.gap,
            )  # fmt: skip
        if isinstance(linkage, (str, Path)) or hasattr(linkage, "__fspath__"):
            linkage = open_linkage(linkage, table.variants)
        keys = _keys(table)
        _check_sets(table, linkage, options)
        own = own_background(model, options, has_genes=genes is not None)
        random = [] if own else _random(keys, opened, genes, options)
        # All at once: the computation is compiled for each call anew.
        found = score(
            model, opened, [*keys, *random], scores=options.scores, tracks=options.tracks,
            genes=genes, window=WINDOW, both_strands=options.both_strands, check_ref="off",
            memory=options.memory, progress=progress,
        )  # fmt: skip
    mine = Scored(found) if genes is None else Scored(*found)
    if own:
        others = read_scored(own, has_genes=genes is not None)
    else:
        mine, others = mine.divided(len(keys))
    return _ranked(table, linkage, model, mine, others, options)


def rank_file(
    inputs: RankInputs,
    out: Path,
    options: RankOptions | None = None,
    *,
    command: str,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool,
    note: Callable[[str], object],
) -> Ranking | None:
    """Rank the variants of loci, and write them into a folder.

    Parameters
    ----------
    inputs
        The files.
    out
        The folder: ``variants.tsv`` and ``.parquet``, ``sets.tsv``, ``rank.json``, and the scores
        of the variants and of the background as ``basenji score`` writes them.
    options
        How they are ranked.
    command
        The command, which the output will name.
    resume, overwrite, quiet
        As `basenji_kipoi.scoring.score_file` takes them.
    note
        Called with what the user should know, a line each.

    Returns
    -------
    Ranking or None
        What was written; None if ``resume`` found it complete, of the same inputs and options.

    Raises
    ------
    InputError
        If something of the input cannot be used; names it.
    """
    options = options or RankOptions()
    inputs.check()
    check_output(out, overwrite=overwrite or resume, inputs=inputs.paths, folder=FOLDER)
    watched = {path: fingerprint(path) for path in inputs.paths if path.is_file()}
    settings = {
        "version": __version__,
        **options.described(),
        "files": {str(path): mark for path, mark in watched.items()},
        "model": load(inputs.model).weights_sha256,
    }
    if resume and is_made_of(out, digest_of(settings)):
        return None
    run = UnfinishedRun(
        [out], "basenji rank", settings, command=command, resume=resume, overwrite=overwrite
    )
    with run, open_genome(inputs.fasta) as genome:
        genes = read_genes(inputs.genes, genome) if inputs.genes else None
        table = read_loci(
            inputs.variants, genome, format=options.format, columns=options.columns,
            rsids=inputs.rsids, gap=options.gap,
        )  # fmt: skip
        for line in table.lines():
            note(line)
        linkage = open_linkage(inputs.linkage, table.variants, note) if inputs.linkage else None
        _check_sets(table, linkage, options)
        model = load(inputs.model)
        background = inputs.background
        if background:
            check_background(background, model, options, has_genes=genes is not None)
        elif background := own_background(model, options, has_genes=genes is not None):
            note("random variants are those that come with the model: --random N draws others")
        keys = _keys(table)

        def scored(name: str, of: Sequence[Key]) -> Scored:
            # No piece, for alone it is nothing to go on with; who goes on finds the same file.
            vcf = run.output(Path(f"{name}.vcf"))
            write_vcf(vcf, of)
            os.utime(vcf, (0, 0))
            score_file(
                ScoreOptions(
                    inputs.model, inputs.fasta, str(vcf), run.path(name), scores=options.scores,
                    tracks=options.tracks, genes=inputs.genes, window=WindowRule(WINDOW),
                    both_strands=options.both_strands, check_ref="off", memory=options.memory,
                ),
                genes=genes, command=run.command, resume=True, quiet=quiet, note=note,
            )  # fmt: skip
            return read_scored(run.path(name), has_genes=genes is not None)

        mine = scored(_SCORES, keys)
        if background:
            random = read_scored(background, has_genes=genes is not None)
        else:
            random = scored(BACKGROUND, _random(keys, genome, genes, options))
        found = _ranked(table, linkage, model, mine, random, options)
        folder = run.output(out)
        folder.mkdir(exist_ok=True)
        used = replace(inputs, background=background)
        write_ranking(found, folder, used, options, run.command, digest_of(settings))
        for name in (_SCORES, *(() if background else (BACKGROUND,))):
            for path in (run.path(name), genes_path(run.path(name))):
                if path.exists():
                    (folder / path.name).write_bytes(path.read_bytes())
        check_unchanged(watched)
        run.place()
    return found


def _keys(table: LocusTable) -> list[Key]:
    keys = sorted({each.key for each in table.usable})
    if not keys:
        raise InputError(f"{table.name} has no variant that can be scored: {table.counts()}")
    return keys


def _check_sets(table: LocusTable, linkage: Linkage | None, options: RankOptions) -> None:
    check_sets(
        table, weight=options.weight, has_linkage=linkage is not None, signals=options.signals
    )


def _random(
    keys: Sequence[Key], genome: Genome, genes: Genes | None, options: RankOptions
) -> list[Key]:
    number = RANDOM if options.random is None else options.random
    return random_variants(
        keys, genome, genes, number=number, seed=options.seed, together=_TOGETHER
    )


def _ranked(
    table: LocusTable,
    linkage: Linkage | None,
    model: Model,
    scored: Scored,
    random: Scored,
    options: RankOptions,
) -> Ranking:
    columns = model.targets.columns_of(options.tracks)
    targets = [model.targets[column] for column in columns]
    predicted = predicted_effects(scored, random, targets, options.score, options.group_by)
    if options.by == "gene" and (scored.genes is None or not any(v.gene for v in table.variants)):
        raise InputError("--by gene: give --genes, and a table with a column of genes")
    p = shares_of_random(table, predicted, options.by)
    ranked, weight, method = rank_sets(
        table, p, linkage, weight=options.weight, signals=options.signals
    )
    return Ranking(
        table,
        variant_rows(table, predicted, p, ranked, linkage),
        set_rows(table, predicted, ranked),
        weight,
        METHODS[method],
        dict(described_columns(predicted)),
        predicted.random,
    )
