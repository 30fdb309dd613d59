"""Effects of any alleles, predicted in whole windows that share work."""

from __future__ import annotations

from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.sequence import is_substitution, reverse_complement
from basenji_kipoi.effects.engine import PlainEngine
from basenji_kipoi.effects.lowered import LoweredModels
from basenji_kipoi.effects.passes import columns_of
from basenji_kipoi.models.incremental.shared_windows import SharedWindows, WholeWindows
from basenji_kipoi.models.incremental.steps import NotIncrementalError
from basenji_kipoi.models.incremental.window import IncrementalNetwork

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from basenji_kipoi.effects.passes import Pass
    from basenji_kipoi.genome.alleles import AlleleWindow
    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.models.incremental.shared_windows import AnsweredWindows
    from basenji_kipoi.models.trained import TrainedModel

__all__ = ["SharedEngine"]

#: Most alleles that are predicted together.
_MOST_ALLELES = 64
#: Substitutions of one window that are worth a reference pass of their own: it costs as much as
#: what five windows share with recent ones.
_FEWEST_SUBSTITUTIONS = 4


class SharedEngine(PlainEngine):
    """Predicts whole windows, computing only what they do not share.

    Many substitutions in one window are computed from one reference pass
    (`basenji_kipoi.models.incremental.window`), all other alleles from what recent windows share
    with theirs (`basenji_kipoi.models.incremental.shared_windows`).

    Parameters are those of `basenji_kipoi.effects.engine.PlainEngine`; ``memory_bytes``, the memory
    for what windows share and for a group's predictions, about; and ``lowered``, the networks as
    other engines use them, too.
    """

    def __init__(
        self,
        bundles: Sequence[TrainedModel],
        genome: Genome,
        *,
        memory_bytes: int,
        lowered: LoweredModels | None = None,
        tracks: Sequence[int] | None = None,
        **options: object,
    ) -> None:
        if lowered is None:
            lowered = LoweredModels(columns_of(bundles[0], tracks).computed)
        self._lowered, self._bundles = lowered, bundles
        self._cache_bytes = int(memory_bytes / 2 / len(bundles))
        super().__init__(bundles, genome, tracks=tracks, **options)
        # Sums of both alleles in float64, and predictions of windows that are added to them.
        allele = self.architecture.bins * self.tracks * 8 * 4
        self._batch_size = int(min(max(memory_bytes / 2 // allele, 1), _MOST_ALLELES))

    def groups(self, requests: Sequence[AlleleWindow]) -> Iterator[list[int]]:
        """Take neighbours together; many substitutions of one window are a group of their own."""

        def window(index: int) -> tuple[str, int, bool]:
            request = requests[index]
            return request.chrom, request.start, not is_substitution(request.allele)

        order = sorted(range(len(requests)), key=lambda i: (window(i), requests[i].allele.position))
        mixed: list[int] = []
        for (_, _, other), members in groupby(order, key=window):
            same = list(members)
            if other or len(same) < _FEWEST_SUBSTITUTIONS:
                mixed += same
                continue
            yield from self._cut(mixed)
            mixed = []
            yield from self._cut(same)
        yield from self._cut(mixed)

    def _cut(self, indices: list[int]) -> Iterator[list[int]]:
        for begin in range(0, len(indices), self._batch_size):
            yield indices[begin : begin + self._batch_size]

    def forget(self) -> None:
        """Hold nothing of earlier groups."""
        for windows in self._networks:
            windows.forget()

    def _load(self, bundle: TrainedModel) -> AnsweredWindows:
        try:
            return SharedWindows(self._lowered.of(bundle), cache_bytes=self._cache_bytes)
        except NotIncrementalError as error:
            return WholeWindows(
                bundle.architecture,
                super()._load(bundle),
                tracks=self._columns.computed,
                reason=str(error),
            )

    def _windows(self, model: int, codes: np.ndarray) -> np.ndarray:
        return self._networks[model].predict(codes)

    # ---- substitutions in one window ----

    @cached_property
    def _incremental(self) -> list[IncrementalNetwork]:
        return [IncrementalNetwork(self._lowered.of(bundle)) for bundle in self._bundles]

    def _alleles(self, each: Pass, moved: Sequence[AlleleWindow]) -> tuple[np.ndarray, np.ndarray]:
        if not self._share_a_window(moved):
            return super()._alleles(each, moved)
        chrom, start, _ = moved[0]
        window = self.architecture.window
        codes = self._genome.codes(chrom, start, start + window)
        if each.reverse:
            codes = reverse_complement(codes)
        network = self._incremental[each.model]
        reference = network.reference(codes)
        alternative = np.empty((len(moved), *reference.values.shape), dtype=np.float32)
        lengths = np.array([len(request.allele.inserted) for request in moved])
        for length in np.unique(lengths):
            members = np.flatnonzero(lengths == length)
            positions = np.array([moved[member].allele.position for member in members])
            inserted = np.stack([moved[member].allele.inserted for member in members])
            if each.reverse:
                positions, inserted = window - positions - length, reverse_complement(inserted)
            changes = network.substitutions(reference, positions, inserted)
            alternative[members] = changes.expand(reference)
        found = reference.values[None], alternative
        if each.reverse:
            return tuple(values[:, ::-1, self._columns.reverse] for values in found)
        return tuple(values[:, :, self._columns.forward] for values in found)

    def _share_a_window(self, requests: Sequence[AlleleWindow]) -> bool:
        return (
            len(requests) > 1
            and len({(request.chrom, request.start) for request in requests}) == 1
            and all(is_substitution(request.allele) for request in requests)
            and all(
                0 <= allele.position <= self.architecture.window - allele.removed
                for _, _, allele in requests
            )
            and all(windows.reason is None for windows in self._networks)
        )
