"""A pass over a store that measures its tracks: values, correlations, signal at start sites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.genome.genes import read_genes
from basenji_training.store.genome import StoreGenome
from basenji_training.tracks.bins import join_bins, thresholds

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from basenji_training.store.store import Store

__all__ = ["StartProfiles", "Survey", "survey"]

#: Bins that correlations are computed of (bp), as near as the store's bin allows.
RESOLUTION = 128
#: How far profiles around transcription start sites reach to either side (bp).
REACH = 2048

# Values that are held at a time, and that quantiles are taken of.
_PIECE_VALUES = 2**23
_SAMPLED_VALUES = 2**24


@dataclass(frozen=True)
class StartProfiles:
    """Coverage around transcription start sites.

    Attributes
    ----------
    offsets : ndarray, int, shape (bins,)
        Distance of a bin from the start site's in bp, downstream positive.
    mean : ndarray, float64, shape (bins, tracks)
        Mean value; genes of the reverse strand are turned around, and the tracks of a strand pair
        exchanged. A forward track has the genes' own strand here, a reverse track the other one.
    sites
        Number of start sites.
    outside
        Start sites beyond the end of their chromosome.
    """

    offsets: np.ndarray
    mean: np.ndarray
    sites: int
    outside: int

    @property
    def at_start(self) -> np.ndarray:
        """Mean of the start site's bin and its two neighbours: float64, (tracks,)."""
        middle = len(self.offsets) // 2
        return self.mean[middle - 1 : middle + 2].mean(axis=0)


@dataclass(frozen=True)
class Survey:
    """What was measured; arrays have the shape (tracks,) unless stated.

    Attributes
    ----------
    bins
        Number of bins in regions.
    missing, zero, clipped
        Shares of bins: without a value (of all), zero, above a threshold (of those with a value).
    mean, minimum, maximum
        Of the values; NaN for a track without any.
    quantiles : ndarray, shape (2, tracks)
        Median and 99th percentile, of a sample.
    split_mean : dict of str to ndarray
        train, validation, test -> mean there.
    split_bins : dict of str to int
        Bins of each.
    correlation : ndarray, shape (tracks, tracks)
        Pearson's r of log(1 + counts) at `resolution`; NaN for constant tracks.
    resolution
        In bp.
    profiles : StartProfiles or None
        Signal at start sites, with genes.
    """

    bins: int
    missing: np.ndarray
    zero: np.ndarray
    clipped: np.ndarray
    mean: np.ndarray
    minimum: np.ndarray
    maximum: np.ndarray
    quantiles: np.ndarray
    split_mean: dict[str, np.ndarray]
    split_bins: dict[str, int]
    correlation: np.ndarray
    resolution: int
    profiles: StartProfiles | None


def survey(store: Store, genes: str | os.PathLike[str] | None = None, *, label: str = "") -> Survey:
    """Measure the tracks of a store.

    Memory holds a piece of the genome and five matrices of tracks x tracks.

    Parameters
    ----------
    store
        The store.
    genes
        GTF file of its genome.
    label
        Text before a progress bar; no bar if empty.

    Returns
    -------
    Survey
        What was measured.

    Raises
    ------
    InputError
        If the genes cannot be read or lie on other contigs.
    """
    measuring = _Measuring(store)
    starts = _Starts(store, genes) if genes is not None else None
    total = sum(end - start for regions in store.regions.values() for _, start, end in regions)
    with progress_bar(label, total=round(total / 1000), unit="kb") as advance:
        for split, chromosome, first, last in _pieces(store, measuring.factor):
            reach = starts.reach if starts else 0
            values = store.coverage(chromosome, first - reach, last + reach)
            measuring.add(split, values[reach : reach + last - first])
            if starts:
                starts.add(chromosome, first, last, values)
            advance((last - first) * store.bin / 1000)
    return measuring.result(starts.result() if starts else None)


