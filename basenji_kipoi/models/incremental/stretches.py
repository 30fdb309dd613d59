"""Reference passes over stretches of a genome that many windows share.

Far enough from its ends, what a network computes for a window depends on the sequence alone, not
on where the window begins: only on how its bins lie on the genome, its *phase*, the window's start
modulo the bin. So one pass over a stretch serves every window of one phase, as long as the bins
that are asked for do not see a window's end.

Windows of several phases share the part of the network before the pools that tell them apart.
Behind pools of 2 and 4 positions, for instance, there are 8 phases, each with an eighth of the
positions. The phases form a tree with a level for each pool; it is walked depth first, so that one
branch is held at a time (the ``a trous`` view of a pooling network; Giusti et al. 2013).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from keras import ops

from basenji_kipoi.base.sequence import one_hot
from basenji_kipoi.models.incremental.changes import row_pass
from basenji_kipoi.models.incremental.cuts import split_levels
from basenji_kipoi.models.incremental.reference import product, run_steps
from basenji_kipoi.models.incremental.steps import Crop
from basenji_kipoi.models.networks.backend import compiled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Callable

    from basenji_kipoi.models.incremental.reference import Tensor, Weights
    from basenji_kipoi.models.incremental.steps import Head, Lowered, Step

__all__ = ["PhaseReference", "StretchNetwork"]

#: Numbers of bins are multiples of this, so that few sizes have to be compiled.
_GRAIN = 8


@dataclass(frozen=True)
class PhaseReference:
    """The reference at one phase of a stretch, up to the input of the last pool.

    Attributes
    ----------
    phase : int
        First base of the first bin, counted from the stretch's first.
    bins : int
        Bins of this phase that lie in the stretch.
    kept : dict of str to tensor
        Values, (length, channels), that changes will look up.
    first : dict of str to int
        Which position, counted from the phase's first bin, each of them starts at.
    pooled : tensor, shape (1, length, channels)
        The input of the last pool.
    """

    phase: int
    bins: int
    kept: dict[str, Tensor]
    first: dict[str, int]
    pooled: Tensor


class StretchNetwork:
    """A network over stretches of any length, for bins that see no window's end.

    Bins count from a phase's first one, not from the crop.

    Parameters
    ----------
    network
        As `basenji_kipoi.models.incremental.window.IncrementalNetwork` takes it.
    batch_size
        Alleles computed at a time.

    Raises
    ------
    NotIncrementalError
        If the trunk has no pool.
    """

    def __init__(self, network: Lowered, *, batch_size: int = 8) -> None:
        self.bin = network.architecture.bin
        self._network, self._weights = network, network.weights
        self._dtype, self._batch_size = network.dtype, batch_size
        self._heads = network.heads
        self._steps = tuple(step for step in network.steps if not isinstance(step, Crop))
        self._levels, self._upper = split_levels(self._steps)
        self._costs = [level.cost(self._weights) for level in self._levels]
        # One function for each size that occurs: TensorFlow warns of one that is compiled often.
        self._enter = lru_cache(maxsize=None)(self._compile_enter)
        self._next = lru_cache(maxsize=None)(self._compile_next)
        self._finish = lru_cache(maxsize=None)(self._compile_finish)
        self._rows = lru_cache(maxsize=None)(self._compile_rows)

    @property
    def tracks(self) -> int:
        """Number of the predicted tracks."""
        return self._network.tracks

    def bins_of(self, length: int) -> int:
        """Count the bins that every phase has in a stretch of a length (bp)."""
        for level in self._levels:
            length = (length - level.pool.size + 1) // level.pool.size
        return length

    @property
    def strides(self) -> list[int]:
        """Bases between two positions, behind none, one ... of the pools but the last."""
        return [level.stride for level in self._levels]

    def work(self, length: int, phases: Sequence[int]) -> float:
        """Estimate the multiply-accumulates of the passes up to the last pool.

        Parameters
        ----------
        length
            Length of the stretch (bp).
        phases
            How many different remainders the wanted phases leave at each of `strides`.
        """
        levels = zip(self.strides, self._costs, phases)
        return sum(length / stride * cost * number for stride, cost, number in levels)

    @property
    def bytes_a_base(self) -> float:
        """Memory that the passes up to the last pool need for each base of a stretch, about."""
        widths = [level.widest / level.stride for level in self._levels]
        # A convolution's input and output, and a temporary, of the widest level; one of the others.
        return (2 * max(widths) + sum(widths)) * np.dtype(self._dtype).itemsize

    def phases(self, codes: np.ndarray, phases: Sequence[int]) -> Iterator[PhaseReference]:
        """Run a stretch up to the last pool.

        Parameters
        ----------
        codes : ndarray, uint8, shape (length,)
            The sequence.
        phases
            The wanted phases, from 0 to the bin's length - 1.

        Yields
        ------
        PhaseReference
            One for each phase, each once, in an order that lets them share work.
        """
        x = ops.convert_to_tensor(one_hot(codes[None], self._dtype))
        pooled, kept = self._enter(len(codes))(self._weights, x)
        yield from self._descend(0, pooled, kept, sorted(set(phases)))

    def _descend(
        self, depth: int, x: Tensor, kept: dict[str, Tensor], phases: Sequence[int]
    ) -> Iterator[PhaseReference]:
        level = self._levels[depth]
        size = level.pool.size
        bins = (x.shape[1] - size + 1) // size
        if depth == len(self._levels) - 1:
            for phase in phases:
                first = {
                    key: -(phase // level.stride) for level in self._levels for key in level.keys
                }
                yield PhaseReference(phase, bins, kept, first, x)
            return

        def step(phase: int) -> int:
            return phase // level.stride % size

        for shift, group in groupby(sorted(phases, key=step), key=step):
            pooled, more = self._next(depth + 1, bins)(
                self._weights, x, ops.convert_to_tensor(np.int32(shift))
            )
            yield from self._descend(depth + 1, pooled, {**kept, **more}, list(group))

    def rows(
        self,
        reference: PhaseReference,
        starts: np.ndarray,
        changes: np.ndarray,
        begin: np.ndarray,
        *,
        bins: int,
        needed: tuple[np.ndarray, np.ndarray],
    ) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Predict wanted bins of alleles at one phase, and the reference's.

        Parameters
        ----------
        reference
            The stretch at this phase.
        starts : ndarray, int, shape (alleles,)
            First changed base of each allele, counted from the phase's first base.
        changes : ndarray, shape (alleles, bases, 4)
            One-hot alleles minus the reference's bases.
        begin : ndarray, int, shape (alleles,)
            First wanted bin of each allele.
        bins
            Number of wanted bins.
        needed : tuple of ndarray, int, shape (alleles,)
            Bins [first, last) that the wanted ones depend on behind the last pool.

        Yields
        ------
        alleles : slice
            Which alleles.
        reference, alternative : ndarray, shape (alleles, bins, tracks)
            Predictions.
        """
        first, rows = _ladder(needed[0].min(), needed[1].max(), reference.bins, needed)
        wanted = max(int(begin.min()), first), min(int(begin.max()) + bins, first + rows)
        head, many = _ladder(*wanted, first + rows, (begin, begin + bins), least=first)
        size = self._levels[-1].pool.size
        pool_row = -reference.first[self._levels[-1].pool.key] + size * first
        tables = self._finish(rows, many, reference.bins)(
            self._weights,
            reference.pooled,
            ops.convert_to_tensor(np.int32(pool_row)),
            ops.convert_to_tensor(np.int32(head - first)),
        )
        heads = {each.name for each in self._heads}
        firsts = dict(reference.first)
        firsts.update({key: head if key in heads else first for key in tables})
        firsts = {key: ops.convert_to_tensor(np.int32(value)) for key, value in firsts.items()}
        tables = {**reference.kept, **tables}
        # Lengths of alleles are powers of two, so that few are compiled.
        bases = changes.shape[1]
        changes = np.pad(changes, ((0, 0), (0, (1 << (bases - 1).bit_length()) - bases), (0, 0)))
        width = 1 if len(starts) == 1 else self._batch_size
        run = self._rows(reference.bins, bins, (rows, many, width, changes.shape[1]))
        for batch, arrays in _batches(width, starts, changes, begin):
            alleles, change, places = arrays
            found = run(
                self._weights,
                tables,
                firsts,
                ops.convert_to_tensor(alleles.astype(np.int32)),
                ops.convert_to_tensor(change.astype(self._dtype)),
                ops.convert_to_tensor(places.astype(np.int32)),
            )
            count = batch.stop - batch.start
            before, after = (ops.convert_to_numpy(values)[:count] for values in found)
            yield batch, self._network.ordered(before), self._network.ordered(after)

    def _compile_enter(self, _length: int) -> Callable:
        return compiled(_enter_level, steps=self._levels[0].steps, key=self._levels[0].pool.key)

    def _compile_next(self, depth: int, rows: int) -> Callable:
        level, size = self._levels[depth], self._levels[depth - 1].pool.size
        return compiled(_next_level, size=size, rows=rows, steps=level.steps, key=level.pool.key)

    def _compile_finish(self, rows: int, bins: int, _length: int) -> Callable:
        size = self._levels[-1].pool.size
        return compiled(
            _finish, size=size, rows=rows, steps=self._upper, heads=self._heads, bins=bins
        )

    def _compile_rows(self, length: int, bins: int, _shapes: tuple[int, ...]) -> Callable:
        return compiled(
            row_pass,
            steps=self._steps,
            heads=self._heads,
            window=length * self.bin,
            period=self.bin,
            bins=bins,
        )


