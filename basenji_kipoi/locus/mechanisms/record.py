"""The record of a variant's mechanism, as it stands in JSON.

Positions of variants count from 1, as a VCF has them; all other places are 0-based and half-open
(bp). Changes are log2 of the alternative over the reference, so 1 is a doubling.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Optional

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "AlleleBases",
    "Contributions",
    "ElementPlace",
    "GeneChange",
    "Mechanism",
    "MotifChange",
    "Profile",
    "TrackChange",
]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TrackChange(_Record):
    """What a variant does to a track.

    Attributes
    ----------
    track, description : str
        The track.
    change : float
        log2 of the relative change around the variant (the score ``centre``).
    total : float
        Change of the total of the window, in units of the targets table (SAD).
    """

    track: str
    description: str
    change: float
    total: float


class Profile(_Record):
    """Predictions of both alleles.

    Attributes
    ----------
    start, bin : int
        First base of the first bin, and length of a bin (bp).
    tracks : list of str
        The tracks.
    reference, alternative : list of list of float
        A list for each track, a value for each bin.
    """

    start: int
    bin: int
    tracks: list[str]
    reference: list[list[float]]
    alternative: list[list[float]]


class AlleleBases(_Record):
    """A stretch with one allele, and what its bases contribute.

    Attributes
    ----------
    sequence : str
        Its bases.
    contributions : list of float
        What each contributes, in units of the targets table.
    value : float
        The prediction that is explained.
    """

    sequence: str
    contributions: list[float]
    value: float


class Contributions(_Record):
    """What the bases around a variant contribute to the track that changes most.

    Attributes
    ----------
    track : str
        The track.
    start : int
        Place of the first base. Of an allele of another length, the bases behind it are moved.
    first_bin, last_bin : int
        The bins whose sum is explained: those that change most, places of the first and of the end
        of the last (bp).
    reference, alternative : AlleleBases
        Both alleles.
    """

    track: str
    start: int
    first_bin: int
    last_bin: int
    reference: AlleleBases
    alternative: AlleleBases


class MotifChange(_Record):
    """A motif with a site that overlaps a variant, in one allele at least.

    Attributes
    ----------
    name : str
        The motif.
    kind : str
        ``gained``, ``lost``, ``strengthened`` or ``weakened`` by the alternative.
    start, end, strand
        The site in the allele where it is better.
    reference_bits, alternative_bits : float
        Best score of a site that overlaps the variant, against the window's bases (bits).
    reference_p, alternative_p : float
        Probability of such a score or a better one at a random place.
    reference_contribution, alternative_contribution : float
        Sum of the contributions of the site's bases in either allele.
    agrees : bool
        Whether bases of the better site contribute more (in size): the network reads it.
    """

    name: str
    kind: Literal["gained", "lost", "strengthened", "weakened"]
    start: int
    end: int
    strand: Literal["+", "-"]
    reference_bits: float
    alternative_bits: float
    reference_p: float
    alternative_p: float
    reference_contribution: float
    alternative_contribution: float
    agrees: bool


class ElementPlace(_Record):
    """The element that holds a variant.

    Attributes
    ----------
    name, chrom, start, end
        The element.
    is_given : bool
        Whether it was given; otherwise it is the stretch around the variant.
    """

    name: str
    chrom: str
    start: int
    end: int
    is_given: bool


class GeneChange(_Record):
    """A gene in the window of a variant.

    Attributes
    ----------
    gene, gene_id, strand : str
        The gene.
    distance : int
        Bases from the variant to its nearest start.
    track : str
        The track of the gene's strand that changes most at its starts.
    change : float
        That change: log2 (the score logSED).
    element_track : str or None
        The track of which the element's knock-out changes the gene most; None if it was not
        knocked out for this gene.
    element_change : float or None
        log2 of the gene's prediction without the element over that with it: negative if the
        element drives the gene.
    element_spread : float or None
        Standard deviation of that over the shuffles, about.
    """

    gene: str
    gene_id: str
    strand: str
    distance: int
    track: str
    change: float
    element_track: Optional[str] = None
    element_change: Optional[float] = None
    element_spread: Optional[float] = None


class Mechanism(_Record):
    """What a variant does, and how. Made by `basenji_kipoi.mechanism`.

    Attributes
    ----------
    chrom, pos, ref, alt
        The variant.
    model, assembly : str
        What predicted.
    tracks : list of TrackChange
        The tracks that change most, by the size of the change.
    profile : Profile
        Predictions of both alleles.
    contributions : Contributions
        What the bases around the variant contribute, for both alleles.
    motifs : list of MotifChange
        Motifs that the variant changes, those that the network reads first.
    element : ElementPlace or None
        The element that holds the variant.
    genes : list of GeneChange
        Genes with a start in the window, the nearest first.
    nearest_gene, target_gene : str or None
        The gene with the nearest start, and the one whose starts change most.
    notes : list of str
        What is not known, and why.
    sentence : str
        All of it in one sentence.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> found = bk.mechanism("model_files", "genome.fa", "chrA:20050:A:C", tracks="atac,tif_tss*")
    >>> bk.Mechanism.model_validate_json(found.model_dump_json()) == found
    True
    """

    chrom: str
    pos: int
    ref: str
    alt: str
    model: str
    assembly: str
    tracks: list[TrackChange]
    profile: Profile
    contributions: Contributions
    motifs: list[MotifChange]
    element: Optional[ElementPlace]
    genes: list[GeneChange]
    nearest_gene: Optional[str]
    target_gene: Optional[str]
    notes: list[str]
    sentence: str = ""

    @property
    def target(self) -> Optional[GeneChange]:
        """The gene whose starts change most."""
        return next((gene for gene in self.genes if gene.gene == self.target_gene), None)

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
