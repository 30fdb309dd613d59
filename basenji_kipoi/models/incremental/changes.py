"""The change pass of incremental inference: what alleles change, and nothing else.

It carries the *change* that an allele makes, value minus reference value, through the network. The
change is zero outside a short interval, which grows from step to step as the architecture's
geometry says. Linear steps act on the change alone, without their bias; where the reference's
values matter, they are looked up among those that the reference pass kept. All shapes are fixed by
the number of alleles and their length, so a backend compiles once.

Positions outside the window have no change by definition. Setting it to zero behind every wide
convolution is what makes the zero padding at the window's ends exact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Optional

import numpy as np
from keras import ops

from basenji_kipoi.models.incremental.reference import Kept, function_of, product
from basenji_kipoi.models.incremental.steps import Activate, Convolve, Crop, Join, Pool, Scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.models.incremental.reference import Tensor, Weights
    from basenji_kipoi.models.incremental.steps import Head, Step

__all__ = ["change_pass", "row_pass"]


@dataclass(frozen=True)
class _Part:
    """The change of some channels on the rows [start + offset, start + offset + width).

    ``change`` is a tensor (alleles, width, channels). ``reference`` has the reference's values of
    the same rows and channels where the last step left them at hand.
    """

    change: Tensor
    offset: int
    reference: Optional[Tensor] = None

    @property
    def width(self) -> int:
        return self.change.shape[1]

    @property
    def channels(self) -> int:
        return self.change.shape[2]


@dataclass(frozen=True)
class _State:
    """Changes at one place of the network.

    ``start`` is a tensor, int32 (alleles,), and ``length`` the number of positions. ``parts`` have
    the channels in order. ``phases``, int (phases, 2), are the hulls of all parts, [first, last),
    for alleles that begin at base 0, 1, 2 ... of the first bin: with pools of even the worst phase,
    they give the widths that suit every allele.
    """

    start: Tensor
    length: int
    parts: tuple[_Part, ...]
    phases: np.ndarray

    @property
    def hull(self) -> tuple[int, int]:
        first = min(part.offset for part in self.parts)
        return first, max(part.offset + part.width for part in self.parts)


def change_pass(
    weights: Weights,
    rows: dict[str, Tensor],
    first: dict[str, Tensor],
    starts: Tensor,
    change: Tensor,
    *,
    steps: Sequence[Step],
    heads: Sequence[Head],
    window: int,
    period: int,
    totals: bool = False,
) -> Tensor:
    """Predict what alleles change.

    Parameters
    ----------
    weights
        Weights by name.
    rows, first
        What the reference pass kept: the fields of a `Kept`, of one reference or of each allele's.
    starts : tensor, int32, shape (alleles,)
        First changed base of each allele in the window.
    change : tensor, shape (alleles, bases, 4)
        One-hot alleles minus the reference's bases, zero where they agree and outside the window.
    steps, heads
        The network.
    window, period
        Bases of the window and of a bin.
    totals
        Whether to return sums of the differences instead of values.

    Returns
    -------
    tensor
        Values of the bins that can change, shape (alleles, rows, tracks), from the first such bin
        of each allele on (`basenji_kipoi.models.networks.architecture.affected_by`; it may be
        negative). Rows that are no predicted bins, or behind the last one that can change, mean
        nothing. With ``totals`` the sums over the bins of allele minus reference, shape (alleles,
        tracks).
    """
    kept = Kept(rows, first)
    state, merged = _features(weights, kept, starts, change, steps, window, period)
    bins = _rows(state, merged)
    results = []
    for head in heads:
        linear = product(merged.change, weights[f"{head.name}/matrix"])
        link = function_of(head.function)
        reference = _look_up(kept, head.name, bins)
        values = link(reference + linear)
        if totals:
            # Rows beyond the bins must not count; the others' differences are exact zeros.
            inside = ops.cast(_inside(bins, state.length), values.dtype)
            values = ops.sum((values - link(reference)) * inside, axis=1)
        results.append(values)
    return ops.concatenate(results, axis=-1) if len(results) > 1 else results[0]


def row_pass(
    weights: Weights,
    rows: dict[str, Tensor],
    first: dict[str, Tensor],
    starts: Tensor,
    change: Tensor,
    begin: Tensor,
    *,
    steps: Sequence[Step],
    heads: Sequence[Head],
    window: int,
    period: int,
    bins: int,
) -> tuple[Tensor, Tensor]:
    """Predict chosen bins of alleles, and the reference's.

    Parameters
    ----------
    weights, rows, first, starts, change, steps, heads, window, period
        As `change_pass` takes them.
    begin : tensor, int32, shape (alleles,)
        First wanted bin of each allele.
    bins
        Number of wanted bins.

    Returns
    -------
    reference, alternative : tensor, shape (alleles, bins, tracks)
        Predictions of the wanted bins. Those outside of what the reference pass kept mean nothing.
    """
    kept = Kept(rows, first)
    state, merged = _features(weights, kept, starts, change, steps, window, period)
    wanted = begin[:, None] + np.arange(bins, dtype=np.int32)
    place = wanted - _rows(state, merged)[:, :1]
    references, alternatives = [], []
    for head in heads:
        linear = product(merged.change, weights[f"{head.name}/matrix"])
        reference = _look_up(kept, head.name, wanted)
        link = function_of(head.function)
        references.append(link(reference))
        alternatives.append(link(reference + _rows_at(linear, place)))
    if len(heads) == 1:
        return references[0], alternatives[0]
    return ops.concatenate(references, axis=-1), ops.concatenate(alternatives, axis=-1)


def _features(
    weights: Weights,
    kept: Kept,
    starts: Tensor,
    change: Tensor,
    steps: Sequence[Step],
    window: int,
    period: int,
) -> tuple[_State, _Part]:
    """Carry alleles through the trunk: where they are then, and the change of all channels."""
    begin = np.arange(period)
    phases = np.stack([begin, begin + change.shape[1]], axis=1)
    state = _State(starts, window, (_Part(change, 0),), phases)
    state = _carry(steps, weights, kept, state)
    return state, _merge(state)


def _rows_at(values: Tensor, place: Tensor) -> Tensor:
    """Take rows of each allele, (alleles, width, channels) at (alleles, rows); zero outside."""
    alleles, width, channels = values.shape
    held = ops.cast((place >= 0) & (place < width), values.dtype)
    first = np.arange(alleles, dtype=np.int32)[:, None] * width
    flat = ops.reshape(values, (-1, channels))
    return ops.take(flat, first + ops.clip(place, 0, width - 1), axis=0) * held[:, :, None]


def _carry(steps: Sequence[Step], weights: Weights, kept: Kept, state: _State) -> _State:
    for step in steps:
        if isinstance(step, Convolve):
            state = _convolve(step, weights, state)
        elif isinstance(step, Scale):
            state = _scale(step, weights, state)
        elif isinstance(step, Activate):
            state = _activate(step, kept, state)
        elif isinstance(step, Pool):
            state = _pool(step, kept, state)
        elif isinstance(step, Crop):
            state = replace(
                state,
                start=state.start - step.bins,
                length=state.length - 2 * step.bins,
                phases=state.phases - step.bins,
            )
        else:
            state = _join(step, weights, kept, state)
    return state


def _convolve(step: Convolve, weights: Weights, state: _State) -> _State:
    matrix = weights[f"{step.name}/matrix"]
    total, done = None, 0
    for part in state.parts:
        rows = matrix[done : done + part.channels] if len(state.parts) > 1 else matrix
        term = _Part(product(part.change, rows), part.offset)
        total = term if total is None else _add(total, term)
        done += part.channels
    if step.kernel == 1:
        return replace(state, parts=(total,))
    spread = _spread(total.change, step)
    part = _Part(spread, total.offset - step.behind)
    inside = _inside(_rows(state, part), state.length)
    part = replace(part, change=spread * ops.cast(inside, spread.dtype))
    return replace(
        state, parts=(part,), phases=state.phases + np.array([-step.behind, step.before])
    )


def _spread(products: Tensor, step: Convolve) -> Tensor:
    """Add each input row's contributions to the output rows that it reaches.

    ``products`` is (alleles, width, kernel * filters), taps in the order of the output rows; the
    result (alleles, width + dilation * (kernel - 1), filters).
    """
    alleles, width, _ = products.shape
    products = ops.reshape(products, (alleles, width, step.kernel, step.filters))
    if step.dilation == 1 and width < step.kernel:
        pieces = [(products[:, row], row) for row in range(width)]
    else:
        pieces = [(products[:, :, tap], tap * step.dilation) for tap in range(step.kernel)]
    rows = width + step.dilation * (step.kernel - 1)
    padded = [
        ops.pad(piece, ((0, 0), (before, rows - before - piece.shape[1]), (0, 0)))
        for piece, before in pieces
    ]
    return sum(padded[1:], padded[0])


def _scale(step: Scale, weights: Weights, state: _State) -> _State:
    scale, shift = weights[f"{step.name}/scale"], weights[f"{step.name}/shift"]
    parts, done = [], 0
    for part in state.parts:
        here = slice(done, done + part.channels)
        reference = part.reference
        if reference is not None:
            reference = reference * scale[here] + shift[here]
        parts.append(_Part(part.change * scale[here], part.offset, reference))
        done += part.channels
    return replace(state, parts=tuple(parts))


def _activate(step: Activate, kept: Kept, state: _State) -> _State:
    function = function_of(step.function)
    parts, done = [], 0
    for part in state.parts:
        reference = part.reference
        if step.key is not None:
            channels = (done, done + part.channels) if len(state.parts) > 1 else None
            reference = _look_up(kept, step.key, _rows(state, part), channels)
        value = function(reference)
        change = function(reference + part.change) - value
        parts.append(_Part(change, part.offset, value))
        done += part.channels
    return replace(state, parts=tuple(parts))


def _pool(step: Pool, kept: Kept, state: _State) -> _State:
    part = _merge(state)
    size = step.size
    phases = np.stack([state.phases[:, 0] // size, -(-state.phases[:, 1] // size)], axis=1)
    width = int((phases[:, 1] - phases[:, 0]).max())
    begin = state.start + part.offset
    start = ops.floor_divide(begin, size)
    # Move the change to whole groups; where it begins in the first one differs between alleles.
    rows = start[:, None] * size + np.arange(width * size, dtype=np.int32)
    change = _rows_at(part.change, rows - begin[:, None])
    reference = _look_up(kept, step.key, rows)
    value = _maxima(reference, size)
    change = _maxima(reference + change, size) - value
    return _State(start, state.length // size, (_Part(change, 0, value),), phases)


def _maxima(x: Tensor, size: int) -> Tensor:
    alleles, rows, channels = x.shape
    return ops.max(ops.reshape(x, (alleles, rows // size, size, channels)), axis=2)


def _join(step: Join, weights: Weights, kept: Kept, state: _State) -> _State:
    branch = _carry(step.steps, weights, kept, state)
    parts = (*state.parts, *branch.parts)
    if step.add:
        parts = (_add(_merge(state), _merge(branch)),)
    first = np.minimum(state.phases[:, 0], branch.phases[:, 0])
    last = np.maximum(state.phases[:, 1], branch.phases[:, 1])
    return replace(state, parts=parts, phases=np.stack([first, last], axis=1))


# ---- rows ----


def _rows(state: _State, part: _Part) -> Tensor:
    """Positions of a part's rows, int32 (alleles, width)."""
    return state.start[:, None] + np.arange(part.offset, part.offset + part.width, dtype=np.int32)


