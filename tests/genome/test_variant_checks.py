"""Which alleles can be scored, and files of another genome."""

from __future__ import annotations

import numpy as np
import pytest

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.contig_names import matching_contigs
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.variant_checks import AlleleChecks, CheckRef, Status, assembly_checked
from basenji_kipoi.genome.vcf import Variant, VariantFile

#: Position 1 is A, 2 is C, ...; an N at 9 and lower case from 10 on.
START = "ACGTACGTNacgt"


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    path = tmp_path_factory.mktemp("genome") / "genome.fa"
    letters = "".join(np.random.default_rng(5).choice(list("ACGT"), 5000))
    path.write_text(f">chrI\n{START}{letters}\n>chrM\n{letters[:40]}\n>2\nACGT\n>chr2\nACGT\n")
    with Genome(path) as opened:
        yield opened


def check(genome, chrom, pos, ref, alt, *, check_ref="warn", longest=50):
    checks = AlleleChecks(genome, "x.vcf", CheckRef(check_ref), longest)
    return checks(Variant(6, chrom, pos, None, ref, alt))


@pytest.mark.parametrize(
    ("pos", "ref", "alt", "status"),
    [
        (1, "A", "G", "ok"),
        (1, "ACG", "TTT", "ok"),
        (1, "A", "ATTTT", "ok"),
        (1, "ACGT", "A", "ok"),
        (10, "a", "g", "ok"),
        (1, "A", "N", "ok"),
        (1, "A", ".", "no_alternative"),
        (1, "A", "*", "spanning_deletion"),
        (1, "A", "<DEL>", "symbolic"),
        (1, "A", "<NON_REF>", "symbolic"),
        (1, "A", "A[chrI:9[", "breakend"),
        (1, "A", "]chrI:9]A", "breakend"),
        (1, "A", "A.", "breakend"),
        (1, "A", ".A", "breakend"),
        (1, "A", "R", "not_acgtn"),
        (1, "Y", "C", "not_acgtn"),
        (0, "A", "C", "off_contig"),
        (5014, "A", "C", "off_contig"),
        (5013, "ACG", "A", "off_contig"),
        (1, "A", "A" * 51, "too_long"),
        (1, "ACGTACGTNACGT" + "A" * 40, "A", "too_long"),
    ],
)
def test_kinds_and_places(genome, pos, ref, alt, status):
    assert check(genome, "chrI", pos, ref, alt, check_ref="skip" if pos > 5000 else "warn")[
        0
    ] is Status(status)


def test_every_status_has_its_reason():
    assert len({status.meaning for status in Status}) == len(Status)


@pytest.mark.parametrize(
    ("pos", "ref", "match"),
    [(1, "A", True), (1, "C", False), (9, "C", None), (1, "N", None), (8, "TNA", True),
     (8, "TNC", False), (10, "ACGT", True), (2, "cg", True)],
)  # fmt: skip
def test_ref_is_compared_where_both_are_known(genome, pos, ref, match):
    assert check(genome, "chrI", pos, ref, "T").ref_match is match


def test_what_a_mismatch_does(genome):
    wrong = ("chrI", 1, "C", "T")
    assert check(genome, *wrong, check_ref="warn")[::2] == (Status.ok, False)
    assert check(genome, *wrong, check_ref="skip")[::2] == (Status.ref_mismatch, False)
    assert check(genome, *wrong, check_ref="off")[::2] == (Status.ok, None)
    with pytest.raises(InputError, match=r"x.vcf: record 7 \(chrI:1 C>T\): REF is not the genome"):
        check(genome, *wrong, check_ref="fail")


def test_contigs(genome):
    assert check(genome, "I", 1, "A", "C") == (Status.ok, "chrI", True)
    assert check(genome, "MT", 1, "A", "*").contig == "chrM"
    assert check(genome, "chr3", 1, "A", "C") == (Status.unknown_contig, None, None)
    # Not the contig with a similar name, and none where two would fit.
    assert matching_contigs(["chrII", "chr2", "2", "CHR2", "i", "M"], genome.lengths) == {
        "chr2": "chr2",
        "2": "2",
        "i": "chrI",
        "M": "chrM",
    }


