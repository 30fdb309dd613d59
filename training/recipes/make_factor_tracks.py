"""Auxiliary tracks of the yeast model: where 400 factors bind, from the peaks of ChIP-exo.

    python make_factor_tracks.py YEAST_FOLDER TARGETS OUT_FOLDER

YEAST_FOLDER has factor_peaks.tar.gz and genome.fa.gz. Writes OUT_FOLDER/factors/*.bw and
OUT_FOLDER/targets.tsv: the tracks of TARGETS, whose files it takes to lie in OUT_FOLDER/yeast, and
after them one track a factor. Each peak, one base, is drawn out by `FLANK` to both sides. Factors
with fewer than `FEWEST` peaks on the training chromosomes are left out: there is nothing to learn.
"""

from __future__ import annotations

import io
import itertools
import re
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import bioframe
import numpy as np
import pybigtools

from basenji_kipoi.genome import Genome
from basenji_kipoi.targets import Target, Targets

if TYPE_CHECKING:
    from collections.abc import Iterator

HELD_OUT = ("chrIV", "chrV", "chrXI", "chrXIII")
FEWEST = 60
FLANK = 24
# A peak's middle bin becomes 3.2. A network learns from a rare, high value more than from its share
# in the loss; with this the 277 tracks have a tenth of the coverage of the others.
SCALE = 0.1
ROMAN = {
    str(number): numeral
    for number, numeral in enumerate(
        [
            "I",
            "II",
            "III",
            "IV",
            "V",
            "VI",
            "VII",
            "VIII",
            "IX",
            "X",
            "XI",
            "XII",
            "XIII",
            "XIV",
            "XV",
            "XVI",
        ],
        start=1,
    )
}


def peaks(archive: Path) -> dict[str, dict[str, np.ndarray]]:
    """Read the peaks: factor -> chromosome -> 0-based positions."""
    factors = {}
    with tarfile.open(archive) as files:
        for member in files:
            name = Path(member.name).name
            found = re.fullmatch(r"(?:(\d+)_)?([^_]+)_(?:CX|chexmix_filtered_new)\.bed", name)
            if found is None or not member.isfile() or not member.size:
                continue
            text = io.TextIOWrapper(files.extractfile(member), encoding="ascii")
            table = bioframe.read_table(text, schema="bed6")
            numbers = table["chrom"].str.removeprefix("chr")
            factors["_".join(part for part in found.groups()[::-1] if part)] = {
                f"chr{ROMAN[number]}": group["start"].to_numpy()
                for number, group in table.groupby(numbers)
                if number in ROMAN
            }
    return dict(sorted(factors.items()))


def write_track(path: Path, positions: dict[str, np.ndarray], lengths: dict[str, int]) -> None:
    """Write how many peaks, drawn out, cover each base."""

    def runs() -> Iterator[tuple[str, int, int, float]]:
        for chromosome, length in lengths.items():
            centres = positions.get(chromosome, np.empty(0, np.int64))
            steps = np.zeros(length + 1, np.int64)
            np.add.at(steps, np.maximum(centres - FLANK, 0), 1)
            np.add.at(steps, np.minimum(centres + FLANK, length), -1)
            depth = np.cumsum(steps)[:-1]
            edges = np.concatenate([[0], np.flatnonzero(np.diff(depth)) + 1, [length]])
            for start, end in itertools.pairwise(edges):
                if depth[start]:
                    yield chromosome, int(start), int(end), float(depth[start])

    pybigtools.open(str(path), "w").write(dict(lengths), runs())


def main(folder: Path, table: Path, out: Path) -> None:
    """Write the tracks and the joined table."""
    with Genome(folder / "genome.fa.gz") as genome:
        lengths = dict(genome.lengths)
    targets = [
        target.model_copy(update={"file": f"yeast/{target.file}"}) for target in Targets.read(table)
    ]
    (out / "factors").mkdir(parents=True, exist_ok=True)
    for factor, positions in peaks(folder / "factor_peaks.tar.gz").items():
        known = sum(len(p) for name, p in positions.items() if name not in HELD_OUT)
        if known < FEWEST:
            continue
        write_track(out / "factors" / f"{factor}.bw", positions, lengths)
        targets.append(
            Target(
                index=len(targets),
                identifier=f"factor_{factor}",
                file=f"factors/{factor}.bw",
                scale=SCALE,
                strand_pair=len(targets),
                description=f"{factor}: ChIP-exo peaks, {2 * FLANK} bp each",
                assay="ChIP-exo peaks",
                sample="wild type",
            )
        )
    Targets(targets).write(out / "targets.tsv")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
