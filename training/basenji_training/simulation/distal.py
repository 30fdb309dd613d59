"""Distal elements of a simulated genome: enhancers that raise genes' starts from afar, and decoys.

Where both osprey and curlew bind, sequence is active: its activity at base y is the product of
their fields, a(y) = f_osprey(y) * f_curlew(y). The use of starts at base x is multiplied by

    gain(x) = 1 + RESPONSE * (sum over y of a(y) * exp(-(x - y)^2 / (2 CONTACT^2))) / ACTIVE

so that enhancers of a gene add up and all genes within reach of one are served by it. **Enhancers**
hold osprey and curlew beside wren or kestrel, **decoys** both of the others beside heron, or beside
one of the first two: they are as accessible as enhancers, and do nothing. Genes lie farther apart
than without elements, and have a start motif each.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import UNKNOWN
from basenji_training.simulation.genome import LOCAL_BP, Layout, plant
from basenji_training.simulation.grammar import FACTORS, REACH_BP, Motif, field, spread

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from basenji_training.simulation.genome import Chromosome

__all__ = [
    "DISTAL_BP",
    "DISTAL_FACTORS",
    "DISTAL_LAYOUT",
    "SERVED",
    "Element",
    "gain",
    "lost",
    "with_elements",
    "write_elements",
]

#: The factors of distal elements, beside those of promoters; the first two make an enhancer.
DISTAL_FACTORS = (
    Motif("osprey", "gtATCGGCAtc", accessibility=2.0),
    Motif("curlew", "caGTACGTCag", accessibility=2.0),
    Motif("wren", "tgACTTAGCga", accessibility=2.0),
)
DISTAL_LAYOUT = Layout(spacing=(2000, 4500), promoters=1.0)
CONTACT = 10_000.0  # bp
RESPONSE = 10.0
ACTIVE = 200.0  # activity of an enhancer, summed over its bases
#: No element further away than this raises the use of a start (bp).
DISTAL_BP = int(4 * CONTACT)
#: A gene is served by an element whose loss lowers its starts by a tenth: natural logarithm.
SERVED = float(np.log(0.9))

#: Bases on either side of an element's middle that belong to it.
_HALF = 128
_SLOT, _JITTER, _SITES = 36, 10, 6
_ALIKE = 0.5  # share of the decoys that hold one of the factors of enhancers
_BY_CHANCE = 2.0  # activity from which on a decoy is an enhancer
_APART = 1000  # bp between the middles of elements, and from a start of a gene
_PLACES = 1200  # bp between places that elements may have, before jitter


class Element(NamedTuple):
    """A distal element.

    Attributes
    ----------
    name
        Its name.
    kind
        enhancer or decoy.
    start, end
        Its bases [start, end) (0-based).
    """

    name: str
    kind: str
    start: int
    end: int


def gain(codes: np.ndarray) -> np.ndarray:
    """Compute what multiplies the use of starts: float64 of the sequence's shape, 1 or more."""
    return 1 + RESPONSE * spread(_activity(codes), CONTACT) / ACTIVE


def _activity(codes: np.ndarray) -> np.ndarray:
    one, other = (field(codes, motif) for motif in DISTAL_FACTORS[:2])
    return one * other


