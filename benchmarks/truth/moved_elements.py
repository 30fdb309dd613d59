"""Measure whether moved and turned elements do what the grammar of a simulated genome says.

    .venv-training/bin/python benchmarks/truth/moved_elements.py \
        --model build/train-example/model --simulation build/train-example/simulation \
        --out build/moved_elements.json --plot build/moved_elements.png

What is compared was written down before anything was computed. Elements are planted sites with five
bases on either side, of genes of the test chromosomes: of the start motif (swift), which acts on
its own strand only and 30 bp behind it, one in the gene's direction 20 to 60 bp before the gene's
start; of kestrel, which raises starts around it in either orientation, one at most 300 bp away.
Each moves to all of `DISTANCES`, as it stands and turned, as `basenji elements --move-to` does it.

The truth is what the grammar makes of the same sequences, in the 32 bp around the gene's start:
with the element in its own place shuffled, the log2 ratio of the starts with the element at the new
place over those with it shuffled there, the mean of as many draws (other shuffles than the
model's). Of each motif the means over genes are compared, over places and orientations, by
Pearson's r: .8 is required, .9 aimed at.
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
from matplotlib.figure import Figure

from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import reverse_complement
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.genes import Gene, read_genes
from basenji_kipoi.genome.intervals import read_bed
from basenji_kipoi.interpretation.elements.options import ElementOptions
from basenji_kipoi.interpretation.elements.run import element_effects
from basenji_kipoi.interpretation.shuffling import shuffled
from basenji_training.simulation.grammar import REACH_BP, START_MOTIF, expected_signal

DISTANCES = tuple(range(-390, 211, 60))
ORIENTATIONS = ("+", "-")
FLANK, HALF_BIN = 5, 16
#: Genes whose start lies nearer to an end of the chromosome are left out (bp).
EDGE = 2000
#: Distance from the start to the site's middle, in the gene's direction (bp), of each motif.
NEAR = {START_MOTIF.name: (-60, -20), "kestrel": (-300, 300)}
COLOURS = {"+": "#0072b2", "-": "#d55e00"}


def elements_of(genes: list[Gene], sites: Path, lengths: dict[str, int]) -> pd.DataFrame:
    """Choose the elements: columns chrom, start, end, name (of the motif) and gene."""
    rows = []
    planted = read_bed(sites, lengths)
    for gene in genes:
        (start,) = gene.tss
        for motif, (low, high) in NEAR.items():
            for site in planted:
                away = (site.start + site.end) // 2 - start
                away = -away if gene.strand == "-" else away
                fits = site.chrom == gene.contig and site.name == motif and low <= away <= high
                if fits and (motif != START_MOTIF.name or site.strand == gene.strand):
                    place = (site.chrom, site.start - FLANK, site.end + FLANK)
                    rows.append((*place, motif, gene.gene_id))
                    break
    return pd.DataFrame(rows, columns=["chrom", "start", "end", "name", "gene"])


def truth_of(
    codes: np.ndarray, gene: Gene, start: int, end: int, draws: int, random: np.random.Generator
) -> np.ndarray:
    """Compute what the grammar says of a moved element.

    Parameters
    ----------
    codes : ndarray, uint8, shape (length,)
        The chromosome.
    gene
        The gene, of one start.
    start, end
        Where the element stands (0-based, half-open).
    draws, random
        Shuffled sequences, and their source.

    Returns
    -------
    ndarray, float64, shape (distances, orientations)
        log2 ratios; the mean of the draws.
    """
    (tss,) = gene.tss
    sign, track = (-1, 2) if gene.strand == "-" else (1, 1)
    element, half = codes[start:end], (end - start) // 2
    margin = max(map(abs, DISTANCES)) + REACH_BP + HALF_BIN + (end - start)
    first = tss - margin
    found = np.empty((draws, len(DISTANCES), len(ORIENTATIONS)))
    for draw in range(draws):
        background = codes[first : tss + margin].copy()
        other = shuffled(element, random)
        background[start - first : end - first] = other
        sequences = []
        for distance in DISTANCES:
            place = margin + sign * distance - half
            for bases in (other, element, reverse_complement(element)):
                changed = background.copy()
                changed[place : place + len(bases)] = bases
                sequences.append(changed)
        starts = expected_signal(np.array(sequences))[:, margin - HALF_BIN : margin + HALF_BIN]
        starts = starts[..., track].sum(axis=1).reshape(len(DISTANCES), 3)
        found[draw] = np.log2(starts[:, 1:] / starts[:, :1])
    return found.mean(axis=0)


def compared(
    model: Path, simulation: Path, chromosomes: set[str], draws: int
) -> dict[str, dict[str, Any]]:
    """Compare the model's effects with the grammar's: of each motif, means over genes."""
    with Genome(simulation / "genome.fa") as genome, tempfile.TemporaryDirectory() as folder:
        genes = [
            gene
            for gene in read_genes(simulation / "genes.gtf", genome)
            if gene.contig in chromosomes
            and EDGE < gene.tss[0] < genome.lengths[gene.contig] - EDGE
        ]
        table = elements_of(genes, simulation / "sites.bed", genome.lengths)
        path = Path(folder) / "elements.tsv"
        table.to_csv(path, sep="\t", index=False)
        options = ElementOptions(
            simulation / "genes.gtf", gene=",".join(table.gene.unique()), tracks="start_*",
            elements=path, method="knock-out", draws=draws, distances=DISTANCES,
            orientations=ORIENTATIONS,
        )  # fmt: skip
        moved = element_effects(model, genome, options).moved.to_dataframe()
        random, of_name = np.random.default_rng(0), {gene.gene_id: gene for gene in genes}
        truths: dict[str, list[np.ndarray]] = {name: [] for name in NEAR}
        for row in table.itertuples():
            codes = genome.codes(row.chrom, 0, genome.lengths[row.chrom])
            gene = of_name[row.gene]
            truths[row.name].append(truth_of(codes, gene, row.start, row.end, draws, random))
    results = {}
    for name, truth in truths.items():
        mine = moved[moved.element == name]
        means = mine.groupby(["moved_to", "orientation"]).log2_ratio.mean().unstack()
        predicted = means.loc[list(DISTANCES), list(ORIENTATIONS)].to_numpy()
        true = np.mean(truth, axis=0)
        results[name] = {
            "genes": len(truth),
            "predicted": predicted.tolist(),
            "true": true.tolist(),
            "r": float(np.corrcoef(predicted.ravel(), true.ravel())[0, 1]),
        }
    return results


def draw(path: Path, results: dict[str, dict[str, Any]]) -> None:
    """Draw the effect by distance, of each motif and orientation."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, len(results))
    for ax, (name, found) in zip(panels, results.items()):
        for column, way in enumerate(ORIENTATIONS):
            words = {"+": "as it stands", "-": "turned"}[way]
            for key, style, label in (("predicted", "-o", words), ("true", ":", None)):
                values = np.array(found[key])[:, column]
                ax.plot(DISTANCES, values, style, color=COLOURS[way], markersize=4, label=label)
        ax.plot([], [], ":", color="#555555", label="grammar")
        ax.axhline(0, color="#999999", linewidth=0.8, zorder=0)
        ax.set_title(f"{name}, {found['genes']} genes", fontsize=10)
        ax.set_xlabel("moved to (bp from the gene's start)")
        ax.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("effect on starts (log2 ratio)")
    panels[0].legend(frameon=False, fontsize=9)
    figure.savefig(path, dpi=130)


