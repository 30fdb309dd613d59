"""Compare cis effects on genes with starts and reporter together.

    python benchmarks/truth/gene_outputs.py --data "$BASENJI_DATA/yeast" --model model_files \
        --out build/gene_outputs

What is compared was written down before: yeast_reporters_plan.md ("Genes, all outputs together"),
beside. Nothing is fitted:

- ``STRIPE-seq``, ``TIF-seq starts``: logFC of the starts of transcription on the gene's strand, 400
  bp before to 100 bp behind the gene's first coding base, between the two strains' promoters (RM's
  variants from 1,000 bp before to 200 bp behind that base in one allele);
- ``starts``: the mean of both, each divided by its standard deviation over the genes;
- ``reporter``: the sum that reporter_variants.py compares;
- ``outputs``: the mean of ``starts`` and ``reporter``, each divided by its standard deviation.

The genes are those that reporter_variants.py compares.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from comparison_folders import write_comparisons
from measured_variants import predict
from reporter_variants import cis_effects, summed_effects
from yeast_measurements import Measurement, genes_by_id, read_haplotypes

from basenji_kipoi.comparison.options import CompareOptions
from basenji_kipoi.comparison.run import Comparison, compare
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.genes import read_genes
from basenji_kipoi.models.model import load

STARTS = ("STRIPE-seq", "TIF-seq starts")
SCORES = (*STARTS, "starts", "reporter", "outputs")


def together(table: pd.DataFrame, columns: tuple[str, ...]) -> pd.Series:
    """Mean of columns, each divided by its standard deviation; what is missing has no effect."""
    values = table[list(columns)].fillna(0)
    return (values / values.std()).mean(axis=1)


def compare_outputs(model: Path, data: Path) -> tuple[Comparison, int]:
    """Compare, and count the genes whose promoters differ between the strains."""
    loaded = load(model)
    effect = cis_effects(data)
    table = summed_effects(loaded, data)
    table = table[table["gene"].isin(effect["gene"])].reset_index(drop=True)
    with Genome(data / "genome.fa.gz") as genome:
        known = genes_by_id(read_genes(data / "genes.gtf.gz", genome), genome)
        genes = [Measurement(known[name], 0, "", "", 0.0, True) for name in table["gene"]]
        promoters = read_haplotypes(data, genes, genome)
        predicted = predict(loaded.bundles[0], genome, promoters, "promoters")
    names = [each.gene.gene_id for each in promoters]
    for name in STARTS:
        table[name] = table["gene"].map(dict(zip(names, predicted[f"{name} logFC"])))
    table["starts"] = together(table, STARTS)
    table["outputs"] = together(table, ("starts", "reporter"))
    comparison = compare(
        table[["gene", *SCORES]].fillna(0),
        effect,
        CompareOptions(effect="cis_log2FC", match="gene", parts=("LOD>=50",), scores=SCORES),
        command="gene_outputs.py",
    )
    return comparison, len(promoters)


def main(
    data: Annotated[Path, typer.Option(help="Folder with the yeast data.")],
    model: Annotated[Path, typer.Option(help="Bundle with a reporter of promoters.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    overwrite: Annotated[bool, typer.Option(help="Replace an existing folder.")] = False,
) -> None:
    """Compare cis effects on genes with starts and reporter together."""

    def make() -> tuple[dict[str, Comparison], dict[str, int]]:
        comparison, promoters = compare_outputs(model, data)
        return {"": comparison}, {"promoters": promoters}

    write_comparisons(out, make, overwrite=overwrite)


if __name__ == "__main__":
    typer.run(main)
