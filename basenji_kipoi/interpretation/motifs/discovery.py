"""Motifs of contributions, by TF-MoDISco (Shrikumar et al. 2018) as modisco-lite computes it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import ALPHABET, UNKNOWN
from basenji_kipoi.faces import library
from basenji_kipoi.interpretation.motifs.similarity import same_motif, similarity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from basenji_kipoi.interpretation.motifs.options import MotifOptions
    from basenji_kipoi.interpretation.motifs.reading import AttributedSequences

__all__ = [
    "FoundMotif",
    "Sites",
    "arrays_of",
    "check_discovery",
    "find_motifs",
    "merged",
    "motifs_of",
]

_log = logging.getLogger(__name__)

#: Bases of the windows that seqlets are found with, and flanks that are added.
_WINDOW, _FLANK = 21, 10
#: Share of the largest contribution from which on a position belongs to the motif, and bases that
#: are kept on either side of such.
_CORE, _MARGIN = 0.2, 1
#: Clusterings that the best is taken of.
_RUNS = 2


@dataclass(frozen=True)
class Sites:
    """Places of a motif; arrays of shape (sites,).

    Attributes
    ----------
    sequence : int
        Number of the sequence.
    start : int
        First base in it.
    is_reverse : bool
        Whether the motif reads on the other strand there.
    """

    sequence: np.ndarray
    start: np.ndarray
    is_reverse: np.ndarray

    def __len__(self) -> int:
        return len(self.sequence)


@dataclass(frozen=True)
class FoundMotif:
    """A motif.

    Attributes
    ----------
    outputs : tuple of int
        Outputs in whose contributions it was found, the first one with most sites.
    raises : bool
        Whether its bases raise the prediction there.
    probabilities : ndarray, float64, shape (positions, 4)
        Shares of bases in its sites.
    contributions : ndarray, float64, shape (positions, 4)
        Mean contributions of the bases in its sites.
    sites : Sites
        Its places.
    """

    outputs: tuple[int, ...]
    raises: bool
    probabilities: np.ndarray
    contributions: np.ndarray
    sites: Sites

    def __len__(self) -> int:
        return len(self.probabilities)


def arrays_of(motifs: Sequence[FoundMotif]) -> dict[str, np.ndarray]:
    """Turn the motifs of one output into arrays by name, as pieces of a run hold them."""
    arrays = {}
    for number, each in enumerate(motifs):
        parts = {
            "raises": np.array(each.raises),
            "probabilities": each.probabilities,
            "contributions": each.contributions,
            "sequence": each.sites.sequence,
            "start": each.sites.start,
            "is_reverse": each.sites.is_reverse,
        }
        arrays.update({f"{number}/{name}": values for name, values in parts.items()})
    return arrays


def motifs_of(arrays: Mapping[str, np.ndarray], output: int) -> list[FoundMotif]:
    """Turn what `arrays_of` made back into the motifs of an output."""
    found = []
    while f"{len(found)}/raises" in arrays:
        part = {
            name: arrays[f"{len(found)}/{name}"]
            for name in (
                "raises", "probabilities", "contributions", "sequence", "start", "is_reverse",
            )
        }  # fmt: skip
        sites = Sites(part["sequence"], part["start"], part["is_reverse"])
        found.append(
            FoundMotif(
                (output,), bool(part["raises"]), part["probabilities"], part["contributions"], sites
            )
        )
    return found


def check_discovery() -> Any:  # noqa: ANN401 - a function of modisco-lite
    """Return the function that finds motifs; raise MissingLibraryError without its library."""
    return library("modiscolite.tfmodisco", "basenji motifs").TFMoDISco


def find_motifs(given: AttributedSequences, output: int, options: MotifOptions) -> list[FoundMotif]:
    """Find the motifs of one output.

    Parameters
    ----------
    given
        The sequences.
    output
        Which output.
    options
        How many sites, and of which share.

    Raises
    ------
    InputError
        If the sequences are too short.
    """
    if given.codes.shape[1] < _WINDOW + 2 * _FLANK:
        raise InputError(
            f"the sequences have {given.codes.shape[1]} bases: expected "
            f"{_WINDOW + 2 * _FLANK} or more (basenji attribute --length)"
        )
    channels = np.eye(len(ALPHABET) + 1, dtype=np.float32)[given.codes][:, :, : len(ALPHABET)]
    hypothetical = given.hypothetical[:, :, :, output] * (given.codes != UNKNOWN)[:, :, None]
    try:
        found = check_discovery()(
            one_hot=channels,
            hypothetical_contribs=np.ascontiguousarray(hypothetical, dtype=np.float32),
            sliding_window_size=_WINDOW,
            flank_size=_FLANK,
            max_seqlets_per_metacluster=options.most,
            min_metacluster_size=options.fewest,
            final_min_cluster_size=options.fewest,
            target_seqlet_fdr=options.false_discovery,
            n_leiden_runs=_RUNS,
        )
    except (ValueError, IndexError, ZeroDivisionError, AssertionError) as error:
        # What it raises where contributions have no stretch that stands out; should it mean
        # something else, its words are here.
        _log.warning(
            "%s: modisco-lite found nothing to cluster (%s: %s)",
            given.labels[output],
            type(error).__name__,
            error,
        )
        return []
    return [
        _found(pattern, output, raises)
        for raises, patterns in zip((True, False), found)
        for pattern in patterns or ()
        if len(pattern.seqlets) >= options.fewest
    ]


def _found(pattern: Any, output: int, raises: bool) -> FoundMotif:  # noqa: ANN401
    size = np.abs(pattern.contrib_scores).sum(axis=1)
    inside = np.flatnonzero(size >= _CORE * size.max())
    first, last = max(inside[0] - _MARGIN, 0), min(inside[-1] + 1 + _MARGIN, len(size))
    cut = [seqlet.trim(first, last) for seqlet in pattern.seqlets]
    sites = Sites(
        np.array([each.example_idx for each in cut], dtype=np.int64),
        np.array([each.start for each in cut], dtype=np.int64),
        np.array([bool(each.is_revcomp) for each in cut]),
    )
    shares = np.asarray(pattern.sequence[first:last], dtype=np.float64)
    shares = np.maximum(shares, 1e-6)
    return FoundMotif(
        (output,),
        raises,
        shares / shares.sum(axis=1, keepdims=True),
        np.asarray(pattern.contrib_scores[first:last], dtype=np.float64),
        sites,
    )


def merged(motifs: Sequence[FoundMotif]) -> list[FoundMotif]:
    """Join motifs that several outputs have, and copies within one; by number of sites.

    The motif with most sites stays as it is; places of the others are turned and shifted to it.
    """
    left = sorted(motifs, key=lambda motif: -len(motif.sites))
    found: list[FoundMotif] = []
    for motif in left:
        for number, other in enumerate(found):
            match = similarity(motif.probabilities, other.probabilities)
            if motif.raises == other.raises and same_motif(match):
                sites = _joined(other, _moved(motif, other, match.offset, match.is_reverse))
                outputs = tuple(dict.fromkeys((*other.outputs, *motif.outputs)))
                found[number] = FoundMotif(
                    outputs, other.raises, other.probabilities, other.contributions, sites
                )
                break
        else:
            found.append(motif)
    return found


def _moved(motif: FoundMotif, other: FoundMotif, offset: int, is_reverse: bool) -> Sites:
    """Place a motif's sites where those of another one are that it aligns with."""
    sites = motif.sites
    # `offset` is where the (turned) motif begins in the other one.
    forward = sites.is_reverse == is_reverse
    start = np.where(forward, sites.start - offset, sites.start + len(motif) + offset - len(other))
    return Sites(sites.sequence, start, ~forward)


def _joined(motif: FoundMotif, more: Sites) -> Sites:
    sites = motif.sites
    columns = [
        np.concatenate([getattr(sites, name), getattr(more, name)])
        for name in ("sequence", "start", "is_reverse")
    ]
    # A place that two outputs have is one; so is one that differs by less than half the motif.
    order = np.lexsort((columns[1], columns[0]))
    columns = [column[order] for column in columns]
    near = (np.diff(columns[0]) == 0) & (np.diff(columns[1]) < max(len(motif) // 2, 1))
    keep = np.concatenate([[True], ~near])
    return Sites(*(column[keep] for column in columns))
