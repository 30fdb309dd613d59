"""Variants with an effect, and matched ones without: how well predictions tell them apart.

A predictor that knows where promoters are, or which substitutions are common there, would tell
variants with an effect from any others. Negatives have therefore the same REF and ALT, and lie as
far from the start of a gene; if asked for they are as frequent, too, for what is measured of rare
variants is less sure.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.comparison.joining import variant_keys
from basenji_kipoi.comparison.tables import condition
from basenji_kipoi.genome.genes import nearest_starts, read_genes

if TYPE_CHECKING:
    from basenji_kipoi.comparison.joining import Joined
    from basenji_kipoi.comparison.options import CompareOptions
    from basenji_kipoi.comparison.tables import Table

#: What differences of decimal numbers are rounded by.
_ROUNDING = 1e-9

__all__ = ["Matched", "match_negatives", "matched_negatives", "rule_of"]


@dataclass(frozen=True)
class Matched:
    """Variants with an effect and their negatives.

    Attributes
    ----------
    positives : ndarray, int, shape (positives,)
        Measured rows that have negatives.
    positive_scores : ndarray, float64, shape (positives, scores)
        Their predictions.
    negative_scores : ndarray, float64, shape (positives, negatives, scores)
        Those of the negatives.
    positive_distances, negative_distances : ndarray, shape (positives,), (positives, negatives)
        Distances to the start of a gene (bp).
    candidates : int
        Variants that could have been negatives.
    unmatched : int
        Variants with an effect that have no negatives, and are left out.
    """

    positives: np.ndarray
    positive_scores: np.ndarray
    negative_scores: np.ndarray
    positive_distances: np.ndarray
    negative_distances: np.ndarray
    candidates: int
    unmatched: int


def rule_of(options: CompareOptions) -> str:
    """State the rule of matching."""
    number = options.negatives_each
    each = "one negative" if number == 1 else f"{number} negatives"
    frequency = ""
    if options.frequency_within is not None:
        frequency = (
            f", and the frequency of whose rarer allele differs by at most "
            f"{options.frequency_within:g}"
        )
    return (
        f"Each variant with an effect ({options.with_effect}) gets {each} with the same REF and "
        f"ALT, whose distance to the start of a gene differs by at most {options.distance_within} "
        f"bp{frequency}: the nearest in distance that no other has. Variants choose one after "
        f"another, in an order at random (seed {options.seed}); those without {each} are left out. "
        + (
            f"Negatives are measured variants ({options.without_effect or 'all others'})."
            if options.negatives == "measured"
            else "Negatives are variants of the predictions that nobody measured."
        )
    )


def match_negatives(
    alleles: np.ndarray,
    distances: np.ndarray,
    other_alleles: np.ndarray,
    other_distances: np.ndarray,
    frequencies: np.ndarray | None = None,
    other_frequencies: np.ndarray | None = None,
    *,
    within: float,
    frequency_within: float = np.inf,
    number: int = 1,
    seed: int = 0,
) -> np.ndarray:
    """Choose negatives of the same alleles at nearly the same distance, each once.

    Parameters
    ----------
    alleles, other_alleles : ndarray, object, shape (positives,), (others,)
        REF and ALT of variants with an effect, and of those without.
    distances, other_distances : ndarray, shape (positives,), (others,)
        Distances to the start (bp).
    frequencies, other_frequencies : ndarray, shape (positives,), (others,), or None
        Frequencies of their rarer alleles; None: any will do.
    within, frequency_within
        Most by which two distances (bp), and two frequencies, may differ.
    number
        Negatives for each.
    seed
        Seed of the order in which variants choose.

    Returns
    -------
    ndarray, int, shape (positives, number)
        Which of the others; -1 in rows of variants that do not get as many.
    """
    free = np.ones(len(other_alleles), dtype=bool)
    rows = {each: np.flatnonzero(other_alleles == each) for each in set(alleles)}
    found = np.full((len(alleles), number), -1)
    for row in np.random.default_rng(seed).permutation(len(alleles)):
        mine = rows[alleles[row]]
        mine = mine[free[mine]]
        if frequencies is not None and other_frequencies is not None:
            mine = mine[
                np.abs(other_frequencies[mine] - frequencies[row]) <= frequency_within + _ROUNDING
            ]
        apart = np.abs(other_distances[mine] - distances[row])
        order = np.argsort(apart, kind="stable")[:number]
        if len(order) == number and apart[order[-1]] <= within:
            found[row] = mine[order]
            free[found[row]] = False
    return found


def matched_negatives(
    measured: Table, predicted: Table, joined: Joined, options: CompareOptions
) -> Matched:
    """Find the variants with an effect and their negatives.

    Parameters
    ----------
    measured, predicted
        The tables.
    joined
        Which rows belong together.
    options
        What is compared; has a condition of an effect.

    Raises
    ------
    InputError
        If rows are no variants, their distance to the start is not known, or nothing matches.
    """
    if joined.match == "gene":
        raise InputError(
            "a gene has no REF and ALT that negatives could have: leave out --with-effect, or "
            "compare variants"
        )
    keys = variant_keys(measured, joined.contigs)
    has_effect = condition(measured, options.with_effect or "")
    used = joined.used
    distance = _distances(measured, keys, joined, options)
    rarer = _frequencies(measured, options)
    usable = used & np.isfinite(distance) & np.isfinite(rarer)
    positives = np.flatnonzero(usable & has_effect)
    if not len(positives):
        raise InputError(
            f"no variant that can be compared has an effect ({options.with_effect}) and a distance"
        )
    if options.negatives == "measured":
        none = ~has_effect
        if options.without_effect is not None:
            none &= condition(measured, options.without_effect)
        # A variant that was measured twice has an effect if one of the two says so.
        effective = set(keys[has_effect])
        rows = [row for row in np.flatnonzero(usable & none) if keys[row] not in effective]
        rows = _once(rows, keys)
        scores, others, far = joined.predicted[rows], keys[rows], distance[rows]
        other_rarer = rarer[rows]
    else:
        if any(each.plus != each.minus for each in joined.scores):
            raise InputError(
                "variants that nobody measured have no strand: name scores of one column, or "
                "negatives that were measured"
            )
        names = variant_keys(predicted)
        away = _distances(predicted, names, joined, options)
        scores = np.stack([predicted.numbers(each.plus) for each in joined.scores], axis=1)
        unmeasured = _frequencies(predicted, options)
        known = np.isfinite(scores).all(axis=1) & np.isfinite(away) & (names != "")
        known &= np.isfinite(unmeasured)
        for text in options.predicted_where:
            known &= condition(predicted, text)
        seen = set(keys)
        rows = _once([row for row in np.flatnonzero(known) if names[row] not in seen], names)
        scores, others, far = scores[rows], names[rows], away[rows]
        other_rarer = unmeasured[rows]
    chosen = match_negatives(
        _alleles(keys[positives]),
        distance[positives],
        _alleles(others),
        far,
        rarer[positives],
        other_rarer,
        within=options.distance_within,
        frequency_within=np.inf if options.frequency_within is None else options.frequency_within,
        number=options.negatives_each,
        seed=options.seed,
    )
    matched = (chosen >= 0).all(axis=1)
    if not matched.any():
        raise InputError(
            f"none of {len(positives):,} variants with an effect has a negative of the same REF "
            f"and ALT within {options.distance_within} bp of its distance to the start"
            + (
                ": allow more with --distance-within, or take --negatives predicted"
                if options.frequency_within is None
                else f" and {options.frequency_within:g} of its frequency: allow more with "
                "--distance-within or --frequency-within"
            )
        )
    kept, chosen = positives[matched], chosen[matched]
    return Matched(
        kept,
        joined.predicted[kept],
        scores[chosen],
        distance[kept],
        far[chosen],
        len(rows),
        int((~matched).sum()),
    )


def _frequencies(table: Table, options: CompareOptions) -> np.ndarray:
    """Find the frequency of each variant's rarer allele: float64 (rows,), NaN if not known.

    Zeros where frequencies do not count.
    """
    if options.frequency_within is None:
        return np.zeros(len(table))
    if not table.has("frequency"):
        raise InputError(
            f"{table.name} has no column frequency, by which --frequency-within matches: name it "
            "with --column frequency=NAME"
        )
    values = table.numbers(table.column("frequency"))
    values = np.where((values >= 0) & (values <= 1), values, np.nan)
    return np.minimum(values, 1 - values)


def _once(rows: list[int], keys: np.ndarray) -> np.ndarray:
    """Keep the first row of each variant."""
    first: dict[str, int] = {}
    for row in rows:
        first.setdefault(keys[row], row)
    return np.array(list(first.values()), dtype=int)


def _alleles(keys: np.ndarray) -> np.ndarray:
    return np.array(["\t".join(key.split("\t")[2:4]) for key in keys], dtype=object)


class _TableContigs:
    """The contigs of a table, of which lengths are not known."""

    def __init__(self, name: str, contigs: set[str]) -> None:
        self.path = Path(name)
        self.lengths: dict[str, int | None] = dict.fromkeys(sorted(contigs))


def _distances(
    table: Table, keys: np.ndarray, joined: Joined, options: CompareOptions
) -> np.ndarray:
    """Find each variant's distance to the start of a gene: float64 (rows,), NaN if not known."""
    if options.genes is None:
        if not table.has("distance"):
            raise InputError(
                f"{table.name} has no column distance (bases to the start of a gene), by which "
                "negatives are matched: name it with --column distance=NAME, or give --genes"
            )
        return table.numbers(table.column("distance"))
    contigs = _TableContigs(table.name, {*joined.contigs.values()})
    places = [key.split("\t")[:2] if key else ["", "0"] for key in keys]
    chroms = np.array([chrom for chrom, _ in places])
    positions = np.array([int(place) - 1 for _, place in places])
    return nearest_starts(chroms, positions, read_genes(options.genes, contigs))[0]
