"""The main job with the shipped model: tracks predicted, variants scored, both drawn.

    python examples/run_example.py --out build/example

Everything that could be a command of Kipoi is one, and is printed as you would type it.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from basenji_kipoi.models.bundle import Bundle

ROOT = Path(__file__).resolve().parents[1]
FILES = Path("examples/data")
INPUTS = {
    "intervals_file": str(FILES / "intervals.bed"),
    "fasta_file": str(FILES / "genome.fa"),
}
VARIANTS = FILES / "variants.vcf.gz"
#: The interval and the variant that are drawn: both in a promoter, far from the chromosome's ends.
INTERVAL = 1
VARIANT = "promoter_tata"


class Variant(NamedTuple):
    """A substitution of one base, and its score on each track.

    Attributes
    ----------
    chrom : str
        Contig.
    position : int
        The base (0-based).
    name, ref, alt : str
        Identifier and alleles.
    scores : ndarray, float64, shape (tracks,)
        Alternative minus reference, summed over the predicted bins.
    """

    chrom: str
    position: int
    name: str
    ref: str
    alt: str
    scores: np.ndarray


def run(arguments: list[str], log: Path) -> None:
    """Run a program in the repository and keep what it says in a file.

    Raises
    ------
    SystemExit
        If it fails, after its output was printed.
    """
    print(f"  $ {shlex.join(arguments)}")
    # The environment's own programs, whether or not it is activated.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        arguments,
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    log.write_text(done.stdout, encoding="utf-8")
    if done.returncode:
        sys.exit(f"{done.stdout}\nerror: {arguments[0]} ended with status {done.returncode}")


def predict(out: Path) -> Path:
    """Predict the example's intervals with `kipoi predict`."""
    predictions = out / "predictions.h5"
    predictions.unlink(missing_ok=True)  # kipoi would add to it, and fail
    run(
        [
            "kipoi",
            "predict",
            ".",
            "--source=dir",
            f"--dataloader_args={json.dumps(INPUTS)}",
            "--keep_metadata",
            "-o",
            str(predictions),
        ],
        out / "kipoi_predict.log",
    )
    return predictions


def score(out: Path) -> Path:
    """Score the example's variants with kipoi-veff: alternative minus reference, a track."""
    scores = out / "variant_scores.tsv"
    run(
        [
            "python",
            "-m",
            "kipoi_veff",
            "score_variants",
            "kipoi_models/variant_effects",
            "--source=dir",
            "--dataloader_args",
            json.dumps(INPUTS),
            "-i",
            str(VARIANTS),
            "-o",
            str(out / "variant_scores.vcf"),
            "-e",
            str(scores),
            "-s",
            "diff",
        ],
        out / "kipoi_veff.log",
    )
    return scores


def read_variant(path: Path, name: str, tracks: int) -> Variant:
    """Read one variant from the table that kipoi-veff writes."""
    with path.open(encoding="utf-8", newline="") as lines:
        row = next(
            row for row in csv.DictReader(lines, delimiter="\t") if row["variant_id"] == name
        )
    return Variant(
        chrom=row["variant_chr"],
        position=int(row["variant_pos"]) - 1,
        name=name,
        ref=row["variant_ref"],
        alt=row["variant_alt"],
        scores=np.array([float(row[f"preds/diff/{track}"]) for track in range(tracks)]),
    )


def main() -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("build/example"))
    out = parser.parse_args().out.absolute()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's notices are many
    out.mkdir(parents=True, exist_ok=True)
    os.chdir(ROOT)
    out = Path(os.path.relpath(out))
    begin = time.monotonic()
    bundle = Bundle.load("model_files")

    print(f"1. Tracks of the intervals in {INPUTS['intervals_file']}")
    predictions_file = predict(out)
    with h5py.File(predictions_file) as content:
        shape = content["preds"].shape
        chrom = content["metadata/ranges/chr"].asstr()[INTERVAL]
        start = int(content["metadata/ranges/start"][INTERVAL])
        end = int(content["metadata/ranges/end"][INTERVAL])
    print(f"  {predictions_file}: {shape} = (intervals, bins, tracks)")

    print(f"2. Effects of the variants in {VARIANTS}")
    scores = score(out)
    variant = read_variant(scores, VARIANT, len(bundle.targets))
    place = f"{variant.chrom}:{variant.position + 1:,} {variant.ref}>{variant.alt}"
    print(f"  {scores}: alternative minus reference for each track; also as VCF beside it")
    print(f"  {variant.name}, {place}, the largest of {len(bundle.targets)} scores:")
    most = np.argsort(-np.abs(variant.scores))[:4]
    for track in most:
        print(f"    {bundle.targets[track].identifier:<20} {variant.scores[track]:+.2f}")

    print("3. Figures")
    model = ["--model", "model_files", "--fasta", INPUTS["fasta_file"], "--overwrite", "--quiet"]
    region = f"{chrom}:{start + 1}-{end}"
    tracks = str(out / "tracks.png")
    run(
        ["basenji", "plot", "tracks", *model, "--region", region, "--out", tracks],
        out / "plot_tracks.log",
    )
    print(f"  {tracks}: every track of the interval {region}")
    named = f"{variant.chrom}:{variant.position + 1}:{variant.ref}:{variant.alt}"
    alleles = str(out / "variant.png")
    run(
        ["basenji", "plot", "variant", *model, "--variant", named, "--out", alleles],
        out / "plot_variant.log",
    )
    print(f"  {alleles}: both alleles of {variant.name}, and what the bases around it contribute")
    print(f"done in {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
