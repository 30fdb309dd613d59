"""The engine that suits some models, from those there are."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.effects import PlainEngine
from basenji_kipoi.incremental_steps import NotIncrementalError
from basenji_kipoi.shared_windows import SharedWindows
from basenji_kipoi.stretch_engine import StretchEngine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from basenji_kipoi.bundle import Bundle
    from basenji_kipoi.effects import AlleleWindow, EffectEngine, IndelMode
    from basenji_kipoi.genome import Genome

__all__ = ["MEMORY_BYTES", "SharedEngine", "effect_engine"]

#: Memory that an engine may use beside the networks, by default (bytes).
MEMORY_BYTES = 4 << 30
#: Most alleles that are predicted together.
_MOST_ALLELES = 64


class SharedEngine(PlainEngine):
    """Runs windows, whole ones, computing only what they do not share with recent ones.

    Parameters are those of `basenji_kipoi.effects.PlainEngine` and ``memory_bytes``, the memory for
    what windows share and for a group's predictions, about.
    """

    def __init__(
        self,
        bundles: Sequence[Bundle],
        genome: Genome,
        *,
        memory_bytes: int = MEMORY_BYTES,
        **options: object,
    ) -> None:
        self._cache_bytes = int(memory_bytes / 2 / len(bundles))
        super().__init__(bundles, genome, **options)
        # Sums of both alleles in float64, and predictions of windows that are added to them.
        allele = self.architecture.bins * self.tracks * 8 * 4
        self._batch_size = int(min(max(memory_bytes / 2 // allele, 1), _MOST_ALLELES))

    def groups(self, requests: Sequence[AlleleWindow]) -> Iterator[list[int]]:
        """Take neighbours together: their windows share most."""
        order = sorted(range(len(requests)), key=lambda i: requests[i][:2])
        for begin in range(0, len(order), self._batch_size):
            yield order[begin : begin + self._batch_size]

    def forget(self) -> None:
        """Hold nothing of earlier groups."""
        for windows, _ in self._networks:
            windows.forget()

    def _load(self, bundle: Bundle) -> tuple[SharedWindows, np.ndarray]:
        mirrored = bundle.targets.strand_permutation[self._columns]
        tracks = np.union1d(self._columns, mirrored)
        network = bundle.network(both_strands=False)
        windows = SharedWindows(
            bundle.architecture, network, tracks=tracks, cache_bytes=self._cache_bytes
        )
        return windows, tracks

    def _windows(self, model: int, codes: np.ndarray, columns: np.ndarray) -> np.ndarray:
        windows, tracks = self._networks[model]
        values = windows.predict(codes)
        if np.array_equal(columns, tracks):
            return values
        return values[:, :, np.searchsorted(tracks, columns)]


def effect_engine(
    bundles: Sequence[Bundle],
    genome: Genome,
    *,
    tracks: Sequence[int] | None = None,
    both_strands: bool | None = None,
    shifts: Sequence[int] = (0,),
    indels: IndelMode = "anchor",
    whole: bool = False,
    memory_bytes: int = MEMORY_BYTES,
) -> EffectEngine:
    """Choose the fastest engine that gives the numbers of whole passes.

    Parameters
    ----------
    bundles, genome, tracks, both_strands, shifts, indels, whole
        As `basenji_kipoi.effects.PlainEngine` takes them.
    memory_bytes
        Memory that the engine may use beside the networks, about.

    Returns
    -------
    EffectEngine
        For substitutions a `StretchEngine`, if rows of bins that can change are enough and the
        networks allow it; for everything else a `SharedEngine`. That one runs whole networks, and
        logs why, where their operations are not known to keep changes local.
    """
    options = {"tracks": tracks, "both_strands": both_strands, "shifts": shifts}
    if whole:
        return SharedEngine(
            bundles, genome, **options, indels=indels, whole=True, memory_bytes=memory_bytes
        )
    half = memory_bytes // 2
    other = partial(SharedEngine, bundles, genome, **options, indels=indels, memory_bytes=half)
    try:
        return StretchEngine(bundles, genome, **options, other=other, memory_bytes=half)
    except NotIncrementalError:
        return other()  # says why
