"""Compare what two checkouts compute: the same commands in both, and their outputs file by file.

    python benchmarks/same_outputs.py OLD NEW [--only predict score ...] [--keep FOLDER]

OLD and NEW are checkouts with their environments (``make install``). The commands run in folders
of the same layout with relative paths, so that outputs that hold their command are the same too.
A file is ``equal`` if its bytes are; ``equal but for metadata`` if only what tells of the making
differs (commands, times, versions, checksums of such files); and else ``DIFFERENT``, with the first
place. The exit status is 1 if a file is different or on one side only.

Another command is another `Step`; another format another entry of `CONTENTS`. Run it by a Python
that has h5py and pyarrow, such as ``.venv-training/bin/python``.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import html
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

import h5py
import numpy as np
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What tells of the making, wherever it stands: keys of JSON, attributes, columns.
METADATA = {
    *("basenji_kipoi", "command", "commands", "created", "sha256", "versions", "weights_sha256"),
    *("seconds", "steps_per_second", "validation_seconds"),
}
#: Files that hold nothing to compare: the state of an interrupted run.
LEFT_OUT = {"checkpoint.npz"}


class Step(NamedTuple):
    """A command whose outputs are compared.

    Attributes
    ----------
    name : str
        For ``--only``.
    environment : str
        Folder of the checkout with the environment that runs it.
    command : str
        The command line, with paths relative to the folder that it runs in, which holds the example
        files and ``model_files``.
    outputs : tuple of str
        Files and folders that it writes.
    """

    name: str
    environment: str
    command: str
    outputs: tuple[str, ...]


_GENOME = "--model model_files --fasta genome.fa --quiet"
_PREDICT = f"basenji predict {_GENOME} --bed intervals.bed"
_SCORE = f"basenji score {_GENOME} --vcf variants.vcf.gz"
_MUTATE = f"basenji mutate {_GENOME} --bed short.bed"
STEPS = [
    *(
        Step("predict", ".venv", f"{_PREDICT} --out {out}", (out,))
        for out in ("predictions.h5", "predictions.zarr", "predictions")
    ),
    *(
        Step("score", ".venv", f"{_SCORE} --out {out} {options}", (out,))
        for out, options in [
            ("scores.parquet", "--scores SAD,logSAD,JS,D2,REF,ALT --shifts=-1,0,1"),
            ("scores.tsv", "--window grid --indels stitch"),
            ("long.tsv", "--window cluster:500 --long --bins center:8"),
            ("scores.vcf.gz", "--one-strand"),
        ]
    ),
    *(
        Step("mutate", ".venv", f"{_MUTATE} --out {out} {options}", (out,))
        for out, options in [("snv.h5", ""), ("deletions.zarr", "--mutations deletion:2")]
    ),
    Step(
        "simulate",
        ".venv-training",
        "basenji-train simulate --out simulation --size 400000 --variants 40 --reporters 400",
        ("simulation",),
    ),
    Step(
        "data",
        ".venv-training",
        "basenji-train data simulation/targets.tsv --fasta simulation/genome.fa --out store.zarr "
        "--test chr8 --validation chr7",
        ("store.zarr",),
    ),
    Step(
        "data",
        ".venv-training",
        "basenji-train data simulation/targets.tsv --fasta simulation/genome.fa --out folds.zarr "
        "--folds 4 --contig-length 20000 --processes 2",
        ("folds.zarr",),
    ),
    Step(
        "reporters",
        ".venv-training",
        "basenji-train reporters simulation/reporters.tsv --out reporters --weight reads "
        "--weight-kind counts --fasta simulation/genome.fa --test-contigs chr8 "
        "--validation-contigs chr7 --context simulation/reporter_context.fa "
        "--pairs simulation/reporter_pairs.tsv",
        ("reporters",),
    ),
    Step(
        "fit",
        ".venv-training",
        "basenji-train fit store.zarr --network network.json --out run --epochs 3 --batch-size 8 "
        "--learning-rate 0.01 --averaging 0.9 --resolution 32 --dtype float32",
        ("run",),
    ),
    Step(
        "evaluate",
        ".venv-training",
        "basenji-train evaluate run --store store.zarr --genes simulation/genes.gtf --tss-flank 64 "
        "--out evaluation.json",
        ("evaluation.json", "evaluation.parquet", "evaluation.html"),
    ),
    Step(
        "export",
        ".venv-training",
        "basenji-train export run --evaluation evaluation.json --out model --name simulation "
        "--assembly simulation --description 'A simulated genome of known grammar.'",
        ("model",),
    ),
]


def main() -> int:
    """Run the steps in both checkouts and print how their outputs compare."""
    parser = argparse.ArgumentParser(description="Compare what two checkouts compute.")
    parser.add_argument("checkouts", nargs=2, type=Path, metavar=("OLD", "NEW"))
    names = list(dict.fromkeys(step.name for step in STEPS))
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="steps to take")
    parser.add_argument("--keep", type=Path, help="folder for the outputs, which stay there")
    given = parser.parse_args()
    steps = [step for step in STEPS if step.name in given.only]
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folders = [folder / side for side in ("old", "new")]
        for checkout, side in zip(given.checkouts, folders):
            prepare(checkout.resolve(), side)
            for step in steps:
                run(checkout.resolve(), side, step)
        rows = [
            (step.name, file, *compare(*(side / file for side in folders)))
            for step in steps
            for file in files(folders, step.outputs)
        ]
    width = max(len(file) for _, file, *_ in rows)
    for name, file, verdict, place in rows:
        print(f"{name:9} {file:{width}} {verdict}{place and ': '}{place}")
    different = sum(verdict not in (EQUAL, BUT_FOR) for *_, verdict, _ in rows)
    print(f"{len(rows)} files, {different} different")
    return int(different > 0)


def prepare(checkout: Path, folder: Path) -> None:
    """Make a folder with what the commands read."""
    examples = first_of(checkout, "examples/data", "example_files")
    folder.mkdir(parents=True)
    for path in examples.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    shutil.copytree(checkout / "model_files", folder / "model_files")
    shutil.copy(checkout / "training/recipes/simulated_network.json", folder / "network.json")
    # Every mutation of a whole interval would take minutes.
    chromosome, start, *_ = (folder / "intervals.bed").read_text().split()
    (folder / "short.bed").write_text(f"{chromosome}\t{start}\t{int(start) + 40}\n")


def first_of(checkout: Path, *places: str) -> Path:
    """Find a folder that has had several places."""
    for place in places:
        if (checkout / place).is_dir():
            return checkout / place
    raise FileNotFoundError(f"{checkout} has none of {', '.join(places)}")


def run(checkout: Path, folder: Path, step: Step) -> None:
    """Run a command with the environment of a checkout."""
    program, *arguments = shlex.split(step.command)
    print(f"{folder.name}: {step.command}", file=sys.stderr)
    subprocess.run(
        [checkout / step.environment / "bin" / program, *arguments],
        cwd=folder,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def files(folders: Sequence[Path], outputs: Sequence[str]) -> list[str]:
    """List the files of outputs, of either side."""
    found = {
        path.relative_to(folder).as_posix()
        for folder in folders
        for output in outputs
        for path in [folder / output, *(folder / output).rglob("*")]
        if path.is_file() and path.name not in LEFT_OUT
    }
    return sorted(found)


EQUAL, BUT_FOR = "equal", "equal but for metadata"


def compare(old: Path, new: Path) -> tuple[str, str]:
    """Compare two files: the verdict, and the first place that differs."""
    for side, path in (("old", old), ("new", new)):
        if not path.exists():
            return "DIFFERENT", f"not in {side}"
    if old.read_bytes() == new.read_bytes():
        return EQUAL, ""
    read = CONTENTS.get(old.suffix)
    if read is None:
        return "DIFFERENT", "bytes"
    place = difference(read(old), read(new))
    return (BUT_FOR, "") if place is None else ("DIFFERENT", place)


def difference(old: Any, new: Any, place: str = "") -> str | None:  # noqa: ANN401 - what JSON holds
    """Name the first place where nested contents differ, metadata left out; None without any."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new} - METADATA):
            if (key in old) != (key in new):
                return f"{place}/{key} is on one side only"
            found = difference(old[key], new[key], f"{place}/{key}")
            if found:
                return found
        return None
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = (difference(a, b, f"{place}/{i}") for i, (a, b) in enumerate(zip(old, new)))
        return next((found for found in pairs if found), None)
    if isinstance(old, np.ndarray) and isinstance(new, np.ndarray):
        same = old.dtype == new.dtype and old.shape == new.shape and old.tobytes() == new.tobytes()
        return None if same else place
    # NaN is not itself, but its text is.
    return None if repr(old) == repr(new) else f"{place}: {old!r:.60} and {new!r:.60}"


