"""What a page shows of a locus: its variants with all that is known and predicted of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Optional

import numpy as np

from basenji_kipoi.genome.variant_checks import Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from basenji_kipoi.genome.genes import Gene
    from basenji_kipoi.locus.linkage import Key, Linkage
    from basenji_kipoi.locus.mechanisms.record import Mechanism
    from basenji_kipoi.locus.mechanisms.scored import ScoredGene, ScoredVariant
    from basenji_kipoi.locus.variants import LocusVariant

__all__ = ["BY_CHANGE", "LocusContent", "PageVariant", "content_of"]

#: What variants are ordered by where nothing else tells them apart.
BY_CHANGE = "size of the predicted change"

#: A credible set holds such a share of the probability.
_CREDIBLE = 0.95
#: What PIPs of a set may sum to: files have few digits.
_MOST = 1.02


@dataclass(frozen=True)
class PageVariant:
    """A variant of a locus.

    Attributes
    ----------
    known : LocusVariant
        The row of the table.
    scored : ScoredVariant or None
        Predicted effects; None if it could not be scored.
    track : str
        The track that changes most around it; empty without scores.
    r2 : float or None
        Squared correlation with the first variant.
    posterior : float or None
        Probability that joins association and predicted effects, of `basenji rank`.
    mechanism : Mechanism or None
        How it acts; None if it was not asked for.
    """

    known: LocusVariant
    scored: Optional[ScoredVariant]
    track: str = ""
    r2: Optional[float] = None
    posterior: Optional[float] = None
    mechanism: Optional[Mechanism] = None

    @property
    def name(self) -> str:
        """The rsID, or place and alleles."""
        return self.known.rsid or self.known.name

    @property
    def change(self) -> Optional[float]:
        """The largest change of a track around it: log2."""
        if self.scored is None:
            return None
        return float(self.scored.changes[self.scored.largest])

    @property
    def named(self) -> Optional[ScoredGene]:
        """The predicted effect on the gene that the table names; None if it is not seen."""
        genes = () if self.scored is None or not self.known.gene else self.scored.genes
        wanted = self.known.gene
        return next((each for each in genes if wanted in (each.gene_id, each.name)), None)

    @property
    def reason(self) -> str:
        """Why it has no predicted effects; empty if it has."""
        if self.known.reason is not None:
            return self.known.reason.meaning
        return "" if self.scored is not None else "it could not be scored"

    @property
    def support(self) -> tuple[float, float, float, float]:
        """What variants are ordered by: posterior, PIP, P-value, size of the predicted change.

        The last is that of the gene that the table names, if it names one; else of a track.
        """
        change = self.change
        if self.known.gene:
            change = None if self.named is None else self.named.change
        values = (self.posterior, self.known.pip, self.known.log10_p, change)
        return tuple(-1.0 if value is None else abs(value) for value in values)


@dataclass(frozen=True)
class LocusContent:
    """A locus.

    Attributes
    ----------
    name, trait, chrom : str
        The locus, its trait (empty if none is named), and its contig.
    start, end : int
        From the first to the last variant, [start, end) (0-based).
    window : int
        Length of the model's windows (bp).
    variants : tuple of PageVariant
        Those with most support first.
    genes : tuple of Gene
        Genes that lie near.
    by : str
        What the variants are ordered by, in words.
    """

    name: str
    trait: str
    chrom: str
    start: int
    end: int
    window: int
    variants: tuple[PageVariant, ...]
    genes: tuple[Gene, ...]
    by: str

    @property
    def explained(self) -> list[PageVariant]:
        """The variants whose mechanism is known."""
        return [each for each in self.variants if each.mechanism is not None]

    def probability(self, variant: PageVariant) -> Optional[float]:
        """Return the probability that variants are ordered by, if it is one."""
        return variant.posterior if variant.posterior is not None else variant.known.pip

    @property
    def credible(self) -> Optional[int]:
        """How many variants hold 95 % of a signal's probability; None without probabilities.

        The signal is that of the first variant.
        """
        signal = self.variants[0].known.credible_set
        among = [each for each in self.variants if each.known.credible_set == signal]
        values = [self.probability(each) for each in among]
        known = np.array([value for value in values if value is not None])
        if not len(known) or known.sum() <= 0:
            return None
        shares = np.cumsum(np.sort(known)[::-1]) / known.sum()
        return int(np.searchsorted(shares, _CREDIBLE - 1e-9)) + 1

    @property
    def notes(self) -> list[str]:
        """What a reader should know."""
        found = []
        if self.end - self.start > self.window:
            found.append(
                f"The locus of {self.end - self.start:,} bp is wider than the model's window of "
                f"{self.window:,} bp: each variant is predicted in a window of its own, and genes "
                "and elements beyond its edges are not seen."
            )
        sets = {each.known.credible_set for each in self.variants} - {""}
        if len(sets) > 1:
            found.append(
                f"The table has {len(sets)} signals here ({', '.join(sorted(sets))}): compare "
                "variants within one."
            )
        for name in sorted(sets) or [""]:
            of_set = [each for each in self.variants if each.known.credible_set == name]
            total = sum(each.known.pip or 0 for each in of_set)
            if total > _MOST:
                found.append(
                    f"The PIPs of {name or 'this locus'} sum to {total:.2f}: expected at most 1, "
                    "or a column that names the sets."
                )
        unknown = [each for each in self.variants if each.reason]
        if unknown:
            reasons = sorted({each.reason for each in unknown})
            have = "1 variant has" if len(unknown) == 1 else f"{len(unknown):,} variants have"
            found.append(f"{have} no predictions: {'; '.join(reasons)}.")
        absent = sum(each.r2 is None for each in self.variants)
        if absent and absent < len(self.variants):
            found.append(f"Variants that the panel of linkage does not have: {absent:,}.")
        return found


def content_of(
    name: str,
    rows: Sequence[LocusVariant],
    scored: Mapping[Key, ScoredVariant],
    *,
    labels: Sequence[str],
    genes: Sequence[Gene],
    window: int,
    linkage: Optional[Linkage] = None,
    posteriors: Optional[Mapping[Key, float]] = None,
) -> LocusContent:
    """Put together what is known of a locus.

    Parameters
    ----------
    name, rows
        The locus, and its rows; of rows of one variant the one with most support counts.
    scored
        Predicted effects by variant.
    labels
        Names of the tracks that were scored.
    genes
        All genes.
    window
        Length of the model's windows (bp).
    linkage
        Linkage between the variants.
    posteriors
        Posteriors by variant.
    """
    found: dict[Key, PageVariant] = {}
    for row in rows:
        effects = scored.get(row.key)
        if effects is not None and effects.status is not Status.ok:
            effects = None
        track = "" if effects is None else labels[effects.largest]
        posterior = None if posteriors is None else posteriors.get(row.key)
        variant = PageVariant(row, effects, track, posterior=posterior)
        if row.key not in found or variant.support > found[row.key].support:
            found[row.key] = variant
    variants = sorted(found.values(), key=lambda each: each.support, reverse=True)
    if linkage is not None:
        correlations = linkage.among([each.known.key for each in variants]).with_lead(0)
        variants = [
            replace(each, r2=None if math.isnan(r2) else float(r2))
            for each, r2 in zip(variants, correlations.tolist())
        ]
    placed = [each.known for each in variants if each.known.reason is None]
    placed = placed or [each.known for each in variants]
    start = min(each.pos for each in placed) - 1
    end = max(each.pos - 1 + len(each.ref) for each in placed)
    near = [
        gene
        for gene in genes
        if gene.contig == placed[0].chrom
        and gene.end > start - window // 2
        and gene.start < end + window // 2
    ]
    traits = dict.fromkeys(each.known.trait for each in variants if each.known.trait)
    return LocusContent(
        name, ", ".join(traits), placed[0].chrom, start, end, window, tuple(variants), tuple(near),
        _by(variants),
    )  # fmt: skip


def _by(variants: Sequence[PageVariant]) -> str:
    if any(each.posterior is not None for each in variants):
        return "posterior of association and predicted effects"
    if any(each.known.pip is not None for each in variants):
        return "PIP, of association alone"
    if any(each.known.log10_p is not None for each in variants):
        return "P-value"
    return BY_CHANGE
