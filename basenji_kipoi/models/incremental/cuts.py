"""A trunk as levels between its pools and what they cost, and what a change reaches in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.sequence import ALPHABET
from basenji_kipoi.models.incremental.steps import (
    Activate,
    Convolve,
    Join,
    NotIncrementalError,
    Pool,
    Scale,
    with_keys,
)
from basenji_kipoi.models.networks.operations import channels_of, needed_by

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from basenji_kipoi.models.incremental.reference import Weights
    from basenji_kipoi.models.incremental.steps import Step
    from basenji_kipoi.models.networks.operations import Span

__all__ = ["Level", "Split", "kept_spans", "split", "split_levels"]


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


@dataclass(frozen=True)
class Split:
    """A trunk in two parts.

    Attributes
    ----------
    tower : tuple of Step
        Steps from the sequence to the features of the window's bins.
    upper : tuple of Step
        The others, with keys of their own.
    bin : int
        Bases of a bin (bp).
    before, behind : int
        Bases in front of a bin and behind it that its features depend on (bp).
    channels : int
        Features of a bin.
    widest : int
        Channels of the tower's widest layer.
    """

    tower: tuple[Step, ...]
    upper: tuple[Step, ...]
    bin: int
    before: int
    behind: int
    channels: int
    widest: int

    def reached(self, bases: int) -> int:
        """Bins whose features a change of consecutive bases can reach, at most."""
        begin = np.arange(self.bin)
        first = (begin - self.behind) // self.bin
        last = (begin + bases - 1 + self.before) // self.bin
        return int((last - first).max()) + 1


def split(steps: Sequence[Step]) -> Split:
    """Split a trunk behind its last pool.

    What follows at once and reaches no further than to the next bins stays with the tower: it
    costs as much as a layer of the tower, and bins can share it.

    Raises
    ------
    NotIncrementalError
        If the trunk has no pool, so that a bin is one base.
    """
    pools = [place for place, step in enumerate(steps) if isinstance(step, Pool)]
    if not pools:
        raise NotIncrementalError("the network has no pool: its bins are single bases")
    end = pools[-1] + 1
    while end < len(steps) and _is_near(steps[end]):
        end += 1
    tower, size = tuple(steps[:end]), 1
    for step in tower:
        size *= step.size if isinstance(step, Pool) else 1
    first, last = needed_by(tower, 0, 1)
    channels = [channels_of(tower[:place], len(ALPHABET)) for place in range(end + 1)]
    return Split(
        tower=tower,
        upper=tuple(with_keys(steps[end:])[0]),
        bin=size,
        before=-first,
        behind=last - size,
        channels=channels[-1],
        widest=max(channels),
    )


def _is_near(step: Step) -> bool:
    if isinstance(step, Convolve):
        return step.dilation == 1
    return isinstance(step, (Scale, Activate))


def kept_spans(steps: Sequence[Step], first: int, last: int) -> tuple[dict[str, Span], Span]:
    """Find which reference values changes within a region look up.

    Parameters
    ----------
    steps
        Steps of a trunk.
    first, last
        The region [first, last), in positions of the steps' input.

    Returns
    -------
    spans : dict of str to tuple of int
        For each key the positions [first, last) of its step's input. Not limited to the window.
    output : tuple of int
        Positions of the steps' output that can change.
    """
    spans: dict[str, Span] = {}
    for step in steps:
        if isinstance(step, Pool):
            spans[step.key] = step.needed(*step.affected(first, last))
        elif isinstance(step, Activate) and step.key is not None:
            spans[step.key] = first, last
        elif isinstance(step, Join):
            spans.update(kept_spans(step.steps, first, last)[0])
        first, last = step.affected(first, last)
    return spans, (first, last)
