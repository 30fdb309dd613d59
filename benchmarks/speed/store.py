"""Compare store building and one-hot coding with the original programs, side by side.

    .venv-training/bin/python benchmarks/speed/store.py --data "$BASENJI_DATA/yeast" \
        --out build/store.json --original CHECKOUT --original-python ENVIRONMENT/bin/python

CHECKOUT is one of github.com/calico/basenji, and the Python one that can run it (tensorflow, h5py,
pandas, intervaltree, pyBigWig, pysam). Both programs turn the same yeast tracks into training data:
32-bp bins, windows of 16,384 bp side by side, whole chromosomes held out. `--copies` repeats the
genome, so that start-up counts less: the original starts a program for each track and each file of
records. The two run one after the other; the fastest of `--repeats` counts. Processor time, of all
processes that a program starts, says more than wall time where a machine is shared.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Optional

import numpy as np
import pybigtools
import typer
from resources import machine

from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.base.sequence import ALPHABET, encode, one_hot
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.intervals import read_bed
from basenji_kipoi.models.targets import Targets

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]
BIN, WINDOW = 32, 16_384
TEST, VALIDATION = ("chrIV", "chrV", "chrXI"), ("chrXIII",)
TABLE = ROOT / "training" / "recipes" / "yeast_targets.tsv"
ONE_HOT_WINDOW = 131_072

# Runs in the original's Python: seconds a window, as JSON.
_ORIGINAL_ONE_HOT = """
import json, random, sys, time
from basenji.dna_io import dna_1hot
random.seed(0)
sequence = "".join(random.choice("ACGTN") for _ in range({window}))
seconds = []
for _ in range({repeats}):
    start = time.perf_counter()
    code = dna_1hot(sequence)
    seconds.append(time.perf_counter() - start)
print(json.dumps(min(seconds)))
"""


def write_inputs(data: Path, folder: Path, tracks: int, copies: int) -> float:
    """Write the genome, tracks, blacklist and both programs' tables; return Mb of the genome."""
    with Genome(data / "genome.fa.gz") as genome:
        lengths = dict(genome.lengths)
        with (folder / "genome.fa").open("w") as lines:
            for copy in range(copies):
                for name, size in lengths.items():
                    letters = np.array(list(ALPHABET + "N"))[genome.codes(name, 0, size)]
                    lines.write(f">{name}_{copy}\n")
                    for start in range(0, size, 60):
                        lines.write("".join(letters[start : start + 60]) + "\n")
    with (folder / "blacklist.bed").open("w") as lines:
        for copy in range(copies):
            for interval in read_bed(data / "blacklist.bed"):
                lines.write(f"{interval.chrom}_{copy}\t{interval.start}\t{interval.end}\n")
    names = sorted(f"{name}_{copy}" for name in lengths for copy in range(copies))
    rows = []
    # The first 13 list every chromosome, which the original program needs.
    for i, row in enumerate(list(Targets.read(TABLE))[: min(tracks, 13)]):
        reader = pybigtools.open(str(data / row.file))
        records = (
            (name, start, end, value)
            for name in names
            for start, end, value in reader.records(name.rpartition("_")[0])
        )
        file = str(folder / f"{row.identifier}.bw")
        copied = {name: lengths[name.rpartition("_")[0]] for name in names}
        pybigtools.open(file, "w").write(copied, records)
        rows.append(row.model_copy(update={"file": file, "index": i, "strand_pair": i}))
    Targets(rows).write(folder / "targets.tsv")
    lines = ["\tidentifier\tfile\tclip\tclip_soft\tscale\tsum_stat\tdescription"]
    lines += [
        f"{r.index}\t{r.identifier}\t{r.file}\t1e9\t{r.clip_soft}\t{r.scale}\tsum\t{r.assay}"
        for r in rows
    ]
    (folder / "targets.txt").write_text("\n".join(lines) + "\n")
    return copies * sum(lengths.values()) / 1e6


def chosen(names: Sequence[str], copies: int) -> str:
    """Name chromosomes of all copies as both programs want them."""
    return ",".join(f"{name}_{copy}" for name in names for copy in range(copies))


class Seconds(NamedTuple):
    """Time that a command took, by the clock and of all its processes together."""

    wall: float
    processor: float


