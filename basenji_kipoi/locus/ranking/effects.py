"""Predicted effects of variants, beside those of random ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.scoring.background import quantiles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from basenji_kipoi.locus.linkage import Key
    from basenji_kipoi.models.targets import Target

__all__ = ["GeneEffect", "GroupEffects", "Predicted", "Scored", "predicted_effects"]

#: Score of genes that says how much their starts change.
GENE_SCORE = "logSED"


@dataclass(frozen=True)
class Scored:
    """Scores of variants, as `basenji_kipoi.score` gives them.

    Attributes
    ----------
    alleles, genes : pyarrow.Table
        Of alleles, and of their genes; None without genes.
    """

    alleles: pa.Table
    genes: pa.Table | None = None

    def divided(self, number: int) -> tuple[Scored, Scored]:
        """Divide the scores of different variants into those of the first ones and the others."""
        parts = self.alleles.slice(0, number), self.alleles.slice(number)
        if self.genes is None:
            return Scored(parts[0]), Scored(parts[1])
        first = set(_keys(parts[0]))
        is_first = np.array([key in first for key in _keys(self.genes)], dtype=bool)
        return Scored(parts[0], self.genes.filter(is_first)), Scored(
            parts[1], self.genes.filter(~is_first)
        )


@dataclass(frozen=True)
class GroupEffects:
    """What variants change in a group of tracks.

    Attributes
    ----------
    tracks : ndarray, object, shape (variants,)
        The track of the group that changes most, beside what random variants do; empty where there
        is no score.
    scores : ndarray, float64, shape (variants,)
        Its score; NaN where there is none.
    percentiles : ndarray, float64, shape (variants,)
        Percent of random variants whose largest effect in the group is smaller.
    """

    tracks: np.ndarray
    scores: np.ndarray
    percentiles: np.ndarray


@dataclass(frozen=True)
class GeneEffect:
    """What a variant changes in a gene.

    Attributes
    ----------
    gene_id, name : str
        The gene.
    distance : int
        Bases to the nearest of its starts.
    track : str
        The track that changes most.
    change : float
        log2 ratio of the gene's starts in that track (ALT over REF).
    p : float
        Share of random variants and genes within reach with at least such a change, in any track.
    """

    gene_id: str
    name: str
    distance: int
    track: str
    change: float
    p: float


@dataclass(frozen=True)
class Predicted:
    """Predicted effects of variants.

    Attributes
    ----------
    row : dict of tuple to int
        Which row is a variant's.
    status : list of str
        ``ok``, or why a variant has no scores.
    p : ndarray, float64, shape (variants,)
        Share of random variants whose largest effect in any group is at least as large.
    groups : dict of str to GroupEffects
        By group of tracks.
    genes : dict of tuple to list of GeneEffect
        Of each variant, most changed first; empty without genes.
    random : int
        Random variants with scores.
    """

    row: Mapping[Key, int]
    status: list[str]
    p: np.ndarray
    groups: Mapping[str, GroupEffects]
    genes: Mapping[Key, list[GeneEffect]]
    random: int


def _tails(values: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Compute the share of a background with at least such a value: float64, of the same shape.

    No share is smaller than one of the background and one more; ties count half.
    """
    number = len(background)
    smaller = quantiles(np.sort(background, axis=0), values).astype(float)
    return np.clip(((1 - smaller) * number + 1) / (number + 1), 0, 1)


def predicted_effects(
    scored: Scored, random: Scored, targets: Sequence[Target], score: str, group_by: str
) -> Predicted:
    """Set the scores of variants beside those of random ones.

    Parameters
    ----------
    scored, random
        Scores of the variants, and of the random ones.
    targets
        The tracks.
    score
        Name of the score.
    group_by
        ``assay``, ``sample`` or ``track``: what makes a group.

    Raises
    ------
    InputError
        If no random variant has scores.
    """
    names = [target.identifier for target in targets]
    values, background = (
        _matrix(table.alleles, [f"{score}/{name}" for name in names]) for table in (scored, random)
    )
    background = background[np.isfinite(background).all(axis=1)]
    if not len(background):
        raise InputError("no random variant has scores: give a background with --background")
    p, p_random = (_tails(np.abs(each), np.abs(background)) for each in (values, background))
    groups = {}
    least, least_random = np.full(len(values), np.inf), np.full(len(background), np.inf)
    has = np.isfinite(values).all(axis=1)
    for name, columns in _grouped(targets, group_by).items():
        best = np.argmin(np.where(has[:, None], p[:, columns], 1), axis=1)
        of_group = np.take_along_axis(p[:, columns], best[:, None], axis=1)[:, 0]
        of_random = p_random[:, columns].min(axis=1)
        within = _tails(-of_group[:, None], -of_random[:, None])[:, 0]
        groups[name] = GroupEffects(
            np.where(has, np.array(names, dtype=object)[np.array(columns)[best]], ""),
            np.take_along_axis(values[:, columns], best[:, None], axis=1)[:, 0],
            100 * (1 - within),
        )
        least = np.minimum(least, of_group)
        least_random = np.minimum(least_random, of_random)
    total = _tails(-least[:, None], -least_random[:, None])[:, 0]
    keys = _keys(scored.alleles)
    return Predicted(
        row={key: row for row, key in enumerate(keys)},
        status=scored.alleles.column("status").to_pylist(),
        p=np.where(has, total, np.nan),
        groups=groups,
        genes=_gene_effects(scored.genes, random.genes, names),
        random=len(background),
    )


def _gene_effects(
    genes: pa.Table | None, random: pa.Table | None, names: Sequence[str]
) -> dict[Key, list[GeneEffect]]:
    if genes is None or random is None or not len(genes):
        return {}
    columns = [f"{GENE_SCORE}/{name}" for name in names]
    values, background = _matrix(genes, columns), _matrix(random, columns)
    if not len(background):
        return {}
    p, p_random = (_tails(np.abs(each), np.abs(background)) for each in (values, background))
    best = p.argmin(axis=1)
    total = _tails(-p.min(axis=1)[:, None], -p_random.min(axis=1)[:, None])[:, 0]
    found: dict[Key, list[GeneEffect]] = {}
    described = zip(*(genes.column(n).to_pylist() for n in ("gene_id", "gene_name", "distance")))
    for row, (key, (gene_id, name, distance)) in enumerate(zip(_keys(genes), described)):
        track = best[row]
        effect = GeneEffect(
            gene_id, name, distance, names[track], float(values[row, track]), float(total[row])
        )
        found.setdefault(key, []).append(effect)
    for mine in found.values():
        mine.sort(key=lambda each: (each.p, -abs(each.change), each.distance))
    return found


def _grouped(targets: Sequence[Target], group_by: str) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for column, target in enumerate(targets):
        name = target.identifier if group_by == "track" else getattr(target, group_by)
        groups.setdefault(name or target.identifier, []).append(column)
    return groups


def _matrix(table: pa.Table, columns: Sequence[str]) -> np.ndarray:
    parts = [table.column(name).to_numpy() for name in columns]
    return np.stack(parts, axis=1).astype(float) if len(table) else np.empty((0, len(columns)))


def _keys(table: pa.Table) -> list[Key]:
    return list(zip(*(table.column(name).to_pylist() for name in ("chrom", "pos", "ref", "alt"))))
