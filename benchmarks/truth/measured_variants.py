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

Intervals are those of 1,000 bootstrap draws.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import numpy as np
import typer
from confidence import as_json, estimate, pearson, spearman
from measured_plots import draw_enrichment, draw_scatter
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
from basenji_kipoi.effects.choice import effect_engine
from basenji_kipoi.effects.scores import SCORES
from basenji_kipoi.genome.alleles import AlleleWindow
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.genes import read_genes
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


def correlate(
    dataset: str, measured: Sequence[Measurement], predicted: Mapping[str, np.ndarray]
) -> list[dict[str, Any]]:
    """Correlate measured and predicted effects, for all alleles and parts of them."""
    effect = np.array([each.effect for each in measured])
    significant = np.array([each.significant for each in measured])
    unseen = np.array([each.gene.contig in HELD_OUT for each in measured])
    near = np.array([abs(each.position - first_base(each.gene)) <= NEAR for each in measured])
    parts = {"all": np.ones(len(measured), dtype=bool)}
    if not significant.all():
        parts["significant"] = significant
    if near.mean() < 0.9:
        parts["near"] = near
        parts["near, held out"] = near & unseen
    parts["held out"] = unseen
    return [
        {
            "dataset": dataset,
            "alleles": part,
            "predicted": name,
            "pearson": estimate(pearson, values[mine], effect[mine]),
            "spearman": estimate(spearman, values[mine], effect[mine]),
        }
        for part, mine in parts.items()
        for name, values in predicted.items()
    ]


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
    distance, strand = _distances(table["chrom"].to_numpy(), table["pos"].to_numpy() - 1, genes)
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


def _distances(
    chroms: np.ndarray, positions: np.ndarray, genes: Mapping[str, Gene]
) -> tuple[np.ndarray, np.ndarray]:
    """Distance from the nearest gene's first base, in the gene's direction, and its strand."""
    distance, strand = np.zeros(len(positions), dtype=int), np.empty(len(positions), dtype="U1")
    for chrom in np.unique(chroms):
        rows = np.flatnonzero(chroms == chrom)
        mine = [gene for gene in genes.values() if gene.contig == chrom]
        if not mine:
            raise InputError(f"the annotation has no gene on {chrom}")
        firsts = [first_base(gene) for gene in mine]
        order = np.argsort(firsts)
        firsts, strands = np.array(firsts)[order], np.array([g.strand for g in mine])[order]
        right = np.searchsorted(firsts, positions[rows]).clip(1, max(len(firsts) - 1, 1))
        right = np.minimum(right, len(firsts) - 1)
        left = np.maximum(right - 1, 0)
        nearer = positions[rows] - firsts[left] <= firsts[right] - positions[rows]
        nearest = np.where(nearer, left, right)
        strand[rows] = strands[nearest]
        distance[rows] = (positions[rows] - firsts[nearest]) * np.where(strand[rows] == "-", -1, 1)
    return distance, strand


def table_of(correlations: Sequence[Mapping[str, Any]]) -> str:
    """Format correlations as a Markdown table."""
    lines = ["| measured | alleles | predicted | n | Pearson | Spearman |", "| --- " * 6 + "|"]
    lines += [
        f"| {row['dataset']} | {row['alleles']} | {row['predicted']} | {row['pearson'].rows:,} | "
        f"{row['pearson']} | {row['spearman']} |"
        for row in correlations
    ]
    return "\n".join(lines)


def write_predictions(
    path: Path, measured: Sequence[Measurement], predicted: Mapping[str, np.ndarray]
) -> None:
    """Write measured and predicted effects, a row an allele."""
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, delimiter="\t", lineterminator="\n")
        writer.writerow(["chrom", "pos", "ref", "alt", "gene", "measured", *predicted])
        for row, each in enumerate(measured):
            place = each.gene.contig, each.position + 1, each.ref, each.alt, each.gene.gene_id
            values = (f"{values[row]:.6g}" for values in predicted.values())
            writer.writerow([*place, each.effect, *values])


def main(
    data: Annotated[Path, typer.Option(help="Folder of the yeast data.")],
    out: Annotated[Path, typer.Option(help="Directory to write: figures, tables, JSON.")],
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
        correlations = [
            row for name, rows in datasets.items() for row in correlate(name, rows, predicted[name])
        ]
        enrichment = enrich(scores, genes) if scores else {}
        with atomic_path(out, overwrite=overwrite) as folder:
            folder.mkdir()
            for name, rows in datasets.items():
                stem = name.lower().replace(", ", "_")
                write_predictions(folder / f"{stem}.tsv", rows, predicted[name])
            draw_scatter(folder / "measured.png", datasets, predicted, HELD_OUT)
            if enrichment:
                draw_enrichment(folder / "enrichment.png", enrichment, LARGE)
            result = {
                "model": bundle.metadata.name,
                "model_sha256": ", ".join(bundle.weights_sha256),
                "most": most,
                "correlations": as_json(correlations),
                "enrichment": as_json(enrichment),
            }
            text = json.dumps(result, indent=2)
            (folder / "figures.json").write_text(text + "\n", encoding="utf-8")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print(table_of(correlations))
    for experiment, rows in enrichment.items():
        print(f"\n{experiment}: large effects over their share of all variants")
        for row in rows:
            where = "elsewhere" if row["from"] is None else f"{row['from']} to {row['to']} bp"
            print(f"  {where}: {row['enrichment']}")


if __name__ == "__main__":
    typer.run(main)