# ---- passes ----


def _enter_level(
    weights: Weights, x: Tensor, *, steps: Sequence[Step], key: str
) -> tuple[Tensor, dict[str, Tensor]]:
    kept: dict[str, Tensor] = {}
    x = run_steps(weights, x, steps=steps, kept=kept)
    return x, {**_of_one(kept), key: x[0]}


def _next_level(
    weights: Weights,
    x: Tensor,
    shift: Tensor,
    *,
    size: int,
    rows: int,
    steps: Sequence[Step],
    key: str,
) -> tuple[Tensor, dict[str, Tensor]]:
    return _enter_level(weights, _pool(x, shift, size, rows), steps=steps, key=key)


def _finish(
    weights: Weights,
    x: Tensor,
    start: Tensor,
    head: Tensor,
    *,
    size: int,
    rows: int,
    steps: Sequence[Step],
    heads: Sequence[Head],
    bins: int,
) -> dict[str, Tensor]:
    kept: dict[str, Tensor] = {}
    x = run_steps(weights, _pool(x, start, size, rows), steps=steps, kept=kept)
    kept, x = _of_one(kept), _slice(x, head, bins)
    for each in heads:
        linear = product(x, weights[f"{each.name}/matrix"]) + weights[f"{each.name}/bias"]
        kept[each.name] = linear[0]
    return kept


