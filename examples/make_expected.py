"""Fit the Kipoi files to the bundle in model_files (`make kipoi-files`), after it was replaced.

Writes the shapes and the precision into the YAML files, and the predictions that `kipoi test`
expects. Needs the environment in which Kipoi runs.
"""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path

import kipoi
import numpy as np
from kipoi.writers import HDF5BatchWriter
from kipoi_utils.utils import cd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from basenji_kipoi.base.atomic import atomic_path  # noqa: E402
from basenji_kipoi.models.bundle import REPORTERS, read_assays  # noqa: E402
from basenji_kipoi.models.networks.architecture import (  # noqa: E402 - works without an installation
    Architecture,
)
from basenji_kipoi.models.targets import Targets  # noqa: E402

#: Other processors and releases may differ by so many times what the model's two ways to compute
#: differ by here: with what windows share, and the whole network for each window.
MARGIN = 10
FOLDERS = {
    ".": "expected",
    "kipoi_models/variant_effects": "expected_variant_effects",
    "kipoi_models/variant_centered": "expected_variant_centered",
    "kipoi_models/mutation_map": "expected_mutation_map",
}
#: The model of bundles with a reporter.
REPORTER = "kipoi_models/reporter"


def write_shapes(root: Path) -> None:
    """Write the window, the bins and the tracks of the bundle into the YAML files."""
    bundle = root / "model_files"
    architecture = Architecture.read(bundle / "architecture.json")
    tracks = len(Targets.read(bundle / "targets.tsv"))
    files = [
        root / folder / name for folder in FOLDERS for name in ("model.yaml", "dataloader.yaml")
    ]
    for path in filter(Path.exists, files):
        text = path.read_text(encoding="utf-8")
        shapes = {"seq": (architecture.window, 4), "coverage": (None, tracks)}
        if path.parent.name in ("variant_effects", "mutation_map"):
            shapes["coverage"] = (tracks,)
        if path.parent.name == "mutation_map":
            region = int(re.search(r"name: seq\n +shape: \((\d+)", text).group(1))
            flank = architecture.window - region
            shapes |= {
                "left": (flank // 2, 4),
                "seq": (region, 4),
                "right": (flank - flank // 2, 4),
            }
        for name, shape in shapes.items():
            text = re.sub(rf"(name: {name}\n +shape: )\(.*\)", rf"\g<1>{shape}", text)
        text = re.sub(r"(coverage of each track in )\d+", rf"\g<1>{architecture.bins}", text)
        text = re.sub(r"(auto_resize_len: )\d+", rf"\g<1>{architecture.window}", text)
        path.write_text(text, encoding="utf-8")


def write_reporter(root: Path) -> bool:
    """Write the insert and the activities of the bundle's first reporter; say if it has one."""
    bundle = root / "model_files"
    architecture = Architecture.read(bundle / "architecture.json")
    assays = read_assays(bundle / REPORTERS, architecture)
    if not assays:
        return False
    assay = next(iter(assays.values()))
    for path in (root / REPORTER / name for name in ("model.yaml", "dataloader.yaml")):
        text = path.read_text(encoding="utf-8")
        shapes = {"seq": (assay.insert, 4), "activity": (len(assay.activities),)}
        for name, shape in shapes.items():
            text = re.sub(rf"(name: {name}\n +shape: )\(.*\)", rf"\g<1>{shape}", text)
        labels = "".join(f"      - {json.dumps(name)}\n" for name in assay.identifiers)
        head, *listed = re.split(r"(?<=column_labels:\n)(?: +- .*\n)+", text)
        text = labels.join((head, *listed))
        path.write_text(text, encoding="utf-8")
    return True


def decimals_of(difference: float) -> int:
    """Count the decimals that `kipoi test` is to compare.

    With d of them it takes predictions for the same that differ by less than 1.5 * 10^-d.

    Parameters
    ----------
    difference
        Between two ways to compute the same predictions (above 0).

    Returns
    -------
    int
        The most decimals at which `MARGIN` times that difference still passes.
    """
    return math.floor(math.log10(1.5 / (MARGIN * difference)))


def write_expected(root: Path, folder: str, name: str) -> None:
    """Predict two example intervals and keep what `kipoi test` compares."""
    examples = root / "examples" / "data"
    model = kipoi.get_model(str(root / folder), source="dir")
    loader = model.default_dataloader(
        intervals_file=str(examples / "intervals_inside.bed"),
        fasta_file=str(examples / "genome.fa"),
    )
    with atomic_path(examples / f"{name}.h5", overwrite=True) as output:
        writer = HDF5BatchWriter(str(output), chunk_size=1)
        for batch in loader.batch_iter(batch_size=len(loader)):
            predictions = model.predict_on_batch(batch["inputs"])
            writer.batch_write({"inputs": batch["inputs"], "preds": predictions})
        writer.close()
    if "incremental" in model.args:
        with cd(model.source_dir):
            plain = type(model)(**{**model.args, "incremental": False})
        other = plain.predict_on_batch(batch["inputs"])
    else:
        other = np.concatenate([model.predict_on_batch(each[None]) for each in batch["inputs"]])
    difference = float(np.abs(other - predictions).max())
    decimals = decimals_of(difference or float(np.spacing(np.abs(predictions).max())))
    path = root / folder / "model.yaml"
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"(precision_decimal: )-?\d+", rf"\g<1>{decimals}", text)
    path.write_text(text, encoding="utf-8")


def main(root: Path = ROOT) -> None:
    """Write everything."""
    write_shapes(root)
    for folder, name in FOLDERS.items():
        write_expected(root, folder, name)
    if write_reporter(root):
        write_expected(root, REPORTER, "expected_reporter")


if __name__ == "__main__":
    main()
