"""Scores of variants in memory, as tables."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pyarrow as pa

from basenji_kipoi.base import __version__
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.progress import label_of, progress_bar
from basenji_kipoi.base.resources import MEMORY, bytes_of
from basenji_kipoi.effects.reporters.oligos import Oligos
from basenji_kipoi.effects.windows import WindowRule
from basenji_kipoi.genome.fasta import open_genome
from basenji_kipoi.genome.genes import Genes, read_genes
from basenji_kipoi.genome.variant_checks import AlleleChecks, CheckRef, assembly_checked
from basenji_kipoi.genome.vcf import Variant, VariantFile
from basenji_kipoi.models.model import loaded
from basenji_kipoi.scoring.background import Background
from basenji_kipoi.scoring.metadata import definitions_of
from basenji_kipoi.scoring.parts.choice import choose
from basenji_kipoi.scoring.plan import cut
from basenji_kipoi.scoring.tables import output_schema, output_tables

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

    from basenji_kipoi.effects.passes import IndelMode
    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.models.model import Model, Strands

__all__ = ["ScoreTables", "score"]


class ScoreTables(NamedTuple):
    """The two tables of scores that include genes.

    Attributes
    ----------
    alleles : pyarrow.Table
        A row an allele.
    genes : pyarrow.Table
        A row an allele and gene with a TSS in its window.
    """

    alleles: pa.Table
    genes: pa.Table


class _VariantList:
    """Variants that are given one by one, as a `VariantFile` has those of a file."""

    def __init__(self, given: Iterable[Sequence]) -> None:
        self.name = "the list of variants"
        self.contig_lengths: dict[str, int] = {}  # there is no header
        self._variants = [self._variant(number, each) for number, each in enumerate(given)]

    def __iter__(self) -> Iterator[Variant]:
        return iter(self._variants)

    @staticmethod
    def _variant(number: int, given: Sequence) -> Variant:
        try:
            chrom, pos, ref, alt = given
            return Variant(number, str(chrom), int(pos), None, str(ref), str(alt))
        except (TypeError, ValueError):
            raise InputError(
                f"no variant {given!r}: expected (contig, position counted from 1, ref, alt)"
            ) from None


def score(
    model: Model | str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    genome: Genome | str | os.PathLike[str],
    variants: str | os.PathLike[str] | Iterable[tuple[str, int, str, str]],
    *,
    scores: Sequence[str] = ("SAD",),
    tracks: str | Sequence[str | int] | None = None,
    genes: Genes | str | os.PathLike[str] | None = None,
    bins: int | None = None,
    window: Literal["centred", "grid"] = "centred",
    cluster: int | None = None,
    both_strands: Strands = None,
    shifts: Sequence[int] = (0,),
    indels: IndelMode = "stitch",
    check_ref: Literal["warn", "fail", "skip", "off"] | None = None,
    max_allele: int | None = None,
    reporter: str | None = None,
    oligos: Oligos | None = None,
    counts: bool = False,
    background: str | os.PathLike[str] | None = None,
    long: bool = False,
    memory: float = MEMORY,
    progress: bool | None = None,
) -> pa.Table | ScoreTables:
    """Score what alternative alleles change, in memory.

    The numbers are those of ``basenji score``. Every allele keeps a row; one that cannot be scored
    has a status that says why.

    Parameters
    ----------
    model
        The model, or the directories of bundles.
    genome
        The genome, or its FASTA file.
    variants
        A VCF or BCF file, or alleles as (contig, position, ref, alt) with the position of the first
        base of REF counted from 1, as a VCF has it.
    scores
        Names of scores; `basenji_kipoi.SCORES` defines them.
    tracks
        Identifiers, patterns such as ``"tif_*"`` or indices of the tracks; all by default.
    genes
        Genes, or a GTF file of them: SED and logSED of each that has a TSS in the window.
    bins
        Bins around the variant's that count; all by default.
    window
        Where windows lie: the variant's first base at window / 2 - 1 (``centred``), or within half
        a bin of that, on multiples of the bin (``grid``).
    cluster
        Length of tiles of the genome, all of whose variants share a window of the grid (bp).
    both_strands
        Whether to average over both strands; None as the model was evaluated.
    shifts
        Shifts of the window over which predictions are averaged (bp); positive ones move it to the
        right.
    indels
        Of alleles of another length than REF: the window's first base stays up to the variant and
        its last one behind it (``stitch``), or the first one alone (``anchor``).
    check_ref
        Where REF is not the genome's sequence: score and say so (``warn``), raise (``fail``), give
        no scores (``skip``), do not compare (``off``). None: warn, but raise if most REFs differ.
    max_allele
        Longest REF or ALT that is scored (bp); by default a quarter of the predicted part of a
        window, of a reporter the insert.
    reporter
        Name of a reporter: what alleles change in its activities, in the place of tracks. Scores
        are SAD, REF and ALT then, and SED of each gene whose promoter holds the allele.
    oligos
        What the reporter's oligos are; by default as its assay has them.
    counts
        Whether scores are of counts of the coverage, as `basenji_kipoi.predict` has it, and not of
        the units of the targets table.
    background
        Parquet file of an earlier run: adds the quantile of each score among its alleles (0 to 1).
    long
        Whether to make one row an allele, score and track.
    memory
        Memory for predictions and what they share (GiB).
    progress
        Whether to show a progress bar; None: at a terminal and in a notebook.

    Returns
    -------
    pyarrow.Table or ScoreTables
        A row an allele: ``chrom``, ``pos`` (from 1), ``id``, ``ref``, ``alt``, ``status``,
        ``ref_match``, ``window`` (its first base, 0-based), and ``score/track`` in float32. With
        genes, both tables.

    Raises
    ------
    InputError
        If something of the input cannot be used; names it.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> model, genome = bk.load("model_files"), bk.Genome("genome.fa")
    >>> table = bk.score(model, genome, "variants.vcf.gz", scores=("SAD", "logFC"), tracks="atac")
    >>> table.num_rows, table.column_names[-2:]
    (10, ['SAD/atac', 'logFC/atac'])
    >>> tata = [("chrA", 20050, "A", "C")]
    >>> alleles, genes = bk.score(model, genome, tata, genes="genes.gtf", tracks="tif_tss_ypd_plus")
    >>> genes.select(["gene_id", "distance"]).to_pylist()
    [{'gene_id': 'G1', 'distance': 51}]
    >>> alleles, genes = bk.score(model, genome, tata, reporter="promoter", genes="genes.gtf")
    >>> alleles.column_names[-2:], genes.column_names[-3:]
    (['SAD/rich', 'SAD/defined'], ['distance', 'SED/rich', 'SED/defined'])
    >>> forward = bk.Oligos(strand="+", activities=("rich",))
    >>> bk.score(model, genome, tata, reporter="promoter", oligos=forward).column_names[-1]
    'SAD/rich'
    """
    model = loaded(model)
    chosen = choose(
        model,
        scores=scores,
        tracks=tracks,
        bins=bins,
        window=WindowRule(window) if cluster is None else WindowRule("cluster", cluster),
        both_strands=both_strands,
        shifts=shifts,
        indels=indels,
        reporter=reporter,
        oligos=oligos or Oligos(),
        has_genes=genes is not None,
        counts=counts,
        option="tracks",
    )
    is_file = isinstance(variants, str) or hasattr(variants, "__fspath__")
    # What scores depend on, and metadata tell.
    settings = {**chosen.placed, "scores": chosen.scores, "tracks": chosen.columns}
    ranks = background and Background(background, chosen.scores, chosen.columns, chosen.placed)
    with open_genome(genome) as opened:
        opener = (
            VariantFile(variants) if is_file else contextlib.nullcontext(_VariantList(variants))
        )
        with opener as source:
            if genes is not None and not isinstance(genes, Genes):
                genes = read_genes(genes, opened)
            checks = AlleleChecks(
                opened,
                source.name,
                CheckRef(check_ref or CheckRef.warn),
                max_allele or chosen.longest,
            )
            scoring = chosen.make(
                opened,
                checks,
                genes=genes,
                background=ranks or None,
                memory_bytes=bytes_of(memory),
            )
            alleles = iter(source)
            if check_ref is None:
                alleles = assembly_checked(alleles, checks, source.contig_lengths)
            parts = list(cut(alleles, scoring.part_size))
        definitions = definitions_of(scoring.defined)
        tables = scoring.tables({**settings, "version": __version__, "definitions": definitions})
        batches: dict[str, list[Any]] = {name: [] for name in tables}
        label, total = label_of("scoring", progress), sum(map(len, parts))
        with progress_bar(label, total=total, unit="alleles") as advance:
            for part in parts:
                for name, batch in scoring.score(part, advance).items():
                    batches[name].append(batch)
    made = {
        name: pa.concat_tables(
            [
                output_schema(table, is_long=long).empty_table(),
                *output_tables(batches[name], table, is_long=long),
            ]
        )
        for name, table in tables.items()
    }
    return ScoreTables(made["alleles"], made["genes"]) if genes is not None else made["alleles"]
