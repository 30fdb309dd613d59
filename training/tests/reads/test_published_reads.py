"""Real reads make the tracks that were published with them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pybigtools
import pytest

from basenji_training.coverage.run import make_coverage
from basenji_training.reads.settings import RECIPES, Settings

YEAST = Path(os.environ.get("BASENJI_DATA", "")) / "yeast"
needs_yeast = pytest.mark.skipif(
    "BASENJI_DATA" not in os.environ, reason="BASENJI_DATA does not name the folder with yeast/"
)


def values(path, contig, size):
    return pybigtools.open(str(path)).values(contig, 0, size, fillna=0.0)


@needs_yeast
def test_atac_fragments_make_the_published_track_exactly(tmp_path):
    """Cuts of fragments moved by +4/-5, as its publisher counts from half-open ends."""
    settings = Settings(mode="cut", shift_forward=4, shift_reverse=-4, fragment_ends="unmoved")
    assert (RECIPES["atac"].shift_forward, RECIPES["atac"].shift_reverse) == (4, -4)
    make_coverage(
        [YEAST / "reads/atac.fragments.bed.gz"],
        tmp_path / "x.bw",
        settings,
        fasta=YEAST / "genome.fa.gz",
    )
    published = pybigtools.open(str(YEAST / "tracks/atac.bw"))
    for name, size in published.chroms().items():
        np.testing.assert_array_equal(
            values(tmp_path / "x.bw", name, size), published.values(name, 0, size, fillna=0.0)
        )


@needs_yeast
def test_stripe_reads_make_positions_of_the_published_replicate(tmp_path):
    """The BAM file has reads of replicate 1 before its publisher removed duplicates."""
    make_coverage(
        [YEAST / "reads/stripe.bam"],
        tmp_path / "x.bw",
        RECIPES["stripe"],
        fasta=YEAST / "genome.fa.gz",
    )
    found, shifted, other, count = 0, 0, 0, 0
    for strand in ("plus", "minus"):
        replicates = [
            pybigtools.open(str(YEAST / f"tracks/stripe_wt_rep{number}_{strand}.bw"))
            for number in (1, 2)
        ]
        for name, size in replicates[0].chroms().items():
            mine = np.flatnonzero(values(tmp_path / f"x_{strand}.bw", name, size) >= 0.5)
            first, second = (file.values(name, 0, size, fillna=0.0) for file in replicates)
            count += len(mine)
            found += np.count_nonzero(first[mine])
            shifted += np.count_nonzero(first[np.minimum(mine + 1, size - 1)])
            other += np.count_nonzero(second[mine])
    assert count > 5000
    assert found / count > 0.985
    # Neither the next base nor the next replicate would do.
    assert shifted / count < 0.3
    assert other / count < 0.9
