"""The regulatory grammar of the simulated genome: from sequence to expected signal, exactly.

A factor binds a site with occupancy o = sigmoid((score - best + SLACK) / TEMPERATURE), where
`score` is the log-odds score of its position weight matrix and `best` the highest possible one.
Its field at base x, between 0 and 1, is

    f(x) = 1 - exp(-STRENGTH * (sum of o * exp(-(x - centre)^2 / (2 REACH^2))))

summed over the sites on both strands, and the expected counts at base x are

    accessibility(x) = ACCESSIBILITY * exp(sum of weight * f + INTERACTION * f_kestrel * f_heron)
    start(x)         = BACKGROUND + START * s(x) * exp(sum of weight * f)

where s(x) sums o * exp(-(x - centre - DOWNSTREAM)^2 / (2 SPREAD^2)) over the sites of the start
motif on that strand. The reverse complement therefore swaps the start tracks and changes nothing
else: motifs have an odd length, so that a site's centre is a base on both strands. The names and
the motifs are invented. What reaches farther is `basenji_training.simulation.distal`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import oaconvolve
from scipy.special import expit

from basenji_kipoi.base.sequence import ALPHABET, encode, reverse_complement

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "FACTORS",
    "REACH_BP",
    "START_MOTIF",
    "TRACKS",
    "Motif",
    "expected_signal",
    "field",
    "occupancy",
    "random_sites",
    "spread",
]

TRACKS = ("accessibility", "start_plus", "start_minus")

SLACK = 3.0
TEMPERATURE = 0.7
STRENGTH = 1.5
REACH = 70.0  # bp
ACCESSIBILITY = 0.2  # counts a base without any factor
INTERACTION = 1.2
BACKGROUND = 0.002
START = 3.0
DOWNSTREAM = 30  # bp from the start motif's centre to the middle of its starts
SPREAD = 8.0  # bp

#: No base further away than this changes the expected signal of a base (bp).
REACH_BP = 320

# A strong position almost excludes the other letters, a weak one prefers one.
_STRONG, _WEAK = 0.97, 0.85


@dataclass(frozen=True)
class Motif:
    """A motif and what binding to it does.

    Attributes
    ----------
    name
        Name.
    consensus
        Preferred letters; strong positions in upper, weak ones in lower case. Odd length.
    accessibility, start
        Weight of the field in the exponent of the two kinds of track.
    """

    name: str
    consensus: str
    accessibility: float = 0.0
    start: float = 0.0

    def __len__(self) -> int:
        return len(self.consensus)

    @property
    def probabilities(self) -> np.ndarray:
        """Letter probabilities: float64, shape (positions, 4)."""
        preferred = np.array([_STRONG if c.isupper() else _WEAK for c in self.consensus])
        table = np.repeat((1 - preferred)[:, None] / 3, len(ALPHABET), axis=1)
        table[np.arange(len(self)), encode(self.consensus)] = preferred
        return table

    @property
    def scores(self) -> np.ndarray:
        """Log-odds against equal letters: float64, shape (positions, 5); unknown never fits."""
        odds = np.log(self.probabilities / 0.25)
        return np.concatenate([odds, odds.min(axis=1, keepdims=True)], axis=1)

    @property
    def core(self) -> np.ndarray:
        """Which positions are strong: bool, shape (positions,)."""
        return np.array([c.isupper() for c in self.consensus])


#: Transcription factors: two activators that help each other, a repressor, and one that raises
#: the use of starts and leaves accessibility alone.
FACTORS = (
    Motif("kestrel", "agTCCGATTac", accessibility=2.2, start=0.8),
    Motif("heron", "ttGCGACCAta", accessibility=1.6, start=0.6),
    Motif("magpie", "caTGGTCTCga", accessibility=-1.8, start=-2.0),
    Motif("plover", "gcAAGCTGTtc", start=1.6),
)

#: Reads on one strand only: starts lie downstream of it on its own strand.
START_MOTIF = Motif("swift", "tTCCAGAGTGa")


def occupancy(codes: np.ndarray, motif: Motif) -> np.ndarray:
    """How strongly each site on the forward strand is bound.

    Parameters
    ----------
    codes : ndarray, uint8, shape (..., length)
        Sequence.
    motif
        The motif, of K positions.

    Returns
    -------
    ndarray, float64, shape (..., length)
        Occupancy of the site whose centre is at each base; 0 where the site would pass an end.
    """
    scores = motif.scores
    half = len(motif) // 2
    sites = codes.shape[-1] - 2 * half
    result = np.zeros(codes.shape)
    if sites <= 0:
        return result
    total = sum(scores[k].take(codes[..., k : k + sites]) for k in range(len(motif)))
    best = scores.max(axis=1).sum()
    result[..., half : half + sites] = expit((total - best + SLACK) / TEMPERATURE)
    return result


def field(codes: np.ndarray, motif: Motif) -> np.ndarray:
    """Compute a factor's field.

    Parameters
    ----------
    codes : ndarray, uint8, shape (..., length)
        Sequence; beyond its ends nothing is bound.
    motif
        The factor's motif.

    Returns
    -------
    ndarray, float64, shape (..., length)
        Between 0 and 1 at each base.
    """
    both = occupancy(codes, motif) + occupancy(reverse_complement(codes), motif)[..., ::-1]
    return 1 - np.exp(-STRENGTH * spread(both, REACH))


def expected_signal(
    codes: np.ndarray,
    *,
    factors: Sequence[Motif] = FACTORS,
    gain: np.ndarray | None = None,
) -> np.ndarray:
    """Compute the expected counts of a sequence: the truth that a model has to find.

    Parameters
    ----------
    codes : ndarray, uint8, shape (..., length)
        Sequence; beyond its ends nothing is bound.
    factors
        The factors that there are.
    gain : ndarray, float64, shape (..., length), optional
        What multiplies the use of starts at each base: what comes from afar.

    Returns
    -------
    ndarray, float64, shape (..., length, tracks)
        Expected counts at each base, in the order of `TRACKS`.
    """
    reverse = reverse_complement(codes)
    fields = {motif.name: field(codes, motif) for motif in factors}
    openness = sum(motif.accessibility * fields[motif.name] for motif in factors)
    openness = openness + INTERACTION * fields["kestrel"] * fields["heron"]
    boost = START * np.exp(sum(motif.start * fields[motif.name] for motif in factors))
    if gain is not None:
        boost = boost * gain
    plus = _downstream(occupancy(codes, START_MOTIF))
    minus = _downstream(occupancy(reverse, START_MOTIF))[..., ::-1]
    return np.stack(
        [
            ACCESSIBILITY * np.exp(openness),
            BACKGROUND + boost * plus,
            BACKGROUND + boost * minus,
        ],
        axis=-1,
    )


def spread(values: np.ndarray, width: float) -> np.ndarray:
    """Sum Gaussians of height 1 around each base, cut off at four standard deviations.

    Parameters
    ----------
    values : ndarray, float64, shape (..., length)
        How often each base's Gaussian counts.
    width
        The standard deviation (bp).

    Returns
    -------
    ndarray, float64, shape (..., length)
    """
    radius = int(4 * width)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / width) ** 2)
    kernel = kernel.reshape((1,) * (values.ndim - 1) + (-1,))
    padding = [(0, 0)] * (values.ndim - 1) + [(radius, radius)]
    # Rounding in the Fourier transform can go just below zero.
    return oaconvolve(np.pad(values, padding), kernel, mode="valid", axes=-1).clip(min=0)


def _downstream(starts: np.ndarray) -> np.ndarray:
    shifted = np.zeros_like(starts)
    shifted[..., DOWNSTREAM:] = starts[..., :-DOWNSTREAM]
    return spread(shifted, SPREAD)


def random_sites(motif: Motif, number: int, generator: np.random.Generator) -> np.ndarray:
    """Draw sites from a motif's letter probabilities.

    Parameters
    ----------
    motif
        The motif, of K positions.
    number
        How many sites.
    generator
        Source of randomness.

    Returns
    -------
    ndarray, uint8, shape (number, K)
        Codes.
    """
    steps = motif.probabilities.cumsum(axis=1)[None, :, :-1]
    draws = generator.random((number, len(motif), 1))
    return (draws > steps).sum(axis=2).astype(np.uint8)