def test_contigs_that_the_genome_calls_otherwise(genome):
    checks = AlleleChecks(genome, "x.vcf", CheckRef.warn, 50)
    for name in ("chrI", "I", "MT", "nowhere"):
        checks.contig(name)
    # Neither those of the same name nor those that it lacks.
    assert checks.renamed == {"I": "chrI", "MT": "chrM"}


# ---- files of another genome ----


def write(folder, rows, length=5013):
    path = folder / "x.vcf"
    lines = ["##fileformat=VCFv4.2", f"##contig=<ID=chrI,length={length}>"]
    lines += ["#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    lines += [f"{chrom}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t." for chrom, pos, ref, alt in rows]
    path.write_text("\n".join([*lines, ""]))
    return path


def survey(path, genome):
    with VariantFile(path) as variants:
        checks = AlleleChecks(genome, variants.name, CheckRef.warn, 50)
        found = list(assembly_checked(variants, checks, variants.contig_lengths))
        assert found == list(variants)


def rows(genome, shift=0, number=60, contig="chrI"):
    """Variants of every 50th base, whose REF is the base at some distance."""
    other = {"A": "G", "C": "T", "G": "C", "T": "A"}
    for pos in range(100, 100 + 50 * number, 50):
        base = "ACGT"[genome.codes("chrI", pos - 1 + shift, pos + shift)[0]]
        yield contig, pos, base, other[base]


def test_variants_of_the_genome_pass(tmp_path, genome):
    found = list(rows(genome))
    for wrong in range(12):  # one in five is not too many
        found[wrong] = ("chrI", found[wrong][1], found[wrong][3], found[wrong][2])
    survey(write(tmp_path, found), genome)


def test_one_more_mismatch_is_too_many(tmp_path, genome):
    found = list(rows(genome))
    for wrong in range(13):
        found[wrong] = ("chrI", found[wrong][1], "ACGT"["GTCA".index(found[wrong][2])], "A")
    with pytest.raises(InputError, match=r"in 13 of the first 60 alleles \(22%\): "):
        survey(write(tmp_path, found), genome)


def test_few_variants_are_no_evidence(tmp_path, genome):
    survey(write(tmp_path, list(rows(genome, shift=7, number=19))), genome)


@pytest.mark.parametrize(
    ("shift", "swapped", "cause"),
    [
        (7, False, "seem to be of another assembly"),
        (1, False, "seem to count from 0: add 1"),
        (-1, False, "one base too far to the right: subtract 1"),
        (0, True, "REF and ALT seem to have changed places"),
    ],
)
def test_the_likely_cause(tmp_path, genome, shift, swapped, cause):
    found = list(rows(genome, shift))
    if swapped:
        found = [(chrom, pos, alt, ref) for chrom, pos, ref, alt in found]
    with pytest.raises(InputError, match=cause):
        survey(write(tmp_path, found), genome)


def test_alleles_of_the_other_strand(tmp_path, genome):
    other = str.maketrans("ACGT", "TGCA")
    found = [
        (chrom, pos, ref.translate(other), alt.translate(other))
        for chrom, pos, ref, alt in rows(genome)
    ]
    with pytest.raises(InputError, match="given on the other strand"):
        survey(write(tmp_path, found), genome)


def test_the_headers_lengths_tell_another_assembly(tmp_path, genome):
    path = write(tmp_path, list(rows(genome, shift=7)), length=4900)
    with pytest.raises(InputError, match=r"another assembly, whose chrI has 4,900 bp, not 5,013"):
        survey(path, genome)


def test_contigs_of_another_genome(tmp_path, genome):
    path = write(tmp_path, list(rows(genome, contig="scaffold_1")))
    with pytest.raises(InputError, match=r"has none of the contigs of the first 60 alleles: no"):
        survey(path, genome)
