"""What alleles do to a window's predictions: the request, the answer, and who answers.

An `EffectEngine` turns alleles in their windows into predictions of reference and alternative, bin
by bin, averaged over strands, shifts of the window and models. `PlainEngine` runs whole networks;
it defines the numbers that every faster engine must give.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from basenji_kipoi.base.sequence import is_substitution, one_hot, reverse_complement, shifted
from basenji_kipoi.effects.passes import changed_bins, columns_of, passes_of
from basenji_kipoi.genome.alleles import AlleleWindow, allele_codes
from basenji_kipoi.models.targets import counts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from basenji_kipoi.effects.passes import IndelMode, Pass
    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.models.targets import Target
    from basenji_kipoi.models.trained import TrainedModel

__all__ = ["EffectEngine", "Effects", "PlainEngine"]


@dataclass(frozen=True)
class Effects:
    """Predictions of reference and alternative for some alleles.

    Attributes
    ----------
    first, last : ndarray, int, shape (alleles,)
        Bins [first, last) of each allele that have a row, counted behind the crop. They may lie
        outside of the predicted ones.
    reference, alternative : ndarray, float32, shape (alleles, rows, tracks)
        Predictions. Row r of allele i is bin ``first[i] + r`` up to ``last[i]``; rows that are no
        predicted bin, and rows behind, mean nothing (see `valid`). Bins that have no row are the
        same for both.
    bins : int
        Predicted bins of a window.
    """

    first: np.ndarray
    last: np.ndarray
    reference: np.ndarray
    alternative: np.ndarray
    bins: int

    @property
    def places(self) -> np.ndarray:
        """Predicted bin of each row, int (alleles, rows)."""
        return self.first[:, None] + np.arange(self.reference.shape[1])

    @property
    def valid(self) -> np.ndarray:
        """Rows that mean something, bool (alleles, rows)."""
        places = self.places
        return (places >= 0) & (places < np.minimum(self.last, self.bins)[:, None])

    def in_counts(self, tracks: Sequence[Target]) -> Effects:
        """Return the predictions in counts of the coverage; the tracks are all of them."""
        reference, alternative = (
            counts_of(tracks, values).astype(np.float32)
            for values in (self.reference, self.alternative)
        )
        return replace(self, reference=reference, alternative=alternative)


class EffectEngine(ABC):
    """Predicts reference and alternative of alleles.

    Attributes
    ----------
    architecture : Architecture
        The description of the (first) network: windows and bins.
    tracks : int
        Number of the predicted tracks.
    """

    architecture: Architecture
    tracks: int

    @abstractmethod
    def groups(self, requests: Sequence[AlleleWindow]) -> Iterator[list[int]]:
        """Split alleles into groups that are computed together.

        Parameters
        ----------
        requests
            Alleles in any order.

        Yields
        ------
        list of int
            Indices; every index is in one group. Neighbouring alleles share a group where that
            saves work, and the memory of a group's predictions is bounded.
        """

    @abstractmethod
    def effects(self, group: Sequence[AlleleWindow]) -> Effects:
        """Predict one group, in the order that it is given in."""

    def forget(self) -> None:  # noqa: B027 - only some engines hold something
        """Hold nothing of earlier groups.

        What comes then is the same, to the last bit, whatever came before.
        """


class PlainEngine(EffectEngine):
    """Runs the whole network over reference and alternative of each allele.

    Parameters
    ----------
    bundles
        The models, whose predictions are averaged.
    genome
        The reference.
    tracks
        Indices of the wanted tracks, in the wanted order; all by default.
    both_strands, shifts
        As `passes_of` takes them.
    indels
        ``anchor``: the window's first base stays where it is. ``stitch``: bins up to the one of the
        allele's first base come from that window, those behind from one whose last base stays.
    whole
        Whether rows are all bins of the window instead of those that an allele can change.
    batch_size
        Windows that the network is called with at a time.
    """

    def __init__(
        self,
        bundles: Sequence[TrainedModel],
        genome: Genome,
        *,
        tracks: Sequence[int] | None = None,
        both_strands: Optional[bool] = None,
        shifts: Sequence[int] = (0,),
        indels: IndelMode = "stitch",
        whole: bool = False,
        batch_size: int = 2,
    ) -> None:
        self.architecture = bundles[0].architecture
        self._passes = passes_of(bundles, both_strands=both_strands, shifts=shifts)
        self._columns = columns_of(bundles[0], tracks)
        self.tracks = len(self._columns.forward)
        self._genome, self._indels, self._whole = genome, indels, whole
        self._batch_size = batch_size
        self._networks = [self._load(bundle) for bundle in bundles]

    def groups(self, requests: Sequence[AlleleWindow]) -> Iterator[list[int]]:
        """Take alleles as they come."""
        for begin in range(0, len(requests), self._batch_size):
            yield list(range(begin, min(begin + self._batch_size, len(requests))))

    def effects(self, group: Sequence[AlleleWindow]) -> Effects:
        """Predict one group."""
        bins = self.architecture.bins
        sums = np.zeros((2, len(group), bins, self.tracks))
        for each in self._passes:
            moved = [
                AlleleWindow(r.chrom, r.start + each.shift, shifted(r.allele, -each.shift))
                for r in group
            ]
            for total, values in zip(sums, self._alleles(each, moved)):
                total += values
        reference, alternative = (sums / len(self._passes)).astype(np.float32)
        if self._whole:
            every = np.zeros(len(group), dtype=int)
            return Effects(every, every + bins, reference, alternative, bins)
        spans = np.array(
            [changed_bins(self.architecture, self._passes, r, self._indels) for r in group]
        )
        rows = np.clip(spans[:, :1] + np.arange((spans[:, 1] - spans[:, 0]).max()), 0, bins - 1)[
            :, :, None
        ]
        reference, alternative = (
            np.take_along_axis(values, rows, axis=1) for values in (reference, alternative)
        )
        return Effects(*spans.T, reference, alternative, bins)

    def _alleles(self, each: Pass, moved: Sequence[AlleleWindow]) -> tuple[np.ndarray, np.ndarray]:
        """Predict reference and alternative in one pass: (alleles, bins, tracks) of both."""
        window, bins = self.architecture.window, self.architecture.bins
        codes = [self._genome.codes(r.chrom, r.start, r.start + window) for r in moved]
        left = [allele_codes(self._genome, r, window) for r in moved]
        reference = self._predict(each, np.stack(codes))
        alternative = self._predict(each, np.stack(left))
        # Whichever end of its window a substitution is anchored at, the window is the same.
        moving = [i for i, r in enumerate(moved) if not is_substitution(r.allele)]
        if self._indels == "stitch" and moving:
            some = [moved[i] for i in moving]
            right = [allele_codes(self._genome, r, window, anchor="right") for r in some]
            joints = [r.allele.position // self.architecture.bin for r in some]
            behind = np.arange(bins) + self.architecture.crop > np.array(joints)[:, None]
            alternative[moving] = np.where(
                behind[:, :, None], self._predict(each, np.stack(right)), alternative[moving]
            )
        return reference, alternative

    def _predict(self, each: Pass, codes: np.ndarray) -> np.ndarray:
        if not each.reverse:
            return self._windows(each.model, codes)[:, :, self._columns.forward]
        mirrored = self._windows(each.model, reverse_complement(codes))
        return mirrored[:, ::-1, self._columns.reverse]

    def _load(self, bundle: TrainedModel) -> Any:  # noqa: ANN401 - whatever `_windows` calls
        return bundle.network(both_strands=False)

    def _windows(self, model: int, codes: np.ndarray) -> np.ndarray:
        """Predict windows with one model: (batch, bins, tracks), all tracks of `_columns`."""
        values = self._networks[model].predict_on_batch(one_hot(codes))
        return self.architecture.side_by_side(values)[:, :, self._columns.computed]
