"""Find yeast's best-known promoter motifs in what the model's contributions hold.

    .venv/bin/python benchmarks/truth/yeast_motifs.py --data "$BASENJI_DATA/yeast" \
        --model model_files --out build/yeast_motifs

Looked for are six: those of Reb1, Abf1, Rap1, TBP (the TATA box), Msn2 (the stress response
element), and poly(dA:dT). A motif counts as found if it is the first that a discovered one is
named by (similarity .7 or more), among all of JASPAR's fungi and a run of eight A. Msn4, which
binds what Msn2 binds, counts as Msn2. Required: four of six.

Three ways, written down before any was tried, after 900 promoters and ATAC-seq by itself had shown
two (docs/how-to/motifs.md):

- **profiles**: more promoters (from 400 bp before to 50 bp behind a gene's first base, none that
  overlap), and besides ATAC-seq MNase-seq, which shows nucleosomes, starts of transcription
  (STRIPE-seq), and those under stress: Msn2 hardly acts in rich medium, TBP not on accessibility.
  By gradients, one strand.
- **stress**: of the same promoters the log ratio of starts under stress to those without.
- **reporter**: what the model's reporter, trained on sequences out of their context, says of native
  promoters of its library: every substitution of the 80 bases that vary, mean-centred.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from basenji_kipoi.activities.run import activity
from basenji_kipoi.base.atomic import Folder, atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import ALPHABET, encode, letters, one_hot
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.genes import read_genes
from basenji_kipoi.genome.intervals import Interval
from basenji_kipoi.interpretation.attribution.run import attribute
from basenji_kipoi.interpretation.motif_matrices import Motif, iupac_matrix, write_meme
from basenji_kipoi.interpretation.motifs.databases import read_database
from basenji_kipoi.interpretation.motifs.run import motifs
from basenji_kipoi.models.model import Model, load

if TYPE_CHECKING:
    from basenji_kipoi.interpretation.attribution.result import Attributions
    from basenji_kipoi.interpretation.motifs.result import Motifs

#: Names in the database of what is looked for.
WANTED = {
    "Reb1": ("REB1",),
    "Abf1": ("ABF1",),
    "Rap1": ("RAP1",),
    "TBP": ("SPT15",),
    "Msn2": ("MSN2", "MSN4"),
    "poly(dA:dT)": ("poly(dA:dT)",),
}
LEAST = 0.7
BEFORE, BEHIND = 400, 50
#: What all sequences of the reporter's library begin and end with.
FLANKS = 17, 13
#: Unknown bases on either side of these sequences.
ROOM = 25
GROUPS = {
    "starts": "stripe_wt_plus,stripe_wt_minus",
    "stress": "stripe_diamide_plus,stripe_diamide_minus",
}


def promoters_of(data: Path, genome: Genome, number: int, seed: int) -> list[Interval]:
    """Draw promoters that do not overlap."""
    genes = [g for g in read_genes(data / "genes.gtf.gz", genome) if g.contig != "chrM"]
    chosen: list[Interval] = []
    taken: dict[str, list[tuple[int, int]]] = {}
    margin = 4000
    for index in np.random.default_rng(seed).permutation(len(genes)).tolist():
        gene = genes[index]
        first = max(gene.tss) if gene.strand == "-" else min(gene.tss)
        before, behind = (BEHIND, BEFORE) if gene.strand == "-" else (BEFORE, BEHIND)
        start, end = first - before, first + behind
        near = taken.setdefault(gene.contig, [])
        if start < margin or end > genome.lengths[gene.contig] - margin:
            continue
        if any(start < last and begin < end for begin, last in near):
            continue
        near.append((start, end))
        chosen.append(Interval(gene.contig, start, end, gene.gene_id, gene.strand))
        if len(chosen) == number:
            break
    return chosen


def of_stress(given: Attributions, folder: Path) -> list[Path]:
    """Turn contributions to starts into those to the log ratio of stress; write them."""
    share = {
        name: given.hypothetical[:, :, given.labels.index(name)]
        / np.repeat(given.values[:, given.labels.index(name)], np.diff(given.offsets))[:, None]
        for name in GROUPS
    }
    ratio = (share["stress"] - share["starts"]) / np.log(2)
    paths = [folder / "stress.ohe.npz", folder / "stress.shap.npz"]
    codes = given.codes.reshape(len(given), -1)
    np.savez(paths[0], one_hot(codes).transpose(0, 2, 1).astype(np.int8))
    values = ratio.reshape(*codes.shape, len(ALPHABET)).transpose(0, 2, 1)
    np.savez(paths[1], values.astype(np.float32))
    return paths


def of_the_reporter(model: Model, data: Path, number: int, seed: int, folder: Path) -> list[Path]:
    """Mutate native promoters of the reporter's library; write what motif discovery takes."""
    path = data / "reporter" / "sequences.tsv.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [row["sequence"] for row in csv.DictReader(lines, delimiter="\t")
                if row["set"] == "native"]  # fmt: skip
    usual = sum(FLANKS) + 80
    given = sorted({row for row in rows if len(row) == usual and set(row) <= set(ALPHABET)})
    if not given:
        raise InputError(f"{path} has no native sequences of {usual} bases")
    chosen = np.random.default_rng(seed).permutation(len(given))[:number]
    codes = np.stack([encode(given[index]) for index in chosen.tolist()])
    inside = np.arange(FLANKS[0], usual - FLANKS[1])
    changed = np.tile(codes[:, None, None], (1, len(inside), len(ALPHABET), 1))
    changed[:, np.arange(len(inside)), :, inside] = np.arange(len(ALPHABET), dtype=np.uint8)
    texts = ["".join(letters(row)) for row in changed.reshape(-1, usual)]
    predicted = activity(model, texts, activities=["rich"])[:, 0]
    predicted = predicted.reshape(changed.shape[:3])
    hypothetical = predicted - predicted.mean(axis=2, keepdims=True)
    paths = [folder / "reporter.ohe.npz", folder / "reporter.shap.npz"]
    # Discovery wants room on both sides of a site: unknown bases, which contribute nothing.
    room = ((0, 0), (0, 0), (ROOM, ROOM))
    own = one_hot(codes[:, inside]).transpose(0, 2, 1).astype(np.int8)
    np.savez(paths[0], np.pad(own, room))
    np.savez(paths[1], np.pad(hypothetical.transpose(0, 2, 1).astype(np.float32), room))
    return paths