def _inside(rows: Tensor, length: int) -> Tensor:
    return ((rows >= 0) & (rows < length))[:, :, None]


def _look_up(
    kept: Kept, key: str, rows: Tensor, channels: Optional[tuple[int, int]] = None
) -> Tensor:
    """Fetch reference values; at positions that are not kept any, for nothing changes there."""
    table, first = kept.rows[key], kept.first[key]
    if channels is not None:
        table = table[..., channels[0] : channels[1]]
    length = table.shape[-2]
    if len(table.shape) == 2:
        return ops.take(table, ops.clip(rows - first, 0, length - 1), axis=0)
    # Each allele has a table of its own: they lie one behind the other.
    places = ops.clip(rows - first[:, None], 0, length - 1)
    begin = np.arange(table.shape[0], dtype=np.int32)[:, None] * length
    return ops.take(ops.reshape(table, (-1, table.shape[2])), begin + places, axis=0)


def _add(left: _Part, right: _Part) -> _Part:
    first = min(left.offset, right.offset)
    last = max(left.offset + left.width, right.offset + right.width)
    return _Part(_widen(left, first, last) + _widen(right, first, last), first)


def _merge(state: _State) -> _Part:
    """Stack the parts' channels on the rows of their hull."""
    if len(state.parts) == 1:
        return replace(state.parts[0], reference=None)
    widened = [_widen(part, *state.hull) for part in state.parts]
    return _Part(ops.concatenate(widened, axis=-1), state.hull[0])


def _widen(part: _Part, first: int, last: int) -> Tensor:
    before, behind = part.offset - first, last - part.offset - part.width
    if before == behind == 0:
        return part.change
    return ops.pad(part.change, ((0, 0), (before, behind), (0, 0)))
