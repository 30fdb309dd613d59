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
from draw import draw_tracks, draw_variant

from basenji_kipoi.bundle import Bundle
from basenji_kipoi.genome import Genome
from basenji_kipoi.sequence import encode, one_hot

ROOT = Path(__file__).resolve().parents[1]
FILES = Path("example_files")
INPUTS = {
    "intervals_file": str(FILES / "intervals.bed"),
    "fasta_file": str(FILES / "genome.fa"),
}
VARIANTS = FILES / "variants.vcf"


class Variant(NamedTuple):
    """A substitution of one base: `position` is 0-based."""

    chrom: str
    position: int
    name: str
    ref: str
    alt: str


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
        env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, "PATH": path},
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
            "variant_effects",
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


def read_variant(path: Path) -> Variant:
    """Read the first record of a VCF file."""
    with path.open(encoding="utf-8") as lines:
        rows = csv.reader((line for line in lines if not line.startswith("#")), delimiter="\t")
        chrom, position, name, ref, alt = next(rows)[:5]
    return Variant(chrom, int(position) - 1, name, ref, alt)


def alleles(bundle: Bundle, genome: Genome, variant: Variant) -> tuple[np.ndarray, int]:
    """Predict both alleles in the window that Kipoi's variant tools use.

    Returns
    -------
    predictions : ndarray, float32, shape (2, bins, tracks)
        Reference and alternative allele.
    start : int
        First base of the window, 0-based.
    """
    window = bundle.architecture.window
    start = variant.position - (window // 2 - 1)
    codes = np.stack([genome.codes(variant.chrom, start, start + window)] * 2)
    codes[1, variant.position - start] = encode(variant.alt)[0]
    return bundle.network().predict_on_batch(one_hot(codes)), start


def bin_starts(bundle: Bundle, window_start: int) -> np.ndarray:
    """First base of each predicted bin of a window, 0-based (bp): int64, shape (bins,)."""
    shape = bundle.architecture
    return window_start + (shape.crop + np.arange(shape.bins)) * shape.bin


def main() -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("build/example"))
    out = parser.parse_args().out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    os.chdir(ROOT)
    out = Path(os.path.relpath(out))
    begin = time.monotonic()
    bundle = Bundle.load("model_files")
    shape = bundle.architecture

    print(f"1. Tracks of the intervals in {INPUTS['intervals_file']}")
    predictions_file = predict(out)
    with h5py.File(predictions_file) as content:
        predictions = content["preds"][:]
        ranges = {key: content[f"metadata/ranges/{key}"][:] for key in ("chr", "start")}
    print(f"  {predictions_file}: {predictions.shape} = (intervals, bins, tracks)")

    print(f"2. Effects of the variants in {VARIANTS}")
    scores = score(out)
    print(f"  {scores}: alternative minus reference, one column a track; also as VCF beside it")

    print("3. Figures")
    chrom = ranges["chr"][0]
    tracks_figure = out / "tracks.png"
    draw_tracks(
        tracks_figure,
        chrom=chrom.decode() if isinstance(chrom, bytes) else chrom,
        starts=bin_starts(bundle, int(ranges["start"][0])),
        bin_width=shape.bin,
        predictions=bundle.targets.counts(predictions[0]),
        targets=bundle.targets,
    )
    print(f"  {tracks_figure}: the {len(bundle.targets)} tracks of the first interval")

    variant = read_variant(VARIANTS)
    with Genome(INPUTS["fasta_file"]) as genome:
        (reference, alternative), start = alleles(bundle, genome, variant)
    place = f"{variant.chrom}:{variant.position + 1:,} {variant.ref}>{variant.alt}"
    variant_figure = out / "variant.png"
    draw_variant(
        variant_figure,
        title=f"{variant.name}  {place}  the tracks it changes most",
        chrom=variant.chrom,
        position=variant.position,
        starts=bin_starts(bundle, start),
        bin_width=shape.bin,
        reference=bundle.targets.counts(reference),
        alternative=bundle.targets.counts(alternative),
        labels=bundle.targets.labels,
    )
    print(f"  {variant_figure}: {variant.name} ({place})")
    print(f"done in {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