def main(
    model: Annotated[Path, typer.Option(help="A model of the simulated genome (a bundle).")],
    simulation: Annotated[Path, typer.Option(help="What `basenji-train simulate` wrote.")],
    out: Annotated[Path, typer.Option(help="The JSON file to write.")],
    plot: Annotated[Path | None, typer.Option(help="The figure to write.")] = None,
    draws: Annotated[int, typer.Option(min=1, help="Shuffled sequences of each element.")] = 4,
    overwrite: Annotated[bool, typer.Option(help="Replace existing outputs.")] = False,
) -> None:
    """Measure whether moved and turned elements do what the grammar says."""
    try:
        for path in (out, plot):
            if path is not None:
                check_output(path, overwrite=overwrite)
        described = simulation / "simulation.json"
        if not described.is_file():
            raise InputError(f"{described} is missing: --simulation names what simulate wrote")
        chromosomes = set(json.loads(described.read_text(encoding="utf-8"))["test"])
        results = compared(model, simulation, chromosomes, draws)
        content = {"distances": DISTANCES, "orientations": ORIENTATIONS, "motifs": results}
        with atomic_path(out, overwrite=overwrite) as temporary:
            temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        if plot is not None:
            with atomic_path(plot, overwrite=overwrite) as temporary:
                draw(temporary, results)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print("| motif | genes | r with the grammar's |\n| --- | --- | --- |")
    for name, found in results.items():
        print(f"| {name} | {found['genes']} | {found['r']:.3f} |")


if __name__ == "__main__":
    typer.run(main)
