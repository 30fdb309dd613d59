"""Compare predicted effects of natural yeast variants with measured ones.

    python benchmarks/truth/measured_variants.py --data "$BASENJI_DATA/yeast" --out build/measured

What is compared was chosen before any result was seen, with the exception named below, and nothing
was tuned:

- **Measured**: effects of promoter variants on a reporter (MPRA, logFC), and local eQTLs
  (lm.coeff), whose allele is either the marker with the strongest association or all of RM's
  variants from 1,000 bp before the gene to 200 bp behind its first base.
- **Predicted**: for transcript starts on the gene's strand (STRIPE-seq, wild type; TIF-seq starts,
  glucose) and, beside them, ATAC-seq: ``logFC`` of the bins that overlap the gene's start, 400 bp
  before to 100 bp behind the first base of its coding sequence, and ``SAD`` of all predicted bins.
  Windows are centred on the allele; indels are stitched.
- **Chromosomes**: all, and those that the model was not trained on. Of the test chromosomes (IV,
  V, XI) and that of validation (XIII), the measurements have chrV only.

The exception: a trial with 150 alleles of each kind showed that half of the markers lie more than
2,000 bp from their gene, most of them out of the network's sight. Those within 2,000 bp of the
gene's first base are therefore compared alone, too.

With ``--scores``, a table that `basenji score` made of the natural variants (the command is in
docs/results/variant-effects.md): how much more often large effects, the largest 5 % of a track's
absolute SAD, lie at some distance from a gene's first base than variants do.

Both are set side by side as `basenji compare` does it: a page, its figures and all rows of each
kind of measurement lie in a folder of the output. Intervals are those of 1,000 draws of genes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import numpy as np
import pandas as pd
import typer
from measured_plots import draw_enrichment
from yeast_measurements import (
    Measurement,
    first_base,
    genes_by_id,
    read_eqtl,
    read_haplotypes,
    read_mpra,
    start_of,
)

from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.base.sequence import Allele, encode
from basenji_kipoi.comparison.options import CompareOptions
from basenji_kipoi.comparison.run import Comparison, compare
from basenji_kipoi.comparison.statistics import as_json, estimate
from basenji_kipoi.effects.choice import effect_engine
from basenji_kipoi.effects.scores import SCORES
from basenji_kipoi.genome.alleles import AlleleWindow
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.genes import nearest_starts, read_genes
from basenji_kipoi.models.bundle import Bundle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from basenji_kipoi.genome.genes import Gene

#: Experiments by name: their tracks for genes on either strand.
TRACKS = {
    "STRIPE-seq": {"+": "stripe_wt_plus", "-": "stripe_wt_minus"},
    "TIF-seq starts": {"+": "tif_tss_ypd_plus", "-": "tif_tss_ypd_minus"},
    "ATAC-seq": {"+": "atac", "-": "atac"},
}
HELD_OUT = ("chrIV", "chrV", "chrXI", "chrXIII")
#: An allele is near a gene within so many bases of its first one.
NEAR = 2000
#: The largest share of a track's absolute SADs is called large.
LARGE = 0.05
#: Edges of the distances at which large effects are counted (bp, negative before the gene).
EDGES = np.arange(-1000, 1001, 100)


def predict(
    bundle: Bundle, genome: Genome, measured: Sequence[Measurement], label: str
) -> dict[str, np.ndarray]:
    """Predict the effects of alleles on genes.

    Returns
    -------
    dict of str to ndarray, float64, shape (measurements,)
        By ``experiment score``.
    """
    architecture = bundle.architecture
    window, size, crop = architecture.window, architecture.bin, architecture.crop
    requests = []
    for each in measured:
        start = each.position - (window // 2 - 1)
        allele = Allele(each.position - start, len(each.ref), encode(each.alt))
        requests.append(AlleleWindow(each.gene.contig, start, allele))
    identifiers = sorted({name for strands in TRACKS.values() for name in strands.values()})
    tracks = [bundle.targets.labels.index(name) for name in identifiers]
    engine = effect_engine(bundle.members, genome, tracks=tracks, indels="stitch", whole=True)
    found = {
        f"{name} {score}": np.empty(len(measured)) for name in TRACKS for score in ("logFC", "SAD")
    }
    with progress_bar(label, total=len(measured), unit="alleles") as advance:
        for group in engine.groups(requests):
            effects = engine.effects([requests[index] for index in group])
            regions = np.array([start_of(measured[index].gene) for index in group])
            begin = regions - np.array([[requests[index].start] for index in group])
            first, last = begin[:, 0] // size - crop, (begin[:, 1] - 1) // size + 1 - crop
            inside = (effects.places >= first[:, None]) & (effects.places < last[:, None])
            for score, counts in (("logFC", inside), ("SAD", np.ones_like(inside))):
                counts = (counts & effects.valid)[:, :, None]
                values = np.asarray(
                    SCORES[score].compute(
                        np.where(counts, effects.reference, 0),
                        np.where(counts, effects.alternative, 0),
                    )
                )
                for name, strands in TRACKS.items():
                    columns = [identifiers.index(strands[measured[i].gene.strand]) for i in group]
                    found[f"{name} {score}"][group] = values[np.arange(len(group)), columns]
            advance(len(group))
    return found


def compared(
    dataset: str,
    measured: Sequence[Measurement],
    predicted: Mapping[str, np.ndarray],
    *,
    progress: bool | None = None,
) -> Comparison:
    """Compare measured and predicted effects, of all alleles and parts of them."""
    near = np.array([abs(each.position - first_base(each.gene)) <= NEAR for each in measured])
    keys = {
        "chrom": [each.gene.contig for each in measured],
        "pos": [each.position + 1 for each in measured],
        "ref": [each.ref for each in measured],
        "alt": [each.alt for each in measured],
        "gene": [each.gene.gene_id for each in measured],
    }
    significant = np.array([each.significant for each in measured])
    columns = {
        "effect": [each.effect for each in measured],
        "significant": significant,
        "near": near,
        "held_out": np.isin(keys["chrom"], HELD_OUT),
    }
    parts = []
    if not significant.all():
        parts.append("significant=True")
    if near.mean() < 0.9:
        parts += ["near=True", "near=True and held_out=True"]
    parts.append("held_out=True")
    return compare(
        pd.DataFrame({**keys, **predicted}),
        pd.DataFrame({**keys, **columns}),
        CompareOptions(scores=tuple(predicted), match="variant-gene", parts=tuple(parts)),
        command=f"measured_variants.py: {dataset}",
        progress=progress,
    )


def enrich(path: Path, genes: Mapping[str, Gene]) -> dict[str, list[dict[str, Any]]]:
    """Count large effects by the distance from the nearest gene's first base.

    Returns
    -------
    dict of str to list of dict
        By experiment: the share of large effects in each interval of `EDGES`, and outside of them
        all, over that of all variants.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415 - only with such a table

    names = sorted({name for strands in TRACKS.values() for name in strands.values()})
    try:
        columns = ["chrom", "pos", "status", *(f"SAD/{name}" for name in names)]
        table = pq.read_table(path, columns=columns).to_pandas()
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no table of these scores: {error}") from None
    table = table[table["status"] == "ok"]
    chroms, positions = table["chrom"].to_numpy(), table["pos"].to_numpy() - 1
    distance, strand = nearest_starts(chroms, positions, genes.values())
    if np.isnan(distance).any():
        raise InputError(f"the annotation has no gene on {chroms[np.isnan(distance)][0]}")
    found = {}
    for experiment, strands in TRACKS.items():
        both = {sign: np.abs(table[f"SAD/{name}"].to_numpy()) for sign, name in strands.items()}
        size = np.where(strand == "+", both["+"], both["-"])
        large = (size >= np.quantile(size, 1 - LARGE)).astype(float) / LARGE
        beyond = (distance < EDGES[0]) | (distance >= EDGES[-1])
        parts = [
            (int(low), int(high), (distance >= low) & (distance < high))
            for low, high in zip(EDGES, EDGES[1:])
        ]
        found[experiment] = [
            {"from": low, "to": high, "enrichment": estimate(np.mean, large[mine])}
            for low, high, mine in [*parts, (None, None, beyond)]
        ]
    return found


