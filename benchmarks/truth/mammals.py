"""Train on the published human and mouse examples, and compare with a floor, as a table and JSON.

    python benchmarks/truth/mammals.py --data "$BASENJI_DATA/calico/tiny" --out build/mammals

In the training environment. FOLDER has hg38/ and mm10/, training data in the format of Basenji and
Borzoi. Three networks that differ in their seed, each with a head for each genome, windows of
131,072 bp and bins of 128 bp (``training/recipes/mammals.json``), are trained, and their
predictions averaged. The validation part chooses the epochs, the test part is compared once.

The floor is ridge regression of log(1 + counts) on the counts of 4-mers of a bin, alone or with
those of the 2,176 bp around it; its penalty is what the validation part likes best.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from scipy.ndimage import uniform_filter1d
from sklearn.linear_model import Ridge

from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.progress import progress_bar
from basenji_training.fit.loop import Run
from basenji_training.fit.recipe import read_network, read_recipe
from basenji_training.measures.metrics import Correlation
from basenji_training.store.store import Store
from basenji_training.store.windows import Windows

if TYPE_CHECKING:
    from basenji_kipoi.models.networks.architecture import Architecture

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "benchmarks" / "speed"))
from resources import machine  # noqa: E402 - found through the line above

RECIPE = ROOT / "training" / "recipes" / "mammals.json"
GENOMES = ("hg38", "mm10")
LENGTH = 4
#: Bins on each side of a bin whose 4-mers the wider floor counts too.
FLANK = 8
REPEATS = 3
PENALTIES = 10.0 ** np.arange(1, 7)


def kmer_counts(codes: np.ndarray, width: int) -> np.ndarray:
    """Count the k-mers that begin in each bin.

    Parameters
    ----------
    codes : ndarray, uint8, shape (bases,)
        0-3 for A, C, G, T; k-mers with another letter are not counted.
    width
        Width of a bin (bp).

    Returns
    -------
    ndarray, float32, shape (bases // width, 4 ** LENGTH)
    """
    padded = np.append(codes, np.full(LENGTH - 1, 4, np.uint8)).astype(np.int64)
    parts = np.lib.stride_tricks.sliding_window_view(padded, LENGTH)
    known = (parts < 4).all(axis=1)
    kmer = parts @ 4 ** np.arange(LENGTH)
    place = np.arange(len(codes)) // width * 4**LENGTH + kmer
    size = len(codes) // width * 4**LENGTH
    counts = np.bincount(place[known], minlength=size)[:size]
    return counts.reshape(-1, 4**LENGTH).astype(np.float32)


def features(store: Store, split: str, network: Architecture) -> tuple[np.ndarray, np.ndarray]:
    """Return 4-mer counts, those around included, and log(1 + counts) of a split's bins.

    Returns
    -------
    inputs : ndarray, float32, shape (bins, 2 * 4 ** LENGTH)
    observed : ndarray, float32, shape (bins, tracks)
        NaN where missing.
    """
    windows = Windows(store, split, network)
    inputs, observed = [], []
    for chromosome, start in windows:
        codes, coverage = windows.example(chromosome, start)
        counts = kmer_counts(codes, network.bin)
        around = uniform_filter1d(counts, 2 * FLANK + 1, axis=0, mode="constant")
        kept = slice(network.crop, network.crop + network.bins)
        inputs.append(np.concatenate([counts, around], axis=1)[kept])
        observed.append(np.log1p(store.targets.counts(coverage)))
    return np.concatenate(inputs), np.concatenate(observed)


def correlations(predicted: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Pearson's r of each track: float64, shape (tracks,)."""
    agreement = Correlation(observed.shape[1])
    agreement.add(predicted, observed)
    return agreement.result()


def floor(store: Store, network: Architecture, columns: slice) -> dict[str, Any]:
    """Fit the ridge regression on some of the features and compare it on the test part."""
    train, validation, test = (
        features(store, split, network) for split in ("train", "validation", "test")
    )
    mean, spread = train[0].mean(axis=0), train[0].std(axis=0) + 1e-6

    def scaled(inputs: np.ndarray) -> np.ndarray:
        return ((inputs - mean) / spread)[:, columns]

    exists = np.isfinite(train[1]).all(axis=1)
    fitted = [
        Ridge(alpha=penalty).fit(scaled(train[0][exists]), train[1][exists])
        for penalty in PENALTIES
    ]
    scores = [
        np.nanmean(correlations(ridge.predict(scaled(validation[0])), validation[1]))
        for ridge in fitted
    ]
    best = int(np.argmax(scores))
    test_r = correlations(fitted[best].predict(scaled(test[0])), test[1])
    return {"penalty": float(PENALTIES[best]), "r": test_r.tolist()}


def run_command(*arguments: str | Path) -> None:
    """Run a command of the training package."""
    subprocess.run([sys.executable, "-m", "basenji_training", *map(str, arguments)], check=True)


def train(out: Path, epochs: int | None) -> float:
    """Train and evaluate by the commands that a user would give; return the seconds of `fit`."""
    limit = [] if epochs is None else ["--epochs", str(epochs)]
    start = time.monotonic()
    stores = [out / f"{genome}.zarr" for genome in GENOMES]
    run_command(
        *("fit", *stores, "--recipe", RECIPE, "--out", out / "runs"),
        *("--repeats", str(REPEATS), "--resume", *limit),
    )
    seconds = time.monotonic() - start
    for genome, store in zip(GENOMES, stores, strict=True):
        run_command(
            *("evaluate", *_runs(out), "--head", genome, "--store", store),
            *("--out", out / f"{genome}.json", "--batch-size", "2", "--both-strands"),
            "--overwrite",
        )
    return seconds


def _runs(out: Path) -> list[Path]:
    return [out / "runs" / f"repeat{number + 1}" for number in range(REPEATS)]


def measure(out: Path, epochs: int | None) -> dict[str, Any]:
    """Compare network and floors, track by track."""
    network = read_network(read_recipe(str(RECIPE)).network)
    genomes = {}
    with progress_bar("ridge regression", total=2 * len(GENOMES), unit="fits") as advance:
        for genome in GENOMES:
            store = Store.open(out / f"{genome}.zarr").load()
            genomes[genome] = {"store": store, "floors": {}}
            for name, columns in (
                ("bin", slice(4**LENGTH)),
                ("bin and surroundings", slice(None)),
            ):
                genomes[genome]["floors"][name] = floor(store, network, columns)
                advance(1)
    seconds = train(out, epochs)
    histories = [Run(run).history for run in _runs(out)]
    return {
        "machine": machine(),
        "fit_seconds": round(seconds),
        "epochs": [len(history) for history in histories],
        "seconds_an_epoch": round(
            float(np.median([row["seconds"] for history in histories for row in history])), 1
        ),
        "genomes": {
            genome: _compare(found["store"], found["floors"], out / f"{genome}.json")
            for genome, found in genomes.items()
        },
    }


def _compare(store: Store, floors: dict[str, Any], evaluation: Path) -> dict[str, Any]:
    tracks = json.loads(evaluation.read_text(encoding="utf-8"))["tracks"]
    network = np.array(
        [np.nan if t["pearson_log1p"] is None else t["pearson_log1p"] for t in tracks]
    )
    # A constant prediction of a track that varies is worth nothing, and left out it would raise
    # the mean.
    network[np.isnan(network) & np.isfinite(floors["bin"]["r"])] = 0
    assays = np.array([target.assay for target in store.targets])
    rows = {}
    for assay in dict.fromkeys(assays):
        of_assay = assays == assay
        figures = {"network": network, **{name: np.array(f["r"]) for name, f in floors.items()}}
        best_floor = np.nanmax([np.array(f["r"]) for f in floors.values()], axis=0)
        rows[str(assay)] = {
            "tracks": int(of_assay.sum()),
            **{name: float(np.nanmean(r[of_assay])) for name, r in figures.items()},
            "above_floor": int((network[of_assay] > best_floor[of_assay]).sum()),
        }
    return {"assays": rows, "penalties": {name: f["penalty"] for name, f in floors.items()}}


def table(result: dict[str, Any]) -> str:
    """Format the comparison as a Markdown table."""
    lines = [
        "| genome | assay | tracks | network | ridge, bin | ridge, around | above both |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for genome, found in result["genomes"].items():
        for assay, row in found["assays"].items():
            figures = [row["network"], row["bin"], row["bin and surroundings"]]
            cells = [genome, assay, row["tracks"], *(f"{r:.3f}" for r in figures)]
            lines.append(f"| {' | '.join(map(str, [*cells, row['above_floor']]))} |")
    lines += [
        "",
        f"Pearson's r of log(1 + counts) at 128 bp on the test part. "
        f"{', '.join(map(str, result['epochs']))} epochs of {result['seconds_an_epoch']} s, "
        f"{result['fit_seconds'] / 60:.0f} minutes in all.",
    ]
    return "\n".join(lines)


def main(
    data: Annotated[Path, typer.Option(help="Folder with hg38/ and mm10/.")],
    out: Annotated[Path, typer.Option(help="Folder for stores, run and mammals.json.")],
    epochs: Annotated[int | None, typer.Option(help="Fewer epochs than the recipe's.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace mammals.json.")] = False,
) -> None:
    """Train on human and mouse examples and compare with ridge regression."""
    result_file = check_output(out / "mammals.json", overwrite=overwrite) if out.is_dir() else None
    out.mkdir(parents=True, exist_ok=True)
    for genome in GENOMES:
        if not (out / f"{genome}.zarr").exists():
            store = out / f"{genome}.zarr"
            run_command("import-tfrecords", data / genome, "--bin", "128", "--out", store)
    result = measure(out, epochs)
    with atomic_path(result_file or out / "mammals.json", overwrite=overwrite) as temporary:
        temporary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    typer.echo(table(result))


if __name__ == "__main__":
    typer.run(main)
