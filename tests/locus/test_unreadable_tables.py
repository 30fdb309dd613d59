"""Tables of loci that cannot be read: each is told in a line that names file and row."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet
import pytest
from locus_files import snvs, write
from test_reading import genome

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.locus.reading import read_loci

__all__ = ["genome"]


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        (
            "chrom pos ref alt pip",
            ["chrA", 1, "A", "C", 1.5],
            "t.tsv:2: pip 1.5 is not within 0 to 1",
        ),
        ("chrom pos ref alt pip", ["chrA", 1, "A", "C", "x"], "t.tsv:2: pip 'x' is no number"),
        (
            "chrom pos ref alt pip",
            ["chrA", "1e6x", "A", "C", 1],
            "t.tsv:2: pos '1e6x' is no position",
        ),
        ("chrom pos ref alt", ["chrA", "9" * 26, "A", "C"], "pos '9{26}' is no position"),
        ("variant pip", [f"chrA:{'9' * 5000}:A:C", 1], r"t.tsv:2: variant '9{37}\.\.\.' is no pos"),
        ("chrom pos ref alt", ["chrA", 1, "A", "C\rG"], "t.tsv:2: new-line character"),
        ("chrom pos ref alt", ["chrA", 1, "A", "C" * 200_000], "t.tsv:2: field larger than"),
        ("chrom pos ref alt", ["chrA", 1, "A"], "t.tsv:2: expected 4 columns, found 3"),
        ("variant pip", ["chr1-5", 0.5], "'chr1-5' is no variant: expected chrom:pos:ref:alt"),
        (
            "foo bar",
            [1, 2],
            "no columns of a variant, chrom, pos, ref and alt, or rsid, among foo, bar",
        ),
        ("chrom chrom", [1, 2], "two columns 'chrom'"),
    ],
)
def test_what_cannot_be_read_is_named(genome, tmp_path, header, row, message):
    path = write(tmp_path / "t.tsv", header, [row])
    with pytest.raises(InputError, match=message):
        read_loci(path, genome)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (b"chrA\t5\t\xff\tA\tC\t.\t.\tPIP=0.5", r"v\.vcf:6: malformed"),
        (b"chrA\t5\t.\tA\tC\t.\t.\tPIP=1.5", "record 2: pip 1.5 is not within"),
        (b"chrA\tfive\t.\tA\tC\t.\t.\t.", r"v\.vcf:6: not a VCF record"),
        (b"chrA 5 . A C", r"v\.vcf:6: not a VCF record"),
        (b"chr\rA\t5\t.\tA\tC\t.\t.\t.", r"v\.vcf: record 2: 'chr\\rA' has a tab or a line end"),
        (b"chrA\t5\tr\rs\tA\tC\t.\t.\t.", r"v\.vcf: record 2: 'r\\rs' has a tab or a line end"),
    ],
)
def test_records_that_cannot_be_read_are_named(genome, tmp_path, record, message):
    lines = [
        b"##fileformat=VCFv4.2",
        b"##contig=<ID=chrA>",
        b'##INFO=<ID=PIP,Number=A,Type=Float,Description="p">',
        b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
        b"chrA\t4\t.\tA\tC\t.\t.\tPIP=0.5",
        record,
    ]
    (tmp_path / "v.vcf").write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(InputError, match=message):
        read_loci(tmp_path / "v.vcf", genome)


def test_texts_that_no_table_can_hold_are_named(genome, tmp_path):
    ((chrom, pos, ref, alt),) = snvs(1)
    path = tmp_path / "t.parquet"
    table = {"chrom": [chrom], "pos": [pos], "ref": [ref], "alt": [alt], "trait": ["a\nb"]}
    pa.parquet.write_table(pa.table(table), path)
    with pytest.raises(InputError, match=r"t\.parquet:1: 'a\\nb' has a tab or a line end"):
        read_loci(path, genome)


def test_a_format_is_taken_at_its_word_and_two_are_no_guess(genome, tmp_path):
    both = "molecular_trait_id variant cs_id pip variant_hg38 method tissue gene"
    path = write(tmp_path / "t.tsv", both, [list("abcdefgh")])
    with pytest.raises(InputError, match="columns of eqtl-catalogue and of gtex: say which"):
        read_loci(path, genome)
    with pytest.raises(InputError, match="is no table of finngen-susie: it has no column trait"):
        read_loci(path, genome, format="finngen-susie")
