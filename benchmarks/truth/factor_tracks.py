"""Tracks of where factors bind in yeast, of the peaks of ChIP-exo experiments.

    .venv-training/bin/python benchmarks/truth/factor_tracks.py --data "$BASENJI_DATA/yeast" \
        --out build/factors

Writes a bigWig a factor and ``targets.tsv``, which `basenji-train data` reads. A track is 1 within
32 bp of the middle of each peak and 0 elsewhere, so that each peak fills two bins of 32 bp whatever
its place. Factors are those that JASPAR has a matrix of (core collection, fungi) and that have
enough peaks. `factor_models.sh` trains on them, and `bound_sites.py --binding` explains what comes
of it.
"""

from __future__ import annotations

import re
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.bigwig.blocks import encode
from basenji_kipoi.base.bigwig.file import write_bigwig
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.intervals import read_bed
from basenji_kipoi.interpretation.motifs.databases import read_database
from basenji_kipoi.models.targets import Target, Targets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from basenji_kipoi.base.bigwig.blocks import Piece

#: Half of the width of a peak of the tracks (bp), and fewest peaks of a factor that has one.
AROUND, FEWEST_PEAKS = 32, 100
#: Width of a bin (bp), and what the table's units make of one that a peak fills.
BIN, PEAK = 32, 8
ASSAY = "ChIP-exo"


def read_peaks(archive: Path, genome: Genome) -> dict[str, dict[str, np.ndarray]]:
    """Read the middles of each factor's peaks by contig, sorted; of two files the longer one."""
    found: dict[str, dict[str, list[int]]] = {}
    sizes: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder, tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
        for path in sorted(Path(folder).glob("*/*.bed")):
            # 12872_PUT3_chexmix_filtered_new.bed, or Put3_CX.bed
            factor = re.sub(r"^\d+_", "", path.name).partition("_")[0].upper()
            peaks = read_bed(path, genome.lengths)
            if len(peaks) <= sizes.get(factor, 0):
                continue
            sizes[factor], found[factor] = len(peaks), {}
            for peak in peaks:
                found[factor].setdefault(peak.chrom, []).append((peak.start + peak.end) // 2)
    return {
        factor: {contig: np.sort(places) for contig, places in contigs.items()}
        for factor, contigs in found.items()
    }


def pieces_of(peaks: Mapping[str, np.ndarray], lengths: Mapping[str, int]) -> Iterator[Piece]:
    """Yield a contig's intervals around peaks, those that meet as one."""
    for index, contig in enumerate(sorted(lengths)):
        middle = peaks.get(contig)
        if middle is None:
            continue
        start = np.maximum(middle - AROUND, 0)
        end = np.minimum(middle + AROUND, lengths[contig])
        first = np.concatenate([[True], start[1:] > end[:-1]])
        last = np.concatenate([first[1:], [True]])
        start, end = start[first], end[last]
        yield encode(index, lengths[contig], start, end, np.ones(len(start), np.float32))


def main(
    data: Annotated[Path, typer.Option(help="Folder of the yeast data.")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    overwrite: Annotated[bool, typer.Option(help="Replace an existing folder.")] = False,
) -> None:
    """Write a track for each factor, and the table that lists them."""
    try:
        check_output(out, overwrite=overwrite)
        archive = data / "factor_peaks.tar.gz"
        if not archive.is_file():
            raise InputError(f"{archive} is missing: --data names the folder with the yeast data")
        with Genome(data / "genome.fa.gz") as genome:
            lengths, peaks = dict(genome.lengths), read_peaks(archive, genome)
        matrices = {motif.name.upper() for motif in read_database("jaspar:fungi")}
        numbers = {
            factor: sum(map(len, contigs.values()))
            for factor, contigs in sorted(peaks.items())
            if factor in matrices
        }
        factors = [factor for factor, number in numbers.items() if number >= FEWEST_PEAKS]
        with atomic_path(out, overwrite=overwrite) as folder:
            folder.mkdir()
            for factor in factors:
                write_bigwig(folder / f"{factor}.bw", lengths, pieces_of(peaks[factor], lengths))
            Targets(
                Target(
                    index=index,
                    identifier=factor,
                    file=f"{factor}.bw",
                    scale=PEAK / BIN,
                    strand_pair=index,
                    description=f"{factor} binding, {numbers[factor]} ChIP-exo peaks",
                    assay=ASSAY,
                )
                for index, factor in enumerate(factors)
            ).write(folder / "targets.tsv")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print(f"{out}: {len(factors)} factors")


if __name__ == "__main__":
    typer.run(main)
