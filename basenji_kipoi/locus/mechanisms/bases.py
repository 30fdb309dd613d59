"""What the bases around a variant contribute, with either allele."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from basenji_kipoi.base.sequence import letters
from basenji_kipoi.genome.alleles import allele_codes
from basenji_kipoi.genome.intervals import Interval
from basenji_kipoi.interpretation.attribution.outputs import Output
from basenji_kipoi.interpretation.attribution.questions import Question
from basenji_kipoi.locus.mechanisms.record import AlleleBases, Contributions
from basenji_kipoi.locus.mechanisms.sites import Stretch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.locus.mechanisms.scored import ScoredVariant
    from basenji_kipoi.models.model import Model, Strands

__all__ = ["AllelesRead", "BothAlleles", "rounded", "short"]

#: Bases on either side of an allele whose contributions are kept.
_FLANK = 30
#: Bins that change by less than this share of the largest change are not explained.
_SHARE = 0.1


class BothAlleles(NamedTuple):
    """What the bases around a variant contribute.

    Attributes
    ----------
    shown : Contributions
        As it stands in the record.
    reference, alternative : Stretch
        As wide as the longest motif, for the search of sites.
    window : ndarray, uint8, shape (window,)
        The reference's bases.
    """

    shown: Contributions
    reference: Stretch
    alternative: Stretch
    window: np.ndarray


class AllelesRead:
    """Reads what bases contribute, with one network for all tracks and variants.

    Parameters
    ----------
    model, genome
        The model and the reference.
    tracks
        Indices of the tracks that may be explained.
    reach
        Bases on either side of an allele that are read at least.
    both_strands
        Whether predictions are averaged over both strands.
    """

    def __init__(
        self,
        model: Model,
        genome: Genome,
        tracks: Sequence[int],
        *,
        reach: int,
        both_strands: Strands = None,
    ) -> None:
        # Imports Keras, which takes seconds: not before there is something to compute.
        from basenji_kipoi.interpretation.attribution.methods import GradientMethod  # noqa: PLC0415

        self._genome, self._architecture = genome, model.architecture
        self._outputs = {
            track: Output(model.targets[track].identifier, (track,)) for track in tracks
        }
        self._method = GradientMethod(
            model.members, genome, list(self._outputs.values()),
            both_strands=both_strands, completeness=False,
        )  # fmt: skip
        self._reach = max(reach, _FLANK)

    def read(self, variant: ScoredVariant, track: int, profile: np.ndarray) -> BothAlleles:
        """Explain the bins of a track that a variant changes.

        Parameters
        ----------
        variant, track
            The variant, and the index of the track.
        profile : ndarray, float32, shape (alleles, bins)
            Predictions of the track, reference first.
        """
        place, window = variant.place, self._architecture.window
        request = variant.request
        bins = self._bins(variant, profile)
        codes = self._genome.codes(place.chrom, variant.window, variant.window + window)
        begin = max(request.allele.position - self._reach, 0)
        sides, stretches = [], []
        for bases, length in (
            (codes, len(place.ref)),
            (allele_codes(self._genome, request, window), len(place.alt)),
        ):
            # The same network, asked about other bases and one track.
            method = copy.copy(self._method)
            method.genome = _Window(bases, variant.window)
            method.outputs = [self._outputs[track]]
            end = min(request.allele.position + length + self._reach, window)
            where = Interval(place.chrom, variant.window + begin, variant.window + end)
            found = method.explain(Question(where, variant.window, bins), 0, lambda _: None)
            own, first = found.contributions[:, 0], request.allele.position - begin
            stretches.append(Stretch(where.start, found.codes, own, (first, length)))
            kept = slice(max(first - _FLANK, 0), first + length + _FLANK)
            sides.append(
                AlleleBases(
                    sequence="".join(letters(found.codes[kept]).tolist()),
                    contributions=rounded(own[kept]),
                    value=short(float(found.values[0])),
                )
            )
        base = variant.window + self._architecture.crop * self._architecture.bin
        shown = Contributions(
            track=self._outputs[track].name,
            start=variant.window + max(request.allele.position - _FLANK, begin),
            first_bin=base + bins[0] * self._architecture.bin,
            last_bin=base + (bins[-1] + 1) * self._architecture.bin,
            reference=sides[0],
            alternative=sides[1],
        )
        return BothAlleles(shown, *stretches, codes)

    def _bins(self, variant: ScoredVariant, profile: np.ndarray) -> tuple[int, ...]:
        """Find the bins that change; where none does, that of the variant."""
        change = np.abs(profile[1] - profile[0])
        bins = np.flatnonzero((change > 0) & (change >= _SHARE * change.max()))
        if not len(bins):
            own = variant.request.allele.position // self._architecture.bin
            own -= self._architecture.crop
            bins = np.clip([own], 0, self._architecture.bins - 1)
        return tuple(bins.tolist())


class _Window:
    """The bases of one window, as what reads a genome asks for them.

    Parameters
    ----------
    codes : ndarray, uint8, shape (window,)
        Its bases.
    start
        Where it begins (0-based).
    """

    def __init__(self, codes: np.ndarray, start: int) -> None:
        self._codes, self._start = codes, start

    def codes(self, _chrom: str, start: int, end: int) -> np.ndarray:
        """Read [start, end)."""
        return self._codes[start - self._start : end - self._start]


def short(value: float) -> float:
    """Round to six digits, which is what float32 has."""
    return float(f"{value:.6g}")


def rounded(values: np.ndarray) -> list:
    """Round numbers, as nested lists."""
    if values.ndim > 1:
        return [rounded(each) for each in values]
    return [short(value) for value in values.tolist()]
