"""Stores of which everything is known, and a run that has learned one; shared by test modules."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zarr

from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.targets import Target, Targets
from basenji_training.fit.loop import Run, Settings, fit
from basenji_training.store.description import FORMAT, FORMAT_VERSION
from basenji_training.store.store import Store

BIN = 32
FOLDS = {"train": ["chr1", "chr2"], "validation": ["chr3"], "test": ["chr4"]}
LENGTHS = {"chr1": 40_000, "chr2": 25_000, "chr3": 15_000, "chr4": 15_010}

#: An unstranded track, a strand pair, and one that exists nowhere.
TARGETS = Targets(
    [
        Target(index=0, identifier="gc", strand_pair=0, assay="content", sample="both"),
        Target(index=1, identifier="a_plus", strand_pair=2, assay="letter", sample="stranded"),
        Target(index=2, identifier="a_minus", strand_pair=1, assay="letter", sample="stranded"),
        Target(index=3, identifier="absent", strand_pair=3, assay="none", sample="none"),
    ]
)

SETTINGS = Settings(
    epochs=8,
    batch_size=8,
    learning_rate=0.01,
    warmup_epochs=1,
    averaging=0.9,
    jitter=256,
    shift=3,
    resolution=64,
    seed=3,
)


def tiny_architecture(
    tracks: int = len(TARGETS), window: int = 1024, *, dropout: bool = True
) -> Architecture:
    """Describe a network that trains in seconds: bins of 32 bp, 4 cropped on each side."""
    trunk = [
        {"op": "convolution", "filters": 12, "kernel": 5},
        {"op": "pooling", "size": 4},
        {"op": "normalisation"},
        {"op": "activation", "function": "relu"},
        {"op": "convolution", "filters": 12, "kernel": 8},
        {"op": "pooling", "size": 8},
        {"op": "normalisation"},
        {"op": "activation", "function": "relu"},
        {"op": "dropout", "rate": 0.1},
        {"op": "crop", "bins": 4},
    ]
    if not dropout:
        trunk = [operation for operation in trunk if operation["op"] != "dropout"]
    heads = {"tracks": {"tracks": tracks}}
    return Architecture.model_validate({"window": window, "trunk": trunk, "heads": heads})


def write_store(
    path: Path,
    sequences: dict[str, np.ndarray],
    coverage: dict[str, np.ndarray],
    targets: Targets = TARGETS,
    folds: dict[str, list[str]] | None = None,
) -> Store:
    """Write arrays as a store: codes (length,) and values (bins, tracks) of each chromosome."""
    root = zarr.open_group(str(path), mode="w-", zarr_format=3)
    for name, codes in sequences.items():
        group = root.create_group(name)
        group.create_array("sequence", data=codes.astype(np.uint8))
        group.create_array("coverage", data=coverage[name].astype(np.float32))
        group.create_array("covered", data=np.isfinite(coverage[name]).any(axis=1))
    root.attrs.update(
        {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "bin": BIN,
            "lengths": {name: len(codes) for name, codes in sequences.items()},
            "folds": folds or FOLDS,
            "targets": [row.model_dump() for row in targets],
            "command": "basenji-train data targets.tsv",
        }
    )
    return Store.open(path)


def random_sequences(seed: int = 0) -> dict[str, np.ndarray]:
    """Draw chromosomes whose composition varies from bin to bin, with a few unknown bases."""
    generator = np.random.default_rng(seed)
    sequences = {}
    for name, length in LENGTHS.items():
        rich = np.repeat(generator.random(length // 64 + 1), 64)[:length]
        strong = generator.random(length) < rich
        codes = np.where(strong, 1, 0) + np.where(generator.random(length) < 0.5, 0, 2)
        # Codes 0 and 3 are A and T, 1 and 2 are C and G: complements sum to 3.
        codes = np.where(codes == 3, 2, np.where(codes == 2, 3, codes))
        codes[generator.random(length) < 0.01] = 4
        sequences[name] = codes
    return sequences


def letter_counts(codes: np.ndarray) -> np.ndarray:
    """Count C and G, A, and T in each whole bin; the fourth track has no values."""
    bins = codes[: len(codes) // BIN * BIN].reshape(-1, BIN)
    counts = [np.isin(bins, letters).sum(axis=1) for letters in ([1, 2], [0], [3])]
    return np.stack([*counts, np.full(len(bins), np.nan)], axis=1)


def letters_store(path: Path) -> Store:
    """Write a store whose tracks count letters; some values are missing here and there."""
    sequences = random_sequences()
    coverage = {name: letter_counts(codes) for name, codes in sequences.items()}
    generator = np.random.default_rng(1)
    for values in coverage.values():
        values[generator.random(values.shape) < 0.05] = np.nan
    coverage["chr1"][100:140] = np.nan
    return write_store(path, sequences, coverage)


def weak_letters_store(path: Path) -> Store:
    """Write a store of another genome, half as long, with one track: the number of A and T."""
    sequences = {name: codes[: len(codes) // 2] for name, codes in random_sequences(seed=5).items()}
    coverage = {name: letter_counts(codes)[:, 1:3] for name, codes in sequences.items()}
    coverage = {name: counts.sum(axis=1, keepdims=True) for name, counts in coverage.items()}
    targets = Targets([Target(index=0, identifier="at", strand_pair=0)])
    return write_store(path, sequences, coverage, targets)


def fit_command(stores: list[Store], network: Path, out: Path) -> list[str]:
    """Write the command that trains as `SETTINGS` say."""
    left_out = {"reverse_complement", "freeze_trunk", "init"}
    options = SETTINGS.model_dump(exclude=left_out, exclude_none=True)
    command = [sys.executable, "-m", "basenji_training", "fit", *(store.path for store in stores)]
    command += ["--out", out, "--network", network]
    for key, value in options.items():
        command += [f"--{key.replace('_', '-')}", value]
    return [str(part) for part in command]


def timeless(history: list[dict[str, float]]) -> list[dict[str, float]]:
    """Leave out what two equal runs may differ in."""
    times = ("seconds", "validation_seconds")
    return [{k: v for k, v in row.items() if k not in times} for row in history]


@dataclass(frozen=True)
class Trained:
    """A store, and a finished run on it."""

    store: Store
    run: Run


def train_unbroken(store: Store, out: Path) -> Trained:
    """Train without interruption, in float32."""
    return Trained(store, fit(store, tiny_architecture(), out, SETTINGS, command="fit command"))
