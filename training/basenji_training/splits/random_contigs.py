"""Folds of random contigs: a genome cut at its gaps, homologous pieces kept together.

Regions with similar sequence in training and test would measure memory, not understanding. Those
that a homology file names alike therefore share a fold.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.base.sequence import UNKNOWN
from basenji_kipoi.genome.intervals import read_annotated
from basenji_training.splits.regions import Region

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from basenji_kipoi.genome.contig_names import Contigs
    from basenji_kipoi.genome.fasta import Genome

__all__ = ["cut_contigs", "draw_folds", "find_gaps", "homologous_groups"]

#: Shortest run of unknown bases at which a chromosome is cut (bp): assemblies write gaps of unknown
#: length as 100 N.
MINIMUM_GAP = 100

#: Bases that are looked at at once.
_PIECE_BP = 2**24


def find_gaps(
    genome: Genome, lengths: Mapping[str, int], *, minimum: int = MINIMUM_GAP, label: str = ""
) -> dict[str, np.ndarray]:
    """Find runs of unknown bases.

    Parameters
    ----------
    genome
        The genome.
    lengths
        Chromosomes to look at and their lengths in bp.
    minimum
        Shortest run that counts (bp).
    label
        Text before a progress bar; no bar if empty.

    Returns
    -------
    dict of str to ndarray, int64, shape (gaps, 2)
        Chromosome -> 0-based half-open intervals in bp, in order.
    """
    gaps = {}
    with progress_bar(label, total=sum(lengths.values()) // 1000, unit="kb") as advance:
        for name, length in lengths.items():
            # A run that crosses a piece's end starts in one piece and ends in a later one.
            starts, ends, was_unknown = [], [], False
            for first in range(0, length, _PIECE_BP):
                last = min(first + _PIECE_BP, length)
                unknown = genome.codes(name, first, last) == UNKNOWN
                change = np.diff(unknown, prepend=was_unknown)
                at = np.flatnonzero(change)
                starts.append(first + at[unknown[at]])
                ends.append(first + at[~unknown[at]])
                was_unknown = bool(unknown[-1])
                advance((last - first) / 1000)
            ends.append(np.array([length] if was_unknown else [], dtype=np.int64))
            runs = np.stack([np.concatenate(starts), np.concatenate(ends)], axis=1)
            gaps[name] = runs[runs[:, 1] - runs[:, 0] >= minimum].astype(np.int64)
    return gaps


def cut_contigs(
    lengths: Mapping[str, int], gaps: Mapping[str, np.ndarray], contig_length: int, bin_width: int
) -> list[Region]:
    """Cut chromosomes at gaps, and what lies between into contigs of similar length.

    Parameters
    ----------
    lengths
        Chromosomes and their lengths in bp.
    gaps
        Chromosome -> intervals in bp, as `find_gaps` returns them.
    contig_length
        Longest contig in bp.
    bin_width
        Width of a bin in bp; contigs are whole bins, without those that touch a gap.

    Returns
    -------
    list of Region
        In the genome's order.

    Raises
    ------
    InputError
        If a contig would be shorter than a bin.
    """
    longest = contig_length // bin_width
    if longest < 1:
        raise InputError(
            f"--contig-length is {contig_length}: it must be at least a bin of {bin_width} bp"
        )
    contigs = []
    for name, length in lengths.items():
        runs = gaps[name]
        starts = -(-np.append(0, runs[:, 1]) // bin_width)
        ends = np.append(runs[:, 0], length) // bin_width
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            if end > start:
                number = -(-(end - start) // longest)
                cuts = np.linspace(start, end, number + 1).astype(int) * bin_width
                contigs += [Region(name, *map(int, cut)) for cut in itertools.pairwise(cuts)]
    return contigs


def homologous_groups(
    contigs: Sequence[Region], homology: str | os.PathLike[str] | None, genome: Contigs
) -> np.ndarray:
    """Group contigs that must stay together.

    Parameters
    ----------
    contigs
        The contigs.
    homology
        BED file whose fourth column names groups: contigs that regions of one name touch belong
        together, and so do groups that share a contig. None for contigs that are all independent.
    genome
        The genome; regions of its chromosomes without contigs are ignored.

    Returns
    -------
    ndarray, int, shape (contigs,)
        Number of each contig's group, from 0.

    Raises
    ------
    InputError
        If the file cannot be read or a region has no name.
    """
    if homology is None:
        return np.arange(len(contigs))
    by_chromosome: dict[str, list[int]] = {}
    for number, contig in enumerate(contigs):
        by_chromosome.setdefault(contig.chromosome, []).append(number)
    numbers: dict[str, int] = {}
    edges: list[tuple[int, int]] = []
    for interval in read_annotated(homology, genome):
        if interval.name == ".":
            raise InputError(
                f"{Path(homology)}: {interval} has no name: expected the name of its group in the "
                "fourth column"
            )
        group = len(contigs) + numbers.setdefault(interval.name, len(numbers))
        edges += [
            (contig, group)
            for contig in by_chromosome.get(interval.chrom, ())
            if contigs[contig].start < interval.end and interval.start < contigs[contig].end
        ]
    size = len(contigs) + len(numbers)
    rows, columns = np.array(edges, dtype=int).reshape(-1, 2).T
    from scipy.sparse import coo_array  # noqa: PLC0415 - takes long, and few stores need it
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    graph = coo_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=(size, size))
    components = connected_components(graph, directed=False)[1][: len(contigs)]
    return np.unique(components, return_inverse=True)[1]


def draw_folds(
    contigs: Sequence[Region], groups: np.ndarray, folds: int, seed: int
) -> dict[str, list[Region]]:
    """Draw contigs into folds of similar size.

    Groups are taken in descending size, at random among equals, each for the fold that is
    smallest so far; no fold stays empty.

    Parameters
    ----------
    contigs
        The contigs.
    groups : ndarray, int, shape (contigs,)
        Number of each contig's group; a group stays together.
    folds
        How many.
    seed
        Seed of the order.

    Returns
    -------
    dict of str to list of Region
        ``fold0`` and so on -> contigs, in the genome's order.

    Raises
    ------
    InputError
        If there are fewer than three folds, or fewer groups than folds, or the seed is negative.
    """
    if folds < 3:
        raise InputError(
            f"--folds is {folds}: expected at least 3, for training, validation and test"
        )
    sizes = np.bincount(groups, weights=[end - start for _, start, end in contigs])
    if seed < 0:
        raise InputError(f"--seed is {seed}: it must be 0 or more")
    if len(sizes) < folds:
        raise InputError(
            f"{len(contigs)} contigs in {len(sizes)} independent groups cannot fill {folds} folds: "
            "lower --contig-length or --folds, or name fewer regions in --homology"
        )
    order = np.random.default_rng(seed).permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled = np.zeros(folds)
    fold_of = np.empty(len(sizes), dtype=int)
    for group in order:
        fold_of[group] = np.argmin(filled)
        filled[fold_of[group]] += sizes[group]
    return {
        f"fold{fold}": [contigs[i] for i in np.flatnonzero(fold_of[groups] == fold)]
        for fold in range(folds)
    }
