"""Coverage of real reads is what a plain loop over their alignments counts."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pybigtools
import pysam
import pytest

from basenji_training.coverage.run import make_coverage
from basenji_training.reads.settings import Settings

YEAST = Path(os.environ.get("BASENJI_DATA", "")) / "yeast"
READS = YEAST / "reads" / "stripe.bam"
pytestmark = pytest.mark.skipif(
    "BASENJI_DATA" not in os.environ, reason="BASENJI_DATA does not name the folder with yeast/"
)


def counted(settings):
    """Read the file record by record: coverage by strand (True: minus) and contig."""
    with pysam.AlignmentFile(str(READS)) as file:
        lengths = dict(zip(file.references, file.lengths, strict=True))
        found = {
            strand: {name: np.zeros(size) for name, size in lengths.items()}
            for strand in (False, True)
        }
        for read in file:
            if read.is_unmapped or read.is_supplementary or not read.is_read1:
                continue
            if read.get_tag("NH") > 1 or read.mapping_quality < settings.min_mapq:
                continue
            end = read.reference_end
            if settings.mode == "five-prime":
                operation, bases = read.cigartuples[-1 if read.is_reverse else 0]
                if operation == pysam.CSOFT_CLIP and bases > settings.max_soft_clip:
                    continue
                place = end - 1 if read.is_reverse else read.reference_start
                first, last = place, place + 1
            else:
                size = abs(read.template_length)
                if not read.is_proper_pair or not 0 < size <= settings.max_fragment:
                    continue
                first = end - size if read.is_reverse else read.reference_start
                last = first + size
            found[read.is_reverse][read.reference_name][max(first, 0) : last] += 1
    return found


@pytest.mark.parametrize(
    "settings",
    [
        Settings(
            mode="five-prime", mate=1, stranded=True, multimap="drop", duplicates="keep",
            max_soft_clip=3, clip=None,
        ),
        Settings(
            mode="five-prime", mate=1, stranded=True, multimap="drop", duplicates="keep",
            max_soft_clip=0, min_mapq=200, clip=None,
        ),
        Settings(mode="fragment", multimap="drop", duplicates="keep", clip=None, max_fragment=300),
    ],
    ids=["starts", "unclipped starts of the best", "fragments"],
)  # fmt: skip
def test_a_plain_loop_counts_the_same(tmp_path, settings):
    make_coverage([READS], tmp_path / "x.bw", settings)
    expected = counted(settings)
    total = 0
    names = {"_plus": (False,), "_minus": (True,)} if settings.stranded else {"": (False, True)}
    for suffix, strands in names.items():
        made = pybigtools.open(str(tmp_path / f"x{suffix}.bw"))
        for name, size in made.chroms().items():
            wanted = sum(expected[strand][name] for strand in strands)
            np.testing.assert_array_equal(made.values(name, 0, size, fillna=0.0), wanted)
            total += wanted.sum()
    assert total > 1000
