"""People with a simulated genome: what each gene makes of their haplotypes, and traits of it.

Mutations, recombination and frequencies are those of a population of constant size (msprime), with
the genome as the ancestral sequence. Of each person and gene, the expression is

    log(sum over both haplotypes of the expected starts within TSS_BP of the gene's start) + noise

with the starts that the grammar gives the haplotype's own sequence, all of its variants together. A
trait is a weighted sum of some genes' expression, without its noise, and noise of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from basenji_kipoi.base.sequence import UNKNOWN
from basenji_kipoi.faces import library
from basenji_training.simulation.grammar import REACH_BP, expected_signal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.genome.genes import Gene

__all__ = [
    "TSS_BP",
    "Association",
    "Expression",
    "Haplotypes",
    "Settings",
    "associate",
    "draw_haplotypes",
    "express",
    "traits_of",
]

#: Starts of a gene are those so far from its start (bp).
TSS_BP = 64
_POPULATION = 10_000  # diploid people, for ever
#: Genes that traits follow from differ at least so much between people (natural log).
_LEAST_SPREAD = 0.02
_MUTATION, _RECOMBINATION = 2.5e-8, 1e-8  # a base and generation


class Settings(NamedTuple):
    """What is drawn.

    Attributes
    ----------
    people, donors : int
        People with genotypes and traits; how many of them, the first ones, have expression too.
    least_frequency : float
        Variants whose rarer allele is rarer are left out.
    noise : float
        Standard deviation of expression that does not follow from sequence (natural log).
    traits, genes_each : int
        Traits, and the genes that each follows from.
    heritability : float
        Share of a trait's variance that follows from genes.
    seed : int
        Seed of everything random.
    """

    people: int = 2000
    donors: int = 500
    least_frequency: float = 0.01
    noise: float = 0.3
    traits: int = 20
    genes_each: int = 12
    heritability: float = 0.6
    seed: int = 0


@dataclass(frozen=True)
class Haplotypes:
    """The variants of a chromosome and who has them.

    Attributes
    ----------
    position : ndarray, int, shape (variants,)
        0-based, bp.
    alternative : ndarray, uint8, shape (variants,)
        Code of ALT; REF is that of the genome.
    carried : ndarray, int8, shape (variants, 2 * people)
        Whether a haplotype has ALT; those of a person follow each other.
    """

    position: np.ndarray
    alternative: np.ndarray
    carried: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """ALT alleles: int8, shape (variants, people)."""
        return self.carried[:, ::2] + self.carried[:, 1::2]

    def counts_of(self, variants: np.ndarray, people: int) -> np.ndarray:
        """Count the ALT alleles of some variants and the first people: int8 (variants, people)."""
        carried = self.carried[variants, : 2 * people]
        return carried[:, ::2] + carried[:, 1::2]

    # Asked for by each gene and each row of a table: computed anew, it would take most of a run.
    @cached_property
    def frequency(self) -> np.ndarray:
        """Frequency of ALT: float64, shape (variants,)."""
        return self.carried.mean(axis=1)


class Expression(NamedTuple):
    """What sequence makes of a gene.

    Attributes
    ----------
    levels : ndarray, float64, shape (people,)
        Natural log of the expected starts of both haplotypes.
    variants : ndarray, int, shape (near,)
        Which variants lie near enough to change it.
    effects : ndarray, float64, shape (near,)
        Natural log of the starts with ALT over those without, of each alone.
    """

    levels: np.ndarray
    variants: np.ndarray
    effects: np.ndarray


class Association(NamedTuple):
    """A trait's association with variants; arrays of shape (variants,).

    Attributes
    ----------
    beta, se : ndarray, float64
        Effect of an ALT allele, and its standard error.
    z : ndarray, float64
        Their ratio.
    scaled : ndarray, float64
        Correlation with the trait times the root of the number of people: z in whose expectation
        linkage enters linearly, which that of a strong effect does not.
    """

    beta: np.ndarray
    se: np.ndarray
    z: np.ndarray
    scaled: np.ndarray


def draw_haplotypes(
    codes: np.ndarray, settings: Settings, generator: np.random.Generator
) -> Haplotypes:
    """Draw the variants of a chromosome.

    Parameters
    ----------
    codes : ndarray, uint8, shape (length,)
        The ancestral sequence.
    settings, generator
        What is drawn, and the source of randomness.

    Raises
    ------
    MissingLibraryError
        Without msprime.
    """
    msprime = library("msprime", "a simulated population")
    ancestry, mutation = (int(seed) for seed in generator.integers(1, 2**31, 2))
    trees = msprime.sim_ancestry(
        settings.people,
        population_size=_POPULATION,
        recombination_rate=_RECOMBINATION,
        sequence_length=len(codes),
        random_seed=ancestry,
    )
    trees = msprime.sim_mutations(
        trees, rate=_MUTATION, model=msprime.BinaryMutationModel(), random_seed=mutation
    )
    carried = trees.genotype_matrix().astype(np.int8)
    position = trees.tables.sites.position.astype(int)
    frequency = carried.mean(axis=1)
    kept = np.minimum(frequency, 1 - frequency) >= settings.least_frequency
    kept &= codes[position] != UNKNOWN
    position = position[kept]
    shift = generator.integers(1, 4, len(position))
    return Haplotypes(position, ((codes[position] + shift) % 4).astype(np.uint8), carried[kept])


def express(codes: np.ndarray, gene: Gene, haplotypes: Haplotypes) -> Expression:
    """Compute what each person's sequence makes of a gene, and what each variant changes alone.

    Parameters
    ----------
    codes : ndarray, uint8, shape (length,)
        The chromosome.
    gene
        A gene with one start.
    haplotypes
        Who has which variants.
    """
    (start,) = gene.tss
    half = TSS_BP + REACH_BP
    near = np.flatnonzero(np.abs(haplotypes.position - start) <= half)
    window = np.pad(codes, half, constant_values=UNKNOWN)[start : start + 2 * half + 1]
    places = haplotypes.position[near] - start + half
    kinds, which = np.unique(haplotypes.carried[near].T, axis=0, return_inverse=True)
    alone = np.eye(len(near), dtype=bool)
    carried = np.concatenate([kinds.astype(bool), alone, np.zeros((1, len(near)), dtype=bool)])
    sequences = np.repeat(window[None], len(carried), axis=0)
    sequences[:, places] = np.where(carried, haplotypes.alternative[near], window[places])
    track = 2 if gene.strand == "-" else 1
    signal = expected_signal(sequences)[:, REACH_BP:-REACH_BP, track].sum(axis=1)
    of_haplotype = signal[: len(kinds)][which.ravel()]
    return Expression(
        np.log(of_haplotype[::2] + of_haplotype[1::2]),
        near,
        np.log(signal[len(kinds) : -1] / signal[-1]),
    )


def traits_of(
    levels: np.ndarray, settings: Settings, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Make traits of genes that differ between people, each gene in one trait at most.

    Parameters
    ----------
    levels : ndarray, float64, shape (genes, people)
        Expression without noise.
    settings, generator
        What is drawn, and the source of randomness.

    Returns
    -------
    ndarray, float64, shape (traits, people)
        The traits.
    ndarray, float64, shape (traits, genes)
        Weight of each gene, per standard deviation of its expression; 0 for most.
    """
    spread = levels.std(axis=1)
    # Genes that hardly differ would need weights that no trait has.
    able = generator.permutation(np.flatnonzero(spread > _LEAST_SPREAD))
    traits = min(settings.traits, len(able) // settings.genes_each)
    weights = np.zeros((traits, len(levels)))
    for trait in range(traits):
        mine = able[trait * settings.genes_each : (trait + 1) * settings.genes_each]
        weights[trait, mine] = generator.choice([-1.0, 1.0], len(mine))
    scaled = (levels - levels.mean(axis=1, keepdims=True)) / np.where(spread, spread, 1)[:, None]
    made = weights @ scaled
    of_genes = made.std(axis=1, keepdims=True)
    noise = of_genes * np.sqrt(1 / settings.heritability - 1)
    return made + noise * generator.normal(size=made.shape), weights


def associate(counts: np.ndarray, trait: np.ndarray) -> Association:
    """Regress a trait on each variant alone.

    Parameters
    ----------
    counts : ndarray, int, shape (variants, people)
        ALT alleles; each variant differs between people.
    trait : ndarray, float64, shape (people,)
        The trait.
    """
    x = counts - counts.mean(axis=1, keepdims=True)
    y = trait - trait.mean()
    squares = (x**2).sum(axis=1)
    beta = x @ y / squares
    left = np.maximum((y**2).sum() - beta**2 * squares, 0)
    se = np.sqrt(left / (len(y) - 2) / squares)
    return Association(beta, se, beta / se, x @ y / np.sqrt(squares * (y @ y) / len(y)))


def correlation(counts: np.ndarray) -> np.ndarray:
    """Compute linkage r among variants that all differ between people."""
    return np.atleast_2d(np.corrcoef(counts))


def shares(effects: Sequence[float], frequency: Sequence[float]) -> np.ndarray:
    """Compute each variant's share of the variance that variants make of a gene, each alone."""
    frequency = np.asarray(frequency, dtype=float)
    made = 2 * frequency * (1 - frequency) * np.asarray(effects, dtype=float) ** 2
    return made / made.sum() if made.sum() else made
