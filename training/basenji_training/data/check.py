"""What is wrong with a store, before time is spent on training: findings, each with its remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from basenji_kipoi.models.strands import strands_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from basenji_kipoi.models.targets import Targets
    from basenji_training.data.survey import Survey

__all__ = ["Finding", "enrichment", "find_faults", "own_strand_shares", "report"]

#: Correlation from which two tracks are taken for the same data.
DUPLICATE = 0.9999
#: Correlation that replicates of an assay should have.
REPLICATES = 0.5
#: Factor between a track's mean and the median track's, beyond which one hardly counts in a loss.
SCALE = 30
#: Share of bins above a threshold from which clipping changes what a track is.
CLIPPED = 0.1
#: Share of missing bins from which to ask whether the right file was given.
MISSING = 0.5
#: Signal at start sites over the mean that the best track of a genome should have.
ENRICHED = 1.5
#: Share of a strand pair's signal at start sites on the genes' own strand: swapped below,
#: undecided between.
OWN_STRAND = (0.4, 0.6)
FLOAT16_MAXIMUM = float(np.finfo(np.float16).max)


class Finding(NamedTuple):
    """Something that should be looked at.

    Attributes
    ----------
    kind
        Short name.
    is_error
        Whether training on it would be wrong, rather than possibly unwise.
    tracks
        Identifiers; empty for the whole store.
    message
        What was found, what was expected, what to do.
    """

    kind: str
    is_error: bool
    tracks: tuple[str, ...]
    message: str


def find_faults(targets: Targets, measured: Survey) -> list[Finding]:
    """Judge what was measured.

    Parameters
    ----------
    targets
        The tracks.
    measured
        Their measures.

    Returns
    -------
    list of Finding
        Errors first.
    """
    findings = [
        *_values(targets, measured),
        *_duplicates(targets, measured),
        *_replicates(targets, measured),
        *_start_sites(targets, measured),
    ]
    return sorted(findings, key=lambda finding: not finding.is_error)


def _named(targets: Targets, chosen: np.ndarray) -> tuple[str, ...]:
    return tuple(targets[i].identifier for i in np.flatnonzero(chosen))


def _values(targets: Targets, measured: Survey) -> Iterator[Finding]:
    absent = ~np.isfinite(measured.mean)
    dead = ~absent & (measured.minimum == measured.maximum)
    means = measured.mean[measured.mean > 0]
    typical = np.median(means) if means.size else 1.0
    alive = measured.mean > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        off = alive & ~dead & (np.abs(np.log(measured.mean / typical)) > np.log(SCALE))
        for kind, is_error, chosen, message in (
            ("absent", True, absent, "no bin has a value: check the file and its contig names"),
            ("dead", True, dead, "the value is the same everywhere: leave the track out"),
            (
                "float16",
                False,
                measured.maximum > FLOAT16_MAXIMUM,
                f"values above {FLOAT16_MAXIMUM:g} become infinite in a float16 copy: set clip or "
                "scale",
            ),
            (
                "clipped",
                False,
                measured.clipped > CLIPPED,
                f"more than {CLIPPED:.0%} of the bins are above a threshold: raise clip_soft and "
                "clip, unless they are meant to dampen most of the signal",
            ),
            (
                "missing",
                False,
                ~absent & (measured.missing > MISSING),
                f"more than {MISSING:.0%} of the bins are missing: check the contigs of the file",
            ),
            (
                "scale",
                False,
                off,
                f"the mean is more than {SCALE} times that of the median track, or less than "
                f"1/{SCALE}: it rules the loss, or hardly counts; set scale",
            ),
        ):
            if chosen.any():
                yield Finding(kind, is_error, _named(targets, chosen), message)


def _duplicates(targets: Targets, measured: Survey) -> Iterator[Finding]:
    same = np.triu(measured.correlation > DUPLICATE, 1)
    for one, two in np.argwhere(same).tolist():
        yield Finding(
            "duplicate",
            True,
            (targets[one].identifier, targets[two].identifier),
            f"their correlation is above {DUPLICATE}: the same data twice; leave one out",
        )


def replicate_groups(targets: Targets) -> list[list[int]]:
    """Find tracks of the same assay, sample and strand: lists of indices, two or more each."""
    groups: dict[tuple[str, str, str], list[int]] = {}
    for target, strand in zip(targets, strands_of(targets), strict=True):
        if target.assay or target.sample:
            key = target.assay, target.sample, strand
            groups.setdefault(key, []).append(target.index)
    return [members for members in groups.values() if len(members) > 1]


def _replicates(targets: Targets, measured: Survey) -> Iterator[Finding]:
    for members in replicate_groups(targets):
        part = measured.correlation[np.ix_(members, members)].copy()
        np.fill_diagonal(part, np.nan)
        # A bad replicate is one that agrees with none of the others.
        known = np.isfinite(part).any(axis=1)
        best = np.max(part, axis=1, initial=-1, where=np.isfinite(part))
        low = np.array(members)[known & (best < REPLICATES)]
        if low.size:
            first = targets[members[0]]
            yield Finding(
                "replicates",
                False,
                tuple(targets[i].identifier for i in low),
                f"replicates of {first.assay}, {first.sample} with r below {REPLICATES} at "
                f"{measured.resolution} bp: look for a mix-up, or leave out what failed",
            )


def enrichment(measured: Survey) -> np.ndarray | None:
    """Divide the signal at start sites by the mean: float64, (tracks,); None without genes.

    A forward track counts on the genes' own strand, a reverse track on the other one.
    """
    if measured.profiles is None:
        return None
    with np.errstate(invalid="ignore", divide="ignore"):
        return measured.profiles.at_start / measured.mean


def own_strand_shares(targets: Targets, measured: Survey) -> dict[tuple[int, int], float]:
    """Compute for each strand pair which share of its signal at start sites is on their strand.

    Parameters
    ----------
    targets
        The tracks; `basenji_kipoi.models.strands.strands_of` tells which one of a pair is
        forward.
    measured
        Their measures, with profiles.

    Returns
    -------
    dict of (int, int) to float
        Forward and reverse track -> share. Pairs without signal there are left out.
    """
    if measured.profiles is None:
        return {}
    at_start = measured.profiles.at_start
    shares = {}
    for target, strand in zip(targets, strands_of(targets), strict=True):
        one, two = target.index, target.strand_pair
        total = at_start[one] + at_start[two]
        if one != two and strand == "+" and total > 0:
            shares[one, two] = float(at_start[one] / total)
    return shares


def _start_sites(targets: Targets, measured: Survey) -> Iterator[Finding]:
    profiles = measured.profiles
    if profiles is None:
        return
    if profiles.outside:
        yield Finding(
            "assembly",
            True,
            (),
            f"genes that start beyond the end of their chromosome: {profiles.outside}; the genes "
            "are of another assembly",
        )
    enriched = enrichment(measured)
    if profiles.sites == 0 or not np.isfinite(enriched).any():
        yield Finding("genes", True, (), "no gene starts in a region with values")
        return
    if np.nanmax(enriched) < ENRICHED:
        yield Finding(
            "assembly",
            True,
            (),
            f"no track has {ENRICHED} times its mean at start sites (the best has "
            f"{np.nanmax(enriched):.2f}): genes or coverage are of another assembly, or no assay "
            "marks starts",
        )
        return
    shares = own_strand_shares(targets, measured)
    for (one, two), share in shares.items():
        names = targets[one].identifier, targets[two].identifier
        if share < OWN_STRAND[0]:
            yield Finding(
                "strands",
                True,
                names,
                f"{share:.0%} of the signal at start sites is on the genes' strand: the two files "
                "are exchanged, or their names",
            )
        elif share < OWN_STRAND[1]:
            yield Finding(
                "strands",
                False,
                names,
                f"{share:.0%} of the signal at start sites is on the genes' strand: the assay is "
                "not stranded, or reads of both strands were mixed",
            )


def report(
    name: str, targets: Targets, measured: Survey, findings: Sequence[Finding]
) -> dict[str, Any]:
    """Put everything together as JSON can hold it.

    Parameters
    ----------
    name
        The store's.
    targets, measured, findings
        What was measured and found.

    Returns
    -------
    dict
        ``store``, ``bins``, ``splits``, ``resolution`` (bp), ``findings``, ``tracks``, and
        ``replicates`` (r of each pair). What is not defined is None.
    """
    enriched = enrichment(measured)
    shares = own_strand_shares(targets, measured)
    own = {index: value for pair, value in shares.items() for index in pair}
    return {
        "store": name,
        "bins": measured.bins,
        "splits": measured.split_bins,
        "resolution": measured.resolution,
        "start_sites": measured.profiles.sites if measured.profiles else None,
        "findings": [finding._asdict() for finding in findings],
        "tracks": [
            {
                "identifier": target.identifier,
                "assay": target.assay,
                "sample": target.sample,
                "missing": _number(measured.missing[i]),
                "zero": _number(measured.zero[i]),
                "clipped": _number(measured.clipped[i]),
                "mean": _number(measured.mean[i]),
                "median": _number(measured.quantiles[0, i]),
                "quantile_99": _number(measured.quantiles[1, i]),
                "maximum": _number(measured.maximum[i]),
                "means": {split: _number(mean[i]) for split, mean in measured.split_mean.items()},
                "enrichment_at_starts": None if enriched is None else _number(enriched[i]),
                "own_strand": own.get(i),
            }
            for i, target in enumerate(targets)
        ],
        "replicates": [
            {
                "tracks": [targets[one].identifier, targets[two].identifier],
                "r": _number(measured.correlation[one, two]),
            }
            for members in replicate_groups(targets)
            for k, one in enumerate(members)
            for two in members[k + 1 :]
        ],
    }


def _number(value: float) -> float | None:
    """Shorten a figure for JSON, which has no NaN."""
    return float(f"{value:.5g}") if np.isfinite(value) else None
