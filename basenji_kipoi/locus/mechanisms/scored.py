"""Predicted effects of the variants of a locus, on tracks and on the genes in their windows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Optional

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import Allele, encode
from basenji_kipoi.genome.alleles import AlleleWindow
from basenji_kipoi.genome.contig_names import matching_contigs
from basenji_kipoi.genome.variant_checks import Status
from basenji_kipoi.models.strands import strands_of
from basenji_kipoi.scoring.in_memory import score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.genes import Genes
    from basenji_kipoi.models.model import Model, Strands

__all__ = ["Place", "ScoredGene", "ScoredVariant", "read_place", "score_variants"]

#: Windows lie on the grid of bins, so that the profiles of neighbours have the same bins.
_WINDOW = "grid"
_SCORES = ("centre", "SAD")
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


def score_variants(
    model: Model,
    genome: Genome,
    genes: Optional[Genes],
    places: Sequence[Place],
    *,
    tracks: Sequence[int],
    both_strands: Strands = None,
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

    Returns
    -------
    list of ScoredVariant
        In the order of the variants; one whose REF is not the genome's has no scores.
    """
    found = score(
        model, genome, places, scores=_SCORES, tracks=list(tracks), genes=genes, window=_WINDOW,
        both_strands=both_strands, check_ref="skip", progress=progress,
    )  # fmt: skip
    alleles = found if genes is None else found.alleles
    labels = [model.targets[track].identifier for track in tracks]
    changes, totals = (_columns(alleles, name, labels) for name in _SCORES)
    listed = _genes(None if genes is None else found.genes, model, tracks, labels)
    contigs = matching_contigs({place.chrom for place in places}, genome.lengths)
    rows = zip(places, alleles["status"].to_pylist(), alleles["window"].to_pylist())
    return [
        ScoredVariant(
            place._replace(chrom=contigs.get(place.chrom, place.chrom)),
            Status(status),
            -1 if window is None else window,
            changes[row],
            totals[row],
            tuple(sorted(listed.get(place, ()), key=lambda gene: gene.distance)),
        )
        for row, (place, status, window) in enumerate(rows)
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
