"""Compare effects of natural yeast variants, predicted through a reporter, with measured ones.

    python benchmarks/truth/reporter_variants.py --data "$BASENJI_DATA/yeast" --model model_files \
        --out build/reporter_variants

What is compared was written down before the reporter was trained: yeast_reporters_plan.md, beside.

- **Reporter of another laboratory** (`mpra_tests.tsv.gz`): 80-base pieces of the measured oligo,
  with the variant at base 20, 40 and 60 as far as the oligo reaches, in the place of the training
  assay's insert; the difference of the first activity, averaged over the pieces.
- **Genes** (`local_effects.tsv.gz`): the same of each natural variant from 300 bp before the gene's
  first coding base to 50 bp behind it, in the gene's direction, summed over the variants.

Each is set side by side as `basenji compare` does it: a page, figures and all rows lie in a folder
of the output. Intervals are those of 1,000 draws of genes. Beside the genes stands the sum of what
was measured on the reporter (UpStream), where it was.
"""

from __future__ import annotations

import csv
import dataclasses
import gzip
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pandas as pd
import typer
from cyvcf2 import VCF
from yeast_measurements import genes_by_id, start_of

from basenji_kipoi.activities.run import activity
from basenji_kipoi.base.atomic import Folder, atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import reverse_complement
from basenji_kipoi.comparison.options import CompareOptions
from basenji_kipoi.comparison.run import Comparison, compare
from basenji_kipoi.comparison.statistics import as_json
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.genes import read_genes
from basenji_kipoi.models.model import Model, load

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What the training assay's sequences carry of the vector, around 80 bases of insert.
BEFORE, INSERT, BEHIND = "TGCATTTTTTTCACATC", 80, "GGTTACGGCTGTT"
PLACES = (20, 40, 60)
UPSTREAM, DOWNSTREAM = 300, 50


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    """Read a table of the data."""
    if not path.is_file():
        raise InputError(f"{path} is missing: --data names the folder with the yeast data")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from csv.DictReader(lines, delimiter="\t")


def pieces(reference: str, alternative: str) -> list[tuple[str, str]]:
    """Cut both alleles of an oligo into pairs of inserts around the first base that differs."""
    shortest = min(len(reference), len(alternative))
    if shortest < INSERT or reference == alternative:
        return []
    place = next(
        (i for i, (a, b) in enumerate(zip(reference, alternative)) if a != b), shortest - 1
    )
    starts = {min(max(place - within, 0), shortest - INSERT) for within in PLACES}
    return [
        (BEFORE + reference[s : s + INSERT] + BEHIND, BEFORE + alternative[s : s + INSERT] + BEHIND)
        for s in sorted(starts)
        if s <= place < s + INSERT
    ]


def effects(model: Model, alleles: list[list[tuple[str, str]]]) -> np.ndarray:
    """Predict effects: the mean over pieces of the first activity's differences; NaN without."""
    distinct = list(dict.fromkeys(s for pairs in alleles for pair in pairs for s in pair))
    values = activity(model, distinct)[:, 0]
    value_of = dict(zip(distinct, values.tolist()))
    return np.array(
        [np.mean([value_of[b] - value_of[a] for a, b in pairs]) if pairs else np.nan
         for pairs in alleles]
    )  # fmt: skip


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
    predicted = effects(model, [pieces(r["oligo_BY"], r["oligo_RM_allele"]) for r in rows])
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


def natural_alleles(data: Path, genome: Genome) -> tuple[list[str], list[list[tuple[str, str]]]]:
    """List natural variants of promoters: their genes, and pieces of both alleles."""
    genes = genes_by_id(read_genes(data / "genes.gtf.gz", genome), genome)
    records = defaultdict(list)
    file = VCF(str(data / "variants" / "BY_RM.vcf.gz"), samples=["RMx"])
    for record in file:
        number = record.genotypes[0][0]
        if number > 0:
            records[record.CHROM].append((record.start, record.REF, record.ALT[number - 1]))
    file.close()
    starts = {contig: np.array([row[0] for row in rows]) for contig, rows in records.items()}
    names, alleles = [], []
    for name, gene in genes.items():
        if gene.contig not in starts:
            continue
        begin, end = start_of(gene, UPSTREAM, DOWNSTREAM)
        first, last = np.searchsorted(starts[gene.contig], [begin, end])
        for start, ref, alt in records[gene.contig][first:last]:
            left = genome.codes(gene.contig, start - 2 * INSERT, start)
            right = genome.codes(gene.contig, start + len(ref), start + len(ref) + 2 * INSERT)
            texts = []
            for allele in (ref, alt):
                codes = np.concatenate([left, ["ACGTN".index(c) for c in allele], right])
                codes = codes.astype(np.uint8)
                if gene.strand == "-":
                    codes = reverse_complement(codes)
                texts.append("".join(np.array(list("ACGTN"))[codes]))
            names.append(name)
            alleles.append(pieces(*texts))
    return names, alleles


def compare_genes(model: Model, data: Path) -> dict[str, Comparison]:
    """Compare sums over promoters' variants with the genes' cis effects.

    Returns
    -------
    dict of str to Comparison
        ``genes``: all that have such variants; ``measured genes``: those of which the reporter was
        measured too, beside the sum of what was measured.
    """
    with Genome(data / "genome.fa.gz") as genome:
        names, alleles = natural_alleles(data, genome)
    predicted = pd.DataFrame({"gene": names, "reporter": effects(model, alleles)}).dropna()
    tests = pd.DataFrame(rows_of(data / "variants" / "mpra_tests.tsv.gz"))
    tests = tests[tests["library"] == "UpStream"]
    table = predicted.groupby("gene", as_index=False).sum()
    sums = tests["logFC"].astype(float).groupby(tests["gene"]).sum()
    both = table.assign(measured_reporter=table["gene"].map(sums)).dropna()
    effect = pd.DataFrame(rows_of(data / "variants" / "local_effects.tsv.gz"))
    effect = effect[["gene", "cis_log2FC", "LOD"]].replace("", np.nan)
    effect = effect.astype({"cis_log2FC": float, "LOD": float})
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
    try:
        kind = Folder("these comparisons", holds=("figures.json",))
        check_output(out, overwrite=overwrite, folder=kind)
        loaded = load(model)
        found = {name: compare_reporter(loaded, data, name) for name in ("UpStream", "TSS")}
        found |= compare_genes(loaded, data)
        with atomic_path(out, overwrite=overwrite) as folder:
            folder.mkdir()
            for name, comparison in found.items():
                (folder / name).mkdir()
                comparison.write(folder / name)
            figures = {name: each.figures for name, each in found.items()}
            figures["weights_sha256"] = loaded.weights_sha256
            (folder / "figures.json").write_text(json.dumps(as_json(figures), indent=2) + "\n")
    except InputError as error:
        sys.exit(f"error: {error}")
    for name, comparison in found.items():
        print(f"{name}: {comparison}")


if __name__ == "__main__":
    typer.run(main)
