"""Compare scores summed over linked variants with the association that linkage makes.

    python benchmarks/truth/sed_ld.py --model build/train-example/model \
        --simulation build/genome --population build/population --out build/sed_ld.json

Genome and population are those of loci.py, beside. Of each gene with an eQTL and each variant near
it (a row of the first signal in `eqtl.tsv.gz`) the program takes chi-square, (beta / se) ** 2, and

- SED: the predicted change of the gene's starts, in the start track of its strand, by this variant
  alone;
- SED-LD: the same summed over the linked variants by r (`basenji annotations --to linked`), with r
  of the population's genotypes.

Told is Spearman's rho of the sizes of both with chi-square, over all variants, and their
difference. Bar: SED-LD has the higher one. Intervals (95 %) are those of 1,000 bootstrap draws of
genes. This was written before anything was computed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

import basenji_kipoi as bk
from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.comparison.statistics import as_json, estimate, spearman
from basenji_kipoi.locus.exports.linked import linked_scores
from basenji_kipoi.locus.exports.scores import AlleleScores
from basenji_kipoi.locus.linkage import open_linkage

_KEY = ["chrom", "pos", "ref", "alt"]


def associations(population: Path) -> pd.DataFrame:
    """Read chi-square of each gene and variant, once for genes with several signals."""
    table = pd.read_csv(population / "eqtl.tsv.gz", sep="\t")
    table = table.drop_duplicates(["gene", *_KEY])
    return table.assign(chi_square=(table.beta / table.se) ** 2)[["gene", *_KEY, "chi_square"]]


def scored(model: Path, simulation: Path, keys: list[tuple]) -> AlleleScores:
    """Score the variants' genes, each in the start track of its strand."""
    _, genes = bk.score(
        model, simulation / "genome.fa", keys, genes=simulation / "genes.gtf",
        tracks=("start_plus", "start_minus"), window="grid", check_ref="off",
    )  # fmt: skip
    minus = np.array(genes["strand"].to_pylist()) == "-"
    values = np.where(minus, genes["SED/start_minus"], genes["SED/start_plus"]).astype(float)
    keys = list(zip(*(genes[name].to_pylist() for name in _KEY)))
    names = genes["gene_id"].to_pylist()
    return AlleleScores(keys, [""] * len(keys), names, ["SED"], values[:, None], 0)


def main(
    model: Annotated[Path, typer.Option(help="A model of the simulated genome (a bundle).")],
    simulation: Annotated[Path, typer.Option(help="What `basenji-train simulate` wrote.")],
    population: Annotated[Path, typer.Option(help="What `basenji-train population` wrote.")],
    out: Annotated[Path, typer.Option(help="The JSON file to write.")],
    overwrite: Annotated[bool, typer.Option(help="Replace an existing JSON file.")] = False,
) -> None:
    """Measure how much better sums over linkage fit association."""
    try:
        check_output(out, overwrite=overwrite)
        table = associations(population)
        keys = list(table[_KEY].drop_duplicates().itertuples(index=False, name=None))
        scores = scored(model, simulation, keys)
        linkage = open_linkage(population / "genotypes.vcf.gz", ())
        summed = linked_scores(scores, linkage)
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    predicted = pd.DataFrame(scores.keys, columns=_KEY).assign(
        gene=scores.genes, alone=np.abs(scores.values[:, 0]), linked=np.abs(summed[:, 0])
    )
    # A variant whose window does not reach the gene's start has no SED of it.
    both = table.merge(predicted, on=["gene", *_KEY])
    columns = both.alone.to_numpy(), both.linked.to_numpy(), both.chi_square.to_numpy()
    options = {"blocks": both.gene.to_numpy()}
    found = {
        "genes": both.gene.nunique(),
        "variants": len(both),
        "out_of_reach": len(table) - len(both),
        "SED": estimate(lambda one, _, chi: spearman(one, chi), *columns, **options),
        "SED-LD": estimate(lambda _, sums, chi: spearman(sums, chi), *columns, **options),
        "difference": estimate(
            lambda one, sums, chi: spearman(sums, chi) - spearman(one, chi), *columns, **options
        ),
    }
    with atomic_path(out, overwrite=overwrite) as path:
        path.write_text(json.dumps(as_json(found), indent=2) + "\n", encoding="utf-8")
    for name, value in found.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    typer.run(main)
