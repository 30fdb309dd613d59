"""Files of reads that several tests begin with."""

from __future__ import annotations

import pytest
from simulated_reads import simulate_reads, write_bam, write_fasta

from basenji_training.reads.settings import Settings

CUTS = Settings(mode="cut")


@pytest.fixture
def fasta(tmp_path):
    return write_fasta(tmp_path / "g.fa", {"chr1": "ACGT" * 50, "chr2": "ACGT" * 100})


@pytest.fixture(scope="module")
def reads(tmp_path_factory):
    """Write a BAM file of single reads; return its path and what it was made of."""
    folder = tmp_path_factory.mktemp("reads")
    simulated = simulate_reads(
        {"chr1": 30_000, "chr2": 20_000}, families=2, copies=2, depth=0.1, seed=0
    )
    return write_bam(folder / "reads.bam", simulated, tags="NH"), simulated
