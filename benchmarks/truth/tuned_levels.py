"""Tune the effects of natural variants to another laboratory's, by its levels and differences.

    python benchmarks/truth/tuned_levels.py --data "$BASENJI_DATA/yeast" --model model_files \
        --out build/tuned_levels

What is compared was written down before: yeast_reporters_plan.md ("Tuned by levels too"), beside.
One linear function of an oligo is fitted by ridge regression to the mean level of both alleles
(with a constant) and, as the difference between them, to the effect (UpStream,
`mpra_tests.tsv.gz`). An oligo is described by the reporter's activity, by the hidden units of its
heads and by words on both strands. Every chromosome is predicted by what was fitted on the others;
among those, leaving one out again chooses the shares of the three, the weight of levels and the
penalty.
"""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import numpy as np
import typer
from comparison_folders import write_comparisons
from yeast_oligos import ALLELES, compare_upstream, described, upstream, weights_of, word_counts

from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.models.model import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from basenji_kipoi.comparison.run import Comparison

WORDS = range(1, 6)
PENALTIES = 10.0 ** np.arange(-1, 4.1, 0.5)
#: Shares of activity, hidden units and words.
SHARES = (
    (1, 0, 0),
    (1 / 2, 0, 1 / 2),
    (0, 1 / 2, 1 / 2),
    (1 / 3, 1 / 3, 1 / 3),
    (1 / 2, 1 / 4, 1 / 4),
    (1 / 4, 1 / 4, 1 / 2),
    (0, 0, 1),
)
#: Weight of a level beside the mean weight of an effect.
LEVELS = (0, 0.003, 0.03, 0.3)


class Setting(NamedTuple):
    """What is chosen on the chromosomes that are not predicted."""

    shares: tuple[float, ...]
    levels: float
    penalty: float


class Moments(NamedTuple):
    """Sums over some rows, of which those over more rows are the sums.

    Attributes
    ----------
    effects : ndarray, float64, shape (values, values)
        Weighted products of differences.
    effect : ndarray, float64, shape (values,)
        Weighted products of differences and effects.
    rows : int
        Variants.
    level_products : ndarray, float64, shape (values + 2, values + 2)
        Products of (values of levels, level, 1).
    """

    effects: np.ndarray
    effect: np.ndarray
    rows: int
    level_products: np.ndarray

    @staticmethod
    def of(rows: Rows) -> Moments:
        """Sum over rows."""
        weighted = rows.differences * rows.weight[:, None]
        levels = np.column_stack([rows.means, rows.level, np.ones(len(rows.level))])
        return Moments(
            weighted.T @ rows.differences,
            weighted.T @ rows.effect,
            len(rows.level),
            levels.T @ levels,
        )

    @staticmethod
    def total(parts: Iterable[Moments]) -> Moments:
        """Sum the moments of several parts."""
        return Moments(*(sum(each) for each in zip(*parts)))

    def normal(self, levels: float) -> tuple[np.ndarray, np.ndarray]:
        """Left and right side of the normal equations, levels with a constant of their own."""
        products = self.level_products[:-1, :-1]
        sums = self.level_products[-1, :-1]
        centred = products - np.outer(sums, sums) / self.level_products[-1, -1]
        left = self.effects + levels * centred[:-1, :-1]
        return left, self.effect + levels * centred[:-1, -1]


class Rows(NamedTuple):
    """Variants.

    Attributes
    ----------
    differences, means : ndarray, float64, shape (variants, values)
        Of the values of the two alleles: second minus first, and their mean.
    effect, weight, level : ndarray, float64, shape (variants,)
        Measured effect (log2), its weight, and the measured mean level of both alleles (log2).
    """

    differences: np.ndarray
    means: np.ndarray
    effect: np.ndarray
    weight: np.ndarray
    level: np.ndarray

    def part(self, chosen: np.ndarray) -> Rows:
        """Keep some of the rows."""
        return Rows(*(each[chosen] for each in self))


def fitted(
    moments: Moments, scale: np.ndarray, levels: float, penalties: Sequence[float]
) -> np.ndarray:
    """Fit by ridge regression for each penalty: float64, shape (values, penalties)."""
    left, right = moments.normal(levels)
    used = scale > 0
    kept = scale[used]
    values, vectors = np.linalg.eigh(left[np.ix_(used, used)] * kept[:, None] * kept)
    turned = vectors.T @ (kept * right[used])
    solved = turned[:, None] / (np.maximum(values, 0)[:, None] + np.asarray(penalties))
    coefficients = np.zeros((len(scale), len(penalties)))
    coefficients[used] = kept[:, None] * (vectors @ solved)
    return coefficients


