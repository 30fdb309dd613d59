"""From measured sequences to batches: places in the window, pairs, order. Deterministic for a seed.

Targets of a batch are one array, float32 (sequences, activities, 3): the standardised activity (NaN
where it was not measured), its weight, and the weight of its difference from the next sequence's,
which is 0 unless the two are a pair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import grain
import numpy as np

from basenji_kipoi.base.sequence import one_hot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.models.networks.assays import Assay
    from basenji_training.store.reporters import ReporterStore

__all__ = ["ReporterSequences"]

_READ = grain.ReadOptions(num_threads=1, prefetch_buffer_size=8)


class ReporterSequences(grain.sources.RandomAccessDataSource):
    """The sequences of a split as Grain reads them: index -> row of the store.

    Parameters
    ----------
    store
        The store.
    split
        train, validation or test.
    architecture
        Has a reporter of the store's name.
    assay
        The construct, and the units of the activities.
    """

    def __init__(
        self, store: ReporterStore, split: str, architecture: Architecture, assay: Assay
    ) -> None:
        self.store, self.split, self.assay = store, split, assay
        self.window = architecture.reporters[store.name].window
        self.moves = assay.moves(architecture.reporters[store.name].stride(architecture.trunk))
        self.rows = store.rows_of(split)
        self.values = assay.standardised(store.values)
        pairs = store.pairs_of(split)
        # Each pair from both of its sequences, those of a sequence side by side.
        both = np.concatenate([pairs, pairs[:, ::-1]])
        both = both[np.argsort(both[:, 0], kind="stable")]
        self._partners = both[:, 1]
        number = np.bincount(both[:, 0], minlength=len(store.values))
        self._first = np.concatenate([[0], np.cumsum(number)])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> int:
        return int(self.rows[index])

    def __repr__(self) -> str:
        return f"ReporterSequences({self.store.path}, {self.split}, {len(self)})"

    def placed(self, rows: np.ndarray, moves: np.ndarray | int) -> np.ndarray:
        """Put sequences into the construct: uint8 (rows, window)."""
        store = self.store
        return self.assay.place(store.codes[rows], store.lengths[rows], self.window, moves)

    def targets(self, rows: np.ndarray) -> np.ndarray:
        """List what is to be predicted of sequences: float32 (rows, activities, 3), no pairs."""
        weights = self.store.weights[rows]
        return np.stack([self.values[rows], weights, np.zeros_like(weights)], axis=-1)

    def example(self, row: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Read a sequence and a partner of it, at one place in the window.

        The partner is one that differs in a base, if there are such; otherwise any.

        Returns
        -------
        codes : ndarray, uint8, shape (2, window)
        targets : ndarray, float32, shape (2, activities, 3)
        """
        first, last = self._first[row], self._first[row + 1]
        if last > first:
            partner = self._partners[rng.integers(first, last)]
        else:
            partner = self.rows[rng.integers(len(self.rows))]
        rows = np.array([row, partner])
        move = rng.integers(min(self.moves), max(self.moves) + 2)
        targets = self.targets(rows)
        if last > first:
            targets[0, :, 2] = targets[..., 1].min(axis=0)
        return self.placed(rows, int(move)), targets

    def training_batches(
        self, *, batch_size: int, steps: int, seed: int, first_step: int, rows: slice
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Batches in random order, of which the batch of a step depends on seed and step alone.

        Parameters
        ----------
        batch_size
            Sequences a batch, an even number.
        steps
            Batches in the whole run.
        seed
            Seed of order, places and partners.
        first_step
            Batches to leave out at the start.
        rows
            Part of each batch that is read, where other processes read the rest: whole examples.

        Yields
        ------
        channels : ndarray, float32, shape (batch, window, 4)
        targets : ndarray, float32, shape (batch, activities, 3)
        """
        each = batch_size // 2
        passes = -(-steps * each // len(self))
        examples = (
            grain.MapDataset.source(self)
            .seed(seed)
            .shuffle()
            .repeat(passes)
            .random_map(self.example)
            .batch(each)
        )
        for codes, targets in examples[first_step:steps].to_iter_dataset(_READ):
            codes = codes.reshape(-1, codes.shape[-1])[rows]
            targets = targets.reshape(-1, *targets.shape[2:])[rows]
            yield one_hot(codes), targets
