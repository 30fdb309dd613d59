"""Reads whose origin is known, on a genome with repeats, as files that aligners would write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pysam
from scipy.ndimage import gaussian_filter1d

from basenji_kipoi.base.sequence import ALPHABET

if TYPE_CHECKING:
    from pathlib import Path

READ = 50  # bp
REPEAT = 400  # bp
_LETTERS = np.frombuffer(ALPHABET.encode(), np.uint8)


@dataclass(frozen=True)
class Simulated:
    """A genome with repeats, and single-end reads from it.

    Attributes
    ----------
    lengths
        Contigs and their lengths (bp).
    sequences
        Letters of each contig.
    repeats : ndarray, int, shape (families, copies, 2)
        Contig's index and first base of each copy; all are forward and of `REPEAT` bp.
    rates
        Expected 5' ends a base of each contig.
    contig, five, reverse : ndarray, shape (reads,)
        Where reads came from.
    """

    lengths: dict[str, int]
    sequences: dict[str, str]
    repeats: np.ndarray
    rates: list[np.ndarray]
    contig: np.ndarray
    five: np.ndarray
    reverse: np.ndarray

    @property
    def start(self) -> np.ndarray:
        return np.where(self.reverse, self.five - READ + 1, self.five)

    def truth(self, contig: int) -> np.ndarray:
        """Count the 5' ends of the reads that came from each base of a contig."""
        mine = self.contig == contig
        return np.bincount(self.five[mine], minlength=list(self.lengths.values())[contig])

    def alignments(self) -> list[list[tuple[int, int]]]:
        """List where each read aligns, (contig, start): its origin first."""
        found = [[(c, s)] for c, s in zip(self.contig.tolist(), self.start.tolist(), strict=True)]
        for family in self.repeats:
            for number, (contig, first) in enumerate(family.tolist()):
                inside = (self.contig == contig) & (self.start >= first)
                inside &= self.start + READ <= first + REPEAT
                others = np.delete(family, number, axis=0).tolist()
                for read in np.flatnonzero(inside).tolist():
                    offset = found[read][0][1] - first
                    found[read] += [(c, s + offset) for c, s in others]
        return found


def simulate_reads(
    lengths: dict[str, int], *, families: int, copies: int, depth: float, seed: int
) -> Simulated:
    """Draw a genome whose coverage varies over some hundred bases, and reads from it.

    ``depth`` is the mean number of 5' ends a base.
    """
    generator = np.random.default_rng(seed)
    codes = [generator.integers(0, 4, length).astype(np.uint8) for length in lengths.values()]
    slots = [
        (contig, first)
        for contig, length in enumerate(lengths.values())
        for first in range(2000, length - 2000, 3 * REPEAT)
    ]
    chosen = generator.permutation(len(slots))[: families * copies]
    repeats = np.array(slots)[chosen].reshape(families, copies, 2)
    for family in repeats:
        unit = generator.integers(0, 4, REPEAT)
        for contig, first in family:
            codes[contig][first : first + REPEAT] = unit
    rates, contig, five = [], [], []
    for number, length in enumerate(lengths.values()):
        field = gaussian_filter1d(generator.normal(size=length), 400)
        rate = np.exp(1.5 * field / field.std())
        rates.append(depth * rate / rate.mean())
        ends = np.repeat(np.arange(length), generator.poisson(rates[-1]))
        five.append(ends[(ends >= READ) & (ends < length - READ)])
        contig.append(np.full(len(five[-1]), number))
    five, contig = np.concatenate(five), np.concatenate(contig)
    letters = {
        name: _LETTERS[each].tobytes().decode() for name, each in zip(lengths, codes, strict=True)
    }
    reverse = generator.random(len(five)) < 0.5
    return Simulated(lengths, letters, repeats, rates, contig, five, reverse)


def write_fasta(path: Path, sequences: dict[str, str]) -> Path:
    path.write_text("".join(f">{name}\n{letters}\n" for name, letters in sequences.items()))
    return path


def write_bam(path: Path, reads: Simulated, *, tags: str) -> Path:
    """Write reads as STAR (``NH``), bwa (``XA``) or bowtie2 -k (``names``) would, with an index.

    The alignment that an aligner calls primary is one at random.
    """
    generator = np.random.default_rng(0)
    header = pysam.AlignmentHeader.from_references(
        list(reads.lengths), list(reads.lengths.values())
    )
    names = list(reads.lengths)
    records = []
    for number, (places, reverse) in enumerate(
        zip(reads.alignments(), reads.reverse.tolist(), strict=True)
    ):
        order = generator.permutation(len(places)).tolist()
        places = [places[i] for i in order]
        for rank, (contig, start) in enumerate(places if tags != "XA" else places[:1]):
            record = pysam.AlignedSegment(header)
            record.query_name = f"read{number}"
            record.flag = 16 * reverse + 256 * (rank > 0)
            record.reference_id, record.reference_start = contig, start
            record.cigarstring = f"{READ}M"
            record.mapping_quality = 60 if len(places) == 1 else 1
            record.query_sequence = reads.sequences[names[contig]][start : start + READ]
            if tags == "NH":
                record.set_tag("NH", len(places))
            elif tags == "XA":
                record.set_tag("NM", 0)
                if len(places) > 1:
                    sign = "-" if reverse else "+"
                    others = (f"{names[c]},{sign}{s + 1},{READ}M,0;" for c, s in places[1:])
                    record.set_tag("XA", "".join(others))
            records.append(record)
    records.sort(key=lambda record: (record.reference_id, record.reference_start))
    header = {**header.to_dict(), "HD": {"VN": "1.6", "SO": "coordinate"}}
    with pysam.AlignmentFile(str(path), "wb", header=header) as file:
        for record in records:
            file.write(record)
    pysam.index(str(path))
    return path
