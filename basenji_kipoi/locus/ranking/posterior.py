"""PIPs of sets, as given or from association, and what they become with the prior of effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.locus.finemapping import credible_set, single_effect, sum_of_single_effects
from basenji_kipoi.locus.ranking.prior import (
    LEAST_SETS,
    Weight,
    estimate_weight,
    joined,
    log_prior,
    too_few_sets,
)
from basenji_kipoi.locus.variants import SetKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.locus.linkage import Linkage
    from basenji_kipoi.locus.variants import LocusTable, LocusVariant

__all__ = ["ABSENT", "METHODS", "OUTSIDE", "RankedSet", "check_sets", "rank_sets"]

#: What PIPs came from, as metadata and messages say it.
METHODS = {
    "given": "PIPs of the table",
    "single": "one signal a set, from z-scores",
    "susie": "sum of single effects, from z-scores and linkage",
}
#: Sums of PIPs above this one are no rounding.
_OVER = 1.02
OUTSIDE, ABSENT = "outside_of_sets", "absent_from_linkage"
_OVER_ONE, _NONE, _NO_SIGNAL = "pips_sum_over_one", "no_statistics", "no_signal"


@dataclass
class RankedSet:
    """What competes for a signal, and how it ends.

    Attributes
    ----------
    key : SetKey
        What it is.
    members : ndarray, int, shape (variants,)
        Rows of the table.
    pip, posterior : ndarray, float64, shape (variants,)
        Without and with the prior of predicted effects; NaN where there is none.
    reason : str
        Why there is no posterior; empty if there is one.
    signals : int
        Signals that were found, of a locus with linkage; else 1.
    notes : dict of int to str
        Why a member has no posterior, by row of the table.
    """

    key: SetKey
    members: np.ndarray
    pip: np.ndarray
    posterior: np.ndarray
    reason: str = ""
    signals: int = 1
    notes: dict[int, str] | None = None

    def credible(self, values: np.ndarray) -> int:
        """Count the variants of the 95 % credible set of PIPs or posteriors; 0 if there is none."""
        known = np.nan_to_num(values)
        return len(credible_set(known / known.sum())) if known.sum() > 0 else 0


def check_sets(table: LocusTable, *, weight: float | None, has_linkage: bool, signals: int) -> None:
    """Check that a table can have the sets of which a weight is estimated: predicting takes long.

    Parameters
    ----------
    table
        The variants.
    weight
        Weight of the prior; None to estimate it.
    has_linkage
        Whether there is linkage, by which a locus may have several sets.
    signals
        Most signals of a locus.

    Raises
    ------
    InputError
        If a weight is to be estimated from too few sets.
    """
    if _has_pips(table):
        number = sum(not each.reason for each in _given(table))
    else:
        number = len(_groups(table)) * (signals if has_linkage else 1)
    if weight is None and number < LEAST_SETS:
        raise too_few_sets(number)


def rank_sets(
    table: LocusTable,
    p: np.ndarray,
    linkage: Linkage | None,
    *,
    weight: float | None,
    signals: int,
) -> tuple[list[RankedSet], Weight, str]:
    """Compute PIPs and joint posteriors of all sets.

    Parameters
    ----------
    table
        The variants.
    p : ndarray, float, shape (rows,)
        Share of random variants with at least such an effect; NaN without a prediction.
    linkage
        Linkage, which is used where PIPs are not given.
    weight
        Weight of the prior; None to estimate it.
    signals
        Most signals of a locus.

    Returns
    -------
    list of RankedSet
        In the order of the table.
    Weight
        The weight.
    str
        What PIPs came from: a key of `METHODS`.

    Raises
    ------
    InputError
        If a weight is to be estimated from too few sets.
    """
    if _has_pips(table):
        method, ranked = "given", _given(table)
    elif linkage is None:
        method, ranked = "single", [_single(table, *each) for each in _groups(table)]
    else:
        method, ranked = "susie", []
        parts = [_Located(table, *each, linkage, signals) for each in _groups(table)]
        ranked = [part.ranked() for part in parts]
    if weight is None:
        if method == "susie":
            told = [pair for part in parts for pair in part.told(p)]
        else:
            told = [
                (np.nan_to_num(each.pip), p[each.members]) for each in ranked if not each.reason
            ]
        chosen = estimate_weight(told)
    else:
        chosen = Weight(weight, None, None, 0)
    for number, each in enumerate(ranked):
        if each.reason:
            continue
        prior = log_prior(p[each.members], chosen.value)
        if method == "susie":
            parts[number].join(each, prior)
        elif method == "single":
            z = np.array([table.variants[row].z for row in each.members])
            each.posterior = single_effect(z, prior)[0]
        else:
            each.posterior = joined(np.nan_to_num(each.pip), prior)
    return ranked, chosen, method


def _has_pips(table: LocusTable) -> bool:
    return any(each.pip is not None for each in table.variants)


def _groups(table: LocusTable) -> list[tuple[SetKey, list[int]]]:
    """Group rows by locus, trait and gene."""
    groups: dict[SetKey, list[int]] = {}
    for row, each in enumerate(table.variants):
        groups.setdefault(each.set_key._replace(credible_set=""), []).append(row)
    return list(groups.items())


def _given(table: LocusTable) -> list[RankedSet]:
    groups: dict[SetKey, list[int]] = {}
    for row, each in enumerate(table.variants):
        groups.setdefault(each.set_key, []).append(row)
    ranked = []
    for key, rows in groups.items():
        pip = np.array([_number(table.variants[row].pip) for row in rows])
        each = RankedSet(key, np.array(rows), pip, np.full(len(rows), np.nan))
        if table.has_sets and not key.credible_set:
            each.reason = OUTSIDE
        elif not np.nansum(pip):
            each.reason = _NONE
        elif np.nansum(pip) > _OVER:
            each.reason = _OVER_ONE
        ranked.append(each)
    return ranked


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _with_z(table: LocusTable, rows: Sequence[int]) -> list[int]:
    return [row for row in rows if table.variants[row].z is not None]


def _single(table: LocusTable, key: SetKey, rows: list[int]) -> RankedSet:
    members = _with_z(table, rows)
    empty = np.full(len(members), np.nan)
    notes = dict.fromkeys(set(rows) - set(members), _NONE)
    each = RankedSet(key, np.array(members, dtype=int), empty, empty.copy(), notes=notes)
    if not members:
        each.reason = _NONE
        return each
    each.pip, variance = single_effect(np.array([table.variants[row].z for row in members]))
    if not variance:
        each.reason, each.signals = _NO_SIGNAL, 0
    return each


class _Located:
    """A locus with linkage."""

    def __init__(
        self, table: LocusTable, key: SetKey, rows: list[int], linkage: Linkage, most: int
    ) -> None:
        self._key, self._most = key, most
        usable = [row for row in _with_z(table, rows) if _is_usable(table.variants[row])]
        linked = linkage.among([table.variants[row].key for row in usable])
        kept = np.flatnonzero(linked.present)
        self._rows = np.array(usable, dtype=int)[kept]
        self._r = linked.r[np.ix_(kept, kept)]
        self._z = np.array([table.variants[row].z for row in self._rows])
        self._notes = dict.fromkeys(set(rows) - set(usable), _NONE)
        self._notes.update(dict.fromkeys(set(usable) - set(self._rows.tolist()), ABSENT))
        self._found = None
        if len(self._rows):
            self._found = sum_of_single_effects(self._z, self._r, signals=most)

    def ranked(self) -> RankedSet:
        empty = np.full(len(self._rows), np.nan)
        each = RankedSet(self._key, self._rows, empty, empty.copy(), notes=self._notes)
        if self._found is None:
            each.reason = _NONE
            return each
        each.pip, each.signals = self._found.pip, len(self._found.sets)
        if not each.signals:
            each.reason = _NO_SIGNAL
        return each

    def told(self, p: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return what each signal says of the weight."""
        if self._found is None:
            return []
        return [(self._found.alpha[number], p[self._rows]) for number in self._found.set_signals]

    def join(self, each: RankedSet, prior: np.ndarray) -> None:
        found = sum_of_single_effects(self._z, self._r, signals=self._most, log_prior=prior)
        each.posterior = found.pip


def _is_usable(variant: LocusVariant) -> bool:
    return variant.reason is None and variant.sign_known