def table_of(comparisons: Mapping[str, Comparison]) -> str:
    """Format correlations as a Markdown table."""
    lines = ["| measured | alleles | predicted | n | Pearson | Spearman |", "| --- " * 6 + "|"]
    lines += [
        f"| {name} | {part['name']} | {score['name']} | {part['rows']:,} | {score['pearson']} | "
        f"{score['spearman']} |"
        for name, comparison in comparisons.items()
        for part in comparison.figures["parts"]
        for score in part["scores"]
    ]
    return "\n".join(lines)


def main(
    data: Annotated[Path, typer.Option(help="Folder of the yeast data.")],
    out: Annotated[Path, typer.Option(help="Directory to write: pages, tables, JSON.")],
    model: Annotated[Path, typer.Option(help="The model (a bundle).")] = Path("model_files"),
    scores: Annotated[
        Optional[Path], typer.Option(help="Parquet table of the natural variants' scores.")
    ] = None,
    most: Annotated[
        Optional[int], typer.Option(min=3, help="Alleles of each kind at most, for a trial.")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing directory.")] = False,
) -> None:
    """Compare predicted effects of natural yeast variants with measured ones."""
    try:
        check_output(out, overwrite=overwrite)
        bundle = Bundle.load(model)
        with Genome(data / "genome.fa.gz") as genome:
            genes = genes_by_id(read_genes(data / "genes.gtf.gz", genome), genome)
            eqtl = read_eqtl(data, genes)
            datasets = {
                "MPRA": read_mpra(data, genes),
                "eQTL, marker": eqtl,
                "eQTL, promoter": read_haplotypes(data, eqtl, genome),
            }
            if most:
                chosen = np.random.default_rng(0)
                datasets = {
                    name: [rows[i] for i in chosen.permutation(len(rows))[:most]]
                    for name, rows in datasets.items()
                }
            predicted = {
                name: predict(bundle, genome, rows, name) for name, rows in datasets.items()
            }
        comparisons = {
            name: compared(name, rows, predicted[name]) for name, rows in datasets.items()
        }
        enrichment = enrich(scores, genes) if scores else {}
        with atomic_path(out, overwrite=overwrite) as folder:
            folder.mkdir()
            for name, comparison in comparisons.items():
                part = folder / name.lower().replace(", ", "_")
                part.mkdir()
                comparison.write(part)
            if enrichment:
                draw_enrichment(folder / "enrichment.png", enrichment, LARGE)
            result = {
                "model": bundle.metadata.name,
                "model_sha256": ", ".join(bundle.weights_sha256),
                "most": most,
                "enrichment": as_json(enrichment),
            }
            text = json.dumps(result, indent=2)
            (folder / "figures.json").write_text(text + "\n", encoding="utf-8")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print(table_of(comparisons))
    for experiment, rows in enrichment.items():
        print(f"\n{experiment}: large effects over their share of all variants")
        for row in rows:
            where = "elsewhere" if row["from"] is None else f"{row['from']} to {row['to']} bp"
            print(f"  {where}: {row['enrichment']}")


if __name__ == "__main__":
    typer.run(main)
