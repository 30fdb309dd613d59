"""Genes by their transcription start sites (TSS), and the scores of genes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import text_lines
from basenji_kipoi.genome.contig_names import placed_contigs

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from basenji_kipoi.genome.contig_names import Contigs

__all__ = ["Gene", "GeneBins", "Genes", "read_genes"]


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


def read_genes(path: str | os.PathLike[str], genome: Contigs) -> Genes:
    """Read the transcription start sites of a GTF file, plain or gzip.

    A TSS is the first base of a transcript on its strand: its start on ``+``, its end on ``-``.
    Where the file lists no transcripts, they are made of their exons.

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
    transcripts: dict[tuple[str, str, str], list] = {}
    has_transcripts = False
    with text_lines(path, "GTF") as lines:
        for number, line in lines:
            if line.startswith("#") or not line.strip():
                continue
            feature, contig, start, end, strand, attributes = _parse(line)
            if feature == "transcript" and not has_transcripts:
                has_transcripts = True
                transcripts.clear()
            if feature != ("transcript" if has_transcripts else "exon"):
                continue
            gene_id = attributes.get("gene_id", "")
            if not gene_id:
                raise ValueError("the attribute gene_id is missing")
            # Without identifiers, each line of a transcript is one, and a gene's exons are one.
            unnamed = str(number) if has_transcripts else ""
            key = contig, gene_id, attributes.get("transcript_id", unnamed)
            known = transcripts.setdefault(
                key, [start, end, strand, attributes.get("gene_name", "")]
            )
            known[:2] = min(known[0], start), max(known[1], end)
    contig_of = {(contig, gene_id): contig for contig, gene_id, _ in transcripts}
    if not contig_of:
        raise InputError(f"{path} has no transcripts or exons: expected the genes of {genome.path}")
    contigs = placed_contigs(contig_of.values(), genome, path, "genes")
    return Genes(_genes(transcripts, contigs))


def _parse(line: str) -> tuple[str, str, int, int, str, dict[str, str]]:
    """Parse a line of GTF; positions become 0-based and half-open."""
    import pysam  # noqa: PLC0415 - needed with --genes only

    encoded = line.rstrip("\r\n").encode()
    try:
        record = pysam.asGTF()(encoded, len(encoded))
        fields = record.feature, record.contig, record.start, record.end, record.strand
        attributes = {key: str(value) for key, value in record.to_dict().items()}
    except (ValueError, IndexError, KeyError, AttributeError, TypeError):
        raise ValueError(
            "not GTF: expected nine columns separated by tabs, positions as numbers, and "
            'attributes such as gene_id "G1";'
        ) from None
    if not 0 <= fields[2] < fields[3]:
        raise ValueError(f"the positions {fields[2] + 1} to {fields[3]} are no interval")
    return (*fields, attributes)


def _genes(transcripts: dict[tuple[str, str, str], list], contigs: dict[str, str]) -> list[Gene]:
    found: dict[tuple[str, str], tuple[str, str, set[int], list[tuple[int, int]]]] = {}
    for (contig, gene_id, _), (start, end, strand, name) in transcripts.items():
        if contig in contigs:
            gene = found.setdefault((contigs[contig], gene_id), (name, strand, set(), []))
            # The strand is the transcript's own: files exist in which those of a gene differ.
            gene[2].add(end - 1 if strand == "-" else start)
            gene[3].append((start, end))
    genes = []
    for (contig, gene_id), (name, strand, sites, spans) in found.items():
        starts, ends = zip(*spans)
        tss = tuple(sorted(sites))
        genes.append(Gene(gene_id, name, strand, contig, tss, min(starts), max(ends)))
    return genes
