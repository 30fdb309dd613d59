"""VCF and BCF files as they come: every container, every kind of allele, every damage."""

from __future__ import annotations

import gzip
import io
import os
import sys
import threading

import pysam
import pysam.bcftools
import pytest

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.vcf import Variant, VariantFile

HEADER = (
    "##fileformat=VCFv4.2\n"
    "##contig=<ID=chrI,length=9000>\n"
    "##contig=<ID=chrII>\n"
    '##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">\n'
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tx\n"
)
RECORDS = [
    "chrI\t5\trs1\tA\tG,<DEL>\t.\tPASS\tDP=4\tGT\t0/1",
    "chrI\t7\t.\tac\t*\t30\t.\t.\tGT\t1",
    "chrII\t1\t.\tA\t.\t.\t.\t.\tGT\t.",
    "chrII\t9\t.\tAT\tA]chrI:7],AGG\t.\t.\t.\tGT\t0/0",
]
ALLELES = [
    Variant(0, "chrI", 5, "rs1", "A", "G"),
    Variant(0, "chrI", 5, "rs1", "A", "<DEL>"),
    Variant(1, "chrI", 7, None, "ac", "*"),
    Variant(2, "chrII", 1, None, "A", "."),
    Variant(3, "chrII", 9, None, "AT", "A]chrI:7]"),
    Variant(3, "chrII", 9, None, "AT", "AGG"),
]
TEXT = HEADER + "\n".join([*RECORDS, ""])


def make(folder, kind):
    """Write the records in a container."""
    plain = folder / "x.vcf"
    plain.write_text(TEXT)
    if kind == "plain":
        return plain
    if kind == "gzip":
        path = folder / "x.vcf.gz"
        path.write_bytes(gzip.compress(TEXT.encode()))
    elif kind.startswith("bgzip"):
        path = folder / "x.vcf.gz"
        pysam.tabix_compress(str(plain), str(path))
        if kind == "bgzip and index":
            pysam.tabix_index(str(path), preset="vcf")
    else:
        path = folder / "x.bcf"
        kinds = {"bcf": "b", "uncompressed bcf": "u"}
        pysam.bcftools.view("-O", kinds[kind], "-o", str(path), str(plain), catch_stdout=False)
    return path


@pytest.mark.parametrize(
    "kind", ["plain", "gzip", "bgzip", "bgzip and index", "bcf", "uncompressed bcf"]
)
def test_containers(tmp_path, kind):
    with VariantFile(make(tmp_path, kind)) as variants:
        assert list(variants) == ALLELES
        assert list(variants) == ALLELES  # as often as wanted
        assert variants.contig_lengths == {"chrI": 9000}


@pytest.mark.parametrize("kind", ["plain", "gzip", "bgzip", "bcf", "uncompressed bcf"])
def test_standard_input(tmp_path, monkeypatch, kind):
    content = make(tmp_path, kind).read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    with VariantFile("-") as variants:
        assert variants.name == "standard input"
        assert list(variants) == ALLELES
        copy = variants.path
    assert not copy.exists()


@pytest.mark.parametrize("kind", ["plain", "gzip", "bgzip", "bcf"])
def test_a_pipe(tmp_path, kind):
    pipe, content = tmp_path / "pipe", make(tmp_path, kind).read_bytes()
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    with VariantFile(pipe) as variants:
        writer.join()
        assert variants.name == str(pipe)
        assert list(variants) == ALLELES
        assert list(variants) == ALLELES


def test_stray_line_breaks_belong_to_their_record(tmp_path):
    record = "chrI\t5\tr\u2028s1\tA\tG\t.\tPASS\tDP=4;NOTE=a\rb\tGT\t0/1"
    path = tmp_path / "x.vcf"
    path.write_text(HEADER + record + "\r\n" + RECORDS[1] + "\n", newline="")
    with VariantFile(path) as variants:
        assert [each.pos for each in variants] == [5, 7]
        alleles = variants.alleles()
        lines = list(variants.record_lines(alleles.offset))
    assert lines == [record, RECORDS[1]]


