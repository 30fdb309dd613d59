"""Tables of loci: formats, alleles, strands, rsIDs, the assembly."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from locus_files import complement, letters, other_base, snvs, write, write_genome

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.locus.alleles import Placed, match_alleles
from basenji_kipoi.locus.reading import read_loci
from basenji_kipoi.locus.variants import Matching, Reason


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    with Genome(write_genome(tmp_path_factory.mktemp("genome"))) as opened:
        yield opened


def word(variant, joint="_"):
    return joint.join(map(str, variant))


def test_credible_sets_of_the_eqtl_catalogue(genome, tmp_path):
    variants = snvs(3)
    path = tmp_path / "QTD1.credible_sets.parquet"
    table = {
        "molecular_trait_id": ["ENSG1"] * 3,
        "gene_id": ["ENSG1"] * 3,
        "cs_id": ["ENSG1_L1", "ENSG1_L1", "ENSG1_L2"],
        "variant": [word(each) for each in variants],
        "rsid": ["rs1", "rs2", None],
        "cs_size": [2, 2, 1],
        "pip": [0.7, 0.2, 0.99],
        "pvalue": [1e-9, 1e-8, 1e-5],
        "beta": [0.5, 0.4, -0.3],
        "se": [0.1, 0.1, 0.1],
        "z": [5.0, 4.0, -3.0],
        "cs_min_r2": [0.9, 0.9, 1.0],
        "region": ["chrA:1-4000"] * 3,
    }
    pa.parquet.write_table(pa.table(table), path)
    found = read_loci(path, genome)
    assert (found.format, found.has_sets) == ("eqtl-catalogue", True)
    assert [each.key for each in found.variants] == variants
    assert [each.rsid for each in found.variants] == ["rs1", "rs2", ""]
    assert [(each.gene, each.pip, each.z) for each in found.variants][2] == ("ENSG1", 0.99, -3.0)
    assert [len(each) for each in found.by_set().values()] == [2, 1]


def test_finngen_susie_and_finemap(genome, tmp_path):
    first, second = snvs(2)
    susie = write(
        tmp_path / "T2D.SUSIE.snp.bgz",
        "trait region v rsid chromosome position allele1 allele2 maf beta se p mean sd prob cs "
        "cs_specific_prob low_purity lead_r2",
        [
            ["T2D", "chrA:1-4000", word(first, ":"), "rs1", "chrA", first[1], *first[2:], 0.1, 0.2,
             0.05, 1e-4, 0, 0, 0.9, 1, 0.8, 0, 1],
            ["T2D", "chrA:1-4000", word(second, ":"), "rs2", "chrA", second[1], *second[2:], 0.1,
             -0.2, 0.1, 1e-2, 0, 0, 0.01, -1, "NA", "NA", "NA"],
        ],
    )  # fmt: skip
    found = read_loci(susie, genome)
    assert found.format == "finngen-susie"
    assert [(each.credible_set, each.pip) for each in found.variants] == [("1", 0.8), ("", None)]
    assert found.variants[0].z == pytest.approx(4)
    finemap = write(
        tmp_path / "T2D.FINEMAP.snp.bgz",
        "trait region v index rsid chromosome position allele1 allele2 maf beta se z prob log10bf",
        [
            [
                "T2D",
                "r",
                word(first, ":"),
                1,
                "rs1",
                "A",
                first[1],
                *first[2:],
                0.1,
                1,
                2,
                0.5,
                0.3,
                2,
            ]
        ],
    )
    found = read_loci(finemap, genome)
    assert (found.format, found.variants[0].pip) == ("finngen-finemap", 0.3)
    cred = write(
        tmp_path / "T2D.SUSIE.cred.bgz",
        "trait region cs cs_log10bf cs_avg_r2 cs_min_r2 low_purity cs_size",
        [["T2D", "r", 1, 9, 1, 1, 0, 3]],
    )
    with pytest.raises(InputError, match="holds credible sets and not their variants"):
        read_loci(cred, genome)


def test_gtex_is_read_by_its_positions_in_hg38(genome, tmp_path):
    ((chrom, pos, ref, alt),) = snvs(1)
    path = write(
        tmp_path / "GTEx_49tissues_release1.tsv.bgz",
        "chromosome start end variant variant_hg38 allele1 allele2 minor_allele cohort method "
        "tissue gene maf beta_marginal se_marginal z pip cs_id beta_posterior sd_posterior",
        [
            [chrom, 1, 2, f"{chrom}:7:{ref}:{alt}", f"{chrom}_{pos}_{ref}_{alt}_b38", ref, alt, alt,
             "GTEx", method, "Liver", "ENSG1.5", 0.1, -0.4, 0.1, -4, pip, cs, 0, 0]
            for method, pip, cs in (("SUSIE", 0.9, 1), ("FINEMAP", 0.5, -1))
        ],
    )  # fmt: skip
    found = read_loci(path, genome)
    assert [each.key for each in found.variants] == [(chrom, pos, ref, alt)] * 2
    # The two methods do not compete with each other.
    assert list(found.by_locus()) == ["SUSIE Liver ENSG1.5", "FINEMAP Liver ENSG1.5"]
    assert [each.credible_set for each in found.variants] == ["1", ""]


@pytest.mark.parametrize(
    ("name", "separator", "end"),
    [
        ("t.tsv", "\t", "\n"),
        ("t.csv", ",", "\r\n"),
        ("t.tsv.gz", "\t", "\r\n"),
        ("t.txt", " ", "\n"),
    ],
)
def test_plain_tables_of_any_separator_and_line_end(genome, tmp_path, name, separator, end):
    variants = snvs(4)
    path = write(
        tmp_path / name,
        "CHROM POS REF ALT PIP",
        [[chrom.replace("chr", ""), *rest, 0.25] for chrom, *rest in variants],
        separator=separator,
        end=end,
    )
    found = read_loci(path, genome)
    assert [each.key for each in found.variants] == variants
    assert {each.pip for each in found.variants} == {0.25}
    assert list(found.by_locus()) == ["chrA:100-190"]


def test_loci_are_apart_where_no_column_says_so(genome, tmp_path):
    variants = snvs(4, step=500)
    rows = [(*each, 1e-3) for each in variants]
    path = write(tmp_path / "t.tsv", "chrom pos ref alt p", rows[:2] + rows[3:])
    found = read_loci(path, genome, gap=600)
    assert list(found.by_locus()) == ["chrA:100-600", "chrA:1600-1600"]


def test_a_row_without_alleles_of_the_genome_stays_in_its_locus(genome, tmp_path):
    (first, second, third) = snvs(3, step=50)
    rows = [first, (*second[:3], second[2]), (*third[:2], other_base(third[2]), "")]
    rows = [("A", *each[1:], 1e-3) for each in rows]
    found = read_loci(write(tmp_path / "t.tsv", "chrom pos ref alt p", rows), genome)
    assert [each.reason for each in found.variants] == [
        None, Reason.same_alleles, Reason.no_alleles,
    ]  # fmt: skip
    assert {each.chrom for each in found.variants} == {"chrA"}
    assert list(found.by_locus()) == ["chrA:100-200"]


def test_a_column_that_is_not_there_is_said_with_those_that_are(genome, tmp_path):
    path = write(tmp_path / "t.tsv", "chrom pos ref alt p", [(*snvs(1)[0], 1e-3)])
    with pytest.raises(InputError, match=r"has no such column: chrom, pos, ref, alt, p$"):
        read_loci(path, genome, columns={"pip": "PP"})


def test_effects_without_ref_are_turned_to_that_of_alt(genome, tmp_path):
    (_, pos, ref, alt), second = snvs(2)
    path = write(
        tmp_path / "t.tsv",
        "chr pos effect_allele other_allele beta se eaf",
        [
            ["A", pos, ref, alt, 0.2, 0.1, 0.3],
            ["A", second[1], second[3], second[2], 0.2, 0.1, 0.3],
        ],
    )
    swapped, same = read_loci(path, genome).variants
    assert (swapped.key, swapped.beta, swapped.z) == (("chrA", pos, ref, alt), -0.2, -2)
    assert swapped.frequency == pytest.approx(0.7)
    assert (swapped.matching, same.matching) == (Matching.swapped, Matching.same)
    assert (same.beta, same.z, same.frequency) == (0.2, 2, 0.3)


def test_p_values_alone_have_no_sign(genome, tmp_path):
    path = write(
        tmp_path / "t.tsv",
        "chrom pos ref alt mlogp",
        [(*snvs(2)[0], -math.log10(0.05)), (*snvs(2)[1], 400)],
    )
    first, second = read_loci(path, genome).variants
    assert (first.z, first.sign_known) == (pytest.approx(1.96, abs=0.001), False)
    # 10^-400 is below every number of the machine.
    assert second.z == pytest.approx(math.sqrt(2 * 400 * math.log(10)), rel=0.01)


def matched(genome, rows, *, is_ref=True):
    placed = [Placed(n, *row, is_ref) for n, row in enumerate(rows)]
    return match_alleles(placed, genome, "t")


def test_alleles_of_the_other_strand_are_turned(genome):
    chrom, pos, ref, alt = snvs(1)[0]
    rows = [
        (chrom, pos, complement(ref), complement(alt)),
        (chrom, pos, complement(alt), complement(ref)),
    ]
    found = matched(genome, rows)
    assert [(each.pos, each.ref, each.alt) for each in found] == [(pos, ref, alt)] * 2
    assert [each.matching for each in found] == [Matching.flipped, Matching.flipped_swapped]


def test_palindromes_are_taken_as_they_are_unless_a_strand_was_turned(genome):
    base = letters()[199]
    palindrome = ("chrA", 200, base, other_base(base, palindromic=True))
    chrom, pos, ref, alt = snvs(1)[0]
    found, _ = matched(genome, [palindrome, (chrom, pos, ref, alt)])
    assert (found.matching, found.reason) == (Matching.same, None)
    found, _ = matched(genome, [palindrome, (chrom, pos, complement(ref), complement(alt))])
    assert found.reason is Reason.ambiguous_strand


def test_an_indel_that_fits_both_ways_is_no_guess(genome):
    text = letters()
    deletion = ("chrA", 100, text[99:102], text[99])
    assert matched(genome, [deletion])[0].matching is Matching.same
    assert matched(genome, [deletion], is_ref=False)[0].reason is Reason.ambiguous_alleles


def test_rows_that_cannot_be_scored_have_a_reason(genome):
    text = letters()
    wrong = next(b for b in "ACGT" if b not in (text[99], complement(text[99])))
    rows = [
        ("chrZ", 100, "A", "C"), ("chrA", 0, "A", "C"), ("chrA", 5000, "A", "C"),
        ("chrA", 100, text[99], "<DEL>"), ("chrA", 100, text[99], ""), ("chrA", 100, "A", "A"),
        ("chrA", 100, wrong, complement(wrong)),
    ]  # fmt: skip
    assert [each.reason for each in matched(genome, rows)] == [
        Reason.unknown_contig, Reason.off_contig, Reason.off_contig, Reason.not_acgt,
        Reason.no_alleles, Reason.same_alleles, Reason.ref_mismatch,
    ]  # fmt: skip


@given(st.integers(0, 2**32 - 1))
def test_whatever_is_matched_has_the_genomes_ref(genome, seed):
    rng = np.random.default_rng(seed)
    rows = [
        ("chrA", int(rng.integers(1, 4000)), *("".join(rng.choice(list("ACGT"), n)) for n in size))
        for size in rng.integers(1, 3, (15, 2))
    ]
    for each in matched(genome, rows, is_ref=bool(seed % 2)):
        if each.reason is None:
            assert letters()[each.pos - 1 :].startswith(each.ref)


def test_another_assembly_ends_with_its_rate_and_its_cause(genome, tmp_path):
    moved = [(chrom, pos - 1, ref, alt) for chrom, pos, ref, alt in snvs(60)]
    path = write(tmp_path / "t.tsv", "chrom pos ref alt", moved)
    wrong = sum(letters()[pos - 1] != ref for _, pos, ref, _ in moved)
    message = rf"{wrong} of 60 variants \({wrong / 60:.0%}\): its positions seem to count from 0"
    with pytest.raises(InputError, match=message):
        read_loci(path, genome)
    path = write(tmp_path / "u.tsv", "chrom pos ref alt", [("7", *each[1:]) for each in snvs(3)])
    with pytest.raises(InputError, match="none of its contigs: no '7', but chrA, chrB"):
        read_loci(path, genome)


def test_a_table_of_the_other_strand_alone_is_of_the_right_assembly(genome):
    rows = [(chrom, pos, complement(ref), complement(alt)) for chrom, pos, ref, alt in snvs(40)]
    assert {each.matching for each in matched(genome, rows)} == {Matching.flipped}


def test_rsids_get_place_and_alleles_from_a_vcf(genome, tmp_path):
    first, second, third = snvs(3)
    vcf = tmp_path / "dbsnp.vcf"
    vcf.write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=A>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        + "".join(
            f"A\t{pos}\trs{n}\t{ref}\t{alt}\t.\t.\t.\n"
            for n, (_, pos, ref, alt) in enumerate((first, second), start=1)
        )
        + f"A\t{third[1]}\trs3;rs4\t{third[2]}\t{third[3]},{complement(third[3])}\t.\t.\t.\n"
    )
    path = write(
        tmp_path / "t.tsv",
        "rsid A1 A2 beta se",
        [
            ["rs1", first[3], first[2], 1, 0.5],
            ["rs2", second[2], second[3], 1, 0.5],
            ["rs3", third[3], third[2], 1, 0.5],
            ["rs9", "A", "C", 1, 0.5],
        ],
    )
    found = read_loci(path, genome, rsids=vcf).variants
    assert [each.key for each in found[:3]] == [first, second, third]
    assert [each.beta for each in found[:3]] == [1, -1, 1]
    assert found[3].reason is Reason.rsid_unknown
    alone = write(tmp_path / "u.tsv", "rsid p", [["rs1", 0.5], ["rs4", 0.5]])
    one, two = read_loci(alone, genome, rsids=vcf).variants
    assert (one.key, two.reason) == (first, Reason.rsid_several)
    with pytest.raises(InputError, match="give a VCF that has both with --rsids"):
        read_loci(path, genome)
    vcf.write_bytes(vcf.read_bytes().replace(b"\nA\t", b"\nA\rA\t"))
    with pytest.raises(InputError, match=r"dbsnp\.vcf: rs1: 'A\\rA' has a tab or a line end"):
        read_loci(path, genome, rsids=vcf)


def test_vcf_with_tags(genome, tmp_path):
    ((_, pos, ref, alt),) = snvs(1)
    path = tmp_path / "t.vcf"
    path.write_text(
        '##fileformat=VCFv4.2\n##INFO=<ID=PIP,Number=A,Type=Float,Description="x">\n'
        "##contig=<ID=chrA>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        f"chrA\t{pos}\trs1\t{ref}\t{alt},{complement(alt)}\t.\t.\tPIP=0.5,0.25\n"
    )
    found = read_loci(path, genome)
    assert (found.format, [each.pip for each in found.variants]) == ("vcf", [0.5, 0.25])
