"""A simulated genome: its chromosomes, what was planted, its variants and their true effects.

Promoters with a start motif and sites of transcription factors, and distal clusters of sites
without one, are planted into random sequence. The truth takes the whole sequence into account,
chance sites included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from basenji_kipoi.base.sequence import UNKNOWN, reverse_complement
from basenji_training.simulation.grammar import (
    DOWNSTREAM,
    FACTORS,
    REACH_BP,
    START_MOTIF,
    TRACKS,
    Motif,
    expected_signal,
    occupancy,
    random_sites,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "DENSE",
    "LOCAL_BP",
    "NEUTRAL",
    "Chromosome",
    "Layout",
    "Site",
    "Variants",
    "draw_variants",
    "effects",
    "plant",
    "simulate_chromosome",
]

#: An effect is that on the expected counts within this many bp on either side of the variant.
LOCAL_BP = 256
#: Variants whose effects are computed at a time.
_AT_ONCE = 2**13

_LETTER_PROBABILITIES = (0.3, 0.2, 0.2, 0.3)
_FACTOR_PROBABILITIES = (0.5, 0.5, 0.4, 0.5)  # of a site in a cluster, in the order of FACTORS
_SLOT = 35  # bp between neighbouring sites of a cluster, before jitter
_JITTER = 20
_GENE = (120, 300)  # bp
#: Largest effect of a variant that does nothing, as a log ratio.
NEUTRAL = 0.01


class Layout(NamedTuple):
    """Where clusters of sites lie.

    Attributes
    ----------
    spacing
        Least and largest distance between neighbouring clusters (bp).
    promoters
        Share of the clusters that have a start motif.
    """

    spacing: tuple[int, int] = (700, 1300)
    promoters: float = 0.7

    @property
    def shortest(self) -> int:
        """A shorter chromosome has no room for clusters (bp)."""
        return 4 * self.spacing[1]


DENSE = Layout()


class Site(NamedTuple):
    """A planted site: motif's name, 0-based half-open interval in bp, strand."""

    motif: str
    start: int
    end: int
    strand: str


@dataclass(frozen=True)
class Chromosome:
    """A simulated chromosome.

    Attributes
    ----------
    name
        Name.
    codes : ndarray, uint8, shape (length,)
        Sequence.
    sites
        What was planted, by position.
    starts, forward : ndarray, shape (genes,)
        Middle of each gene's starts (0-based, bp) and whether it is on the forward strand.
    ends : ndarray, shape (genes,)
        Last base of each gene in its own direction (0-based, bp).
    factors
        The factors that bind.
    gain : ndarray, float64, shape (length,), or None
        What multiplies the use of starts at each base; None if nothing does.
    """

    name: str
    codes: np.ndarray
    sites: list[Site]
    starts: np.ndarray
    forward: np.ndarray
    ends: np.ndarray
    factors: tuple[Motif, ...] = FACTORS
    gain: np.ndarray | None = None

    @property
    def signal(self) -> np.ndarray:
        """Expected counts at each base: float64, shape (length, tracks)."""
        return expected_signal(self.codes, factors=self.factors, gain=self.gain)

    @property
    def genes(self) -> list[str]:
        """Names of the genes."""
        return [f"{self.name}_gene{number}" for number in range(1, len(self.starts) + 1)]

    def effects(self, position: np.ndarray, alternative: np.ndarray) -> np.ndarray:
        """Compute the true effects of variants, as `effects` does."""
        return effects(self.codes, position, alternative, factors=self.factors, gain=self.gain)


