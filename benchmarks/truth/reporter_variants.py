"""Compare effects of natural yeast variants, predicted through a reporter, with measured ones.

    python benchmarks/truth/reporter_variants.py --data "$BASENJI_DATA/yeast" --model model_files \
        --out build/reporter_variants

What is compared was written down before the reporter was trained: yeast_reporters_plan.md, beside.

- **Reporter of another laboratory** (`mpra_tests.tsv.gz`): scores of a reporter, the measured oligo
  of BY being the genome: 80-base pieces with the variant at base 20, 40 and 60 as far as the oligo
  reaches, in the place of the training assay's insert; the difference of the first activity,
  averaged over the pieces.
- **Genes** (`local_effects.tsv.gz`): the same of each natural variant from 300 bp before the gene's
  first coding base to 50 bp behind it, in the gene's direction (``SED`` of `basenji score
  --reporter promoter --genes`), summed over the variants.

Each is set side by side as `basenji compare` does it: a page, figures and all rows lie in a folder
of the output. Intervals are those of 1,000 draws of genes. Beside the genes stands the sum of what
was measured on the reporter (UpStream), where it was.
"""

from __future__ import annotations

import csv
import dataclasses
import gzip
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pandas as pd
import typer
from comparison_folders import write_comparisons
from cyvcf2 import VCF

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.comparison.options import CompareOptions
from basenji_kipoi.comparison.run import Comparison, compare
from basenji_kipoi.effects.reporters.oligos import Oligos
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.models.model import Model, load
from basenji_kipoi.scoring.in_memory import score

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from basenji_kipoi.scoring.in_memory import ScoreTables

#: What the plan says of the oligos; they are also what the shipped model's assay says.
OLIGOS = {"insert": 80, "places": (20, 40, 60), "ends": ("TGCATTTTTTTCACATC", "GGTTACGGCTGTT")}
PROMOTER = 300, 50


def first_activity(model: Model) -> str:
    """Name the activity that is compared."""
    return next(iter(model.assays.values())).identifiers[0]


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    """Read a table of the data."""
    if not path.is_file():
        raise InputError(f"{path} is missing: --data names the folder with the yeast data")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from csv.DictReader(lines, delimiter="\t")


def as_variant(reference: str, alternative: str) -> tuple[int, str, str]:
    """Write two oligos as a variant of the first: position from 1, REF and ALT; '.' if equal."""
    if reference == alternative:
        return 1, reference, "."
    shortest = min(len(reference), len(alternative))
    pairs = enumerate(zip(reference, alternative))
    place = next((i for i, (a, b) in pairs if a != b), shortest - 1)
    return place + 1, reference[place:], alternative[place:]


def scored(model: Model, genome: Genome, alleles: list, **more: object) -> pa.Table | ScoreTables:
    """Score alleles as the plan has it, however long they are."""
    return score(
        model,
        genome,
        alleles,
        reporter=next(iter(model.assays)),
        check_ref="off",
        max_allele=1 << 20,
        **more,
    )


def compare_reporter(model: Model, data: Path, library: str) -> Comparison:
    """Compare with the reporter of another laboratory, one of its libraries."""
    path = data / "variants" / "mpra_tests.tsv.gz"
    rows = [row for row in rows_of(path) if row["library"] == library]
    keys = {
        "chrom": [row["chr"] for row in rows],
        "pos": [int(row["pos"]) for row in rows],
        "ref": [row["ref"] for row in rows],
        "alt": [row["alt"] for row in rows],
        "gene": [row["gene"] for row in rows],
    }
    names = [f"oligo{number}" for number in range(len(rows))]
    with tempfile.TemporaryDirectory() as folder:
        fasta = Path(folder) / "oligos.fa"
        content = (f">{name}\n{row['oligo_BY']}\n" for name, row in zip(names, rows))
        fasta.write_text("".join(content), encoding="utf-8")
        pairs = [as_variant(row["oligo_BY"], row["oligo_RM_allele"]) for row in rows]
        alleles = [(name, *pair) for name, pair in zip(names, pairs)]
        # The oligos are in the direction of their genes.
        oligos = Oligos(**OLIGOS, strand="+")
        with Genome(fasta) as genome:
            table = scored(model, genome, alleles, oligos=oligos)
    predicted = table.column(f"SAD/{first_activity(model)}").to_numpy()
    numbers = {name: [float(row[name]) for row in rows] for name in ("logFC", "SE", "adj.P.Val")}
    return compare(
        pd.DataFrame({**keys, "reporter": predicted}),
        pd.DataFrame({**keys, **numbers}),
        CompareOptions(
            scores=("reporter",),
            effect="logFC",
            error="SE",
            match="variant-gene",
            parts=("SE<0.1", "adj.P.Val<0.05"),
            with_effect="adj.P.Val<0.05",
            genes=data / "genes.gtf.gz",
        ),
        command=f"reporter_variants.py: {library}",
    )


