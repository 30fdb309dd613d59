"""Measure whether `motifs` finds the motifs that were planted into a simulated genome.

    .venv/bin/python benchmarks/truth/planted_motifs.py --model MODEL --simulation SIMULATION \
        --out build/planted_motifs

Promoters (300 bp from 245 bp before to 55 bp behind the middle of the starts) of genes drawn at
random are attributed by gradients, and motifs looked for in accessibility and starts of the plus
strand. For each planted motif the most alike found one is told, by the correlation of both
matrices (`basenji_kipoi.interpretation.motifs.similarity`); .9 or more counts as found.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from basenji_kipoi.base.atomic import Folder, atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.genes import read_genes
from basenji_kipoi.interpretation.motif_matrices import consensus_of, read_meme
from basenji_kipoi.interpretation.motifs.similarity import similarity

#: From here on a planted motif counts as found.
FOUND = 0.9
BEFORE, LENGTH = 245, 300


def write_promoters(simulation: Path, path: Path, number: int, margin: int, seed: int) -> None:
    """Write promoters of some genes as BED."""
    with Genome(simulation / "genome.fa") as genome:
        genes = [
            gene
            for gene in read_genes(simulation / "genes.gtf", genome)
            if margin < gene.tss[0] < genome.lengths[gene.contig] - margin
        ]
    random = np.random.default_rng(seed)
    lines = []
    for index in random.permutation(len(genes))[:number].tolist():
        gene = genes[index]
        start = gene.tss[0] - (BEFORE if gene.strand == "+" else LENGTH - BEFORE)
        fields = (gene.contig, start, start + LENGTH, gene.gene_id, 0, gene.strand)
        lines.append("\t".join(map(str, fields)) + "\n")
    path.write_text("".join(lines))


def compared(simulation: Path, found: Path) -> list[dict[str, object]]:
    """Compare planted with found motifs."""
    matrices = read_meme(found)
    rows = []
    for planted in read_meme(simulation / "motifs.meme"):
        matches = [similarity(each.probabilities, planted.probabilities).value for each in matrices]
        best = int(np.argmax(matches)) if matches else -1
        rows.append(
            {
                "planted": planted.name,
                "letters": consensus_of(planted.probabilities),
                "found": matrices[best].name if matches else None,
                "found_letters": consensus_of(matrices[best].probabilities) if matches else None,
                "similarity": matches[best] if matches else None,
            }
        )
    return rows


def command(*arguments: object) -> None:
    """Run a command of this package; raise InputError with what it said if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "basenji_kipoi", *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise InputError(done.stderr.strip().splitlines()[-1].removeprefix("error: "))


def main(
    model: Annotated[Path, typer.Option(help="A model of the simulated genome (a bundle).")],
    simulation: Annotated[Path, typer.Option(help="What `basenji-train simulate` wrote.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    number: Annotated[int, typer.Option(min=1, help="Promoters.")] = 900,
    most: Annotated[int, typer.Option(min=1, help="Seqlets of each sign at most.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the genes.")] = 0,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing output.")] = False,
) -> None:
    """Measure whether planted motifs are found."""
    try:
        check_output(
            out, overwrite=overwrite, folder=Folder("planted motifs", holds=("planted.json",))
        )
        with atomic_path(out, overwrite=overwrite) as folder:
            folder.mkdir()
            write_promoters(simulation, folder / "promoters.bed", number, 4000, seed)
            command(
                "attribute", "--model", model, "--fasta", simulation / "genome.fa",
                "--bed", folder / "promoters.bed", "--out", folder / "contributions.h5",
            )  # fmt: skip
            command(
                "motifs", "--attributions", folder / "contributions.h5",
                "--database", simulation / "motifs.meme", "--genes", simulation / "genes.gtf",
                "--tracks", "accessibility,start_plus", "--most", most,
                "--out", folder / "motifs",
            )  # fmt: skip
            rows = compared(simulation, folder / "motifs" / "motifs.meme")
            (folder / "planted.json").write_text(json.dumps(rows, indent=2) + "\n")
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print("| planted | letters | found | letters | similarity |\n| --- | --- | --- | --- | --- |")
    for row in rows:
        value = row["similarity"]
        shown = "-" if value is None else f"{value:.3f}"
        print(
            f"| {row['planted']} | {row['letters']} | {row['found']} | {row['found_letters']} | "
            f"{shown} |"
        )
    number_found = sum((row["similarity"] or 0) >= FOUND for row in rows)
    print(f"\n{number_found} of {len(rows)} found")


if __name__ == "__main__":
    typer.run(main)