def named(found: Motifs) -> dict[str, Any]:
    """Say of each wanted motif which discovered one has its name, and list all of these."""
    rows = found.to_dataframe()
    shown = rows[["motif", "consensus", "sites", "tracks", "raises", "known", "similarity"]]
    first = [
        (each.known[0].name.split()[0], each.known[0].similarity) if each.known else ("", 0.0)
        for each in found
    ]
    result: dict[str, Any] = {"motifs": json.loads(shown.to_json(orient="records"))}
    result["found"] = {
        wanted: next(
            (found[n].name for n, (name, value) in enumerate(first)
             if name in names and value >= LEAST), None,
        )
        for wanted, names in WANTED.items()
    }  # fmt: skip
    return result


def main(
    data: Annotated[Path, typer.Option(help="Folder of the yeast data.")],
    model: Annotated[Path, typer.Option(help="The model (a bundle).")],
    out: Annotated[Path, typer.Option(help="Folder to write: figures, and the motifs found.")],
    number: Annotated[int, typer.Option(min=1, help="Promoters.")] = 1500,
    reporters: Annotated[int, typer.Option(min=1, help="Sequences of the library.")] = 1000,
    most: Annotated[int, typer.Option(min=1, help="Seqlets of each sign at most.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of what is drawn.")] = 0,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing output.")] = False,
) -> None:
    """Find yeast's promoter motifs in the model's contributions, in three ways."""
    result: dict[str, Any] = {}
    try:
        check_output(
            out, overwrite=overwrite, folder=Folder("yeast motifs", holds=("yeast_motifs.json",))
        )
        loaded = load(model)
        with atomic_path(out, overwrite=overwrite) as folder:
            folder.mkdir()
            meme = folder / "known.meme"
            run_of_a = 0.94 * iupac_matrix("A" * 8) + 0.015
            database = [
                Motif(each.name, each.probabilities) for each in read_database("jaspar:fungi")
            ]
            write_meme(meme, [*database, Motif("poly(dA:dT)", run_of_a)])
            genes = data / "genes.gtf.gz"
            shared = {"database": meme, "most": most}
            with Genome(data / "genome.fa.gz") as genome:
                places = promoters_of(data, genome, number, seed)
                began = time.process_time()
                given = attribute(
                    loaded, genome, places, tracks="atac,mnase", groups=GROUPS, both_strands=False
                )
            spent = time.process_time() - began
            result["attribution"] = {"promoters": len(places), "seconds": spent}
            began = time.process_time()
            found = motifs(given, tracks="atac,mnase,starts", genes=genes, **shared)
            found.write_new(folder / "profiles")
            result["profiles"] = {**named(found), "seconds": time.process_time() - began}
            began = time.process_time()
            found = motifs(of_stress(given, folder), scale="plain", **shared)
            found.write_new(folder / "stress")
            result["stress"] = {**named(found), "seconds": time.process_time() - began}
            began = time.process_time()
            paths = of_the_reporter(loaded, data, reporters, seed, folder)
            found = motifs(paths, scale="plain", **shared)
            found.write_new(folder / "reporter")
            result["reporter"] = {**named(found), "seconds": time.process_time() - began}
            (folder / "yeast_motifs.json").write_text(json.dumps(result, indent=2) + "\n")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    ways = {name: each["found"] for name, each in result.items() if "found" in each}
    print("| motif | " + " | ".join(ways) + " |\n| --- " + "| --- " * len(ways) + "|")
    for wanted in WANTED:
        cells = [each[wanted] or "-" for each in ways.values()]
        print(f"| {wanted} | " + " | ".join(cells) + " |")
    total = sum(any(each[wanted] for each in ways.values()) for wanted in WANTED)
    print(f"\n{total} of {len(WANTED)} found in one way or another")


if __name__ == "__main__":
    typer.run(main)
