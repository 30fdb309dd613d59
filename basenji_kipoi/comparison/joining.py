"""Which prediction belongs to which measurement, and why one has none.

No row is dropped silently: each measured row has a status, ``used`` or the reason why not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.comparison.tables import condition
from basenji_kipoi.genome.contig_names import matching_contigs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from basenji_kipoi.comparison.options import CompareOptions
    from basenji_kipoi.comparison.tables import Table

__all__ = ["USED", "Joined", "ScoreColumns", "join", "score_columns", "variant_keys"]

USED = "used"
_VARIANT = ("chrom", "pos", "ref", "alt")
_ROLES = {"variant": _VARIANT, "gene": ("gene",), "variant-gene": (*_VARIANT, "gene")}


class ScoreColumns(NamedTuple):
    """A score's name, and its columns of genes on the plus and on the minus strand."""

    name: str
    plus: str
    minus: str


@dataclass(frozen=True)
class Joined:
    """Measured rows with their predictions.

    Attributes
    ----------
    match : str
        By what: ``variant``, ``gene`` or ``variant-gene``.
    status : ndarray, object, shape (rows,)
        `USED`, or why a row is left out.
    effect : ndarray, float64, shape (rows,)
        Measured effects.
    predicted : ndarray, float64, shape (rows, scores)
        Predictions; NaN in rows that are left out.
    scores : tuple of ScoreColumns
        What is predicted.
    contigs : dict of str to str
        The predictions' names of the measured contigs.
    again : int
        Used rows that are measurements of what another row measures, too.
    """

    match: str
    status: np.ndarray
    effect: np.ndarray
    predicted: np.ndarray
    scores: tuple[ScoreColumns, ...]
    contigs: dict[str, str]
    again: int

    @property
    def used(self) -> np.ndarray:
        """Whether a row is used: bool (rows,)."""
        return self.status == USED


def score_columns(predicted: Table, asked: Sequence[str]) -> tuple[ScoreColumns, ...]:
    """Find the columns of predictions.

    Parameters
    ----------
    predicted
        The table.
    asked
        As `CompareOptions.scores` has them.

    Raises
    ------
    InputError
        If there is no such column, or it does not follow from the table what to compare.
    """
    columns = list(map(str, predicted.frame.columns))
    if not asked:
        found = [name for name in columns if "/" in name]
        roles = {predicted.column(role) for role in (*_VARIANT, "gene", "strand", "distance")}
        numeric = [
            name
            for name in columns
            if name not in roles and np.isfinite(predicted.numbers(name)).any()
        ]
        found = found or numeric
        if not found or (len(found) > 1 and "/" not in found[0]):
            raise InputError(
                f"{predicted.name} has {len(found)} columns that could be predictions: name one "
                "or more with --score COLUMN or --score NAME=COLUMN"
            )
        return tuple(ScoreColumns(name, name, name) for name in found)
    scores = []
    for text in asked:
        if text in columns:
            scores.append(ScoreColumns(text, text, text))
            continue
        name, _, rest = text.rpartition("=")
        plus, _, minus = rest.partition(",")
        for column in (plus, minus or plus):
            predicted.texts(column)  # raises if there is none
        scores.append(ScoreColumns(name or rest, plus, minus or plus))
    names = [each.name for each in scores]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(f"two scores are called {twice[0]!r}")
    return tuple(scores)


def matched_by(measured: Table, predicted: Table, asked: str | None) -> str:
    """Choose the columns by which rows are the same.

    Raises
    ------
    InputError
        If one of the tables lacks them.
    """
    if asked is None:
        both = [
            role for role in _ROLES["variant-gene"] if measured.has(role) and predicted.has(role)
        ]
        if set(_VARIANT) <= set(both):
            asked = "variant-gene" if "gene" in both else "variant"
        elif "gene" in both:
            asked = "gene"
        else:
            raise InputError(
                f"{measured.name} and {predicted.name} have neither chrom, pos, ref and alt nor a "
                "gene in common: name the columns, for instance --column chrom=chr"
            )
    for table in (measured, predicted):
        lacking = [role for role in _ROLES[asked] if not table.has(role)]
        if lacking:
            raise InputError(
                f"{table.name} has no column {lacking[0]}: if it is called otherwise, say "
                f"--column {lacking[0]}=NAME"
            )
    return asked


def variant_keys(table: Table, contigs: dict[str, str] | None = None) -> np.ndarray:
    """Make a key of each row's variant: object (rows,); empty where it is none."""
    columns = [table.texts(table.column(role)) for role in _VARIANT]
    place = table.numbers(table.column("pos"))
    keys = np.empty(len(table), dtype=object)
    for row, (chrom, _, ref, alt) in enumerate(zip(*columns)):
        valid = place[row] >= 1 and place[row] % 1 == 0 and chrom and ref and alt
        chrom = contigs.get(chrom, chrom) if contigs else chrom
        keys[row] = f"{chrom}\t{place[row]:.0f}\t{ref.upper()}\t{alt.upper()}" if valid else ""
    return keys


