"""Predicted effects of the variants of a locus, on tracks and on the genes in their windows."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Optional

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import Allele, encode
from basenji_kipoi.genome.alleles import AlleleWindow
from basenji_kipoi.genome.contig_names import matching_contigs
from basenji_kipoi.genome.variant_checks import Status
from basenji_kipoi.models.strands import strands_of
from basenji_kipoi.scoring.in_memory import ScoreTables, score

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.genes import Genes
    from basenji_kipoi.models.model import Model, Strands

__all__ = [
    "SCORES",
    "WINDOW",
    "KnownScores",
    "Place",
    "ScoredGene",
    "ScoredVariant",
    "read_place",
    "score_variants",
]

#: Windows lie on the grid of bins, so that the profiles of neighbours have the same bins.
WINDOW = "grid"
#: Scores of a `ScoredVariant`, beside that of genes.
SCORES = ("centre", "SAD")
_TEXT = re.compile(r"(.+?)[:_-](\d+)[:_-]([A-Za-z*.]+)[:_>/-]([A-Za-z*.]+)")


class Place(NamedTuple):
    """A variant: contig, position of the first base of ``ref`` (from 1), and both alleles."""

    chrom: str
    pos: int
    ref: str
    alt: str

    def __str__(self) -> str:
        return f"{self.chrom}:{self.pos} {self.ref}>{self.alt}"


class ScoredGene(NamedTuple):
    """What a variant does to a gene.

    Attributes
    ----------
    gene_id, name, strand : str
        The gene; its name is empty if it has none.
    distance : int
        Bases from the variant to the nearest start of the gene.
    changes : ndarray, float32, shape (tracks,)
        log2 of the relative change at the gene's starts (logSED); NaN of tracks of the other
        strand.
    """

    gene_id: str
    name: str
    strand: str
    distance: int
    changes: np.ndarray

    @property
    def label(self) -> str:
        """The name, or the identifier of a gene without one."""
        return self.name or self.gene_id

    @property
    def largest(self) -> int:
        """The track with the largest change, among those that were scored."""
        return int(np.nan_to_num(np.abs(self.changes), nan=-1).argmax())

    @property
    def change(self) -> float:
        """The largest change: log2."""
        return float(self.changes[self.largest])


@dataclass(frozen=True)
class ScoredVariant:
    """A variant with its predicted effects.

    Attributes
    ----------
    place : Place
        The variant; its contig has the genome's name.
    status : Status
        Whether it could be scored.
    window : int
        First base of its window (0-based).
    changes : ndarray, float32, shape (tracks,)
        log2 of the relative change around the variant (the score ``centre``); NaN without scores.
    totals : ndarray, float32, shape (tracks,)
        Changes of the totals of the window (SAD).
    genes : tuple of ScoredGene
        Genes with a start in the window, the nearest first.
    """

    place: Place
    status: Status
    window: int
    changes: np.ndarray
    totals: np.ndarray
    genes: tuple[ScoredGene, ...] = ()

    @property
    def request(self) -> AlleleWindow:
        """The allele in its window."""
        allele = Allele(
            self.place.pos - 1 - self.window, len(self.place.ref), encode(self.place.alt)
        )
        return AlleleWindow(self.place.chrom, self.window, allele)

    @property
    def largest(self) -> int:
        """The track with the largest change around it, among those that were scored."""
        return int(np.nan_to_num(np.abs(self.changes), nan=-1).argmax())

    @property
    def target(self) -> Optional[ScoredGene]:
        """The gene whose starts change most; None without a gene in the window."""
        return max(self.genes, key=lambda gene: abs(gene.change), default=None)


def read_place(given: str | Sequence) -> Place:
    """Read a variant.

    Parameters
    ----------
    given
        (contig, position counted from 1, ref, alt), or text such as ``chr1:12345:A:G`` or
        ``chr1_12345_A_G``.

    Raises
    ------
    InputError
        If it is none.
    """
    try:
        if isinstance(given, str):
            match = _TEXT.fullmatch(given.strip())
            if match is None:
                raise ValueError
            given = match.groups()
        chrom, pos, ref, alt = given
        return Place(str(chrom), int(pos), str(ref), str(alt))
    except (TypeError, ValueError):
        raise InputError(
            f"no variant {given!r}: expected CONTIG:POSITION:REF:ALT, the position counted from 1"
        ) from None


class KnownScores:
    """Scores of variants that were computed before, as `score_variants` would compute them.

    Parameters
    ----------
    alleles : pyarrow.Table
        `SCORES` in windows as `WINDOW` places them, a row an allele.
    genes : pyarrow.Table or None
        logSED of their genes; None without genes.
    """

    def __init__(self, alleles: pa.Table, genes: Optional[pa.Table] = None) -> None:
        self._alleles, self._genes = alleles, genes
        self._rows = {place: row for row, place in enumerate(_places(alleles))}

    def __contains__(self, place: Place) -> bool:
        return place in self._rows

    def tables(self, places: Sequence[Place]) -> ScoreTables:
        """Pick the rows of variants, each of which is known: those of alleles in their order."""
        alleles = _taken(self._alleles, [self._rows[place] for place in places])
        if self._genes is None:
            return ScoreTables(alleles, None)
        wanted = set(places)
        rows = [row for row, place in enumerate(self._gene_places) if place in wanted]
        return ScoreTables(alleles, _taken(self._genes, rows))

    @cached_property
    def _gene_places(self) -> list[Place]:
        return _places(self._genes)


def _taken(table: pa.Table, rows: Sequence[int]) -> pa.Table:
    # An empty list would be no list of numbers to Arrow.
    return table.take(np.array(rows, dtype=np.int64))


def _places(table: pa.Table) -> list[Place]:
    return [Place(*each) for each in zip(*(table[name].to_pylist() for name in Place._fields))]


def score_variants(
    model: Model,
    genome: Genome,
    genes: Optional[Genes],
    places: Sequence[Place],
    *,
    tracks: Sequence[int],
    both_strands: Strands = None,
    known: Optional[KnownScores] = None,
    progress: bool | None = None,
) -> list[ScoredVariant]:
    """Score variants.

    Parameters
    ----------
    model, genome, genes
        The model, the reference, and the genes that are scored too.
    places
        The variants.
    tracks
        Indices of the tracks.
    both_strands, progress
        As `basenji_kipoi.score` takes them.
    known
        Scores of some of them, of the same tracks at least.

    Returns
    -------
    list of ScoredVariant
        In the order of the variants; one whose REF is not the genome's has no scores.
    """
    if known is not None:
        mine = [place for place in places if place in known]
        found = dict(zip(mine, _scored(model, tracks, mine, known.tables(mine))))
        others = [place for place in places if place not in found]
        if others:
            rest = score_variants(
                model, genome, genes, others,
                tracks=tracks, both_strands=both_strands, progress=progress,
            )  # fmt: skip
            found.update(zip(others, rest))
        return [found[place] for place in places]
    tables = score(
        model, genome, places, scores=SCORES, tracks=list(tracks), genes=genes, window=WINDOW,
        both_strands=both_strands, check_ref="skip", progress=progress,
    )  # fmt: skip
    contigs = matching_contigs({place.chrom for place in places}, genome.lengths)
    scored = _scored(model, tracks, places, ScoreTables(tables, None) if genes is None else tables)
    return [
        replace(
            each,
            place=each.place._replace(chrom=contigs.get(each.place.chrom, each.place.chrom)),
        )
        for each in scored
    ]


def _scored(
    model: Model, tracks: Sequence[int], places: Sequence[Place], tables: ScoreTables
) -> list[ScoredVariant]:
    """Read tables of scores, whose rows of alleles are those of the places."""
    labels = [model.targets[track].identifier for track in tracks]
    changes, totals = (_columns(tables.alleles, name, labels) for name in SCORES)
    listed = _genes(tables.genes, model, tracks, labels)
    described = (tables.alleles[name].to_pylist() for name in ("status", "window"))
    return [
        ScoredVariant(
            place,
            Status(status),
            -1 if window is None else window,
            changes[row],
            totals[row],
            tuple(sorted(listed.get(place, ()), key=lambda gene: gene.distance)),
        )
        for row, (place, status, window) in enumerate(zip(places, *described))
    ]


def _columns(table: object, score: str, labels: Sequence[str]) -> np.ndarray:
    """Read the values of a score: float32 (rows, tracks)."""
    columns = [table[f"{score}/{label}"].to_numpy() for label in labels]
    return np.stack(columns, axis=1).astype(np.float32)


def _genes(
    table: object, model: Model, tracks: Sequence[int], labels: Sequence[str]
) -> dict[Place, list[ScoredGene]]:
    found: dict[Place, list[ScoredGene]] = {}
    if table is None or not len(table):
        return found
    changes = _columns(table, "logSED", labels)
    strands = np.array([strands_of(model.targets)[track] for track in tracks])
    names = ("chrom", "pos", "ref", "alt", "gene_id", "gene_name", "strand", "distance")
    rows = zip(*(table[name].to_pylist() for name in names))
    for values, (*place, gene_id, name, strand, distance) in zip(changes, rows):
        other = {"+": "-", "-": "+"}.get(strand)
        own = np.where(strands == other, np.nan, values)
        gene = ScoredGene(gene_id, name or "", strand, distance, own)
        known = found.setdefault(Place(*place), [])
        # A variant that is given twice has its genes once.
        if gene_id not in {each.gene_id for each in known}:
            known.append(gene)
    return found