def tuned(
    rows: Rows, groups: np.ndarray, kinds: np.ndarray, shares: Sequence[tuple[float, ...]] = SHARES
) -> tuple[np.ndarray, dict[str, Setting]]:
    """Predict each group by what was fitted, and chosen, on the others.

    Parameters
    ----------
    rows
        All variants.
    groups : ndarray, shape (variants,)
        What is left out together.
    kinds : ndarray, integer, shape (values,)
        Which of the shares each value belongs to.
    shares
        Those to choose among.

    Returns
    -------
    predicted : ndarray, float64, shape (variants,)
        The effects.
    chosen : dict of str to Setting
        By the group that was predicted.
    """
    names = [str(name) for name in np.unique(groups)]
    parts = {name: rows.part(groups == name) for name in names}
    moments = {name: Moments.of(part) for name, part in parts.items()}
    rooms = [*product(shares, LEVELS)]
    errors = {name: np.zeros((len(rooms), len(PENALTIES))) for name in names}
    pairs = list(combinations(names, 2))
    with progress_bar("choosing", total=len(pairs), unit="pairs of groups") as advance:
        for first, second in pairs:
            rest = Moments.total(moments[name] for name in names if name not in (first, second))
            for row, (share, levels) in enumerate(rooms):
                fits = fitted(rest, np.sqrt(np.array(share))[kinds], levels, PENALTIES)
                # What is fitted without both says how well one is predicted where the other is out.
                for out, seen in ((first, second), (second, first)):
                    off = parts[seen].effect[:, None] - parts[seen].differences @ fits
                    errors[out][row] += (parts[seen].weight[:, None] * off**2).sum(axis=0)
            advance(1)
    predicted, chosen = np.full(len(groups), np.nan), {}
    for name in names:
        room, penalty = np.unravel_index(np.argmin(errors[name]), errors[name].shape)
        setting = Setting(*rooms[room], float(PENALTIES[penalty]))
        rest = Moments.total(moments[other] for other in names if other != name)
        scale = np.sqrt(np.array(setting.shares))[kinds]
        fit = fitted(rest, scale, setting.levels, [setting.penalty])[:, 0]
        predicted[groups == name] = parts[name].differences @ fit
        chosen[name] = setting
    return predicted, chosen


def alike(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """Join values of alleles, (variants, 2, values) each, whose differences then count alike."""
    scaled = [
        block / np.sqrt(((block[:, 1] - block[:, 0]) ** 2).sum(axis=1).mean()) for block in blocks
    ]
    return np.concatenate(scaled, axis=2) / np.sqrt(len(scaled))


def of_words(table: pd.DataFrame) -> np.ndarray:
    """Count words on both strands: float64, shape (variants, 2, words)."""
    blocks = []
    for size in WORDS:
        digits = np.indices((4,) * size).reshape(size, -1)
        reverse = (3 - digits[::-1]).T @ 4 ** np.arange(size)[::-1]
        once = np.flatnonzero(reverse >= np.arange(4**size))
        alleles = [word_counts(list(table[name]), size) for name in ALLELES]
        blocks.append(np.stack([(each + each[:, reverse])[:, once] for each in alleles], axis=1))
    return alike(block.astype(np.float64) for block in blocks)


def described_by(values: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Join kinds of values, and number them: (variants, 2, all) and (all,)."""
    kinds = [np.full(block.shape[2], number) for number, block in enumerate(values.values())]
    return np.concatenate([alike([each]) for each in values.values()], axis=2), np.concatenate(
        kinds
    )


def compare_tuned(model: Path, data: Path) -> tuple[Comparison, dict[str, Setting]]:
    """Compare, and tell what was chosen for each chromosome."""
    table = upstream(data)
    reporter = described(load(model), table["pieces"])
    values, kinds = described_by(
        {
            "activity": reporter.activities[..., 0].astype(np.float64),
            "hidden": reporter.hidden.astype(np.float64),
            "words": of_words(table),
        }
    )
    weight = weights_of(table)
    rows = Rows(
        values[:, 1] - values[:, 0],
        values.mean(axis=1),
        table["logFC"].to_numpy(),
        weight / weight.mean(),
        table["AveExpr"].to_numpy(),
    )
    table["reporter"] = reporter.effect
    table["tuned"], chosen = tuned(rows, table["chrom"].to_numpy(), kinds)
    comparison = compare_upstream(table, ("reporter", "tuned"), data, command="tuned_levels.py")
    return comparison, chosen


def main(
    data: Annotated[Path, typer.Option(help="Folder with the yeast data.")],
    model: Annotated[Path, typer.Option(help="Bundle with a reporter of promoters.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    overwrite: Annotated[bool, typer.Option(help="Replace an existing folder.")] = False,
) -> None:
    """Tune predicted effects of natural variants by levels and differences, and compare."""

    def make() -> tuple[dict[str, Comparison], dict[str, dict]]:
        comparison, chosen = compare_tuned(model, data)
        for name, setting in chosen.items():
            shares = ", ".join(f"{share:.2f}" for share in setting.shares)
            print(
                f"{name}: shares {shares}; levels {setting.levels}; penalty {setting.penalty:.3g}"
            )
        settings = {name: setting._asdict() for name, setting in chosen.items()}
        return {"": comparison}, {"chosen": settings}

    write_comparisons(out, make, overwrite=overwrite)


if __name__ == "__main__":
    typer.run(main)