def timed(command: list[str], folder: Path, **environment: str) -> Seconds:
    """Run a command and take its time."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise InputError(f"{' '.join(command[:3])} failed: {last}")
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Seconds(wall, used)


def build_ours(folder: Path, copies: int, processes: int) -> Seconds:
    """Build a store."""
    shutil.rmtree(folder / "ours.zarr", ignore_errors=True)
    command = [
        sys.executable, "-m", "basenji_training", "data", "targets.tsv", "--fasta", "genome.fa",
        "--blacklist", "blacklist.bed", "--test", chosen(TEST, copies),
        "--validation", chosen(VALIDATION, copies), "--bin", str(BIN),
        "--processes", str(processes), "--out", "ours.zarr",
    ]  # fmt: skip
    return timed(command, folder)


def build_original(
    folder: Path, copies: int, processes: int, checkout: Path, python: Path
) -> Seconds:
    """Build TFRecords."""
    shutil.rmtree(folder / "original", ignore_errors=True)
    command = [
        str(python), str(checkout / "bin" / "basenji_data.py"), "--local", "-p", str(processes),
        "-b", "blacklist.bed", "-t", chosen(TEST, copies), "-v", chosen(VALIDATION, copies),
        "-w", str(BIN),
        "-l", str(WINDOW), "--break", "10000000", "-o", "original", "genome.fa", "targets.txt",
    ]  # fmt: skip
    seconds = timed(command, folder, **original_environment(checkout, python))
    # Its parts can fail without its noticing.
    expected = {"train", "valid", "test"}
    made = {path.name.split("-")[0] for path in (folder / "original/tfrecords").glob("*.tfr")}
    if made != expected:
        raise InputError(f"basenji_data.py wrote records of {sorted(made)}, not of all splits")
    return seconds


def original_environment(checkout: Path, python: Path) -> dict[str, str]:
    """Environment in which the original's commands find each other."""
    return {
        "PATH": os.pathsep.join(
            [str(python.absolute().parent), str(checkout / "bin"), os.environ["PATH"]]
        ),
        "PYTHONPATH": os.pathsep.join([str(checkout), str(checkout / "bin")]),
    }


def time_one_hot(repeats: int) -> float:
    """Seconds to code a window from letters to float32 channels."""
    generator = np.random.default_rng(0)
    text = "".join(generator.choice(list("ACGTN"), ONE_HOT_WINDOW))
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        one_hot(encode(text))
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def time_original_one_hot(repeats: int, checkout: Path, python: Path) -> float:
    """Seconds to code a window with the original's dna_1hot."""
    script = _ORIGINAL_ONE_HOT.format(window=ONE_HOT_WINDOW, repeats=repeats)
    done = subprocess.run(
        [str(python), "-c", script],
        env={**os.environ, **original_environment(checkout, python)},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(json.loads(done.stdout))


def table(result: dict[str, Any]) -> str:
    """Format the measurements as a Markdown table with the machine below it."""
    lines = ["| work | here | original | ratio |", "| --- | --- | --- | --- |"]
    for row in result["rows"]:
        original = row.get("original")
        cells = [
            row["work"],
            f"{row['ours'] * 1000:.3g} ms",
            "not run" if original is None else f"{original * 1000:.3g} ms",
            "" if original is None else f"{original / row['ours']:.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    host = result["machine"]
    lines += ["", f"{host['processor']}, {host['cores']} cores; Python {host['python']}."]
    return "\n".join(lines)


def main(
    data: Annotated[Path, typer.Option(help="Folder of the yeast data.")],
    out: Annotated[Path, typer.Option(help="The JSON file to write.")],
    original: Annotated[
        Optional[Path], typer.Option(help="Checkout of the original programs.")
    ] = None,
    original_python: Annotated[
        Optional[Path], typer.Option(help="Python that can run them.")
    ] = None,
    tracks: Annotated[int, typer.Option(help="Number of tracks, at most 13.")] = 4,
    copies: Annotated[
        int, typer.Option(help="Copies of the genome, as chromosomes of their own.")
    ] = 4,
    processes: Annotated[int, typer.Option(help="Processes of both programs.")] = 2,
    repeats: Annotated[int, typer.Option(help="Runs of which the fastest counts.")] = 2,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing JSON file.")] = False,
) -> None:
    """Measure store building and one-hot coding."""
    theirs = original and original_python and (original.absolute(), original_python.absolute())
    if not theirs:
        print("skipping the original programs: name --original and --original-python")
    try:
        check_output(out, overwrite=overwrite)
        with tempfile.TemporaryDirectory() as scratch:
            result = measure(
                data.absolute(),
                Path(scratch),
                theirs,
                tracks=tracks,
                copies=copies,
                processes=processes,
                repeats=repeats,
            )
        with atomic_path(out, overwrite=overwrite) as path:
            path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print(table(result))


def measure(
    data: Path,
    folder: Path,
    theirs: tuple[Path, Path] | None,
    *,
    tracks: int,
    copies: int,
    processes: int,
    repeats: int,
) -> dict[str, Any]:
    """Run everything; a row has the seconds of a unit of its work."""
    megabases = write_inputs(data, folder, tracks, copies)
    ours, original = [], []
    with progress_bar("measuring", total=repeats, unit="runs") as advance:
        for _ in range(repeats):
            ours.append(build_ours(folder, copies, processes))
            if theirs:
                original.append(build_original(folder, copies, processes, *theirs))
            advance(1)
    rows = [
        {
            "work": f"training data of {tracks} tracks x {megabases:.1f} Mb with {processes} "
            f"processes: {name} time per track-megabase",
            "ours": min(run[i] for run in ours) / tracks / megabases,
            "original": min((run[i] for run in original), default=0) / tracks / megabases or None,
        }
        for i, name in enumerate(("wall", "processor"))
    ]
    rows.append(
        {
            "work": f"one-hot coding of {ONE_HOT_WINDOW:,} bp",
            "ours": time_one_hot(10 * repeats),
            "original": time_original_one_hot(repeats, *theirs) if theirs else None,
        }
    )
    return {"machine": machine(), "tracks": tracks, "megabases": megabases, "rows": rows}


if __name__ == "__main__":
    typer.run(main)
