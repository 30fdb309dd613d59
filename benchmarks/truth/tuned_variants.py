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

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import keras
import numpy as np
import pandas as pd
import typer
from reporter_variants import OLIGOS, rows_of

from basenji_kipoi.base.atomic import Folder, atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import encode_rows
from basenji_kipoi.comparison.options import CompareOptions
from basenji_kipoi.comparison.run import compare
from basenji_kipoi.comparison.statistics import as_json
from basenji_kipoi.models.model import Model, load
from basenji_kipoi.models.networks.reporter_passes import standardised_activities

if TYPE_CHECKING:
    from collections.abc import Sequence

WORDS = range(1, 7)
#: Penalties beside a kernel whose mean diagonal is 1, and shares of the reporter's kernel.
PENALTIES = tuple(10.0**power for power in np.arange(-1, 4.1, 0.5))
SHARES = (0.25, 0.5, 0.75)


def pieces(reference: str, alternative: str) -> list[tuple[str, str]]:
    """Cut both alleles of an oligo into pairs of oligos of the training assay, as the plan says."""
    shortest, size = min(len(reference), len(alternative)), OLIGOS["insert"]
    if shortest < size or reference == alternative:
        return []
    pairs = enumerate(zip(reference, alternative))
    place = next((i for i, (a, b) in pairs if a != b), shortest - 1)
    starts = {min(max(place - within, 0), shortest - size) for within in OLIGOS["places"]}
    before, behind = OLIGOS["ends"]
    return [
        tuple(before + oligo[s : s + size] + behind for oligo in (reference, alternative))
        for s in sorted(starts)
        if s <= place < s + size
    ]


def of_reporter(
    model: Model, alleles: Sequence[Sequence[tuple[str, str]]]
) -> tuple[np.ndarray, np.ndarray]:
    """Describe variants by what differs in the reporter's heads.

    Returns
    -------
    values : ndarray, float32, shape (variants, values)
        Differences of hidden units and activities.
    effect : ndarray, float32, shape (variants,)
        Of the first activity, in its unit; the mean of the networks.
    """
    name, assay = model.assay_of()
    distinct = list(dict.fromkeys(s for pairs in alleles for pair in pairs for s in pair))
    codes, lengths = encode_rows(distinct)
    blocks, effects = [], []
    for networks in model.bundles[0].networks():
        network = networks.reporters[name]
        (hidden,) = [layer for layer in network.layers if layer.name.endswith("_hidden")]
        for output in (hidden.output, network.output):
            values = standardised_activities(
                keras.Model(network.input, output),
                model.architecture,
                name,
                assay,
                codes,
                lengths,
            )
            blocks.append(values)
        effects.append(blocks[-1][:, 0] * assay.activities[0].deviation)
    values = np.column_stack([*blocks, np.mean(effects, axis=0)])
    place = {sequence: number for number, sequence in enumerate(distinct)}
    differences = np.array(
        [np.mean([values[place[b]] - values[place[a]] for a, b in pairs], axis=0)
         for pairs in alleles]
    )  # fmt: skip
    return differences[:, :-1], differences[:, -1]


def of_words(oligos: Sequence[tuple[str, str]]) -> np.ndarray:
    """Describe variants by the differences of counts of words: float32, (variants, words)."""
    blocks = []
    for size in WORDS:
        counts = np.zeros((len(oligos), 4**size), dtype=np.float32)
        for row, pair in zip(counts, oligos, strict=True):
            for sign, oligo in zip((-1, 1), pair, strict=True):
                digits = np.frombuffer(oligo.encode(), np.uint8)
                digits = np.searchsorted(np.frombuffer(b"ACGT", np.uint8), digits)
                windows = np.lib.stride_tricks.sliding_window_view(digits, size)
                np.add.at(row, windows @ 4 ** np.arange(size), sign)
        # Each size of words counts alike.
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


def main(
    data: Annotated[Path, typer.Option(help="Folder with the yeast data.")],
    model: Annotated[Path, typer.Option(help="Bundle with a reporter of promoters.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    overwrite: Annotated[bool, typer.Option(help="Replace an existing folder.")] = False,
) -> None:
    """Tune predicted effects of natural variants with chromosomes left out, and compare."""
    try:
        kind = Folder("these comparisons", holds=("figures.json",))
        check_output(out, overwrite=overwrite, folder=kind)
        loaded = load(model)
        rows = [
            (row, pairs)
            for row in rows_of(data / "variants" / "mpra_tests.tsv.gz")
            if row["library"] == "UpStream"
            and (pairs := pieces(row["oligo_BY"], row["oligo_RM_allele"]))
        ]
        table = pd.DataFrame([row for row, _ in rows]).astype({"pos": int})
        numbers = ["logFC", "SE", "adj.P.Val"]
        table = table.astype(dict.fromkeys(numbers, float)).rename(columns={"chr": "chrom"})
        alleles = [pairs for _, pairs in rows]
        effect, error = table["logFC"].to_numpy(), table["SE"].to_numpy()
        weight = 1 / (error**2 + max(np.var(effect) - np.mean(error**2), 0))
        described, table["reporter"] = of_reporter(loaded, alleles)
        reporter = kernel_of(described)
        words = kernel_of(
            of_words(list(zip(table["oligo_BY"], table["oligo_RM_allele"], strict=True)))
        )
        groups = table["chrom"].to_numpy()
        sums = [share * reporter + (1 - share) * words for share in SHARES]
        for name, kernels in (("tuned", [reporter]), ("words", [words]), ("both", sums)):
            table[name] = tuned(kernels, effect, weight, groups)
        keys = ["chrom", "pos", "ref", "alt", "gene"]
        scores = ("reporter", "tuned", "words", "both")
        comparison = compare(
            table[[*keys, *scores]],
            table[[*keys, *numbers]],
            CompareOptions(
                scores=scores,
                effect="logFC",
                error="SE",
                match="variant-gene",
                parts=("SE<0.1",),
                with_effect="adj.P.Val<0.05",
                genes=data / "genes.gtf.gz",
            ),
            command="tuned_variants.py",
        )
        with atomic_path(out, overwrite=overwrite) as folder:
            folder.mkdir()
            comparison.write(folder)
            (folder / "figures.json").write_text(
                json.dumps(as_json(comparison.figures), indent=2) + "\n"
            )
    except InputError as problem:
        sys.exit(f"error: {problem}")
    print(comparison)


if __name__ == "__main__":
    typer.run(main)
