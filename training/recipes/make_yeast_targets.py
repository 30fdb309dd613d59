"""Write the targets table of the yeast model: thresholds and scales from the tracks themselves.

    python recipes/make_yeast_targets.py YEAST_FOLDER recipes/yeast_targets.tsv

`basenji_training.data.scaling` says how. YEAST_FOLDER has tracks/, genome.fa.gz and blacklist.bed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from basenji_kipoi.models.targets import Target, Targets
from basenji_training.data.build import build_store
from basenji_training.data.scaling import suggest_thresholds
from basenji_training.data.settings import StoreSettings
from basenji_training.store.store import Store

BIN = 32
QUANTILE = 0.97
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


def table() -> Targets:
    """Assemble the table without thresholds and scales, for the raw sums."""
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
            StoreSettings(
                bin=BIN,
                test=TEST,
                validation=VALIDATION,
                exclude=["chrM"],
                blacklist=folder / "blacklist.bed",
            ),
            fasta=folder / "genome.fa.gz",
            out=Path(scratch) / "raw.zarr",
            data_dir=folder,
        )
        store = Store.open(Path(scratch) / "raw.zarr")
        suggest_thresholds(store, quantile=QUANTILE, weights=WEIGHTS).write(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
