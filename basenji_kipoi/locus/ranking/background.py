"""Random variants that resemble those of loci, beside which an effect is large or not.

Each is a copy of a variant of the table at a random place of the genome: of the same kind (the same
REF and ALT, of an insertion the same bases, of a deletion the same length), and, where genes are
known, about as far from the start of one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import UNKNOWN, encode, letters
from basenji_kipoi.genome.genes import nearest_starts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.genes import Genes
    from basenji_kipoi.locus.linkage import Key

__all__ = ["random_variants"]

#: A distance to a gene's start differs by at most a fifth, or so many bases (bp).
_WITHIN, _SHARE = 100, 0.2
#: Places that are tried for each variant, and how many of them lie near each other.
_TRIES, _NEAR = 60, 10
#: Variants of a group lie so far from a common place at most (bp), unless distances to a gene's
#: start take them elsewhere.
_SPREAD = 500


def random_variants(
    keys: Sequence[Key],
    genome: Genome,
    genes: Genes | None,
    *,
    number: int,
    seed: int,
    together: int = 1,
) -> list[Key]:
    """Draw random variants that resemble others.

    Parameters
    ----------
    keys
        The variants that are copied, each equally often.
    genome
        The genome; contigs that the variants lie on are drawn by their length.
    genes
        Genes, for distances; None: any place will do.
    number
        How many; fewer where the genome has no room.
    seed
        Seed of the draws.
    together
        How many of them lie near each other, if they can: predictions of neighbours share much.

    Returns
    -------
    list of tuple
        Contig, position (from 1), REF and ALT; none of them is one of the variants, each once.

    Raises
    ------
    InputError
        If nothing can be drawn.
    """
    generator = np.random.default_rng(seed)
    contigs = sorted({key[0] for key in keys})
    lengths = np.array([genome.lengths[contig] for contig in contigs])
    turns = number // len(keys) + 1
    order = np.concatenate([generator.permutation(len(keys)) for _ in range(turns)])[:number]
    shape = number, _TRIES
    away = np.zeros(len(keys)) if genes is None else np.abs(_distances(keys, genes))
    if together > 1:
        # Those that are as far from a gene's start can lie at the same one.
        order = order[np.argsort(away[order], kind="stable")]
    groups = -(-number // together), _TRIES // _NEAR
    chroms = generator.choice(len(contigs), groups, p=lengths / lengths.sum())
    places = (generator.random(groups) * lengths[chroms]).astype(int)
    chroms, places = (
        np.repeat(np.repeat(each, _NEAR, axis=1), together, axis=0)[:number]
        for each in (chroms, places)
    )
    places = places + generator.integers(-_SPREAD, _SPREAD + 1, shape)
    fits = np.ones(shape, dtype=bool)
    if genes is not None:
        wanted = away[order][:, None]
        within = np.maximum(_WITHIN, _SHARE * wanted)
        jitter = generator.uniform(-1, 1, shape)
        places, fits = _moved(
            np.array(contigs)[chroms],
            places,
            np.abs(wanted + within * jitter),
            wanted,
            within,
            genes,
        )
    taken = {key[:2] for key in keys}
    drawn: list[Key] = []
    for row, of_row in enumerate(order):
        tried = np.flatnonzero(fits[row])
        names = [contigs[chrom] for chrom in chroms[row, tried]]
        copy = _first_fitting(keys[of_row], names, places[row, tried].tolist(), genome, taken)
        if copy is not None:
            drawn.append(copy)
            taken.add(copy[:2])
    if not drawn:
        raise InputError(
            f"{genome.path} has no place for random variants like those of the table: give a "
            "background with --background"
        )
    return sorted(drawn)


def _distances(keys: Sequence[Key], genes: Genes) -> np.ndarray:
    chroms = np.array([key[0] for key in keys])
    return nearest_starts(chroms, np.array([key[1] - 1 for key in keys]), genes)[0]


def _moved(
    chroms: np.ndarray,
    places: np.ndarray,
    aimed: np.ndarray,
    wanted: np.ndarray,
    within: np.ndarray,
    genes: Genes,
) -> tuple[np.ndarray, np.ndarray]:
    """Move places, which are seldom near a gene, to where the nearest start is as far as aimed.

    Returns the places, and whether the nearest start of each, which may be another one now, is as
    far as wanted. A variant on a contig without genes fits any such place.
    """
    names = chroms.ravel()
    near, strands = (
        each.reshape(chroms.shape) for each in nearest_starts(names, places.ravel(), genes)
    )
    side = np.where((near >= 0) ^ (strands == "-"), 1, -1)
    moved = places + np.nan_to_num((aimed - np.abs(near)) * side).astype(int)
    found = nearest_starts(names, moved.ravel(), genes)[0].reshape(chroms.shape)
    apart = np.abs(np.abs(found) - wanted)
    return moved, np.where(np.isnan(wanted), np.isnan(found), apart <= within)


def _first_fitting(
    key: Key, names: Sequence[str], places: Sequence[int], genome: Genome, taken: set
) -> Key | None:
    """Copy a variant to the first place whose sequence allows it."""
    _, _, ref, alt = key
    is_snv = len(ref) == len(alt) == 1
    for chrom, place in zip(names, places):
        if (chrom, place + 1) in taken or not 0 <= place <= genome.lengths[chrom] - len(ref):
            continue
        codes = genome.codes(chrom, place, place + len(ref))
        if (codes == UNKNOWN).any():
            continue
        there = "".join(letters(codes))
        if is_snv:
            if codes[0] == encode(ref)[0]:
                return chrom, place + 1, there, alt
            continue
        # What both alleles begin with stays, the rest is inserted, deleted or replaced.
        shared = 0
        while shared < min(len(ref), len(alt)) and ref[shared] == alt[shared]:
            shared += 1
        made = there[:shared] + alt[shared:]
        if made != there:
            return chrom, place + 1, there, made
    return None