def read_json(path: Path) -> object:
    """Read a JSON file."""
    return json.loads(path.read_text())


def read_hdf5(path: Path) -> dict[str, Any]:
    """Read datasets and attributes of an HDF5 file."""
    with h5py.File(path) as file:
        found: dict[str, Any] = {"attributes": attributes(file)}

        def see(name: str, item: h5py.Group | h5py.Dataset) -> None:
            found[name] = {"attributes": attributes(item)}
            if isinstance(item, h5py.Dataset):
                value = np.asarray(item[()])
                found[name]["values"] = value.tolist() if value.dtype == object else value

        file.visititems(see)
    return found


def attributes(item: h5py.Group | h5py.Dataset) -> dict[str, Any]:
    """Read attributes, those too that hold JSON."""
    found = {}
    for name, value in item.attrs.items():
        try:
            found[name] = json.loads(value)
        except (TypeError, ValueError):
            found[name] = value.tolist() if isinstance(value, np.ndarray) else value
    return found


def read_parquet(path: Path) -> dict[str, Any]:
    """Read columns and types of a Parquet file."""
    table = pq.read_table(path)
    return {"types": str(table.schema.remove_metadata()), "columns": table.to_pydict()}


def read_table(path: Path) -> list[list[str]]:
    """Read a table of text without the lines of its head that tell of the making."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt") as lines:
        kept = [line for line in lines if not (line.startswith("##") and told_of(line))]
    return [line.split("\t") for line in kept]


def told_of(line: str) -> bool:
    """Whether a line of a VCF's head tells of the making."""
    return any(name in line for name in METADATA)


def read_history(path: Path) -> list[dict[str, str]]:
    """Read a table with commas, such as a run's history."""
    with path.open(newline="") as lines:
        return [dict(row) for row in csv.DictReader(lines)]


def read_page(path: Path) -> list[str]:
    """Read the elements of a page without white space and without Bokeh's random names."""
    text = html.unescape(path.read_text())
    text = re.sub(r"\b\d{4}-\d\d-\d\dT[\d:]+\+00:00", "TIME", text)  # of the making
    text = re.sub(r"<(code|p)>basenji.*?</\1>", r"<\1>COMMAND</\1>", text, flags=re.DOTALL)
    text = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\bp\d{4,}\b", "ID", text)
    return re.sub(r"\s+", "", text).split("<")


#: How files are read whose bytes differ.
CONTENTS: dict[str, Callable[[Path], Any]] = {
    ".json": read_json,
    ".h5": read_hdf5,
    ".parquet": read_parquet,
    ".csv": read_history,
    ".tsv": read_table,
    ".gz": read_table,
    ".md": read_table,
    ".html": read_page,
}


if __name__ == "__main__":
    sys.exit(main())