def simulate_chromosome(
    name: str, length: int, generator: np.random.Generator, layout: Layout = DENSE
) -> Chromosome:
    """Draw a chromosome and plant its clusters of sites.

    Parameters
    ----------
    name
        Its name.
    length
        Its length in bp.
    generator
        Source of randomness.
    layout
        Where clusters of sites lie.

    Returns
    -------
    Chromosome
        The chromosome.
    """
    spacing = layout.spacing
    codes = generator.choice(4, size=length, p=_LETTER_PROBABILITIES).astype(np.uint8)
    steps = generator.integers(*spacing, size=length // spacing[0] + 1)
    anchors = np.cumsum(steps)
    # No cluster nor gene passes the chromosome's ends.
    anchors = anchors[anchors < length - spacing[0]]
    clusters = len(anchors)
    forward = generator.random(clusters) < 0.5
    promoter = generator.random(clusters) < layout.promoters
    sites = plant(codes, START_MOTIF, anchors[promoter], forward[promoter], generator)
    # Every factor has a slot of its own upstream of the anchor, in a random order.
    slots = generator.random((clusters, len(FACTORS))).argsort(axis=1)
    distance = _SLOT * (slots + 1) + generator.integers(_JITTER, size=slots.shape)
    centres = anchors[:, None] - np.where(forward, 1, -1)[:, None] * distance
    present = generator.random(slots.shape) < _FACTOR_PROBABILITIES
    strands = generator.random(slots.shape) < 0.5
    for column, motif in enumerate(FACTORS):
        chosen = present[:, column]
        sites += plant(codes, motif, centres[chosen, column], strands[chosen, column], generator)
    direction = np.where(forward[promoter], 1, -1)
    starts = anchors[promoter] + direction * DOWNSTREAM
    return Chromosome(
        name=name,
        codes=codes,
        sites=sorted(sites, key=lambda site: site.start),
        starts=starts,
        forward=forward[promoter],
        ends=starts + direction * generator.integers(*_GENE, size=len(starts)),
    )


def plant(
    codes: np.ndarray,
    motif: Motif,
    centres: np.ndarray,
    forward: np.ndarray,
    generator: np.random.Generator,
) -> list[Site]:
    """Write sites of a motif into a sequence.

    Parameters
    ----------
    codes : ndarray, uint8, shape (length,)
        The sequence, which is changed.
    motif
        The motif, from which the sites are drawn.
    centres : ndarray, int, shape (sites,)
        Middle base of each site (0-based).
    forward : ndarray, bool, shape (sites,)
        Whether it is on the forward strand.
    generator
        Source of randomness.

    Returns
    -------
    list of Site
    """
    letters = random_sites(motif, len(centres), generator)
    letters[~forward] = reverse_complement(letters[~forward])
    first = centres - len(motif) // 2
    codes[first[:, None] + np.arange(len(motif))] = letters
    return [
        Site(motif.name, int(start), int(start) + len(motif), "+" if plus else "-")
        for start, plus in zip(first, forward, strict=True)
    ]


class Variants(NamedTuple):
    """Single-nucleotide variants of one chromosome; arrays of shape (variants,).

    Attributes
    ----------
    position
        0-based, bp.
    alternative
        Code of the alternative base.
    kind
        disrupts, creates, neutral or control.
    motif
        Motif that is disrupted or created; "." for others.
    matched
        Position of the causal variant that a control belongs to; -1 for others.
    """

    position: np.ndarray
    alternative: np.ndarray
    kind: np.ndarray
    motif: np.ndarray
    matched: np.ndarray

    def take(self, index: np.ndarray) -> Variants:
        """Select variants by index or mask."""
        return Variants(*(column[index] for column in self))

    @classmethod
    def joined(cls, parts: Sequence[Variants]) -> Variants:
        """Put variants together, by position; the first of those at the same one."""
        everything = cls(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        return everything.take(np.unique(everything.position, return_index=True)[1])


def effects(
    codes: np.ndarray,
    position: np.ndarray,
    alternative: np.ndarray,
    *,
    factors: Sequence[Motif] = FACTORS,
    gain: np.ndarray | None = None,
) -> np.ndarray:
    """Compute the true effects of single-nucleotide variants.

    Parameters
    ----------
    codes : ndarray, uint8, shape (length,)
        The chromosome.
    position : ndarray, int, shape (variants,)
        0-based positions in bp.
    alternative : ndarray, uint8, shape (variants,)
        Codes of the alternative bases.
    factors, gain
        As `expected_signal` takes them, the gain of the chromosome: what a variant changes of it
        is left out.

    Returns
    -------
    ndarray, float64, shape (variants, tracks)
        Natural logarithm of the alternative's over the reference's expected counts, summed over
        the `LOCAL_BP` bases before and as many from the variant on.
    """
    if len(position) > _AT_ONCE:
        parts = [slice(first, first + _AT_ONCE) for first in range(0, len(position), _AT_ONCE)]
        return np.concatenate(
            [effects(codes, position[p], alternative[p], factors=factors, gain=gain) for p in parts]
        )
    if not len(position):
        return np.empty((0, len(TRACKS)))
    # What lies further away has no influence on the bases that are summed.
    half = LOCAL_BP + REACH_BP
    padded = np.pad(codes, half, constant_values=UNKNOWN)
    places = position[:, None] + np.arange(2 * half)
    reference = padded[places]
    near = None if gain is None else np.pad(gain, half, mode="edge")[places]
    changed = reference.copy()
    changed[:, half] = alternative
    local = slice(REACH_BP, -REACH_BP)
    sums = [
        expected_signal(window, factors=factors, gain=near)[:, local].sum(axis=1)
        for window in (reference, changed)
    ]
    return np.log(sums[1] / sums[0])


def _candidates(
    codes: np.ndarray, motif: Motif, generator: np.random.Generator
) -> Iterator[Variants]:
    """Yield one variant a site: some break bound sites, some complete almost bound ones."""
    half = len(motif) // 2
    preferred = motif.scores.argmax(axis=1)
    for forward in (True, False):
        strand = codes if forward else reverse_complement(codes)
        bound = occupancy(strand, motif)
        for kind, low, high in (("disrupts", 0.5, 1.0), ("creates", 0.05, 0.15)):
            centre = np.flatnonzero((bound > low) & (bound < high))
            matches = strand[centre[:, None] + np.arange(-half, half + 1)] == preferred
            if kind == "disrupts":
                column = generator.choice(np.flatnonzero(motif.core), size=len(centre))
                letter = (preferred[column] + generator.integers(1, 4, size=len(centre))) % 4
                useful = matches[np.arange(len(centre)), column]
            else:
                wrong = motif.core & ~matches
                column = wrong.argmax(axis=1)
                letter = preferred[column]
                useful = wrong.sum(axis=1) == 1
            position = centre - half + column
            if not forward:
                position, letter = len(codes) - 1 - position, 3 - letter
            yield Variants(
                position=position[useful],
                alternative=letter[useful].astype(np.uint8),
                kind=np.full(useful.sum(), kind),
                motif=np.full(useful.sum(), motif.name),
                matched=np.full(useful.sum(), -1),
            )


def draw_variants(chromosome: Chromosome, number: int, generator: np.random.Generator) -> Variants:
    """Draw variants of a chromosome: a third each disrupts a site, creates one, does nothing.

    Parameters
    ----------
    chromosome
        The chromosome.
    number
        How many; fewer if there are not so many sites.
    generator
        Source of randomness.

    Returns
    -------
    Variants
        By position; at most one a position.
    """
    codes = chromosome.codes
    motifs = (*FACTORS, START_MOTIF)
    found = [part for motif in motifs for part in _candidates(codes, motif, generator)]
    candidates = Variants(*(np.concatenate(column) for column in zip(*found, strict=True)))
    parts = []
    for kind in ("disrupts", "creates"):
        mine = generator.permutation(np.flatnonzero(candidates.kind == kind))
        parts.append(candidates.take(mine[: number // 3]))
    position = generator.integers(LOCAL_BP, len(codes) - LOCAL_BP, size=number)
    shift = generator.integers(1, 4, size=number)
    alternative = ((codes[position] + shift) % 4).astype(np.uint8)
    idle = np.abs(chromosome.effects(position, alternative)).max(axis=1) < NEUTRAL
    neutral = Variants(
        position=position,
        alternative=alternative,
        kind=np.full(number, "neutral"),
        motif=np.full(number, "."),
        matched=np.full(number, -1),
    )
    parts.append(neutral.take(np.flatnonzero(idle)[: number - 2 * (number // 3)]))
    return Variants.joined(parts)