def _pieces(store: Store, factor: int) -> Iterator[tuple[str, str, int, int]]:
    """Yield split, chromosome, first and last bin of pieces of the regions."""
    size = max(_PIECE_VALUES // len(store.targets) // factor, 1) * factor
    for split, labels in store.folds.items():
        for region in (region for label in labels for region in store.regions[label]):
            end = region.end // store.bin
            for first in range(region.start // store.bin, end, size):
                yield split, region.chromosome, first, min(first + size, end)


class _Measuring:
    """Sums over pieces."""

    def __init__(self, store: Store) -> None:
        tracks = len(store.targets)
        self.targets = store.targets
        self.factor = max(RESOLUTION // store.bin, 1)
        self.resolution = self.factor * store.bin
        limits = thresholds(store.targets)
        self._limit = limits["scale"] * np.minimum(limits["clip_soft"], limits["clip"])
        self._number = {split: np.zeros(tracks) for split in store.folds}
        self._total = {split: np.zeros(tracks) for split in store.folds}
        self._bins = dict.fromkeys(store.folds, 0)
        self._zero, self._clipped = np.zeros(tracks), np.zeros(tracks)
        self._minimum, self._maximum = np.full(tracks, np.inf), np.full(tracks, -np.inf)
        # Per pair of tracks, over bins where both exist: number, sums, sums of squares, products.
        self._pairs = np.zeros((4, tracks, tracks))
        rows = sum(e - s for regions in store.regions.values() for _, s, e in regions) // store.bin
        self._every = max(rows * tracks // _SAMPLED_VALUES, 1)
        self._sample: list[np.ndarray] = []

    def add(self, split: str, values: np.ndarray) -> None:
        exists = np.isfinite(values)
        self._bins[split] += len(values)
        self._number[split] += exists.sum(axis=0)
        self._total[split] += np.where(exists, values, 0).sum(axis=0, dtype=np.float64)
        self._zero += (values == 0).sum(axis=0)
        self._clipped += (values > self._limit * (1 + 1e-6)).sum(axis=0)
        self._minimum = np.minimum(self._minimum, values.min(axis=0, initial=np.inf, where=exists))
        self._maximum = np.maximum(self._maximum, values.max(axis=0, initial=-np.inf, where=exists))
        self._sample.append(values[:: self._every])
        whole = values[: len(values) // self.factor * self.factor]
        logarithms = np.log1p(
            join_bins(self.targets.counts(whole), self.factor, self.targets.sum_stats)
        )
        both = np.isfinite(logarithms)
        logarithms = np.where(both, logarithms, 0)
        both = both.astype(np.float64)
        self._pairs += [
            both.T @ both,
            logarithms.T @ both,
            (logarithms**2).T @ both,
            logarithms.T @ logarithms,
        ]

    def result(self, profiles: StartProfiles | None) -> Survey:
        number, total = sum(self._number.values()), sum(self._total.values())
        bins = sum(self._bins.values())
        known = np.maximum(number, 1)
        exists = number > 0
        sample = np.concatenate(self._sample)
        quantiles = np.full((2, len(self.targets)), np.nan)
        some = np.isfinite(sample).any(axis=0)
        quantiles[:, some] = np.nanquantile(sample[:, some], [0.5, 0.99], axis=0)
        return Survey(
            bins=bins,
            missing=1 - number / bins,
            zero=self._zero / known,
            clipped=self._clipped / known,
            mean=np.where(exists, total / known, np.nan),
            minimum=np.where(exists, self._minimum, np.nan),
            maximum=np.where(exists, self._maximum, np.nan),
            quantiles=quantiles,
            split_mean={
                split: np.where(n > 0, self._total[split] / np.maximum(n, 1), np.nan)
                for split, n in self._number.items()
            },
            split_bins=self._bins,
            correlation=self._correlation(self._maximum > self._minimum),
            resolution=self.resolution,
            profiles=profiles,
        )

    def _correlation(self, varies: np.ndarray) -> np.ndarray:
        number, total, squares, products = self._pairs
        number = np.maximum(number, 1)
        # Row: the track; column: the bins of which other track.
        variance = np.maximum(squares - total**2 / number, 0)
        covariance = products - total * total.T / number
        scale = np.sqrt(variance * variance.T)
        defined = varies[:, None] & varies & (scale > 1e-9)
        return np.where(defined, covariance / np.where(defined, scale, 1), np.nan).clip(-1, 1)


class _Starts:
    """Sums of coverage around start sites."""

    def __init__(self, store: Store, genes: str | os.PathLike[str]) -> None:
        self._bin = store.bin
        self.reach = max(REACH // store.bin, 2)
        self._permutation = store.targets.strand_permutation
        shape = 2 * self.reach + 1, len(store.targets)
        self._total, self._number, self._sites = np.zeros(shape), np.zeros(shape), 0
        genome = StoreGenome(store)
        self._position = store.position
        found: dict[str, list[tuple[int, bool]]] = {}
        for gene in read_genes(genes, genome):
            if gene.strand in {"+", "-"}:
                is_reverse = gene.strand == "-"
                site = gene.tss[-1] if is_reverse else gene.tss[0]
                found.setdefault(gene.contig, []).append((site, is_reverse))
        self._found = {contig: np.array(sorted(sites)) for contig, sites in found.items()}
        self._outside = sum(
            int((sites[:, 0] >= genome.lengths[contig]).sum())
            for contig, sites in self._found.items()
            if genome.lengths[contig] is not None
        )

    def add(self, chromosome: str, first: int, last: int, values: np.ndarray) -> None:
        """Add the sites of a piece; `values` reach beyond it to either side."""
        contig, start = self._position(chromosome)
        if contig not in self._found:
            return
        sites = self._found[contig]
        bins = (sites[:, 0] - start) // self._bin
        inside = (bins >= first) & (bins < last)
        at = bins[inside] - first + self.reach
        is_reverse = sites[inside, 1].astype(bool)
        self._sites += len(at)
        for offset in range(-self.reach, self.reach + 1):
            forward = values[at[~is_reverse] + offset]
            reverse = values[at[is_reverse] - offset][:, self._permutation]
            both = np.concatenate([forward, reverse])
            exists = np.isfinite(both)
            self._total[offset + self.reach] += np.where(exists, both, 0).sum(axis=0)
            self._number[offset + self.reach] += exists.sum(axis=0)

    def result(self) -> StartProfiles:
        known = self._number > 0
        return StartProfiles(
            offsets=np.arange(-self.reach, self.reach + 1) * self._bin,
            mean=np.where(known, self._total / np.maximum(self._number, 1), np.nan),
            sites=self._sites,
            outside=self._outside,
        )
