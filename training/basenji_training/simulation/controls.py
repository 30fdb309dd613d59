"""Controls of a simulated genome's causal variants: like them in everything but the effect.

A control makes the same substitution at the same distance from the nearest gene's start, on the
same side of it, of another gene, and lies in no site of any motif. What a model says of causal
variants and not of their controls it cannot know from their place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.sequence import reverse_complement
from basenji_training.simulation.genome import LOCAL_BP, NEUTRAL, Variants
from basenji_training.simulation.grammar import START_MOTIF, occupancy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_training.simulation.genome import Chromosome
    from basenji_training.simulation.grammar import Motif

__all__ = ["draw_controls"]

#: Occupancy from which on a site counts as one; sites that a base could complete have .05 or more.
_SITE = 0.02
#: Places whose effects are computed at a time to find one without any.
_TRIED = 8


def draw_controls(
    chromosome: Chromosome, variants: Variants, generator: np.random.Generator
) -> Variants:
    """Draw a control for each causal variant of a chromosome.

    Parameters
    ----------
    chromosome
        The chromosome.
    variants
        Its variants; no control lies where one of them does.
    generator
        Source of randomness.

    Returns
    -------
    Variants
        Of kind control; fewer than causal variants where no place fits.
    """
    codes = chromosome.codes
    order = np.argsort(chromosome.starts)
    starts = chromosome.starts[order]
    direction = np.where(chromosome.forward[order], 1, -1)
    taken = _bound(codes, (*chromosome.factors, START_MOTIF))
    for site in chromosome.sites:  # those that were planted too weak to be bound are sites, too
        taken[site.start : site.end] = True
    taken[:LOCAL_BP] = taken[len(codes) - LOCAL_BP :] = True
    taken[variants.position] = True
    found = []
    # With a single gene there is no other one to put a control at.
    causal = np.flatnonzero(variants.kind != "neutral") if len(starts) > 1 else ()
    for index in causal:
        position, alternative = variants.position[index], variants.alternative[index]
        gene = int(_nearest(starts, position[None])[0])
        offset = (position - starts[gene]) * direction[gene]
        places = generator.permutation(np.delete(starts + direction * offset, gene))
        places = places[(places >= 0) & (places < len(codes))]
        distance = np.abs(places - starts[_nearest(starts, places)])
        fits = ~taken[places] & (codes[places] == codes[position]) & (distance == abs(offset))
        places = places[fits][:_TRIED]
        if not len(places):
            continue
        size = np.abs(chromosome.effects(places, np.full(len(places), alternative))).max(axis=1)
        idle = np.flatnonzero(size < NEUTRAL)
        if len(idle):
            place = places[idle[0]]
            taken[place] = True
            found.append((place, alternative, position))
    place, alternative, matched = np.array(found, dtype=np.int64).reshape(-1, 3).T
    return Variants(
        position=place,
        alternative=alternative.astype(np.uint8),
        kind=np.full(len(found), "control"),
        motif=np.full(len(found), "."),
        matched=matched,
    )


def _nearest(starts: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Index of the sorted start that is nearest to each position."""
    right = np.searchsorted(starts, positions).clip(1, len(starts) - 1)
    return right - (positions - starts[right - 1] <= starts[right] - positions)


def _bound(codes: np.ndarray, motifs: Sequence[Motif]) -> np.ndarray:
    """Which bases lie in a site of a motif, on either strand, bound or nearly so."""
    inside = np.zeros(len(codes), dtype=bool)
    for motif in motifs:
        both = np.maximum(
            occupancy(codes, motif), occupancy(reverse_complement(codes), motif)[::-1]
        )
        inside |= np.convolve(both > _SITE, np.ones(len(motif)), mode="same") > 0
    return inside
