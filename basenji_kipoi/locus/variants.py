"""Variants of loci: what is known of each, in the genome's alleles."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Optional

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LocusTable", "LocusVariant", "Matching", "Reason", "SetKey"]


class Matching(str, Enum):
    """How the alleles of a table became those of the genome."""

    same = "same"
    swapped = "swapped"
    flipped = "flipped"
    flipped_swapped = "flipped_swapped"

    @property
    def meaning(self) -> str:
        """What was done, in a few words."""
        return {
            Matching.same: "as they were",
            Matching.swapped: "swapped, and the sign of the effect with them",
            Matching.flipped: "read on the other strand",
            Matching.flipped_swapped: "read on the other strand, and swapped",
        }[self]


class Reason(str, Enum):
    """Why a variant has no alleles that can be scored; the values stand in tables."""

    no_place = "no_place"
    rsid_unknown = "rsid_unknown"
    rsid_several = "rsid_several"
    no_alleles = "no_alleles"
    not_acgt = "not_acgt"
    same_alleles = "same_alleles"
    unknown_contig = "unknown_contig"
    off_contig = "off_contig"
    ref_mismatch = "ref_mismatch"
    ambiguous_strand = "ambiguous_strand"
    ambiguous_alleles = "ambiguous_alleles"

    @property
    def meaning(self) -> str:
        """Why, in a few words."""
        return _MEANINGS[self]


_MEANINGS = {
    Reason.no_place: "neither a position nor an rsID",
    Reason.rsid_unknown: "the VCF of rsIDs does not have it",
    Reason.rsid_several: "its rsID has several alternative alleles, and the row names none of them",
    Reason.no_alleles: "an allele is missing",
    Reason.not_acgt: "letters other than A, C, G, T",
    Reason.same_alleles: "both alleles are the same",
    Reason.unknown_contig: "the genome has no such contig",
    Reason.off_contig: "it lies outside of its contig",
    Reason.ref_mismatch: "neither allele is the genome's, on either strand",
    Reason.ambiguous_strand: "A/T or C/G, in a table that has alleles of the other strand",
    Reason.ambiguous_alleles: "both alleles fit the genome, and no column says which is REF",
}


class SetKey(NamedTuple):
    """What tells the variants that compete for one signal from others.

    Attributes
    ----------
    locus, trait, gene, credible_set : str
        As `LocusVariant` has them.
    """

    locus: str
    trait: str
    gene: str
    credible_set: str

    def __str__(self) -> str:
        return " ".join(dict.fromkeys(part for part in self if part)) or "all variants"


@dataclass(frozen=True)
class LocusVariant:
    """A row of a table of loci: a variant, and what is known of it.

    Attributes
    ----------
    row : int
        Number of its line in the file, from 1 (of Parquet, of its row; of VCF, of its record).
    chrom : str
        The genome's name of its contig; the table's own one where `reason` is not None.
    pos : int
        Position of the first base of REF, counted from 1; 0 if it is not known.
    ref, alt : str
        Alleles on the genome's forward strand, REF being the genome's; the table's own ones where
        `reason` is not None.
    rsid : str
        Identifier; empty if there is none.
    locus, trait, gene, credible_set : str
        What it belongs to; empty where the table does not say. Every variant has a locus.
    pip : float or None
        Posterior inclusion probability (0 to 1), within its credible set if the table has such.
    log10_p : float or None
        -log10 of the P-value.
    beta : float or None
        Effect of ALT on the trait, in the table's units; None too if its sign is not known.
    se : float or None
        Standard error of the effect.
    z : float or None
        Effect over its standard error, or what the P-value says; the sign is that of ALT's effect.
        Where the sign is not known, `sign_known` is False and it is not negative.
    sign_known : bool
        Whether the sign of `z` says something.
    frequency : float or None
        Frequency of ALT (0 to 1).
    matching : Matching
        How the alleles became those of the genome.
    reason : Reason or None
        Why it cannot be scored; None if it can.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> variant = bk.LocusVariant(1, "chrA", 20050, "A", "C", pip=0.4, gene="G1")
    >>> variant.name, variant.reason is None
    ('chrA:20050:A:C', True)
    """

    row: int
    chrom: str
    pos: int
    ref: str
    alt: str
    rsid: str = ""
    locus: str = ""
    trait: str = ""
    gene: str = ""
    credible_set: str = ""
    pip: Optional[float] = None
    log10_p: Optional[float] = None
    beta: Optional[float] = None
    se: Optional[float] = None
    z: Optional[float] = None
    sign_known: bool = False
    frequency: Optional[float] = None
    matching: Matching = Matching.same
    reason: Optional[Reason] = None

    @property
    def key(self) -> tuple[str, int, str, str]:
        """Contig, position (from 1), REF and ALT, as `basenji_kipoi.score` takes a variant."""
        return self.chrom, self.pos, self.ref, self.alt

    @property
    def name(self) -> str:
        """``chrom:pos:ref:alt``, and the rsID if there is no position."""
        return ":".join(map(str, self.key)) if self.pos else self.rsid

    @property
    def set_key(self) -> SetKey:
        """What it competes in."""
        return SetKey(self.locus, self.trait, self.gene, self.credible_set)


@dataclass(frozen=True)
class LocusTable:
    """The variants of a table of loci.

    Attributes
    ----------
    name : str
        What messages call the table.
    format : str
        Name of its format.
    variants : tuple of LocusVariant
        In the order of the table.
    has_sets : bool
        Whether the table has credible sets: a variant without one lies outside of all.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> table = bk.read_loci("locus.tsv", "genome.fa")
    >>> [len(variants) for variants in table.by_set().values()], len(table.usable)
    ([6], 5)
    """

    name: str
    format: str
    variants: tuple[LocusVariant, ...]
    has_sets: bool = False

    def __len__(self) -> int:
        return len(self.variants)

    @property
    def usable(self) -> tuple[LocusVariant, ...]:
        """The variants that can be scored."""
        return tuple(each for each in self.variants if each.reason is None)

    def by_locus(self) -> dict[str, list[LocusVariant]]:
        """Group the variants by locus, in the order of the table."""
        return _grouped(self.variants, "locus")

    def by_set(self) -> dict[SetKey, list[LocusVariant]]:
        """Group the variants by what they compete in, in the order of the table."""
        return _grouped(self.variants, "set_key")

    def counts(self) -> dict[str, int]:
        """Count how alleles were matched, and the reasons of those that were not."""
        found = Counter(
            each.matching.value if each.reason is None else each.reason.value
            for each in self.variants
        )
        listed = [each.value for each in (*Matching, *Reason)]
        return {name: found[name] for name in listed if name in found}

    def lines(self) -> list[str]:
        """Say in lines what was done with the alleles, for a person."""
        counts = self.counts()
        same = counts.get(Matching.same.value, 0)
        rows = "1 row" if len(self) == 1 else f"{len(self):,} rows"
        lines = [f"{self.name}: {rows} ({self.format}), {same:,} with REF as it was"]
        for kind in (*Matching, *Reason):
            if kind is not Matching.same and kind.value in counts:
                lines.append(f"  {counts[kind.value]:,} {kind.value}: {kind.meaning}")
        return lines


def _grouped(variants: Iterable[LocusVariant], name: str) -> dict:
    groups: dict = {}
    for each in variants:
        groups.setdefault(getattr(each, name), []).append(each)
    return groups
