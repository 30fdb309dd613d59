"""A reporter assay of the simulated grammar: oligos before a start motif, and how often it is used.

The construct has a start motif of its own, and starts are counted on the forward strand alone: a
reporter has a direction. What is measured is the logarithm to base 2 of the expected
starts on the whole construct, by the same grammar as the tracks', with noise that is larger the
fewer reads there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.ndimage import maximum_filter1d

from basenji_kipoi.base.sequence import UNKNOWN, encode, reverse_complement
from basenji_training.simulation.grammar import (
    FACTORS,
    START_MOTIF,
    TRACKS,
    Motif,
    expected_signal,
    occupancy,
    random_sites,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_training.simulation.genome import Chromosome, Variants

__all__ = ["OLIGO_BP", "Assay", "Library", "draw_assay", "draw_library", "variant_effects"]

#: Length of an oligo (bp).
OLIGO_BP = 100
_FLANK_BP = 150
#: Unbound bases between an oligo and the construct's start motif (bp).
_GAP_BP = 6
#: Constructs whose signal is computed at a time.
_AT_ONCE = 2**11
#: Largest occupancy of a site that nothing binds to.
_UNBOUND = 0.02
_BOUND = 0.3
#: An oligo ends so many bases upstream of a gene's starts, and so many around it (bp).
_UPSTREAM, _JITTER = 40, 40
#: Mean and standard deviation of the logarithm of reads.
_READS = (np.log(100), 1.0)
#: Standard deviation of a measurement with very many reads, and with a single one.
_NOISE = (0.1, 2.0)


@dataclass(frozen=True, eq=False)
class Assay:
    """The construct.

    Attributes
    ----------
    left, right : ndarray, uint8
        What stands before and behind an oligo; the start motif is in the right flank.
    """

    left: np.ndarray
    right: np.ndarray

    def activity(self, oligos: np.ndarray) -> np.ndarray:
        """Compute the true activities of oligos.

        Parameters
        ----------
        oligos : ndarray, uint8, shape (oligos, length)
            Their sequences.

        Returns
        -------
        ndarray, float64, shape (oligos,)
            Logarithm to base 2 of the expected starts on the construct's forward strand.
        """
        parts = [np.empty(0)]
        for first in range(0, len(oligos), _AT_ONCE):
            rows = oligos[first : first + _AT_ONCE]
            left, right = (
                np.broadcast_to(flank, (len(rows), len(flank))) for flank in (self.left, self.right)
            )
            signal = expected_signal(np.concatenate([left, rows, right], axis=1))
            parts.append(np.log2(signal[..., TRACKS.index("start_plus")].sum(axis=1)))
        return np.concatenate(parts)


class Library(NamedTuple):
    """Oligos and what was measured of them; arrays of shape (oligos, ...).

    Attributes
    ----------
    oligos : ndarray, uint8, shape (oligos, OLIGO_BP)
        Sequences.
    sets : ndarray of str
        native: from a gene's promoter; mutated: one base of such a one changed; random.
    places : list of str
        Where each comes from: contig:start-end(strand), 0-based, half-open; "." for others.
    truth, activity
        Without and with noise.
    reads : ndarray, int64
        How many reads there are.
    pairs : ndarray, int64, shape (pairs, 2)
        Oligo from the genome, and the one with a base changed.
    """

    oligos: np.ndarray
    sets: np.ndarray
    places: list[str]
    truth: np.ndarray
    activity: np.ndarray
    reads: np.ndarray
    pairs: np.ndarray


def draw_assay(generator: np.random.Generator) -> Assay:
    """Draw flanks that nothing but the start motif's own factor binds.

    Parameters
    ----------
    generator
        Source of randomness.
    """
    motif = encode(START_MOTIF.consensus)
    while True:
        left, gap, rest = (
            generator.integers(0, 4, size, dtype=np.uint8)
            for size in (_FLANK_BP, _GAP_BP, _FLANK_BP)
        )
        right = np.concatenate([gap, motif, rest])
        middle = np.full(OLIGO_BP, UNKNOWN, dtype=np.uint8)
        codes = np.concatenate([left, middle, right])
        own = len(left) + OLIGO_BP + len(gap) + len(motif) // 2
        bound = {each.name: _occupied(codes, each) for each in (*FACTORS, START_MOTIF)}
        bound[START_MOTIF.name][own] = 0
        if max(each.max() for each in bound.values()) < _UNBOUND:
            return Assay(left, right)


def _occupied(codes: np.ndarray, motif: Motif) -> np.ndarray:
    """Occupancy of the sites of a motif on the strand that is more occupied."""
    return np.maximum(
        occupancy(codes, motif), occupancy(reverse_complement(codes), motif)[..., ::-1]
    )


def draw_library(
    chromosomes: Sequence[Chromosome], assay: Assay, number: int, generator: np.random.Generator
) -> Library:
    """Draw oligos: a third each from promoters, of these with a base changed, and random ones.

    Half of the changes lie in sites, half of the random oligos have a site or several.

    Parameters
    ----------
    chromosomes
        The genome.
    assay
        The construct.
    number
        How many oligos.
    generator
        Source of randomness.
    """
    native, places = _native(chromosomes, number - 2 * (number // 3), generator)
    changed = generator.permutation(len(native))[: number // 3]
    mutated = _mutated(native[changed], generator)
    random = generator.integers(0, 4, (number // 3, OLIGO_BP), dtype=np.uint8)
    _plant(random[: len(random) // 2], generator)
    oligos = np.concatenate([native, mutated, random])
    sets = np.repeat(["native", "mutated", "random"], [len(native), len(mutated), len(random)])
    truth = assay.activity(oligos)
    reads = 1 + generator.poisson(generator.lognormal(*_READS, size=len(oligos)))
    spread = np.sqrt(_NOISE[0] ** 2 + _NOISE[1] ** 2 / reads)
    return Library(
        oligos=oligos,
        sets=sets,
        places=places + ["."] * (len(mutated) + len(random)),
        truth=truth,
        activity=truth + spread * generator.normal(size=len(oligos)),
        reads=reads,
        pairs=np.stack([changed, len(native) + np.arange(len(mutated))], axis=1),
    )


def _native(
    chromosomes: Sequence[Chromosome], number: int, generator: np.random.Generator
) -> tuple[np.ndarray, list[str]]:
    """Cut oligos upstream of genes' starts, in the genes' direction, genes in turn."""
    genes = [
        (chromosome, start, is_forward)
        for chromosome in chromosomes
        for start, is_forward in zip(
            chromosome.starts.tolist(), chromosome.forward.tolist(), strict=True
        )
    ]
    oligos, places = np.empty((number if genes else 0, OLIGO_BP), np.uint8), []
    order = generator.permutation(len(genes))
    for row, shift in enumerate(generator.integers(-_JITTER, _JITTER + 1, len(oligos)).tolist()):
        chromosome, start, is_forward = genes[order[row % len(genes)]]
        end = start - _UPSTREAM + shift if is_forward else start + _UPSTREAM - shift + OLIGO_BP
        end = min(max(end, OLIGO_BP), len(chromosome.codes))
        codes = chromosome.codes[end - OLIGO_BP : end]
        oligos[row] = codes if is_forward else reverse_complement(codes)
        strand = "+" if is_forward else "-"
        places.append(f"{chromosome.name}:{end - OLIGO_BP}-{end}({strand})")
    return oligos, places


def _mutated(oligos: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Change a base of each; of every second one, if it has a site, in a site."""
    inside = np.zeros(oligos.shape, dtype=bool)
    for motif in (*FACTORS, START_MOTIF):
        inside |= maximum_filter1d(_occupied(oligos, motif), len(motif), axis=1) > _BOUND
    inside[::2] = True
    inside[~inside.any(axis=1)] = True
    place = (generator.random(oligos.shape) * inside).argmax(axis=1)
    rows, changed = np.arange(len(oligos)), oligos.copy()
    step = generator.integers(1, 4, len(oligos), dtype=np.uint8)
    changed[rows, place] = (oligos[rows, place] + step) % 4
    return changed


