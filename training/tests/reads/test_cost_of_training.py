"""What the costs of training are measured with: reads, genomes and tracks of the asked size."""

from __future__ import annotations

import gzip
import importlib
from pathlib import Path

import pybigtools
import pysam
import pytest

from basenji_kipoi.models.targets import Targets

FOLDER = Path(__file__).parents[3] / "benchmarks" / "speed"
LENGTHS = {"chr1": 3000, "chr2": 1000}


@pytest.fixture
def cost_train(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("cost_train")


def test_reads_are_sorted_and_as_many_as_asked(cost_train, tmp_path):
    cost_train.write_reads(tmp_path / "x.bam", LENGTHS, 400)
    with pysam.AlignmentFile(str(tmp_path / "x.bam")) as reads:
        assert (reads.count("chr1"), reads.count("chr2")) == (300, 100)
        starts = [read.reference_start for read in reads.fetch("chr1")]
    assert starts == sorted(starts)
    cost_train.write_reads(tmp_path / "x.gz", LENGTHS, 400)
    with gzip.open(tmp_path / "x.gz", "rt") as lines:
        rows = [line.split() for line in lines if not line.startswith("#")]
    assert len(rows) == 400
    assert all(0 <= int(start) < int(end) <= LENGTHS[contig] for contig, start, end in rows)


def test_genome_and_tracks_have_the_lengths_asked_for(cost_train, tmp_path):
    fasta = cost_train.write_genome(tmp_path, LENGTHS)
    with pysam.FastaFile(str(fasta)) as genome:
        assert dict(zip(genome.references, genome.lengths, strict=True)) == LENGTHS
    table = cost_train.write_targets(tmp_path, LENGTHS, 2)
    targets = Targets.read(table)
    assert len(targets) == 2
    assert pybigtools.open(str(tmp_path / targets[1].file)).chroms() == LENGTHS
    assert cost_train.trials("64/32/1/3,8/4/2/1")[0] == (64, 32, 1, 3)
