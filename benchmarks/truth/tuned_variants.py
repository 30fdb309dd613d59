"""Tune the effects of natural variants, predicted through a reporter, to another laboratory's.

    python benchmarks/truth/tuned_variants.py --data "$BASENJI_DATA/yeast" --model model_files \
        --out build/tuned_variants

What is compared was written down before: yeast_reporters_plan.md, beside. Kernel ridge regression
of the measured effect (UpStream, `mpra_tests.tsv.gz`) on what differs between the two alleles:

- ``reporter``: the hidden units of the reporter's heads and its activities, of the same pieces of
  the oligo as reporter_variants.py takes;
- ``words``: counts of words of one to six bases in the two oligos, in the gene's direction;
- ``both``: the sum of the two kernels.

Every chromosome is predicted by what was fitted on the others; among those, leaving one out again
chooses the penalty and, for ``both``, the kernels' shares. Rows weigh 1 / (SE² + variance of the
true effects). The reporter as it is, without any of this, stands beside.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from comparison_folders import write_comparisons
from yeast_oligos import (
    ALLELES,
    compare_upstream,
    described,
    upstream,
    weights_of,
    word_counts,
)

from basenji_kipoi.models.model import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from basenji_kipoi.comparison.run import Comparison

WORDS = range(1, 7)
#: Penalties beside a kernel whose mean diagonal is 1, and shares of the reporter's kernel.
PENALTIES = tuple(10.0**power for power in np.arange(-1, 4.1, 0.5))
SHARES = (0.25, 0.5, 0.75)


def of_words(table: pd.DataFrame) -> np.ndarray:
    """Describe variants by the differences of counts of words: float32, (variants, words)."""
    blocks = []
    for size in WORDS:
        before, behind = (word_counts(list(table[name]), size) for name in ALLELES)
        # Each size of words counts alike.
        counts = behind - before
        blocks.append(counts / np.sqrt((counts**2).sum(axis=1).mean()))
    return np.concatenate(blocks, axis=1)


def kernel_of(values: np.ndarray) -> np.ndarray:
    """Return the products of all pairs of rows: float64, mean diagonal 1."""
    values = values.astype(np.float64)
    values = values / np.where(values.any(axis=0), np.sqrt((values**2).mean(axis=0)), 1)
    kernel = values @ values.T
    return kernel / kernel.diagonal().mean()


def chosen(
    kernel: np.ndarray, effect: np.ndarray, weight: np.ndarray, groups: np.ndarray
) -> tuple[float, float, np.ndarray]:
    """Fit rows by ridge regression with the penalty that predicts left-out groups best.

    What a fit to the others predicts of a group follows from the fit to all: its residuals are
    (I - H)^-1 r, r those of the fit to all and H the group's block of the hat matrix.

    There is no constant: an allele that equals the other one has no effect.

    Returns
    -------
    error, penalty : float
        The weighted sum of squares of left-out groups, and the penalty.
    coefficients : ndarray, float64, shape (rows,)
        Of the kernel's rows: their product predicts.
    """
    root = np.sqrt(weight / weight.mean())
    values, vectors = np.linalg.eigh(kernel * root[:, None] * root)
    values = np.maximum(values, 0)
    turned = vectors.T @ (root * effect)
    parts = [np.flatnonzero(groups == name) for name in np.unique(groups)]
    errors = []
    for penalty in PENALTIES:
        kept = values / (values + penalty)
        rest = root * effect - vectors @ (kept * turned)
        off = 0.0
        for part in parts:
            block = (vectors[part] * kept) @ vectors[part].T
            off += (np.linalg.solve(np.eye(len(part)) - block, rest[part]) ** 2).sum()
        errors.append(off)
    best = int(np.argmin(errors))
    coefficients = root * (vectors @ (turned / (values + PENALTIES[best])))
    return errors[best], PENALTIES[best], coefficients


def tuned(
    kernels: Sequence[np.ndarray], effect: np.ndarray, weight: np.ndarray, groups: np.ndarray
) -> np.ndarray:
    """Predict each group by what was fitted, and chosen, on the others."""
    found = np.full(len(effect), np.nan)
    for left_out in np.unique(groups):
        test, rest = np.flatnonzero(groups == left_out), np.flatnonzero(groups != left_out)
        fits = [
            chosen(kernel[np.ix_(rest, rest)], effect[rest], weight[rest], groups[rest])
            for kernel in kernels
        ]
        best = int(np.argmin([error for error, _, _ in fits]))
        found[test] = kernels[best][np.ix_(test, rest)] @ fits[best][2]
    return found


def compare_tuned(model: Path, data: Path) -> Comparison:
    """Tune, and compare."""
    table = upstream(data)
    effect, weight = table["logFC"].to_numpy(), weights_of(table)
    values = described(load(model), table["pieces"])
    table["reporter"] = values.effect
    both = np.concatenate([values.hidden, values.activities.reshape(len(table), 2, -1)], axis=2)
    reporter = kernel_of(both[:, 1] - both[:, 0])
    words = kernel_of(of_words(table))
    groups = table["chrom"].to_numpy()
    sums = [share * reporter + (1 - share) * words for share in SHARES]
    for name, kernels in (("tuned", [reporter]), ("words", [words]), ("both", sums)):
        table[name] = tuned(kernels, effect, weight, groups)
    scores = ("reporter", "tuned", "words", "both")
    return compare_upstream(table, scores, data, command="tuned_variants.py")


def main(
    data: Annotated[Path, typer.Option(help="Folder with the yeast data.")],
    model: Annotated[Path, typer.Option(help="Bundle with a reporter of promoters.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    overwrite: Annotated[bool, typer.Option(help="Replace an existing folder.")] = False,
) -> None:
    """Tune predicted effects of natural variants with chromosomes left out, and compare."""
    write_comparisons(out, lambda: ({"": compare_tuned(model, data)}, {}), overwrite=overwrite)


if __name__ == "__main__":
    typer.run(main)
