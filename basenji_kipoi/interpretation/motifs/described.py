"""What is known of a found motif: its name, where its sites lie, what they do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from basenji_kipoi.genome.genes import nearest_starts, read_genes
from basenji_kipoi.interpretation.motif_matrices import consensus_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from basenji_kipoi.interpretation.motifs.databases import Known
    from basenji_kipoi.interpretation.motifs.discovery import FoundMotif
    from basenji_kipoi.interpretation.motifs.reading import AttributedSequences

__all__ = ["Described", "Hits", "describe", "distances_of"]


class Hits(NamedTuple):
    """Sites of a motif on the genome; arrays of shape (sites,) but for the effects.

    Attributes
    ----------
    chrom, strand : ndarray, str
        Contig, and strand that the motif reads on.
    start, end : ndarray, int64
        Place [start, end), 0-based.
    effects : ndarray, float64, shape (sites, outputs)
        Sums of the contributions of the bases.
    distance : ndarray, float64
        From the nearest start of a gene to the site's middle, in the gene's direction; without
        genes from the middle of the interval, in its direction.
    same_strand : ndarray, bool
        Whether the motif reads in that direction.
    """

    chrom: np.ndarray
    start: np.ndarray
    end: np.ndarray
    strand: np.ndarray
    effects: np.ndarray
    distance: np.ndarray
    same_strand: np.ndarray


@dataclass(frozen=True)
class Described:
    """A motif with all that is told of it.

    Attributes
    ----------
    name : str
        ``motif_1`` and so on.
    motif : FoundMotif
        The motif.
    known : list of Known
        Motifs of the database that it is like.
    hits : Hits
        Its sites.
    orientation : float
        Probability of as large a difference between the effects of sites that read in the gene's
        direction and others, if there were none (Mann and Whitney 1947), times the number of
        motifs; NaN with fewer than five of either.
    """

    name: str
    motif: FoundMotif
    known: list[Known]
    hits: Hits
    orientation: float

    @property
    def title(self) -> str:
        """Its name, and that of the known motif that it is most like."""
        return f"{self.name} {self.known[0].name}" if self.known else self.name

    @property
    def consensus(self) -> str:
        """IUPAC letters of its matrix."""
        return consensus_of(self.motif.probabilities)

    def effect(self, *, same_strand: bool) -> float:
        """Average the effect on its first output over the sites of one direction."""
        chosen = self.hits.effects[self.hits.same_strand == same_strand, self.motif.outputs[0]]
        return float(chosen.mean()) if len(chosen) else float("nan")


class _Contigs(NamedTuple):
    """The contigs of the attributed intervals, as reading genes asks for them."""

    path: Path
    lengths: Mapping[str, None]


def distances_of(
    given: AttributedSequences, genes: Path | None, attributions: Path
) -> list[tuple[np.ndarray, np.ndarray]] | None:
    """Read genes; return their starts, or None without genes.

    Raises
    ------
    InputError
        If the file is none of genes, or has none on the contigs.
    """
    if genes is None:
        return None
    contigs = _Contigs(attributions, dict.fromkeys(each.chrom for each in given.intervals))
    return read_genes(genes, contigs)


def describe(
    motifs: Sequence[FoundMotif],
    known: Sequence[list[Known]],
    given: AttributedSequences,
    genes: object | None,
) -> list[Described]:
    """Describe motifs.

    Parameters
    ----------
    motifs, known
        The motifs, and what each is like.
    given
        The sequences, whose contributions are summed over sites.
    genes
        The genes that sites lie near, or None.
    """
    contributions = given.contributions
    totals = np.concatenate(
        [np.zeros_like(contributions[:, :1]), contributions.cumsum(axis=1, dtype=np.float64)],
        axis=1,
    )
    found = []
    for number, (motif, names) in enumerate(zip(motifs, known), 1):
        hits = _hits(motif, given, totals, genes)
        found.append(
            Described(f"motif_{number}", motif, names, hits, _difference(motif, hits, len(motifs)))
        )
    return found


def _hits(
    motif: FoundMotif, given: AttributedSequences, totals: np.ndarray, genes: object | None
) -> Hits:
    sites, length = motif.sites, given.codes.shape[1]
    places = [given.intervals[number] for number in sites.sequence.tolist()]
    first = np.clip(sites.start, 0, length)
    last = np.clip(sites.start + len(motif), 0, length)
    begin = np.array([each.start for each in places], dtype=np.int64)
    chrom = np.array([each.chrom for each in places], dtype=object)
    middle = begin + (first + last) // 2
    strand = np.where(sites.is_reverse, "-", "+")
    if genes is None:
        reads = np.array([each.strand for each in places])
        centre = np.array([(each.start + each.end) // 2 for each in places])
        distance = (middle - centre) * np.where(reads == "-", -1.0, 1.0)
    else:
        distance, reads = nearest_starts(chrom, middle, genes)
    same = strand == np.where(reads == "-", "-", "+")
    effects = totals[sites.sequence, last] - totals[sites.sequence, first]
    return Hits(chrom, begin + first, begin + last, strand, effects, distance, same)


def _difference(motif: FoundMotif, hits: Hits, motifs: int) -> float:
    from scipy.stats import mannwhitneyu  # noqa: PLC0415 - takes a second

    effects = hits.effects[:, motif.outputs[0]]
    one, other = effects[hits.same_strand], effects[~hits.same_strand]
    if min(len(one), len(other)) < 5:
        return float("nan")
    return float(min(mannwhitneyu(one, other).pvalue * motifs, 1))
