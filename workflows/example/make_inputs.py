"""Makes what the example of the workflows begins with: reads of a simulated genome, a sample sheet.

    python workflows/example/make_inputs.py FOLDER

The folder holds `simulation`, as `basenji-train simulate` wrote it. Its counts become reads whose
ends they are: fragments between neighbouring cuts, and single-end reads that begin where
transcripts do.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pybigtools
import pysam

#: A fragment between two neighbouring cuts has at most so many bases.
_LONGEST = 2000
#: Length of a read (bp).
_READ = 30


def counts(track: Path) -> dict[str, np.ndarray]:
    """Read the counts of a track, a value a base of each contig."""
    reader = pybigtools.open(str(track))
    return {contig: reader.values(contig, fillna=0).astype(np.int64) for contig in reader.chroms()}


def write_fragments(cuts: dict[str, np.ndarray], path: Path) -> None:
    """Write fragments whose ends are cuts, each cut an end of one fragment at most."""
    with path.open("w", encoding="ascii") as lines:
        for contig, number in cuts.items():
            ends = np.repeat(np.arange(len(number)), number)
            pairs = ends[: len(ends) // 2 * 2].reshape(-1, 2)
            for start, last in pairs[np.argsort(pairs[:, 0], kind="stable")].tolist():
                if 0 < last - start < _LONGEST:
                    lines.write(f"{contig}\t{start}\t{last + 1}\n")


def write_reads(plus: dict[str, np.ndarray], minus: dict[str, np.ndarray], path: Path) -> None:
    """Write reads whose 5' ends are the counts of either strand (BAM, sorted, with an index)."""
    lengths = {contig: len(number) for contig, number in plus.items()}
    header = {
        "HD": {"VN": "1.6", "SO": "coordinate"},
        "SQ": [{"SN": contig, "LN": length} for contig, length in lengths.items()],
    }
    with pysam.AlignmentFile(str(path), "wb", header=header) as reads:
        for number, contig in enumerate(lengths):
            forward = np.repeat(np.arange(lengths[contig]), plus[contig])
            reverse = np.repeat(np.arange(lengths[contig]), minus[contig]) - _READ + 1
            placed = [(start, False) for start in forward.tolist()]
            placed += [(start, True) for start in reverse.tolist() if start >= 0]
            for start, is_reverse in sorted(placed):
                if start + _READ > lengths[contig]:
                    continue
                read = pysam.AlignedSegment()
                read.query_name = f"{contig}:{start}"
                read.flag = 16 if is_reverse else 0
                read.reference_id, read.reference_start = number, start
                read.mapping_quality = 60
                read.cigartuples = [(0, _READ)]
                read.query_sequence = "N" * _READ
                reads.write(read)
    pysam.index(str(path))


def main() -> None:
    """Write reads and configuration into the folder."""
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: {sys.argv[0]} FOLDER")
    folder, here = Path(sys.argv[1]), Path(__file__).parent
    tracks = folder / "simulation" / "tracks"
    (folder / "reads").mkdir()
    write_fragments(counts(tracks / "accessibility.bw"), folder / "reads" / "open.bed")
    write_reads(
        counts(tracks / "start_plus.bw"),
        counts(tracks / "start_minus.bw"),
        folder / "reads" / "starts.bam",
    )
    for name in ("samples.tsv", "train.yaml", "score.yaml", "quick.json"):
        shutil.copy(here / name, folder)
    shutil.copy(here.parents[1] / "training" / "recipes" / "simulated_network.json", folder)


if __name__ == "__main__":
    main()