def test_a_file_without_records(tmp_path):
    (tmp_path / "x.vcf").write_text(HEADER)
    with VariantFile(tmp_path / "x.vcf") as variants:
        assert list(variants) == []


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("chrI\t8", "at least eight columns"),
        ("chrI\tmany\t.\tA\tG\t.\t.\t.\tGT\t0", "a whole number in the second column"),
        ("chrI 8 . A G . . . GT 0", "at least eight columns"),
        ("chrI\t-8\t.\tA\tG\t.\t.\t.\tGT\t0", "a whole number in the second column"),
        ("# a comment", "at least eight columns"),
        ("", "at least eight columns"),
    ],
)
def test_malformed_lines_are_named(tmp_path, line, expected, compressed):
    text = HEADER + "\n".join([RECORDS[0], RECORDS[1], line, RECORDS[2], ""])
    path = tmp_path / "x.vcf"
    path.write_text(text)
    if compressed:
        pysam.tabix_compress(str(path), f"{path}.gz")
        path = tmp_path / "x.vcf.gz"
    with VariantFile(path) as variants, pytest.raises(InputError) as error:
        list(variants)
    assert str(error.value).startswith(f"{path}:9: not a VCF record: expected {expected}")
    assert repr(line) in str(error.value)


def truncated(folder, kind):
    path = make(folder, kind)
    with pysam.BGZFile(str(path), "wb") as file:
        file.write(TEXT.encode() + (RECORDS[2] + "\n").encode() * 50_000)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def test_truncated_bgzip(tmp_path):
    path = truncated(tmp_path, "bgzip")
    with pytest.raises(InputError, match=rf"^{path} is truncated: the block that ends a bgzip"):
        VariantFile(path)


def test_bgzip_whose_last_block_alone_is_missing(tmp_path):
    path = make(tmp_path, "bgzip")
    path.write_bytes(path.read_bytes()[:-28])
    with pytest.raises(InputError, match="is truncated"):
        VariantFile(path)


def test_truncated_gzip(tmp_path):
    path = make(tmp_path, "gzip")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=rf"^{path} is truncated or damaged: get the file again"):
        VariantFile(path)


def test_bgzip_that_is_damaged_inside(tmp_path):
    path = make(tmp_path, "bgzip")
    with pysam.BGZFile(str(path), "wb") as file:
        file.write(TEXT.encode() + (RECORDS[2] + "\n").encode() * 50_000)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    path.write_bytes(content)
    with VariantFile(path) as variants, pytest.raises(InputError, match="truncated or damaged"):
        list(variants)


def test_truncated_bcf(tmp_path):
    path = make(tmp_path, "bcf")
    path.write_bytes(path.read_bytes()[:-28])
    with pytest.raises(InputError, match="is truncated"):
        VariantFile(path)


def test_a_bcf_that_ends_in_a_record(tmp_path):
    """Its records have numbers, and no lines."""
    path = make(tmp_path, "uncompressed bcf")
    whole = path.read_bytes()
    content = gzip.decompress(whole) if whole[:2] == b"\x1f\x8b" else whole
    path.write_bytes(content[:-20])
    with pytest.raises(InputError, match=r"x\.bcf: record 4 is malformed or the file is damaged"):
        list(VariantFile(path))


@pytest.mark.parametrize("content", ["", "hello\n", "chrI\t1\t.\tA\tG\t.\t.\t.\n"])
def test_what_is_no_vcf(tmp_path, content):
    path = tmp_path / "x.vcf"
    path.write_text(content)
    with pytest.raises(InputError, match=rf"^{path} is neither VCF nor BCF: expected a header"):
        VariantFile(path)


def test_what_is_no_file(tmp_path):
    with pytest.raises(InputError, match=r"the VCF file .*none.vcf does not exist"):
        VariantFile(tmp_path / "none.vcf")
    with pytest.raises(InputError, match="is not a file"):
        VariantFile(tmp_path)


@pytest.mark.parametrize(
    "line",
    [b"##contig=<ID=chr\xff,length=9>", b"##INFO=<ID=a\xdc,Number=1,Type=Float,Description=x>"],
)
def test_names_of_the_header_must_be_text(tmp_path, line):
    path = tmp_path / "x.vcf"
    path.write_bytes(
        b"##fileformat=VCFv4.2\n" + line + b"\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    )
    with pytest.raises(InputError, match=r"x\.vcf: the header has names .* no UTF-8"):
        VariantFile(path)
