"""Genes by their transcription start sites (TSS), and the scores of genes."""

from __future__ import annotations

import functools
import itertools
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.remote.local import local_path
from basenji_kipoi.base.text_files import text_lines
from basenji_kipoi.genome.contig_names import placed_contigs

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from basenji_kipoi.genome.contig_names import Contigs

__all__ = ["Gene", "GeneBins", "Genes", "nearest_starts", "read_genes"]

#: Attributes that are used: of the gene, the transcript, the gene's name, and the exon.
_ATTRIBUTES = ("gene_id", "transcript_id", "gene_name", "exon_number")
#: No intron is known that is longer (bp); the longest human ones have a little more than 1 Mb.
_LONGEST_INTRON = 2_000_000


class Gene(NamedTuple):
    """A gene.

    Attributes
    ----------
    gene_id, name : str
        Its identifier and its name (empty if it has none).
    strand : str
        ``+``, ``-`` or ``.``.
    contig : str
        The genome's name of its contig.
    tss : tuple of int
        First bases of its transcripts (0-based), each once, from left to right.
    start, end : int
        Its transcripts together, [start, end) in bp (0-based); both 0 if not known.
    """

    gene_id: str
    name: str
    strand: str
    contig: str
    tss: tuple[int, ...]
    start: int = 0
    end: int = 0


class GeneBins(NamedTuple):
    """A gene in a window.

    Attributes
    ----------
    gene : Gene
        The gene.
    bins : ndarray, int, shape (bins,)
        Predicted bins of the window that hold one of its TSSs, each once.
    distance : int
        Bases from a place to the nearest of these TSSs.
    """

    gene: Gene
    bins: np.ndarray
    distance: int


@dataclass(frozen=True)
class _Sites:
    """The TSSs of a contig from left to right, and the number of each one's gene."""

    positions: np.ndarray
    genes: np.ndarray


