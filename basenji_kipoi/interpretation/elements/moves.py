"""What an element does to a gene from another place, or turned.

In its own place the element is shuffled, as a knock-out has it. At the other place it is compared
with itself, shuffled the same way: what stood there is lost in both. So an element that is moved to
where it was has the effect that its knock-out takes away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from basenji_kipoi.base.sequence import reverse_complement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from basenji_kipoi.interpretation.attribution.outputs import Weights
    from basenji_kipoi.interpretation.weighted_sums import WeightedSums
    from basenji_kipoi.models.networks.operations import Span

__all__ = ["WHOLE", "Moved", "move", "whole_changes"]

#: Elements of a larger share of the window are predicted by whole passes: they change most of it.
WHOLE = 0.25


class Moved(NamedTuple):
    """What moved elements do.

    Attributes
    ----------
    effects : ndarray, float64, shape (..., places, orientations, draws, outputs)
        The outputs with the element minus those with it shuffled there; NaN where it does not fit.
    without : ndarray, float64, shape (..., places, draws, outputs)
        The latter.
    """

    effects: np.ndarray
    without: np.ndarray


def move(
    sums: WeightedSums,
    codes: np.ndarray,
    own: int,
    shuffles: np.ndarray,
    places: np.ndarray,
    orientations: Sequence[str],
    weights: Weights,
    needed: Span,
    advance: Callable[[float], object],
) -> Moved:
    """Move an element.

    Parameters
    ----------
    sums
        What predicts.
    codes : ndarray, uint8, shape (window,)
        The gene's window.
    own
        First base of the element in it.
    shuffles : ndarray, uint8, shape (draws, bases)
        The element's bases in other orders.
    places : ndarray, int64, shape (places,)
        First bases in the window; those that it does not fit at are left out.
    orientations
        ``+`` as it stands, ``-`` turned.
    weights
        The gene's outputs.
    needed
        Bases [start, end) of the window that the outputs depend on.
    advance
        Called with numbers of predictions as they are done.
    """
    bases, window = shuffles.shape[1], len(codes)
    element = codes[own : own + bases]
    turned = [reverse_complement(element) if way == "-" else element for way in orientations]
    fits = (places >= 0) & (places + bases <= window)
    is_reached = fits & (places < needed[1]) & (places + bases > needed[0])
    here = np.flatnonzero(is_reached)
    ways = 1 + len(orientations)
    advance(len(shuffles) * ways * (len(places) - len(here)))
    effects, without = [], []
    for draw in shuffles:
        background = codes.copy()
        background[own : own + bases] = draw
        (values,) = sums.whole(background[None], weights.sums)
        alternatives = np.tile(np.stack([draw, *turned]), (len(here), 1))
        changes = np.zeros((len(values), len(places), ways))
        found = _changes(
            sums, background, np.repeat(places[here], ways), alternatives, weights, advance
        )
        changes[:, here] = found.reshape(len(values), len(here), ways)
        outputs = np.moveaxis(weights.outputs(values[:, None, None] + changes), 0, 2)
        outputs[~fits] = np.nan
        effects.append(outputs[:, 1:] - outputs[:, :1])
        without.append(outputs[:, 0])
    return Moved(np.stack(effects, axis=2), np.stack(without, axis=1))


def _changes(
    sums: WeightedSums,
    codes: np.ndarray,
    positions: np.ndarray,
    alternatives: np.ndarray,
    weights: Weights,
    advance: Callable[[float], object],
) -> np.ndarray:
    """Compute what other bases at places of a window change: float64 (sums, places)."""
    window, bases = len(codes), alternatives.shape[1]
    if bases > WHOLE * window:
        return whole_changes(sums, codes, positions, alternatives, weights, advance)
    # Few lengths, because each is compiled: filled up with the window's own bases.
    rounded = 1 << (bases - 1).bit_length()
    begin = np.minimum(positions, window - rounded)
    filled = codes[begin[:, None] + np.arange(rounded)]
    inside = (positions - begin)[:, None] + np.arange(bases)
    np.put_along_axis(filled, inside, alternatives, axis=1)
    # All of the window is kept: another part for each gene would be compiled for each.
    return sums.changes(codes, (0, window), begin, filled, weights.sums, advance)


def whole_changes(
    sums: WeightedSums,
    codes: np.ndarray,
    positions: np.ndarray,
    alternatives: np.ndarray,
    weights: Weights,
    advance: Callable[[float], object],
) -> np.ndarray:
    """Compute the same by whole passes.

    Parameters
    ----------
    sums
        What predicts.
    codes : ndarray, uint8, shape (window,)
        The window.
    positions, alternatives : ndarray, shape (places,) and (places, bases)
        First replaced base of each, and the bases there.
    weights
        The gene's outputs.
    advance
        Called with 1 as each is done.

    Returns
    -------
    ndarray, float64, shape (sums, places)
    """
    (values,) = sums.whole(codes[None], weights.sums)
    found = np.empty((len(values), len(positions)))
    for column, (position, bases) in enumerate(zip(positions, alternatives)):
        changed = codes.copy()
        changed[position : position + len(bases)] = bases
        found[:, column] = sums.whole(changed[None], weights.sums)[0] - values
        advance(1)
    return found