def with_elements(
    chromosome: Chromosome, number: int, generator: np.random.Generator
) -> tuple[Chromosome, list[Element]]:
    """Plant distal elements between the genes of a chromosome.

    Parameters
    ----------
    chromosome
        The chromosome, as `simulate_chromosome` draws it with `DISTAL_LAYOUT`.
    number
        How many; half of them enhancers, at places at random.
    generator
        Source of randomness.

    Returns
    -------
    chromosome : Chromosome
        With the elements, their factors and their gain.
    elements : list of Element
        The elements, from left to right.

    Raises
    ------
    InputError
        If there are not so many places.
    """
    codes = chromosome.codes.copy()
    places = np.arange(2 * _HALF, len(codes) - 2 * _HALF, _PLACES)
    places = places + generator.integers(_PLACES - _APART, size=len(places))
    apart = np.abs(places[:, None] - chromosome.starts).min(axis=1, initial=len(codes))
    places = places[(apart >= _APART) & (places < len(codes) - 2 * _HALF)]
    if number > len(places):
        raise InputError(
            f"--elements: {chromosome.name} has room for {len(places):,} elements, not for "
            f"{number:,}: take fewer, or a larger --size"
        )
    middles = np.sort(generator.choice(places, size=number, replace=False))
    is_enhancer = generator.permutation(np.arange(number) % 2 == 0)
    # Sites in slots side by side, in a random order.
    slots = generator.random((number, _SITES)).argsort(axis=1)
    jitter = generator.integers(_JITTER, size=slots.shape)
    centres = middles[:, None] + _SLOT * slots - _SLOT * (_SITES - 1) // 2 + jitter - _JITTER // 2
    # Two sites each of three motifs.
    kestrel, heron = FACTORS[:2]
    motifs = (*DISTAL_FACTORS, kestrel, heron)
    either, other = generator.integers(2, size=(2, number))
    beside = np.where(generator.random(number) < _ALIKE, other, 4)
    decoy = np.stack([beside, np.full(number, 2), np.full(number, 3)], axis=1)
    enhancer = np.stack([np.zeros(number), np.ones(number), 2 + either], axis=1)
    held = np.where(is_enhancer[:, None], enhancer, decoy)
    sites = []
    for column in range(_SITES):
        for index, motif in enumerate(motifs):
            chosen = centres[held[:, column % held.shape[1]] == index, column]
            strands = generator.random(len(chosen)) < 0.5
            sites += plant(codes, motif, chosen, strands, generator)
    # A decoy that chance gave a site of the other factor is none.
    near = middles[:, None] + np.arange(-2 * _HALF, 2 * _HALF)
    is_active = _activity(codes)[near].sum(axis=1) > _BY_CHANCE
    kinds = np.where(is_enhancer | is_active, "enhancer", "decoy").tolist()
    elements = [
        Element(f"{chromosome.name}_{kind}{place}", kind, middle - _HALF, middle + _HALF)
        for place, (kind, middle) in enumerate(zip(kinds, middles.tolist(), strict=True), 1)
    ]
    made = replace(
        chromosome,
        codes=codes,
        sites=sorted([*chromosome.sites, *sites], key=lambda site: site.start),
        factors=(*FACTORS, *DISTAL_FACTORS),
        gain=gain(codes),
    )
    return made, elements


def lost(chromosome: Chromosome, element: Element) -> np.ndarray:
    """Compute what the genes lose without an element, whose bases then bind nothing.

    Parameters
    ----------
    chromosome
        The chromosome.
    element
        The element.

    Returns
    -------
    ndarray, float64, shape (genes,)
        Natural logarithm of the use of each gene's starts without the element over that with it.
    """
    # The activity that changes, and as much again, so that the piece's ends change none of it.
    first, last = element.start - REACH_BP, element.end + REACH_BP
    padded = np.pad(chromosome.codes, 2 * REACH_BP, constant_values=UNKNOWN)
    piece = padded[first + REACH_BP : last + 3 * REACH_BP]
    without = piece.copy()
    without[2 * REACH_BP : -2 * REACH_BP] = UNKNOWN
    change = (_activity(piece) - _activity(without))[REACH_BP:-REACH_BP]
    apart = chromosome.starts[:, None] - np.arange(first, last)
    contact = np.exp(-0.5 * (apart / CONTACT) ** 2) * (np.abs(apart) <= DISTAL_BP)
    return np.log1p(-RESPONSE * contact @ change / ACTIVE / chromosome.gain[chromosome.starts])


def write_elements(
    folder: Path, chromosomes: Sequence[Chromosome], elements: Sequence[Sequence[Element]]
) -> None:
    """Write what the elements are, and what each does to which genes.

    ``elements.bed`` has their places, ``elements.tsv`` their class, accessibility (expected counts
    within 256 bp of the middle), and the genes that they serve; ``element_effects.tsv`` a row for
    each element and gene within `DISTAL_BP`.
    """
    bed = []
    table = ["\t".join(["chrom", "start", "end", "name", "class", "accessibility", "genes"])]
    names = ["chrom", "start", "end", "name", "class", "gene", "distance", "effect", "label"]
    effects = ["\t".join(names)]
    for chromosome, mine in zip(chromosomes, elements, strict=True):
        accessibility = chromosome.signal[:, 0]
        genes = chromosome.genes
        for element in mine:
            place = f"{chromosome.name}\t{element.start}\t{element.end}\t{element.name}"
            middle = (element.start + element.end) // 2
            changes = lost(chromosome, element)
            near = accessibility[max(middle - LOCAL_BP, 0) : middle + LOCAL_BP].sum()
            served = [genes[gene] for gene in np.flatnonzero(changes <= SERVED)]
            bed.append(f"{place}\t0\t.")
            table.append(f"{place}\t{element.kind}\t{near:.1f}\t{','.join(served) or '.'}")
            for gene in np.flatnonzero(np.abs(chromosome.starts - middle) <= DISTAL_BP):
                effects.append(
                    f"{place}\t{element.kind}\t{genes[gene]}\t"
                    f"{abs(int(chromosome.starts[gene]) - middle)}\t{changes[gene]:.5f}\t"
                    f"{int(changes[gene] <= SERVED)}"
                )
    for name, lines in (
        ("elements.bed", bed), ("elements.tsv", table), ("element_effects.tsv", effects)
    ):  # fmt: skip
        (folder / name).write_text("".join(f"{line}\n" for line in lines))