def _of_one(kept: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: table[0] for key, table in kept.items()}


def _pool(x: Tensor, start: Tensor, size: int, rows: int) -> Tensor:
    x = _slice(x, start, size * rows)
    return ops.max_pool(x, size, strides=size, data_format="channels_last")


def _slice(x: Tensor, start: Tensor, rows: int) -> Tensor:
    return ops.slice(x, ops.stack([0 * start, start, 0 * start]), (1, rows, x.shape[2]))


# ---- sizes ----


def _ladder(
    first: int, last: int, length: int, spans: tuple[np.ndarray, np.ndarray], least: int = 0
) -> tuple[int, int]:
    """Widen [first, last) to one of few sizes, within [least, length): its start and its size."""
    size = -(-int((spans[1] - spans[0]).max()) // _GRAIN) * _GRAIN
    while size < last - first:
        size *= 2
    size = min(size, length - least)
    return max(min(int(first), length - size), least), size


def _batches(size: int, *arrays: np.ndarray) -> Iterator[tuple[slice, tuple[np.ndarray, ...]]]:
    """Cut arrays into batches of one size; the last one is filled up."""
    total = len(arrays[0])
    for begin in range(0, total, size):
        rows = np.minimum(np.arange(begin, begin + size), total - 1)
        yield slice(begin, min(begin + size, total)), tuple(array[rows] for array in arrays)
