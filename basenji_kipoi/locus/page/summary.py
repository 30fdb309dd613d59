"""A locus in words: which variant, which gene, which tracks, how, and how sure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basenji_kipoi.base.sequence import short_allele
from basenji_kipoi.locus.mechanisms.sentences import percent
from basenji_kipoi.locus.page.content import BY_CHANGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from basenji_kipoi.locus.page.content import LocusContent, PageVariant

__all__ = ["summary_of"]


def summary_of(locus: LocusContent) -> list[str]:
    """Say what a locus shows.

    Returns
    -------
    list of str
        Sentences; the first names the variant.
    """
    return list(_sentences(locus))


def _sentences(locus: LocusContent) -> Iterator[str]:
    first = locus.variants[0]
    trait = f" for {locus.trait}" if locus.trait else ""
    number = len(locus.variants)
    among = f"of {number:,} variants" if number > 1 else "the only variant"
    by = f"{locus.by}{_value(locus, first)}"
    tied = sum(each.support[:-1] == first.support[:-1] for each in locus.variants) - 1
    if tied and locus.by != BY_CHANGE:
        others = "1 other has" if tied == 1 else f"{tied:,} others have"
        by += f", which {others} too, and among these by the {BY_CHANGE}"
        if first.named is not None:
            by += f" of {first.named.label}"
    yield f"{first.name} comes first {among}{trait}, by {by}."
    if first.mechanism is None:
        yield f"It is not explained: {first.reason or 'it was not asked for'}."
    else:
        place, _, said = first.mechanism.sentence.partition(" ")
        alleles, _, said = said.partition(" ")
        yield f"By the model, {place} {alleles} {said}."
    yield from _direction(first)
    yield _sure(locus)


def _value(locus: LocusContent, variant: PageVariant) -> str:
    value = locus.probability(variant)
    if value is not None:
        return f" ({value:.2g})"
    if variant.known.log10_p is not None:
        return f" (-log10 P {variant.known.log10_p:.3g})"
    return ""


def _direction(variant: PageVariant) -> Iterator[str]:
    known = variant.known
    if not known.gene:
        return
    gene = variant.named
    if gene is None:
        yield f"{known.gene}, which the table names, does not start in its window."
        return
    beta = known.beta if known.beta is not None else (known.z if known.sign_known else None)
    said = f"The table names {gene.label}, whose start is predicted to change by "
    said += percent(gene.change)
    if beta is None or not gene.change:
        yield f"{said}."
    else:
        agrees = "which agrees with" if (beta > 0) == (gene.change > 0) else "which is against"
        yield f"{said}, {agrees} the measured sign ({beta:+.2g} with {short_allele(known.alt)})."


def _sure(locus: LocusContent) -> str:
    credible = locus.credible
    if credible is None:
        return "No probabilities were given: the order says which to look at, not how sure it is."
    second = locus.variants[1] if len(locus.variants) > 1 else None
    after = ""
    if second is not None and locus.probability(second) is not None:
        after = f"; {second.name} comes second ({locus.probability(second):.2g})"
    held = "1 variant holds" if credible == 1 else f"{credible:,} variants hold"
    return f"How sure: {held} 95 % of the probability{after}. Effects are predictions."
