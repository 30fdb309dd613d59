"""The genome of a store, in whose coordinates genes, peaks and bigWigs are given."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from basenji_kipoi.genome.genes import Gene
    from basenji_kipoi.genome.intervals import Interval
    from basenji_training.store.store import Store

__all__ = ["StoreGenome"]


class _Excerpts(NamedTuple):
    """The store's chromosomes that lie on one contig of the genome."""

    names: list[str]
    start: np.ndarray
    end: np.ndarray


class StoreGenome:
    """The contigs of which a store's chromosomes are the whole, or excerpts.

    A store that was imported from records has a chromosome for each, a part of a contig of the
    genome; excerpts may overlap. It fits where `basenji_kipoi.genome.contig_names.Contigs` is asked
    for.

    Parameters
    ----------
    store
        The store.
    split
        train, validation or test: only chromosomes with a region of that split. None for all.

    Attributes
    ----------
    path : Path
        The store's.
    lengths : dict of str to int
        Length of each contig in bp; None where only excerpts are known.
    is_whole : bool
        Whether the store's chromosomes are contigs.

    Raises
    ------
    InputError
        If there is no such split.
    """

    def __init__(self, store: Store, split: str | None = None) -> None:
        self.path: Path = store.path
        self.is_whole = store.description.positions is None
        self.lengths: dict[str, int | None] = {}
        members: dict[str, list[tuple[str, int, int]]] = {}
        within = set(store.chromosomes)
        if split is not None:
            within = {region.chromosome for region in store.regions_of(split)}
        for name, length in store.chromosomes.items():
            contig, start = store.position(name)
            self.lengths[contig] = length if self.is_whole else None
            if name in within:
                members.setdefault(contig, []).append((name, start, start + length))
        self._excerpts = {
            contig: _Excerpts([name for name, *_ in some], *np.array([s[1:] for s in some]).T)
            for contig, some in members.items()
        }

    def place_genes(self, genes: Iterable[Gene]) -> list[Gene]:
        """Place genes on the store's chromosomes.

        Parameters
        ----------
        genes
            Genes in coordinates of the genome.

        Returns
        -------
        list of Gene
            Each once, in coordinates of the chromosome that holds all its TSSs; of several, of the
            one in which they lie furthest from the ends. Genes without such a chromosome are left
            out.
        """
        if self.is_whole:
            return list(genes)
        placed = []
        for gene in genes:
            if gene.contig not in self._excerpts:
                continue
            names, start, end = self._excerpts[gene.contig]
            room = np.minimum(gene.tss[0] - start, end - 1 - gene.tss[-1])
            best = int(np.argmax(room))
            if room[best] >= 0:
                first = int(start[best])
                placed.append(
                    gene._replace(
                        contig=names[best],
                        tss=tuple(tss - first for tss in gene.tss),
                        start=gene.start - first,
                        end=gene.end - first,
                    )
                )
        return placed

    def place_intervals(self, intervals: Sequence[Interval]) -> list[Interval]:
        """Place intervals on the store's chromosomes.

        Parameters
        ----------
        intervals
            Intervals in coordinates of the genome.

        Returns
        -------
        list of Interval
            Their parts, in coordinates of each chromosome that has one.
        """
        if self.is_whole:
            return list(intervals)
        placed = []
        for interval in intervals:
            if interval.chrom not in self._excerpts:
                continue
            names, starts, ends = self._excerpts[interval.chrom]
            first = np.maximum(interval.start, starts)
            last = np.minimum(interval.end, ends)
            placed += [
                replace(
                    interval,
                    chrom=names[each],
                    start=int(first[each] - starts[each]),
                    end=int(last[each] - starts[each]),
                )
                for each in np.flatnonzero(first < last)
            ]
        return placed