class Genes:
    """Genes, found by where their TSSs lie.

    Parameters
    ----------
    genes
        The genes.
    """

    def __init__(self, genes: Sequence[Gene]) -> None:
        self._genes = genes
        by_contig: dict[str, list[tuple[int, int]]] = {}
        for number, gene in enumerate(genes):
            by_contig.setdefault(gene.contig, []).extend((tss, number) for tss in gene.tss)
        self._sites = {
            contig: _Sites(*np.array(sorted(sites)).T) for contig, sites in by_contig.items()
        }

    def __len__(self) -> int:
        return len(self._genes)

    def __iter__(self) -> Iterator[Gene]:
        return iter(self._genes)

    def within(self, contig: str, start: int, bins: int, size: int, place: int) -> list[GeneBins]:
        """Find the genes that have a TSS in a row of bins.

        Parameters
        ----------
        contig
            Contig.
        start
            First base of the first bin (0-based).
        bins, size
            Number of bins, and bases of each.
        place
            The base from which distances count (0-based).

        Returns
        -------
        list of GeneBins
            From left to right by their first TSS there.
        """
        if contig not in self._sites:
            return []
        sites = self._sites[contig]
        first, last = np.searchsorted(sites.positions, [start, start + bins * size])
        numbers, positions = sites.genes[first:last], sites.positions[first:last]
        return [
            GeneBins(
                self._genes[number],
                np.unique((positions[numbers == number] - start) // size),
                int(np.abs(positions[numbers == number] - place).min()),
            )
            for number in dict.fromkeys(numbers.tolist())
        ]

    def with_promoter(
        self, contig: str, place: int, upstream: int, downstream: int
    ) -> list[tuple[Gene, int]]:
        """Find the genes whose promoter holds a base.

        Parameters
        ----------
        contig, place
            The base (0-based).
        upstream, downstream
            A promoter has the bases from so many before one of the gene's TSSs to so many from
            there on, in the gene's direction; that of a gene without direction is as on ``+``.

        Returns
        -------
        list of tuple
            The genes, from left to right by such a TSS, and the bases from it to the place.
        """
        if contig not in self._sites:
            return []
        sites = self._sites[contig]
        reach = max(upstream, downstream)
        first, last = np.searchsorted(sites.positions, [place - reach, place + reach + 1])
        found: dict[int, int] = {}
        for tss, number in zip(sites.positions[first:last], sites.genes[first:last]):
            before = place - tss if self._genes[number].strand == "-" else tss - place
            if -downstream < before <= upstream:
                distance = abs(int(before))
                found[int(number)] = min(distance, found.get(int(number), distance))
        return [(self._genes[number], distance) for number, distance in found.items()]


def nearest_starts(
    chroms: np.ndarray, positions: np.ndarray, genes: Iterable[Gene]
) -> tuple[np.ndarray, np.ndarray]:
    """Find the start of transcription that is nearest to each position.

    Parameters
    ----------
    chroms : ndarray, shape (positions,)
        Contigs.
    positions : ndarray, int, shape (positions,)
        Positions (0-based).
    genes
        The genes.

    Returns
    -------
    distance : ndarray, float64, shape (positions,)
        Bases behind the start in the gene's direction, negative before it; NaN where the contig
        has no gene.
    strand : ndarray, str, shape (positions,)
        The gene's; empty where there is none.
    """
    starts: dict[str, list[tuple[int, str]]] = {}
    for gene in genes:
        starts.setdefault(gene.contig, []).extend((tss, gene.strand) for tss in gene.tss)
    distance, strand = np.full(len(positions), np.nan), np.empty(len(positions), dtype="U1")
    for contig, found in starts.items():
        rows = np.flatnonzero(chroms == contig)
        places = np.array([tss for tss, _ in sorted(found)])
        strands = np.array([each for _, each in sorted(found)])
        right = np.minimum(np.searchsorted(places, positions[rows]), len(places) - 1)
        left = np.maximum(right - 1, 0)
        before, behind = np.abs(positions[rows] - places[[left, right]])
        nearest = np.where(before <= behind, left, right)
        strand[rows] = strands[nearest]
        distance[rows] = (positions[rows] - places[nearest]) * np.where(strand[rows] == "-", -1, 1)
    return distance, strand


def read_genes(path: str | os.PathLike[str], genome: Contigs) -> Genes:
    """Read the transcription start sites of a GTF file, plain or gzip.

    A TSS is the first base of a transcript on its strand: its start on ``+``, its end on ``-``.
    Every line of a transcript is one, whatever its identifier; a transcript without a line of its
    own is made of its exons.

    Parameters
    ----------
    path
        The GTF file.
    genome
        The genome; genes of contigs that it lacks are left out, with a warning.

    Raises
    ------
    InputError
        If the file cannot be read or a line is not GTF (names the line), or no gene lies on a
        contig of the genome.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> genes = bk.read_genes("genes.gtf", bk.Genome("genome.fa"))
    >>> [(gene.gene_id, gene.strand, gene.tss) for gene in genes]
    [('G1', '+', (20100,)), ('G2', '-', (33299,))]
    """
    listed: dict[tuple[str, str], list[_Transcript]] = {}
    made: dict[tuple[str, str], _Exons] = {}
    seen: set[tuple[tuple[str, str], str]] = set()
    with text_lines(local_path(path), "GTF") as lines:
        for _, line in lines:
            if line.startswith("#") or not line.strip():
                continue
            feature, contig, start, end, strand, attributes = _parse(line)
            if feature not in ("transcript", "exon"):
                continue
            gene_id, identifier, name, exon = (str(attributes.get(key, "")) for key in _ATTRIBUTES)
            if not gene_id:
                raise ValueError("the attribute gene_id is missing")
            gene = sys.intern(contig), gene_id
            part = _Transcript(start, end, strand, name, identifier)
            if feature == "transcript":
                listed.setdefault(gene, []).append(part)
                seen.add((gene, identifier))
            # Most files list a transcript before its exons, which then need not be kept.
            elif (gene, identifier) not in seen:
                made.setdefault(gene, _Exons()).add(part, exon)
    transcripts = {
        gene: _of_a_gene(listed.get(gene, []), made.get(gene))
        for gene in dict.fromkeys((*listed, *made))
    }
    contig_of = {gene: gene[0] for gene in transcripts}
    if not contig_of:
        raise InputError(f"{path} has no transcripts or exons: expected the genes of {genome.path}")
    contigs = placed_contigs(contig_of.values(), genome, path, "genes")
    return Genes(_genes(transcripts, contigs))


@functools.cache
def _parser() -> Callable[[bytes, int], Any]:
    import pysam  # noqa: PLC0415 - needed with --genes only

    return pysam.asGTF("utf-8")


def _parse(line: str) -> tuple[str, str, int, int, str, dict[str, Any]]:
    """Parse a line of GTF; positions become 0-based and half-open, attributes text or numbers."""
    encoded = line.encode()
    try:
        record = _parser()(encoded, len(encoded))
        fields = record.feature, record.contig, record.start, record.end, record.strand
        attributes = record.to_dict()
    # A field with a NUL or without an end fails one of pysam's assertions.
    except (ValueError, IndexError, KeyError, AttributeError, TypeError, AssertionError):
        raise ValueError(
            "not GTF: expected nine columns separated by tabs, positions as numbers, and "
            'attributes such as gene_id "G1";'
        ) from None
    if not 0 <= fields[2] < fields[3]:
        raise ValueError(f"the positions {fields[2] + 1} to {fields[3]} are no interval")
    return (*fields, attributes)


def _genes(
    transcripts: dict[tuple[str, str], list[_Transcript]], contigs: dict[str, str]
) -> list[Gene]:
    # Two of the file's names may be those of one contig of the genome.
    found: dict[tuple[str, str], list[_Transcript]] = {}
    for (contig, gene_id), mine in transcripts.items():
        if contig in contigs:
            found.setdefault((contigs[contig], gene_id), []).extend(mine)
    genes = []
    for (contig, gene_id), mine in found.items():
        # The strand is the transcript's own: files exist in which those of a gene differ.
        tss = tuple(sorted({each.end - 1 if each.strand == "-" else each.start for each in mine}))
        start, end = min(each.start for each in mine), max(each.end for each in mine)
        genes.append(Gene(gene_id, mine[0].name, mine[0].strand, contig, tss, start, end))
    return genes


class _Transcript(NamedTuple):
    """A transcript, or an exon of one: [start, end) in bp, 0-based; ``identifier`` may be empty."""

    start: int
    end: int
    strand: str
    name: str
    identifier: str


class _Exons:
    """The transcripts that the exons of a gene make.

    Exons of one identifier on two strands, with a number that it had before, or further from each
    other than any intron is long lie at two loci: some annotations give copies of a transcript the
    same identifier. Copies that are nearer cannot be told apart without numbers.
    """

    def __init__(self) -> None:
        self.transcripts: dict[tuple[str, str, int], _Transcript] = {}
        self._numbers: dict[tuple[str, str], tuple[int, set[str]]] = {}
        self._unnumbered = itertools.count(1)

    def add(self, exon: _Transcript, number: str) -> None:
        """Add an exon, with its number if it has one."""
        name = exon.identifier, exon.strand
        # Of a gene without transcripts' identifiers all exons are one.
        if exon.identifier and number:
            locus, seen = self._numbers.get(name, (0, set()))
            if number in seen:
                locus, seen = locus + 1, set()
            seen.add(number)
            self._numbers[name] = locus, seen
            keys = [(*name, locus)]
        else:
            near = (
                key
                for key, known in self.transcripts.items()
                if key[:2] == name
                and max(exon.start - known.end, known.start - exon.end) <= _LONGEST_INTRON
            )
            keys = list(near) or [(*name, -next(self._unnumbered))]
        parts = [exon, *(self.transcripts[key] for key in keys if key in self.transcripts)]
        for key in keys[1:]:
            del self.transcripts[key]
        self.transcripts[keys[0]] = parts[1 % len(parts)]._replace(
            start=min(each.start for each in parts), end=max(each.end for each in parts)
        )


def _of_a_gene(listed: list[_Transcript], made: _Exons | None) -> list[_Transcript]:
    """Choose a gene's transcripts: those that have lines, and of exons those that have none."""
    if made is None:
        return listed
    identifiers = {each.identifier for each in listed}
    # A line without identifier may be of any exons.
    if "" in identifiers:
        return listed
    return [
        *listed,
        *(
            each
            for each in made.transcripts.values()
            if not listed or (each.identifier and each.identifier not in identifiers)
        ),
    ]
