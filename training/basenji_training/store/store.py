"""The store: a genome's sequence and binned coverage, as training reads them.

A Zarr (format 3) directory with one group a chromosome:

========================  =======  ===============  ==============================================
``<chromosome>/sequence``  uint8    (length,)        codes 0-3 for A, C, G, T, 4 for anything else
``<chromosome>/coverage``  float32  (bins, tracks)   values of bins; NaN where missing
``<chromosome>/covered``   bool     (bins,)          whether any track has a value
========================  =======  ===============  ==============================================

Bin i covers bases [i * bin, (i + 1) * bin); a last, incomplete bin is left out, as its sum would
be too low. The root's attributes hold everything else (see `basenji_training.store.description`).
Each chunk is written, whatever it holds, and has a checksum (CRC-32C): what is lost or changed is
an error, never a value.

Labelled regions (whole chromosomes, or parts of them in folds) divide the genome; which labels are
trained on, which validate and which test is a choice that `Store.choose` can change.
"""

from __future__ import annotations

import functools
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import zarr

from basenji_kipoi.base.atomic import Folder
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import UNKNOWN
from basenji_kipoi.models.targets import Targets
from basenji_training.splits.folds import divide
from basenji_training.splits.regions import RegionBins, Tiling
from basenji_training.store.description import (
    FORMAT,
    MAKE_AGAIN,
    chromosome_folder,
    find_damage,
    read_description,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    from basenji_training.splits.regions import Region

__all__ = ["STORE", "Store"]

_log = logging.getLogger(__name__)
#: What tells a store from other folders.
STORE = Folder("a store", zarr_format=FORMAT)


class Store:
    """A store, opened for reading.

    It can be pickled (reopened where it is unpickled), so worker processes may have it; values
    loaded with `load` do not travel.

    Attributes
    ----------
    path : Path
        The directory.
    description : StoreDescription
        What the store says about itself.
    attrs : dict
        The same as it was written, with what nothing reads.
    name : str
        Name of the data set, of which a network's head for it is called; the directory's own name
        where the store does not say.
    bin : int
        Width of a bin in bp.
    targets : Targets
        The tracks, in the order of the coverage's columns.
    regions : dict of str to list of Region
        Label -> regions. Where chromosomes are held out whole, each is a label of its own.
    folds : dict of str to list of str
        train, validation, test -> labels.
    chromosomes : dict of str to int
        Chromosomes in the store and their lengths in bp.
    """

    def __init__(
        self, path: str | os.PathLike[str], folds: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self.path = Path(path)
        self.description, self.attrs = read_description(self.path)
        try:
            self._root = zarr.open_group(str(self.path), mode="r", zarr_format=3)
        except Exception as error:  # Zarr raises what it pleases
            raise InputError(f"{self.path} is no readable Zarr group ({error})") from error
        self.name: str = self.description.name or self.path.stem
        self.bin: int = self.description.bin
        self.chromosomes: dict[str, int] = self.description.lengths
        self.regions: dict[str, list[Region]] = self.description.regions_of_labels()
        self._chosen = folds
        self.folds: dict[str, list[str]] = {
            split: list(labels) for split, labels in (folds or self.description.folds).items()
        }
        self.targets = Targets(self.description.targets)
        self._loaded: dict[tuple[str, str], np.ndarray] = {}
        self._regions_of: dict[str, RegionBins] = {}

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Store:
        """Open a store for reading.

        Parameters
        ----------
        path
            The directory that `basenji-train data` wrote.

        Returns
        -------
        Store
            The store.

        Raises
        ------
        InputError
            If there is none, one of another format version, or one that is damaged or incomplete.
        """
        store = cls(path)
        find_damage(store.path, store.description)
        if not store.description.checksums:
            _log.warning(
                "%s was made by a version that kept no checksums: whether it is damaged cannot be "
                "told; `basenji-train data` makes one with them",
                store.path,
            )
        return store

    def __reduce__(self) -> tuple[type[Store], tuple[Path, Mapping[str, Sequence[str]] | None]]:
        return Store, (self.path, self._chosen)

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    def choose(self, *, test: Sequence[str], validation: Sequence[str]) -> Store:
        """Open the store anew with other labels held out.

        Parameters
        ----------
        test, validation
            Labels of these splits, such as ``fold3`` or a chromosome; all others are trained on.

        Returns
        -------
        Store
            The same data, other `folds`.

        Raises
        ------
        InputError
            If a label is unknown or stands in two places, or a split is empty.
        """
        return Store(self.path, divide(list(self.regions), test=test, validation=validation))

    def position(self, chromosome: str) -> tuple[str, int]:
        """Say where a chromosome of the store lies in the genome.

        Parameters
        ----------
        chromosome
            Name in the store.

        Returns
        -------
        chromosome : str
        start : int
            The same chromosome and 0, unless the store was imported from records, each of which
            is an excerpt of a chromosome (bp, 0-based).
        """
        return (self.description.positions or {}).get(chromosome, (chromosome, 0))

    @functools.cached_property
    def bins(self) -> dict[str, int]:
        """Number of whole bins of each chromosome."""
        return {name: length // self.bin for name, length in self.chromosomes.items()}

    def load(self, chromosomes: Iterable[str] | None = None) -> Store:
        """Hold chromosomes in memory, so that `sequence` and `coverage` no longer read the disk.

        Parameters
        ----------
        chromosomes
            Which; all by default. Yeast with 22 tracks and 32-bp bins takes 45 MB.

        Returns
        -------
        Store
            Itself.
        """
        for chromosome in self.chromosomes if chromosomes is None else chromosomes:
            for kind in ("sequence", "coverage"):
                self._loaded[chromosome, kind] = self._read(
                    chromosome, kind, 0, self._extent(chromosome, kind)
                )
        return self

    def _extent(self, chromosome: str, kind: str) -> int:
        """Return how many rows an array has."""
        if chromosome not in self.chromosomes:
            raise InputError(
                f"{self.path} has no chromosome {chromosome!r}: it has "
                f"{', '.join(self.chromosomes)}"
            )
        return self.chromosomes[chromosome] if kind == "sequence" else self.bins[chromosome]

    def _read(self, chromosome: str, kind: str, start: int, end: int) -> np.ndarray:
        """Read rows of an array."""
        if (chromosome, kind) in self._loaded:
            return self._loaded[chromosome, kind][start:end]
        folder = f"{chromosome_folder(chromosome)}/{kind}"
        try:
            return np.asarray(self._root[folder][start:end])
        except Exception as error:  # Zarr and its codecs raise what they please
            raise InputError(
                f"{self.path / folder} is damaged between rows {start:,} and {end:,} "
                f"({type(error).__name__}: {' '.join(str(error).split())[:100]}): {MAKE_AGAIN}"
            ) from error

    def sequence(self, chromosome: str, start: int, end: int) -> np.ndarray:
        """Read sequence, padded where the interval passes a chromosome's ends.

        Parameters
        ----------
        chromosome
            Name.
        start, end
            0-based half-open interval in bp; may be negative or beyond the length.

        Returns
        -------
        ndarray, uint8, shape (end - start,)
            Codes 0-3 for A, C, G, T; 4 for unknown bases and padding.
        """
        empty = np.full(end - start, UNKNOWN, np.uint8)
        return self._padded(chromosome, "sequence", start, empty)

    def coverage(
        self, chromosome: str, first_bin: int, last_bin: int, split: str | None = None
    ) -> np.ndarray:
        """Read values of bins.

        Parameters
        ----------
        chromosome
            Name.
        first_bin, last_bin
            0-based half-open interval of bins; may pass the chromosome's ends.
        split
            train, validation or test: bins of other splits' regions, and of none, are NaN, so that
            no window reads what it must not, however it was moved. None for all values.

        Returns
        -------
        ndarray, float32, shape (last_bin - first_bin, tracks)
            Values as the targets table scales and clips them; NaN where missing (blacklist,
            assembly gap, contig not in the bigWig) and beyond the chromosome's ends.
        """
        empty = np.full((last_bin - first_bin, len(self.targets)), np.nan, np.float32)
        values = self._padded(chromosome, "coverage", first_bin, empty)
        if split is not None:
            values[~self._region_bins(split).contain(chromosome, first_bin, last_bin)] = np.nan
        return values

    def covered(self, chromosome: str) -> np.ndarray:
        """Tell which bins of a chromosome have a value: bool, shape (bins,)."""
        return self._read(chromosome, "covered", 0, self._extent(chromosome, "covered"))

    def windows(
        self,
        split: str,
        window: int,
        crop_bp: int,
        stride: int,
        margin: int = 0,
        *,
        to_train: bool = True,
    ) -> list[tuple[str, int]]:
        """Windows whose target parts tile the regions of a split.

        The target part of a window that starts at s is [s + crop_bp, s + window - crop_bp); the
        first starts with the region, the next one `stride` further, until the region's last bin
        is covered (with a stride no longer than the target part). Regions of a split that touch
        count as one. Target parts may pass a region's end, and windows a chromosome's:
        `coverage` with the split's name masks what lies outside. One that reaches the split's next
        region covers bins there too, and the windows of that region start behind it: windows that
        tile read each bin of the split once.

        No window to be trained on, moved by up to `margin`, reads a base of a region that validates
        or tests: near such a region, training windows end where it begins, the last one over its
        neighbour. (A record of an imported store is a chromosome of its own here; the import warns
        where records share sequence.) Windows in whose target part no track has a value are left
        out; of windows to be trained on also those with a larger share of missing bins than the
        store allows.

        Parameters
        ----------
        split
            train, validation or test.
        window
            Length of a window in bp.
        crop_bp
            Bases on each side of a window that are not predicted.
        stride
            Distance between the starts of neighbouring windows in bp.
        margin
            How far augmentation may move a window's input to either side (bp).
        to_train
            Whether windows of the training split are to be trained on. If not, they are cut as
            those of other splits.

        Returns
        -------
        list of (str, int)
            Chromosome and 0-based start in bp (may be negative), in the genome's order.

        Raises
        ------
        InputError
            If the lengths are not whole bins, or no window is left.
        """
        regions = self._region_bins(split)
        target = window - 2 * crop_bp
        for name, length in (("window", window), ("crop", crop_bp), ("stride", stride)):
            if length % self.bin:
                raise InputError(f"{name} of {length} bp is not a multiple of the bin ({self.bin})")
        if target <= 0 or stride <= 0 or crop_bp < 0:
            raise InputError(
                f"window {window}, crop {crop_bp} and stride {stride} bp leave nothing to predict"
            )
        to_train = to_train and split == "train"
        avoided = self._held_out if to_train else None
        tiling = Tiling(
            target // self.bin, stride // self.bin, crop_bp // self.bin, -(-margin // self.bin)
        )
        least = 1 - self.description.missing_share if to_train else 0
        windows = []
        for chromosome, bins in self.bins.items():
            first = regions.tiles(chromosome, tiling, avoided)
            if not first.size:
                continue
            own = regions.contain(chromosome, 0, bins)
            covered = own & self.covered(chromosome)
            edges = np.clip([first, first + tiling.target], 0, bins)
            number, number_covered = (
                np.diff(np.append(0, np.cumsum(each))[edges], axis=0)[0] for each in (own, covered)
            )
            share = number_covered / number
            kept = first[(share > 0) & (share >= least)]
            windows += [(chromosome, int(bin_) * self.bin - crop_bp) for bin_ in kept]
        if not windows:
            raise InputError(
                f"{self.path}: the {split} split has no window of {window} bp with a value"
                + (
                    ": its regions are too short or hold no coverage"
                    if self.description.regions is not None
                    else ": no bin has one"
                )
            )
        return windows

    def regions_of(self, split: str) -> list[Region]:
        """Return the regions of a split.

        Raises
        ------
        InputError
            If there is no such split.
        """
        if split not in self.folds:
            raise InputError(f"unknown split {split!r}: use one of {', '.join(self.folds)}")
        return [region for label in self.folds[split] for region in self.regions[label]]

    def _region_bins(self, split: str) -> RegionBins:
        if split not in self._regions_of:
            self._regions_of[split] = RegionBins(self.regions_of(split), self.bin)
        return self._regions_of[split]

    @functools.cached_property
    def _held_out(self) -> RegionBins:
        held_out = [*self.folds["validation"], *self.folds["test"]]
        return RegionBins([r for label in held_out for r in self.regions[label]], self.bin)

    def _padded(self, chromosome: str, kind: str, start: int, padding: np.ndarray) -> np.ndarray:
        """Put what exists of an array from `start` on into `padding`."""
        first = max(start, 0)
        last = min(start + len(padding), self._extent(chromosome, kind))
        if first < last:
            padding[first - start : last - start] = self._read(chromosome, kind, first, last)
        return padding