def natural_alleles(data: Path) -> list[tuple[str, int, str, str]]:
    """List the alleles of RM that differ from the genome."""
    alleles = []
    file = VCF(str(data / "variants" / "BY_RM.vcf.gz"), samples=["RMx"])
    for record in file:
        number = record.genotypes[0][0]
        if number > 0:
            alleles.append((record.CHROM, record.POS, record.REF, record.ALT[number - 1]))
    file.close()
    return alleles


def summed_effects(model: Model, data: Path) -> pd.DataFrame:
    """Sum the effects of the natural variants of each gene's promoter: columns gene, reporter."""
    with Genome(data / "genome.fa.gz") as genome:
        oligos = Oligos(**OLIGOS, promoter=PROMOTER, strand="gene")
        genes = data / "genes.gtf.gz"
        rows = scored(model, genome, natural_alleles(data), genes=genes, oligos=oligos).genes
    columns = {"gene": rows["gene_id"], "reporter": rows[f"SED/{first_activity(model)}"]}
    predicted = pd.DataFrame({name: column.to_pandas() for name, column in columns.items()})
    return predicted.groupby("gene", as_index=False).sum()


def cis_effects(data: Path) -> pd.DataFrame:
    """Read the genes' cis effects: columns gene, cis_log2FC, LOD."""
    effect = pd.DataFrame(rows_of(data / "variants" / "local_effects.tsv.gz"))
    effect = effect[["gene", "cis_log2FC", "LOD"]].replace("", np.nan)
    return effect.astype({"cis_log2FC": float, "LOD": float})


def compare_genes(model: Model, data: Path) -> dict[str, Comparison]:
    """Compare sums over promoters' variants with the genes' cis effects.

    Returns
    -------
    dict of str to Comparison
        ``genes``: all that have such variants; ``measured genes``: those of which the reporter was
        measured too, beside the sum of what was measured.
    """
    table = summed_effects(model, data)
    tests = pd.DataFrame(rows_of(data / "variants" / "mpra_tests.tsv.gz"))
    tests = tests[tests["library"] == "UpStream"]
    sums = tests["logFC"].astype(float).groupby(tests["gene"]).sum()
    both = table.assign(measured_reporter=table["gene"].map(sums)).dropna()
    effect = cis_effects(data)
    options = CompareOptions(effect="cis_log2FC", match="gene", parts=("LOD>=50",))
    return {
        name: compare(
            each,
            effect,
            dataclasses.replace(options, scores=tuple(each.columns[1:])),
            command=f"reporter_variants.py: {name}",
        )
        for name, each in (("genes", table), ("measured genes", both))
    }


def main(
    data: Annotated[Path, typer.Option(help="Folder with the yeast data.")],
    model: Annotated[Path, typer.Option(help="Bundle with a reporter of promoters.")],
    out: Annotated[Path, typer.Option(help="Folder to write: a page of each comparison.")],
    overwrite: Annotated[bool, typer.Option(help="Replace an existing folder.")] = False,
) -> None:
    """Compare effects of natural yeast variants, through a reporter, with measured ones."""

    def make() -> tuple[dict[str, Comparison], dict[str, list[str]]]:
        loaded = load(model)
        found = {name: compare_reporter(loaded, data, name) for name in ("UpStream", "TSS")}
        return found | compare_genes(loaded, data), {"weights_sha256": loaded.weights_sha256}

    write_comparisons(out, make, overwrite=overwrite)


if __name__ == "__main__":
    typer.run(main)
