"""Stretches of chromosomes whose predictions are kept to be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from basenji_training.measures.held_out import bins_summed, places_of
from basenji_training.tracks.bins import join_bins

if TYPE_CHECKING:
    from basenji_kipoi.models.targets import Targets
    from basenji_training.measures.held_out import Place
    from basenji_training.store.windows import Windows

__all__ = ["Loci", "Locus", "shown_tracks"]

#: Values that all loci may have together: as text in a page, they take 5 MB.
_VALUES = 1_000_000
#: Tracks that are shown at most.
_TRACKS = 32
#: Length of a locus, if chromosomes are too long to be shown as a whole (bp).
_LENGTH = 100_000


class Locus(NamedTuple):
    """A stretch of a store's chromosome.

    Attributes
    ----------
    chromosome : str
        Its name.
    start : int
        First base (0-based).
    position : tuple of (str, int)
        Where the chromosome lies in the genome (`basenji_training.store.store.Store.position`).
    predicted, observed : ndarray, float32, shape (bins, shown tracks)
        Counts of neighbouring bins; `observed` is NaN where missing.
    """

    chromosome: str
    start: int
    position: tuple[str, int]
    predicted: np.ndarray
    observed: np.ndarray


def shown_tracks(targets: Targets) -> list[int]:
    """Choose the tracks that are shown: all, or the first ones of every assay and sample."""
    if len(targets) <= _TRACKS:
        return list(range(len(targets)))
    seen: dict[tuple[str, str], int] = {}
    turns = []
    for target in targets:
        group = target.assay, target.sample
        seen[group] = seen.get(group, 0) + 1
        turns.append((seen[group], target.index))
    return sorted(index for _, index in sorted(turns)[:_TRACKS])


class Loci:
    """Collects loci: whole chromosomes if they fit.

    A `basenji_training.measures.held_out.Collector`.

    Parameters
    ----------
    windows
        The windows that will be added.
    targets
        The model's tracks.
    resolution
        Width of the bins (bp).
    """

    def __init__(self, windows: Windows, targets: Targets, resolution: int) -> None:
        self.tracks, self.resolution = shown_tracks(targets), resolution
        self._sum_stats = [targets[track].sum_stat for track in self.tracks]
        self._factor, self._seen = bins_summed(windows, resolution), 0
        places = places_of(windows)
        a_window = 2 * len(self.tracks) * (windows.target // resolution)
        affordable = max(_VALUES // a_window, 1)
        chosen = np.arange(len(places))
        if affordable < len(places):
            each = min(max(_LENGTH // windows.target, 1), affordable)
            starts = np.linspace(0, len(places) - each, affordable // each).astype(int)
            chosen = np.unique(starts[:, None] + np.arange(each))
        self._chosen = set(chosen.tolist())
        self._position = windows.store.position
        self._width = windows.target
        self._parts: list[list[tuple[Place, np.ndarray, np.ndarray]]] = []

    def see(self, place: Place, predicted: np.ndarray, observed: np.ndarray) -> None:
        """Keep a window if it was chosen."""
        number, self._seen = self._seen, self._seen + 1
        if number not in self._chosen:
            return
        counts = [
            join_bins(values[:, self.tracks], self._factor, self._sum_stats).astype(np.float32)
            for values in (predicted, observed)
        ]
        last = self._parts[-1][-1][0] if self._parts else None
        if (
            last is None
            or last.chromosome != place.chromosome
            or last.start + self._width != place.start
        ):
            self._parts.append([])
        self._parts[-1].append((place, *counts))

    def loci(self) -> list[Locus]:
        """Join windows that are neighbours."""
        return [
            Locus(
                windows[0][0].chromosome,
                windows[0][0].start,
                self._position(windows[0][0].chromosome),
                np.concatenate([predicted for _, predicted, _ in windows]),
                np.concatenate([observed for *_, observed in windows]),
            )
            for windows in self._parts
        ]
