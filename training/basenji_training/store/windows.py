"""From a store to batches: windows, augmentation, order. Deterministic for a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import grain
import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import UNKNOWN, one_hot, reverse_complement

if TYPE_CHECKING:
    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_training.store.store import Store

__all__ = ["Augmentation", "Windows", "evaluation_batches", "training_batches"]

Example = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Augmentation:
    """How training examples differ from the windows they come from.

    Attributes
    ----------
    jitter
        Largest move of a window along the chromosome, to either side (bp; whole bins are used).
        Sequence and coverage move together.
    shift
        Largest move of the sequence alone (bp, less than a bin), to either side: the network is
        told that a few bases do not matter.
    reverse_complement
        Whether half of the examples, drawn at random, are read on the other strand: the sequence
        reverse complemented, the bins reversed, the tracks of a strand pair exchanged.
    substitution_rate
        Share of the known bases that are replaced, each by one of the other three, while the
        coverage stays: the network is told that most single bases do not matter, and cannot learn
        its training sequence by heart (as in EvoAug: Lee et al. 2023).
    """

    jitter: int = 0
    shift: int = 0
    reverse_complement: bool = True
    substitution_rate: float = 0.0


class Windows(grain.sources.RandomAccessDataSource):
    """The windows of a split as Grain reads them: index -> (chromosome, start in bp).

    Parameters
    ----------
    store
        The store.
    split
        train, validation or test.
    architecture
        Gives window, bin and crop.
    stride
        Distance between neighbouring windows in bp; by default they tile: each bin of the split is
        predicted once.
    margin
        How far augmentation may move a window's input to either side (bp).
    to_train
        As `basenji_training.store.store.Store.windows` takes it.

    Raises
    ------
    InputError
        If the store's bins are not the network's, or the split has no window.
    """

    def __init__(
        self,
        store: Store,
        split: str,
        architecture: Architecture,
        *,
        stride: int | None = None,
        margin: int = 0,
        to_train: bool = True,
    ) -> None:
        if store.bin != architecture.bin:
            raise InputError(
                f"the store {store.path} has bins of {store.bin} bp, the network of "
                f"{architecture.bin} bp: make the store with --bin {architecture.bin}"
            )
        self.store = store
        self.architecture = architecture
        self.split = split
        crop = architecture.crop * architecture.bin
        self.target = architecture.bins * architecture.bin
        self._windows = store.windows(
            split, architecture.window, crop, stride or self.target, margin, to_train=to_train
        )

    def __len__(self) -> int:
        return len(self._windows)

    def __getitem__(self, index: int) -> tuple[str, int]:
        return self._windows[index]

    def __repr__(self) -> str:
        return f"Windows({self.store.path}, {self.split}, {len(self)})"

    def example(self, chromosome: str, start: int, *, shift: int = 0) -> Example:
        """Read sequence and coverage of one window.

        Parameters
        ----------
        chromosome
            Its name.
        start
            First base of the window; 0-based, may lie before the chromosome.
        shift
            Move of the sequence against the coverage in bp.

        Returns
        -------
        codes : ndarray, uint8, shape (window,)
        coverage : ndarray, float32, shape (bins, tracks)
            NaN where missing, and outside of the split.
        """
        shape = self.architecture
        codes = self.store.sequence(chromosome, start + shift, start + shift + shape.window)
        first = start // shape.bin + shape.crop
        return codes, self.store.coverage(chromosome, first, first + shape.bins, self.split)

    def augmented(
        self, window: tuple[str, int], rng: np.random.Generator, augmentation: Augmentation
    ) -> Example:
        """Read one window as an example for training; arguments and result as `example`."""
        chromosome, start = window
        bins = augmentation.jitter // self.architecture.bin
        start += int(rng.integers(-bins, bins + 1)) * self.architecture.bin
        shift = int(rng.integers(-augmentation.shift, augmentation.shift + 1))
        codes, coverage = self.example(chromosome, start, shift=shift)
        if augmentation.reverse_complement and rng.random() < 0.5:
            codes = reverse_complement(codes)
            coverage = coverage[::-1, self.store.targets.strand_permutation]
        if augmentation.substitution_rate:
            codes = _substituted(codes, rng, augmentation.substitution_rate)
        return codes, coverage


def _substituted(codes: np.ndarray, rng: np.random.Generator, rate: float) -> np.ndarray:
    """Replace a share of the known bases, each by one of the other three."""
    chosen = (rng.random(len(codes), dtype=np.float32) < rate) & (codes != UNKNOWN)
    others = (codes + rng.integers(1, 4, len(codes), dtype=np.uint8)) % 4
    return np.where(chosen, others, codes)


def training_batches(
    windows: Windows,
    augmentation: Augmentation,
    *,
    batch_size: int,
    steps: int,
    seed: int,
    first_step: int = 0,
    rows: slice = slice(None),
) -> grain.IterDataset:
    """Batches in random order, a new order and new augmentation in each pass over the windows.

    What the batch of a step holds depends on the seed and the step alone, so a run that resumes at
    `first_step` sees what an unbroken one would have seen.

    Parameters
    ----------
    windows
        The training windows.
    augmentation
        How examples vary.
    batch_size
        Windows a batch; every batch is full.
    steps
        Batches in the whole run.
    seed
        Seed of order and augmentation.
    first_step
        Batches to leave out at the start.
    rows
        Part of each batch that is read, where other processes read the rest.

    Returns
    -------
    grain.IterDataset
        Of (one_hot float32 (batch, window, 4), coverage float32 (batch, bins, tracks)).
    """
    passes = -(-steps * batch_size // len(windows))
    examples = (
        grain.MapDataset.source(windows)
        .seed(seed)
        .shuffle()
        .repeat(passes)
        .random_map(lambda window, rng: windows.augmented(window, rng, augmentation))
    )
    own = range(batch_size)[rows]
    if len(own) < batch_size:
        examples = grain.MapDataset.source(_Rows(examples, batch_size, own))
    batches = examples.batch(len(own))
    return batches[first_step:steps].map(_channels).to_iter_dataset(_READ)


class _Rows(grain.sources.RandomAccessDataSource):
    """Some rows of every batch of examples, the others never read."""

    def __init__(self, examples: grain.MapDataset, batch_size: int, rows: range) -> None:
        self._examples = examples
        self._batch_size = batch_size
        self._rows = rows

    def __len__(self) -> int:
        return len(self._examples) // self._batch_size * len(self._rows)

    def __getitem__(self, index: int) -> Example:
        batch, row = divmod(index, len(self._rows))
        return self._examples[batch * self._batch_size + self._rows[row]]

    def __repr__(self) -> str:
        return f"Rows({self._rows} of {self._batch_size})"


def evaluation_batches(windows: Windows, *, batch_size: int) -> grain.IterDataset:
    """Batches in the genome's order, each window once, not augmented; the last may be smaller.

    Parameters and result are those of `training_batches`.
    """
    return (
        grain.MapDataset.source(windows)
        .map(lambda window: windows.example(*window))
        .batch(batch_size)
        .map(_channels)
        .to_iter_dataset(_READ)
    )


# A window takes about a millisecond: two threads keep ahead of a network on any machine.
_READ = grain.ReadOptions(num_threads=2, prefetch_buffer_size=8)


def _channels(batch: Example) -> Example:
    codes, coverage = batch
    return one_hot(codes), coverage
