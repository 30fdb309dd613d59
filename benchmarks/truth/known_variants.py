"""Measure whether a model finds variants that matter, on a simulated genome, where that is known.

    make train-example
    python benchmarks/truth/known_variants.py --model build/train-example/model \
        --simulation build/train-example/simulation --out build/known_variants.json

Causal variants disrupt or create a site of a motif. Each has a control: the same substitution at
the same distance from another gene's start, outside of every site. For each track, of the causal
variants that change its expected counts within 256 bp by 5 % or more:

- AUROC of the absolute SAD, causal variants against their controls;
- sign accuracy: how often SAD has the sign of the true effect.

Intervals are those of 1,000 bootstrap draws of pairs (AUROC) and of variants (sign). Windows are
centred on the variant. Chromosomes that the model was trained on are among them: the variants'
alleles are new to it everywhere; the rows of held-out chromosomes have those alone.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.base.sequence import Allele, encode
from basenji_kipoi.comparison.statistics import as_json, auroc, estimate
from basenji_kipoi.effects.choice import effect_engine
from basenji_kipoi.genome.alleles import AlleleWindow
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.models.bundle import Bundle

#: Least size of a true effect, as a log ratio.
LEAST = np.log(1.05)
HELD_OUT = ("validation", "test")


def scores_of(bundle: Bundle, genome: Genome, rows: list[dict[str, str]]) -> np.ndarray:
    """Score substitutions: SAD, float64 (variants, tracks)."""
    window = bundle.architecture.window
    requests = []
    for row in rows:
        start = int(row["pos"]) - 1 - (window // 2 - 1)
        allele = Allele(window // 2 - 1, 1, encode(row["alt"]))
        requests.append(AlleleWindow(row["chrom"], start, allele))
    engine = effect_engine(bundle.members, genome)
    sad = np.zeros((len(rows), engine.tracks))
    with progress_bar("scoring", total=len(rows), unit="variants") as advance:
        for group in engine.groups(requests):
            effects = engine.effects([requests[index] for index in group])
            differences = effects.alternative.astype(np.float64) - effects.reference
            sad[group] = np.where(effects.valid[:, :, None], differences, 0).sum(axis=1)
            advance(len(group))
    return sad


def measure(
    rows: list[dict[str, str]], sad: np.ndarray, tracks: list[str], held_out: set[str]
) -> list[dict[str, Any]]:
    """Measure each track, for all variants, by class, and on held-out chromosomes."""
    index = {row["id"]: number for number, row in enumerate(rows)}
    control = np.full(len(rows), -1)
    for number, row in enumerate(rows):
        if row["class"] == "control":
            control[index[row["matched"]]] = number
    kind = np.array([row["class"] for row in rows])
    causal = np.isin(kind, ["disrupts", "creates"])
    unseen = np.array([row["chrom"] in held_out for row in rows])
    selections = {
        "all": causal,
        "disrupts": kind == "disrupts",
        "creates": kind == "creates",
        "held out": causal & unseen,
    }
    measured = []
    for column, track in enumerate(tracks):
        truth = np.array([float(row[track]) for row in rows])
        for name, selected in selections.items():
            mine = np.flatnonzero(selected & (np.abs(truth) >= LEAST))
            paired = mine[control[mine] >= 0]
            size = np.abs(sad[:, column])
            agrees = (np.sign(sad[mine, column]) == np.sign(truth[mine])).astype(float)
            measured.append(
                {
                    "track": track,
                    "variants": name,
                    "auroc": estimate(auroc, size[paired], size[control[paired]]),
                    "sign": estimate(np.mean, agrees),
                }
            )
    return measured


def table(measured: list[dict[str, Any]]) -> str:
    """Format the figures as a Markdown table."""
    lines = [
        "| track | variants | pairs | AUROC of \\|SAD\\| | variants | sign accuracy |",
        "| --- " * 6 + "|",
    ]
    for row in measured:
        area, sign = row["auroc"], row["sign"]
        cells = [row["track"], row["variants"], str(area.rows), str(area)]
        lines.append(f"| {' | '.join([*cells, str(sign.rows), str(sign)])} |")
    return "\n".join(lines)


def main(
    model: Annotated[Path, typer.Option(help="A model of the simulated genome (a bundle).")],
    simulation: Annotated[Path, typer.Option(help="What `basenji-train simulate` wrote.")],
    out: Annotated[Path, typer.Option(help="The JSON file to write.")],
    overwrite: Annotated[bool, typer.Option(help="Replace an existing JSON file.")] = False,
) -> None:
    """Measure how well a model finds variants that are known to matter."""
    try:
        check_output(out, overwrite=overwrite)
        bundle = Bundle.load(model)
        try:
            with (simulation / "truth.tsv").open(encoding="utf-8") as file:
                rows = list(csv.DictReader(file, delimiter="\t"))
            description = json.loads((simulation / "simulation.json").read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{simulation} is no simulated genome: {error}") from None
        tracks = bundle.targets.labels
        if missing := {"matched", *tracks} - set(rows[0] if rows else ()):
            raise InputError(
                f"{simulation / 'truth.tsv'} has no column {', '.join(sorted(missing))}: make the "
                "simulated genome that the model was trained on, with this version"
            )
        began = time.monotonic()
        with Genome(simulation / "genome.fa") as genome:
            sad = scores_of(bundle, genome, rows)
        seconds = time.monotonic() - began
        held_out = {name for split in HELD_OUT for name in description[split]}
        measured = measure(rows, sad, tracks, held_out)
        with atomic_path(out, overwrite=overwrite) as temporary:
            result = {
                "model": bundle.metadata.name,
                "model_sha256": ", ".join(bundle.weights_sha256),
                "variants": len(rows),
                "seconds": seconds,
                "measured": as_json(measured),
            }
            temporary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print(table(measured))


if __name__ == "__main__":
    typer.run(main)
