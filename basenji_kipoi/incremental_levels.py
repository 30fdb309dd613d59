"""A trunk as levels between its pools, and what each of them costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.incremental_steps import Convolve, Join, NotIncrementalError, Pool
from basenji_kipoi.sequence import ALPHABET

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from basenji_kipoi.incremental_reference import Weights
    from basenji_kipoi.incremental_steps import Step

__all__ = ["Level", "split_levels"]


@dataclass(frozen=True)
class Level:
    """The steps between two pools, and the pool behind them.

    Attributes
    ----------
    steps : tuple of Step
        The steps in front of the pool.
    pool : Pool
        The pool.
    stride : int
        Bases between two positions of the steps (bp).
    """

    steps: tuple[Step, ...]
    pool: Pool
    stride: int

    @property
    def keys(self) -> list[str]:
        """Names of the values that changes look up at this level."""
        return [*_keys(self.steps), self.pool.key]

    @property
    def widest(self) -> int:
        """Channels of the widest step."""
        return _widest(self.steps)

    def cost(self, weights: Weights) -> int:
        """Count the multiply-accumulates of the steps for one position."""
        return _cost(self.steps, weights)


def split_levels(steps: Sequence[Step]) -> tuple[tuple[Level, ...], tuple[Step, ...]]:
    """Cut a chain of steps behind its pools.

    Parameters
    ----------
    steps
        A trunk.

    Returns
    -------
    levels : tuple of Level
        One for each pool.
    upper : tuple of Step
        The steps behind the last pool.

    Raises
    ------
    NotIncrementalError
        If there is no pool.
    """
    levels, start, stride = [], 0, 1
    for position, step in enumerate(steps):
        if isinstance(step, Pool):
            levels.append(Level(tuple(steps[start:position]), step, stride))
            start, stride = position + 1, stride * step.size
    if not levels:
        raise NotIncrementalError("the network pools nothing: its windows have no phases")
    return tuple(levels), tuple(steps[start:])


def _keys(steps: Sequence[Step]) -> Iterator[str]:
    for step in steps:
        if isinstance(step, Join):
            yield from _keys(step.steps)
        elif getattr(step, "key", None) is not None:
            yield step.key


def _cost(steps: Sequence[Step], weights: Weights) -> int:
    return sum(
        _cost(step.steps, weights)
        if isinstance(step, Join)
        else int(np.prod(weights[f"{step.name}/matrix"].shape))
        for step in steps
        if isinstance(step, (Join, Convolve))
    )


def _widest(steps: Sequence[Step]) -> int:
    widths = [
        _widest(step.steps) if isinstance(step, Join) else getattr(step, "filters", 0)
        for step in steps
    ]
    return max(widths, default=0) or len(ALPHABET)
