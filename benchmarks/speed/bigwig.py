"""Speed of the bigWig writer of `basenji-train coverage` beside those of libraries.

    .venv-training/bin/python benchmarks/speed/bigwig.py --out build/bigwig.json

The same coverage of one contig is written by this project, by pyBigWig and by pybigtools, from
arrays of runs with an equal value, in parts as `coverage` writes them. ``smooth`` has a value of
its own at nearly every base, as a smoothed track has; ``counts`` is a track of starts. Seconds are
those of the processor, the least of ``--repeats``.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pybigtools
import pyBigWig
import typer
from scipy.ndimage import gaussian_filter1d

from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.base.bigwig.blocks import ALIGNMENT, encode
from basenji_kipoi.base.bigwig.file import write_bigwig
from basenji_training.coverage.events import runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Part = tuple[np.ndarray, np.ndarray, np.ndarray]

CONTIG = "chr1"


def tracks(size: int) -> dict[str, np.ndarray]:
    """Make coverage (float32, one value a base) of reads from peaks of a random genome."""
    generator = np.random.default_rng(0)
    peaks = generator.choice(np.arange(1000, size - 1000), size // 2000)
    places = generator.choice(peaks, size // 10) + np.rint(generator.normal(0, 150, size // 10))
    spread = np.concatenate([places.astype(int), generator.integers(0, size, size // 10)])
    counts = np.bincount(np.clip(spread, 0, size - 1), minlength=size).astype(np.float32)
    smooth = gaussian_filter1d(counts, 8)
    return {"smooth": np.where(smooth < 1e-3, 0, smooth), "counts": counts}


def parts(values: np.ndarray) -> Iterator[Part]:
    """Cut coverage as the command does."""
    for left in range(0, len(values), 4 * ALIGNMENT):
        start, end, value = runs(values[left : left + 4 * ALIGNMENT])
        yield start + left, end + left, value


def write_ours(path: Path, values: np.ndarray) -> None:
    """Write with this project's writer."""
    pieces = (encode(0, len(values), *part) for part in parts(values))
    write_bigwig(path, {CONTIG: len(values)}, pieces)


def write_pybigwig(path: Path, values: np.ndarray) -> None:
    """Write with pyBigWig, from arrays."""
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader([(CONTIG, len(values))])
        for start, end, value in parts(values):
            chromosomes = np.full(len(start), CONTIG)
            file.addEntries(chromosomes, start, ends=end, values=value.astype(np.float64))


def write_pybigwig_by_base(path: Path, values: np.ndarray) -> None:
    """Write with pyBigWig, stretches of bases without a gap at once."""
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader([(CONTIG, len(values))])
        for start, end, value in parts(values):
            first = np.flatnonzero(np.concatenate([[True], start[1:] != end[:-1]]))
            bases = np.repeat(value, end - start).astype(np.float64)
            lengths = np.add.reduceat(end - start, first)
            at = np.cumsum(lengths) - lengths
            for left, begin, length in zip(
                start[first].tolist(), at.tolist(), lengths.tolist(), strict=True
            ):
                stretch = bases[begin : begin + length]
                file.addEntries(CONTIG, left, values=stretch, span=1, step=1)


def write_pybigtools(path: Path, values: np.ndarray) -> None:
    """Write with pybigtools, which takes tuples."""
    entries = (
        (CONTIG, *entry)
        for part in parts(values)
        for entry in zip(*(column.tolist() for column in part), strict=True)
    )
    pybigtools.open(str(path), "w").write({CONTIG: len(values)}, entries)


WRITERS: dict[str, Callable[[Path, np.ndarray], None]] = {
    "this project": write_ours,
    "pyBigWig": write_pybigwig,
    "pyBigWig, base by base": write_pybigwig_by_base,
    "pybigtools": write_pybigtools,
}


def main(
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
    size: Annotated[int, typer.Option(help="Length of the contig (bp).")] = 20_000_000,
    repeats: Annotated[int, typer.Option(min=1, help="Times that each writes.")] = 3,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
) -> None:
    """Measure each writer on each track."""
    rows = []
    for track, values in tracks(size).items():
        for writer, write in WRITERS.items():
            seconds = []
            for _ in range(repeats):
                with tempfile.TemporaryDirectory() as folder:
                    path = Path(folder) / "x.bw"
                    begin = time.process_time()
                    write(path, values)
                    seconds.append(time.process_time() - begin)
                    megabytes = path.stat().st_size / 1e6
                    check(path, values)
            rows.append(
                {
                    "track": track,
                    "writer": writer,
                    "seconds": round(min(seconds), 2),
                    "megabytes": round(megabytes, 1),
                }
            )
            print(rows[-1], flush=True)
    with atomic_path(out, overwrite=overwrite) as path:
        path.write_text(json.dumps({"bases": size, "rows": rows}, indent=2) + "\n")


def check(path: Path, values: np.ndarray) -> None:
    """Check what was written by reading some of it."""
    some = slice(1_000_000, 1_100_000)
    read = pybigtools.open(str(path)).values(CONTIG, some.start, some.stop, fillna=0.0)
    np.testing.assert_array_equal(read.astype(np.float32), values[some])


if __name__ == "__main__":
    typer.run(main)