def _plant(oligos: np.ndarray, generator: np.random.Generator) -> None:
    """Put sites of every motif into some of the oligos, in place."""
    for motif in (*FACTORS, START_MOTIF):
        rows = np.flatnonzero(generator.random(len(oligos)) < 1 / 3)
        sites = random_sites(motif, len(rows), generator)
        backwards = generator.random(len(rows)) < 0.5
        sites[backwards] = reverse_complement(sites[backwards])
        first = generator.integers(0, OLIGO_BP - len(motif) + 1, len(rows))
        oligos[rows[:, None], first[:, None] + np.arange(len(motif))] = sites


def variant_effects(
    chromosome: Chromosome, variants: Variants, assay: Assay
) -> tuple[np.ndarray, np.ndarray]:
    """Compute what variants do in the assay, each in the middle of an oligo.

    Parameters
    ----------
    chromosome
        The chromosome.
    variants
        Its variants.
    assay
        The construct.

    Returns
    -------
    forward : ndarray, bool, shape (variants,)
        Strand of the oligo, that of the gene whose start is the nearest.
    effects : ndarray, float64, shape (variants,)
        Activity of the alternative oligo less that of the reference oligo.
    """
    half = OLIGO_BP // 2
    padded = np.pad(chromosome.codes, half, constant_values=UNKNOWN)
    reference = padded[variants.position[:, None] + np.arange(OLIGO_BP)]
    alternative = reference.copy()
    alternative[:, half] = variants.alternative
    forward = np.ones(len(reference), dtype=bool)
    if len(chromosome.starts):
        distance = np.abs(variants.position[:, None] - chromosome.starts)
        forward = chromosome.forward[distance.argmin(axis=1)]
    for oligos in (reference, alternative):
        oligos[~forward] = reverse_complement(oligos[~forward])
    return forward, assay.activity(alternative) - assay.activity(reference)