def join(measured: Table, predicted: Table, options: CompareOptions) -> Joined:
    """Give each measured row its predictions, or the reason why it has none.

    Parameters
    ----------
    measured, predicted
        The tables.
    options
        What is compared.

    Raises
    ------
    InputError
        If a column is missing, or fewer than three rows are left.
    """
    match = matched_by(measured, predicted, options.match)
    scores = score_columns(predicted, options.scores)
    effect = measured.numbers(options.effect)
    contigs: dict[str, str] = {}
    if match != "gene":
        known = set(predicted.texts(predicted.column("chrom")))
        contigs = matching_contigs(dict.fromkeys(measured.texts(measured.column("chrom"))), known)
    mine = _keys(measured, match, contigs)
    theirs = _keys(predicted, match)
    found = _Predictions(predicted, theirs, scores, options, is_sum=match == "gene")
    status = np.full(len(measured), USED, dtype=object)
    for reason, rows in _reasons(measured, mine, effect, found, match, contigs, options):
        status[(status == USED) & rows] = reason
    values = np.full((len(measured), len(scores)), np.nan)
    used = np.flatnonzero(status == USED)
    rows = np.array([found.row[mine[row]] for row in used], dtype=int)
    strands = _strands(measured, predicted, found, used, rows)
    for column, each in enumerate(scores):
        plus, minus = found.values[each.plus][rows], found.values[each.minus][rows]
        values[used, column] = np.where(strands == "-", minus, plus)
        if each.plus != each.minus:
            unknown = used[(strands != "-") & (strands != "+")]
            status[unknown] = "no_strand"
    lacking = (status == USED) & ~np.isfinite(values).all(axis=1)
    status[lacking] = "no_score"
    values[status != USED] = np.nan
    if (status == USED).sum() < 3:
        reasons = pd.Series(status).value_counts()
        listed = ", ".join(f"{number:,} {reason}" for reason, number in reasons.items())
        raise InputError(
            f"fewer than three rows of {measured.name} can be compared with {predicted.name}: "
            f"{listed}"
        )
    kept = pd.Series(mine[status == USED])
    return Joined(match, status, effect, values, scores, contigs, int(kept.duplicated().sum()))


def _keys(table: Table, match: str, contigs: dict[str, str] | None = None) -> np.ndarray:
    if match == "gene":
        return table.texts(table.column("gene"))
    keys = variant_keys(table, contigs)
    if match == "variant":
        return keys
    genes = table.texts(table.column("gene"))
    return np.array([f"{k}\t{g}" if k and g else "" for k, g in zip(keys, genes)], dtype=object)


def _reasons(
    measured: Table,
    keys: np.ndarray,
    effect: np.ndarray,
    found: _Predictions,
    match: str,
    contigs: dict[str, str],
    options: CompareOptions,
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the reasons to leave rows out, the first that holds counts, and where each holds."""
    for text in options.where:
        yield f"not {text}", ~condition(measured, text)
    yield "no_effect", ~np.isfinite(effect)
    yield "repeated_row", measured.frame.astype(str).duplicated().to_numpy()
    if match != "gene":
        chroms = measured.texts(measured.column("chrom"))
        yield "contig_not_predicted", np.array([chrom not in contigs for chrom in chroms])
    yield f"no_{'gene' if match == 'gene' else 'variant'}", keys == ""
    yield "predicted_twice", np.array([key in found.contradicting for key in keys])
    missing = np.array([key not in found.row for key in keys])
    reasons = np.array([found.left_out.get(key, "") for key in keys], dtype=object)
    for reason in sorted(set(reasons[missing]) - {""}):
        yield reason, missing & (reasons == reason)
    if match != "gene":
        swapped = np.array([_swapped(key) in found.known for key in keys])
        yield "alleles_swapped", missing & swapped
    yield "not_predicted", missing


def _swapped(key: str) -> str:
    parts = key.split("\t")
    return "\t".join([*parts[:2], *parts[3:1:-1], *parts[4:]])


class _Predictions:
    """Predictions by key.

    Attributes
    ----------
    row : dict of str to int
        Where those of a key are in `values`.
    values : dict of str to ndarray
        By column; of rows, or of sums over a gene's rows.
    contradicting, known : set of str
        Keys with several rows that differ; all keys of the table.
    left_out : dict of str to str
        Why none of a key's rows counts.
    first : ndarray, int
        The table's row of each value.
    """

    def __init__(
        self,
        table: Table,
        keys: np.ndarray,
        scores: Sequence[ScoreColumns],
        options: CompareOptions,
        *,
        is_sum: bool,
    ) -> None:
        reasons = np.full(len(table), "", dtype=object)
        if table.has("status"):
            status = table.texts(table.column("status"))
            reasons = np.where(status == "ok", "", "not_scored: " + status.astype(object))
        for text in options.predicted_where:
            reasons[(reasons == "") & ~condition(table, text)] = f"predictions not {text}"
        names = sorted({name for each in scores for name in each[1:]})
        frame = pd.DataFrame({name: table.numbers(name) for name in names})
        counted = np.flatnonzero((reasons == "") & (keys != ""))
        self.known = set(keys)
        self.contradicting: set[str] = set()
        kept = pd.Series(keys[counted])
        if is_sum:
            groups = frame.iloc[counted].groupby(keys[counted], sort=False)
            sums = groups.sum(min_count=1)
            self.values = {name: sums[name].to_numpy() for name in names}
            self.row = {key: row for row, key in enumerate(sums.index)}
            self.first = counted[~kept.duplicated().to_numpy()]
        else:
            whole = frame.iloc[counted].assign(key=keys[counted])
            different = whole.drop_duplicates()["key"]
            self.contradicting = set(different[different.duplicated()])
            self.first = counted[~kept.duplicated().to_numpy()]
            self.values = {name: frame[name].to_numpy()[self.first] for name in names}
            self.row = {keys[row]: number for number, row in enumerate(self.first)}
        self.left_out = {
            key: reason for key, reason in zip(keys, reasons) if reason and key not in self.row
        }


def _strands(
    measured: Table, predicted: Table, found: _Predictions, used: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Find the strand of each used row's gene: of the measured table, else of the predictions'."""
    if measured.has("strand"):
        return measured.texts(measured.column("strand"))[used]
    if predicted.has("strand"):
        return predicted.texts(predicted.column("strand"))[found.first[rows]]
    return np.full(len(used), "", dtype=object)
