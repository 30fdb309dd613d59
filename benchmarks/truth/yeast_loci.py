"""Measure whether rankings of yeast loci put variants first that change a reporter.

    python benchmarks/truth/yeast_loci.py --data "$BASENJI_DATA/yeast" --model model_files \
        --out build/yeast_loci.json

A cross of two strains hides which of neighbouring variants changes a gene: the variants of a gene
are all that lie in the interval of its local eQTL (the given linkage), each as probable as the
others. A reporter assay tested some of them one by one (`mpra_tests.tsv.gz`, the library UpStream).
Asked is where the ones that it found (adjusted P < .05) stand among all of the gene's, by the
posterior of `basenji rank --by gene --weight 1`: what is predicted for the gene, beside random
variants.

- share in the top quarter: of n variants the first n / 4 places count, a place that is cut by the
  quarter with its share, and ties with their mean. Chance is .25 exactly. Bar: above chance, with
  the interval; aim: .5;
- beside it the same by the distance to the gene's start alone, which is known without a model, for
  a reporter tests promoters only;
- and the harder question, the same among the variants that the reporter tested for the gene, whose
  distances differ little. Genes with four variants or more.

This was written before anything was computed. Intervals (95 %) are those of 1,000 bootstrap draws
of genes.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

import basenji_kipoi as bk
from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.comparison.statistics import as_json, estimate

FEWEST, SIGNIFICANT = 4, 0.05
_KEY = ["chrom", "pos", "ref", "alt"]


def tested_variants(folder: Path) -> pd.DataFrame:
    """Read what the reporter tested: a row a gene and variant."""
    table = pd.read_csv(folder / "mpra_tests.tsv.gz", sep="\t").rename(columns={"chr": "chrom"})
    table = table[table.library == "UpStream"]
    return table.assign(found=table["adj.P.Val"] < SIGNIFICANT)[["gene", *_KEY, "found"]]


def natural_variants(folder: Path) -> pd.DataFrame:
    """Read the variants between the strains, a row an allele."""
    names = ["chrom", "pos", "id", "ref", "alt"]
    table = pd.read_csv(
        folder / "BY_RM.vcf.gz", sep="\t", comment="#", names=names, usecols=range(5), header=None
    )
    return table.assign(alt=table.alt.str.split(",")).explode("alt")[_KEY]


def loci_of(folder: Path) -> pd.DataFrame:
    """List the variants of each gene, by the eQTL's interval and by what was tested."""
    tested, natural = tested_variants(folder), natural_variants(folder)
    eqtl = pd.read_csv(folder / "local_eqtl.tsv.gz", sep="\t").set_index("gene")
    loci = []
    for gene, mine in tested.groupby("gene"):
        if not mine.found.any():
            continue
        loci.append(mine.assign(locus=f"tested {gene}"))
        if gene in eqtl.index:
            row = eqtl.loc[gene]
            first, last = (int(row[end].split(":")[1].split("_")[0]) for end in ("CI.l", "CI.r"))
            inside = natural[(natural.chrom == row.chr) & natural.pos.between(first, last)]
            hits = mine[mine.found][[*_KEY, "found"]]
            inside = inside.merge(hits, "left", _KEY)
            known = inside.found.notna()
            loci.append(inside.assign(found=known, gene=gene, locus=f"cross {gene}"))
    table = pd.concat(loci, ignore_index=True)
    table = table[table.groupby("locus").gene.transform("size") >= FEWEST]
    return table[table.groupby("locus").found.transform("any")]


def in_top_quarter(values: np.ndarray) -> np.ndarray:
    """Tell which share of each value's places lies in the first quarter: largest values first."""
    better = (values > values[:, None]).sum(axis=1)
    ties = (values == values[:, None]).sum(axis=1)
    return np.clip((len(values) / 4 - better) / ties, 0, 1)


def measure(table: pd.DataFrame) -> dict[str, Any]:
    """Measure the loci of a table of predictions."""
    found: dict[str, Any] = {"genes": table.gene.nunique(), "variants": len(table)}
    for name in ("predicted", "near"):
        of_locus = table.groupby("locus")[name]
        shares = of_locus.transform(lambda each: in_top_quarter(each.to_numpy()))
        mine = shares[table.found.astype(bool)]
        genes = table.gene[mine.index].to_numpy()
        found[name] = estimate(np.mean, mine.to_numpy(), blocks=genes)
    return found


def main(
    data: Annotated[Path, typer.Option(help="The folder of the yeast data.")],
    out: Annotated[Path, typer.Option(help="The JSON file to write.")],
    model: Annotated[Path, typer.Option(help="The model.")] = Path("model_files"),
    overwrite: Annotated[bool, typer.Option(help="Replace an existing JSON file.")] = False,
) -> None:
    """Measure where variants stand that change a reporter."""
    try:
        check_output(out, overwrite=overwrite)
        loci = loci_of(data / "variants")
        loaded = bk.load(model)
        genes = bk.read_genes(data / "genes.gtf.gz", bk.Genome(data / "genome.fa.gz"))
        starts = {gene.gene_id: np.array(gene.tss) for gene in genes}
        away = [
            np.abs(starts[gene] - pos + 1).min() if gene in starts else np.inf
            for gene, pos in zip(loci.gene, loci.pos)
        ]
        loci = loci.assign(
            near=-np.array(away), pip=1 / loci.groupby("locus").gene.transform("size")
        )
        # What lies out of the gene's reach changes nothing of it, and comes last unscored.
        within = -loci.near < loaded.architecture.window // 2
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "loci.tsv"
            loci[within].to_csv(path, sep="\t", index=False)
            ranked = bk.rank(
                loaded, data / "genome.fa.gz", path, genes=genes,
                options=bk.RankOptions(by="gene", weight=1.0),
            )  # fmt: skip
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    scored = ranked.variants.to_pandas().set_index("row").posterior.fillna(-1)
    # The first line of a file is its header.
    predicted = pd.Series(
        scored.reindex(np.arange(within.sum()) + 2).to_numpy(), loci[within].index
    )
    loci = loci.assign(predicted=predicted.reindex(loci.index).fillna(-1))
    kind = loci.locus.str.split(" ").str[0]
    measured = {name: measure(loci[kind == name]) for name in ("cross", "tested")}
    with atomic_path(out, overwrite=overwrite) as path:
        path.write_text(json.dumps(as_json(measured), indent=2) + "\n", encoding="utf-8")
    for name, each in measured.items():
        print(
            f"{name}: {each['predicted'].rows} found of {each['variants']} variants of "
            f"{each['genes']} genes; in the top quarter {each['predicted']}, by distance alone "
            f"{each['near']}; chance .25"
        )


if __name__ == "__main__":
    typer.run(main)
