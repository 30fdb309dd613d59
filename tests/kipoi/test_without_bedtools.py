"""kipoi-veff sorts and indexes what has no index, on a machine without the bedtools program."""

from __future__ import annotations

import os
import subprocess
import sys

import pysam
import pytest

pytestmark = pytest.mark.legacy

#: What kipoi-veff does to a file of variants, and pybedtools to one of regions.
PROGRAM = """
import sys
import kipoi_veff, pybedtools
from basenji_kipoi.kipoi_compatibility import mend_kipoi_veff
from kipoi_veff.utils.generic import ensure_tabixed_vcf
mend_kipoi_veff()
print(ensure_tabixed_vcf(sys.argv[1]))
print(pybedtools.BedTool(sys.argv[2]).tabix(force=True).fn)
"""
HEADER = "##fileformat=VCFv4.2\n##contig=<ID=b>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def test_unsorted_files_are_sorted_and_indexed(tmp_path):
    places = [("b", 100), ("a", 20), ("b", 9), ("a", 3)]
    text = "".join(f"{contig}\t{pos}\tr\tA\tC\t.\t.\t.\n" for contig, pos in places)
    (tmp_path / "v.vcf").write_text(HEADER + text)
    (tmp_path / "r.bed").write_text("".join(f"{contig}\t{pos}\t200\n" for contig, pos in places))
    (tmp_path / "no_programs").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "v.vcf"), str(tmp_path / "r.bed")],
        env={**os.environ, "PATH": str(tmp_path / "no_programs")},
        capture_output=True,
        text=True,
        check=True,
    )
    vcf, bed = done.stdout.split()[-2:]
    for path in (vcf, bed):
        with pysam.TabixFile(path) as file:
            rows = [tuple(row.split("\t")[:2]) for row in file.fetch()]
            assert rows == [("a", "3"), ("a", "20"), ("b", "9"), ("b", "100")]
    with pysam.VariantFile(vcf) as file:
        assert [record.pos for record in file.fetch("b")] == [9, 100]
    # What was given is as it was.
    assert (tmp_path / "v.vcf").read_text() == HEADER + text
