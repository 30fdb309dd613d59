"""A VCF sorted, compressed and indexed: as tabix and pysam read it, with all that it said."""

from __future__ import annotations

import gzip
import random

import pysam
import pytest

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.vcf_index import index_vcf

HEADER = """##fileformat=VCFv4.2
##contig=<ID=chr2,length=1000>
##INFO=<ID=AC,Number=A,Type=Integer,Description="count">
##FORMAT=<ID=GT,Number=1,Type=String,Description="genotype">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tone
"""
#: In the order that is wanted: contigs as the header has them, then as they come.
RECORDS = [
    "chr2\t5\ta\tA\tC\t.\tPASS\tAC=1\tGT\t0|1",
    "chr2\t700\t.\tACGT\tA\t12.5\tlow\tAC=2;NEW=x\tGT\t1/1",
    "chr10\t3\tb\tG\tA,<DEL>\t.\t.\tEND=90\tGT\t0/0",
    "chr10\t8\tc\tA\tG\t.\t.\t.\tGT\t./.",
]


def written(path, lines, kind="plain"):
    text = HEADER + "".join(f"{line}\n" for line in lines)
    if kind == "plain":
        path.write_text(text)
    elif kind == "gzip":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        with pysam.BGZFile(str(path), "w") as file:
            file.write(text.encode())
    return path


def records(path):
    with gzip.open(path, "rt") as file:
        return [line.rstrip("\n") for line in file if not line.startswith("#")]


@pytest.mark.parametrize("kind", ["plain", "gzip", "bgzip"])
def test_records_come_in_order_and_say_what_they_said(kind, tmp_path):
    shuffled = [RECORDS[2], RECORDS[1], RECORDS[3], RECORDS[0]]
    path = written(tmp_path / "given.vcf.gz", shuffled, kind)
    number, index = index_vcf(path, tmp_path / "out.vcf.gz")
    assert (number, index.name) == (4, "out.vcf.gz.tbi")
    assert records(tmp_path / "out.vcf.gz") == RECORDS
    with pysam.TabixFile(str(tmp_path / "out.vcf.gz")) as file:
        assert [row.split("\t")[2] for row in file.fetch("chr10", 0, 5)] == ["b"]
        assert [row.split("\t")[2] for row in file.fetch("chr2", 4, 5)] == ["a"]
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "given.vcf.gz", "out.vcf.gz", "out.vcf.gz.tbi"
    ]  # fmt: skip


def test_many_records_are_sorted(tmp_path):
    positions = random.Random(1).sample(range(1, 900), 500)
    lines = [f"chr2\t{p}\t.\tA\tC\t.\t.\t.\tGT\t0/1" for p in positions]
    path = written(tmp_path / "x.vcf", lines)
    assert index_vcf(path, tmp_path / "y.vcf.gz")[0] == 500
    found = [int(line.split("\t")[1]) for line in records(tmp_path / "y.vcf.gz")]
    assert found == sorted(positions)


def test_positions_that_tabix_cannot_hold_have_the_other_index(tmp_path):
    path = written(tmp_path / "x.vcf", ["chr9\t600000000\t.\tA\tC\t.\t.\t.\tGT\t0/1"])
    (tmp_path / "y.vcf.gz").write_text("old")
    (tmp_path / "y.vcf.gz.tbi").write_text("old")
    _, index = index_vcf(path, tmp_path / "y.vcf.gz", overwrite=True)
    assert index.name == "y.vcf.gz.csi"
    assert not (tmp_path / "y.vcf.gz.tbi").exists()
    with pysam.VariantFile(str(tmp_path / "y.vcf.gz")) as file:
        assert [row.pos for row in file.fetch("chr9", 599_999_990, 600_000_010)] == [600_000_000]


def test_a_file_without_records_stays_one(tmp_path):
    assert index_vcf(written(tmp_path / "x.vcf", []), tmp_path / "y.vcf.gz")[0] == 0
    assert records(tmp_path / "y.vcf.gz") == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("chr2\tx\t.\tA\tC\t.\t.\t.\tGT\t0/1", r"x\.vcf:7: not a VCF record"),
        ("chr2\t5", r"x\.vcf:7: not a VCF record: expected at least eight columns"),
    ],
)
def test_a_bad_record_is_named_and_nothing_is_left(line, said, tmp_path):
    path = written(tmp_path / "x.vcf", [RECORDS[0], line])
    with pytest.raises(InputError, match=said):
        index_vcf(path, tmp_path / "y.vcf.gz")
    assert [p.name for p in tmp_path.iterdir()] == ["x.vcf"]


def test_what_exists_stays(tmp_path):
    path = written(tmp_path / "x.vcf", RECORDS)
    (tmp_path / "y.vcf.gz.tbi").write_text("mine")
    with pytest.raises(InputError, match=r"y\.vcf\.gz\.tbi exists"):
        index_vcf(path, tmp_path / "y.vcf.gz")
    bgzipped = written(tmp_path / "z.vcf.gz", RECORDS, "bgzip")
    with pytest.raises(InputError, match="is the input"):
        index_vcf(bgzipped, bgzipped, overwrite=True)


def test_a_header_that_is_no_utf8_stays_as_it_is(tmp_path):
    lines = [
        b"##fileformat=VCFv4.2",
        b"##source=of a lab in Z\xfcrich",
        b'##INFO=<ID=AF,Number=A,Type=Float,Description="H\xe4ufigkeit">',
        b"##contig=<ID=chr1>",
        b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
        b"chr2\t7\t.\tA\tC\t.\tlow\tAF=0.5;X=1",
        b"chr1\t9\t.\tA\tG\t.\tPASS\tAF=0.25",
    ]
    (tmp_path / "x.vcf").write_bytes(b"\n".join(lines) + b"\n")
    index_vcf(tmp_path / "x.vcf", tmp_path / "y.vcf.gz")
    written = gzip.decompress((tmp_path / "y.vcf.gz").read_bytes()).split(b"\n")
    assert set(lines) <= set(written)
    assert sum(line.startswith(b"##INFO=<ID=AF,") for line in written) == 1
    assert sum(line.startswith(b"##contig=<ID=chr1") for line in written) == 1
    for added in (b"##contig=<ID=chr2", b"##FILTER=<ID=low", b"##INFO=<ID=X"):
        assert sum(line.startswith(added) for line in written) == 1
    with pysam.TabixFile(str(tmp_path / "y.vcf.gz"), encoding="latin-1") as file:
        assert [row.split("\t")[1] for row in file.fetch("chr2")] == ["7"]
    # A name that the header lacks must be written there.
    (tmp_path / "x.vcf").write_bytes(b"\n".join([*lines, b"chr1\t9\t.\tA\tG\t.\t.\t\xe9=1", b""]))
    with pytest.raises(InputError, match=r"x\.vcf: a record has .* no UTF-8 text"):
        index_vcf(tmp_path / "x.vcf", tmp_path / "z.vcf.gz")
    assert not (tmp_path / "z.vcf.gz").exists()
