"""Write the targets table of the yeast model: thresholds and scales from the tracks themselves.

    python recipes/make_yeast_targets.py YEAST_FOLDER recipes/yeast_targets.tsv

For each track, over the 32-bp bins of the training chromosomes that have a value: `clip_soft` is
the 90th percentile of the bins' sums but at least 1, `scale` makes the mean of the clipped sums the
assay's weight (`WEIGHTS`). Both are rounded to two significant digits. The two strands of a track
share both, because training with reverse complements swaps them. YEAST_FOLDER has tracks/,
genome.fa.gz and blacklist.bed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from basenji_kipoi.targets import Target, Targets
from basenji_training.binning import transform
from basenji_training.data import build_store
from basenji_training.store import Store

BIN = 32
QUANTILE = 0.90
# A track's share in the loss is proportional to its mean. With equal means, accessibility was not
# learned in full even on the training chromosomes, while the eight TIF-seq tracks were learned
# by heart.
WEIGHTS = {"ATAC-seq": 3.0, "STRIPE-seq": 1.5, "TIF-seq starts": 0.6, "TIF-seq ends": 0.6}
TEST = ("chrIV", "chrV", "chrXI")
VALIDATION = ("chrXIII",)
STRANDS = {"plus": "minus", "minus": "plus", "fwd": "rev", "rev": "fwd"}


def tracks() -> list[tuple[str, str, str, str]]:
    """Return identifier, description, assay and sample of each track; replicates are left out."""
    rows = [("atac", "ATAC-seq cuts (Tn5, 1 bp)", "ATAC-seq", "wild type")]
    for name, sample in (("wt", "wild type"), ("diamide", "diamide stress")):
        rows += [
            (f"stripe_{name}_{strand}", f"STRIPE-seq starts, {strand} strand", "STRIPE-seq", sample)
            for strand in ("plus", "minus")
        ]
    for site, what in (("tss", "starts"), ("polya", "ends")):
        for medium, sample in (("ypd", "glucose"), ("gal", "galactose")):
            rows += [
                (
                    f"tif_{site}_{medium}_{strand}",
                    f"TIF-seq {what}, {strand} strand",
                    f"TIF-seq {what}",
                    sample,
                )
                for strand in ("plus", "minus")
            ]
    rows += [
        ("polii", "RNA polymerase II ChIP-seq", "ChIP-seq", "wild type"),
        ("mnase", "MNase-seq", "MNase-seq", "wild type"),
        ("scc1", "Scc1 (cohesin) ChIP-seq", "ChIP-seq", "wild type"),
        ("rna_fwd", "RNA-seq, forward strand", "RNA-seq", "wild type"),
        ("rna_rev", "RNA-seq, reverse strand", "RNA-seq", "wild type"),
    ]
    return rows


def table(clip_soft: np.ndarray | None = None, scale: np.ndarray | None = None) -> Targets:
    """Assemble the table; without thresholds and scales, for the raw sums."""
    rows = tracks()
    index = {row[0]: i for i, row in enumerate(rows)}
    targets = []
    for i, (identifier, description, assay, sample) in enumerate(rows):
        stem, _, strand = identifier.rpartition("_")
        pair = f"{stem}_{STRANDS[strand]}" if strand in STRANDS else identifier
        targets.append(
            Target(
                index=i,
                identifier=identifier,
                file=f"tracks/{identifier}.bw",
                clip_soft=None if clip_soft is None else float(clip_soft[i]),
                scale=1.0 if scale is None else _round(scale[i]),
                strand_pair=index[pair],
                description=description,
                assay=assay,
                sample=sample,
            )
        )
    return Targets(targets)


def main(folder: Path, out: Path) -> None:
    """Measure the tracks and write the table."""
    with tempfile.TemporaryDirectory() as scratch:
        raw = Path(scratch) / "raw.tsv"
        table().write(raw)
        build_store(
            raw,
            fasta=folder / "genome.fa.gz",
            out=Path(scratch) / "raw.zarr",
            bin_width=BIN,
            test=TEST,
            validation=VALIDATION,
            exclude=["chrM"],
            blacklist=folder / "blacklist.bed",
            data_dir=folder,
        )
        store = Store.open(Path(scratch) / "raw.zarr")
        sums = np.concatenate(
            [store.coverage(name, 0, store.bins[name]) for name in store.folds["train"]]
        )
    # Each column next to its other strand's (an unstranded track next to itself).
    pooled = np.concatenate([sums, sums[:, store.targets.strand_permutation]])
    quantiles = np.maximum(np.nanquantile(pooled, QUANTILE, axis=0), 1.0)
    clip_soft = np.array([_round(value) for value in quantiles])
    clipped = np.stack(
        [
            transform(column, clip_soft=value, clip=np.inf, scale=1.0)
            for column, value in zip(pooled.T, clip_soft, strict=True)
        ]
    )
    weights = np.array([WEIGHTS.get(row[2], 1.0) for row in tracks()])
    table(clip_soft, weights / np.nanmean(clipped, axis=1)).write(out)


def _round(value: float) -> float:
    return float(f"{value:.2g}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
