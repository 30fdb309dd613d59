"""Linkage of genotypes and of matrices, in the genome's alleles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pysam
import pytest
from locus_files import snvs

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.locus.linkage import open_linkage
from basenji_kipoi.locus.variants import LocusVariant, Matching, Reason

KEYS = snvs(4)
VARIANTS = [LocusVariant(n, *key) for n, key in enumerate(KEYS)]
HAPLOTYPES = np.random.default_rng(0).integers(0, 2, (3, 40))


def write_panel(path, *, phased=True, swap=None, missing=False):
    joint = "|" if phased else "/"
    lines = [
        "##fileformat=VCFv4.2", "##contig=<ID=A,length=4000>",
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="genotype">',
        "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT",
                   *(f"s{n}" for n in range(20))]),
    ]  # fmt: skip
    for number, ((_, pos, ref, alt), row) in enumerate(zip(KEYS, HAPLOTYPES)):
        if number == swap:
            ref, alt, row = alt, ref, 1 - row
        calls = [f"{a}{joint}{b}" for a, b in row.reshape(20, 2)]
        if missing:
            calls[0] = "./."
        lines.append("\t".join(["A", str(pos), ".", ref, alt, ".", ".", ".", "GT", *calls]))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("phased", [True, False])
@pytest.mark.parametrize("indexed", [True, False])
@pytest.mark.parametrize("swap", [None, 1])
def test_genotypes_give_the_correlation_of_counts(tmp_path, phased, indexed, swap):
    path = write_panel(tmp_path / "panel.vcf", phased=phased, swap=swap)
    if indexed:
        pysam.tabix_index(str(path), preset="vcf", force=True)
        path = path.with_suffix(".vcf.gz")
    expected = np.corrcoef(HAPLOTYPES.reshape(3, 20, 2).sum(axis=2))
    found = open_linkage(path, VARIANTS).among([KEYS[2], KEYS[0], KEYS[3], KEYS[1]])
    assert found.present.tolist() == [True, True, False, True]
    order = [2, 0, 1]
    np.testing.assert_allclose(
        found.r[np.ix_([0, 1, 3], [0, 1, 3])], expected[np.ix_(order, order)]
    )
    assert np.isnan(found.r[2]).all()


def write_matrix(path, keys):
    np.savez(path, r=np.eye(len(keys)), variants=[name(key) for key in keys])
    return path


@pytest.mark.parametrize("kind", ["panel", "matrix"])
def test_variants_without_linkage_are_counted_and_linkage_of_none_is_refused(tmp_path, kind):
    if kind == "panel":
        path = write_panel(tmp_path / "x.vcf")
    else:
        path = write_matrix(tmp_path / "x.npz", KEYS[:3])
    unusable = LocusVariant(9, "chrA", 5, "A", "", reason=Reason.no_alleles)
    notes = []
    open_linkage(path, [*VARIANTS, *VARIANTS[:1], unusable], notes.append)
    assert notes == [f"{path} has 3 of 4 variants"]
    open_linkage(path, VARIANTS[:3], notes.append)
    assert len(notes) == 1
    # Of another assembly, say: other places, other alleles.
    moved = [replace(each, pos=each.pos + 1) for each in VARIANTS]
    other = [replace(each, alt="AA") for each in VARIANTS]
    for variants in (moved, other, VARIANTS[3:]):
        with pytest.raises(InputError, match=r"has none of the .* variants, the first of which is"):
            open_linkage(path, variants)


def test_missing_genotypes_count_as_the_mean(tmp_path):
    counts = HAPLOTYPES.reshape(3, 20, 2).sum(axis=2).astype(float)
    counts[:, 0] = counts[:, 1:].mean(axis=1)
    found = open_linkage(write_panel(tmp_path / "panel.vcf", missing=True), VARIANTS)
    np.testing.assert_allclose(found.among(KEYS[:3]).r, np.corrcoef(counts))


def name(key):
    return ":".join(map(str, key))


def test_a_matrix_is_read_by_its_names_whatever_their_order(tmp_path):
    r = np.corrcoef(HAPLOTYPES)
    names = [
        name(KEYS[2]).replace("chrA", "A"),
        name(KEYS[0]),
        name((*KEYS[1][:2], *KEYS[1][:1:-1])),
    ]
    # The third is given with REF and ALT the other way round.
    given = r[np.ix_([2, 0, 1], [2, 0, 1])] * np.outer([1, 1, -1], [1, 1, -1])
    np.savez(tmp_path / "ld.npz", r=given, variants=[names[0].replace("A:", "chrA:"), *names[1:]])
    text = tmp_path / "ld.txt"
    rows = ["\t".join([n, *map(repr, map(float, row))]) for n, row in zip(names, given)]
    text.write_text("\n".join(["\t".join(["", *names]), *rows]).replace("chrA", "A"))
    for path in (tmp_path / "ld.npz", text):
        found = open_linkage(path, VARIANTS).among(KEYS)
        np.testing.assert_allclose(found.r[:3, :3], r)
        assert found.present.tolist() == [True, True, True, False]


def test_a_matrix_without_names_is_of_the_table_and_its_alleles(tmp_path):
    r = np.corrcoef(HAPLOTYPES)
    np.savetxt(tmp_path / "ld.txt", r)
    swapped = [*VARIANTS[:2], LocusVariant(2, *KEYS[2], matching=Matching.swapped)]
    sign = np.array([1, 1, -1])
    found = open_linkage(tmp_path / "ld.txt", swapped).among(KEYS[:3])
    np.testing.assert_allclose(found.r, r * np.outer(sign, sign))
    with pytest.raises(InputError, match="has linkage of 3 x 3, but 4 variants"):
        open_linkage(tmp_path / "ld.txt", VARIANTS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 .5\n.4 1", "is not symmetric"),
        ("1 5\n5 1", "outside of -1 to 1"),
        ("1 .5\n.5", "rows have from 1 to 2 values"),
        ("1 x\n.5 1", "could not convert|is no variant|not those of its columns"),
        ("", "is empty"),
    ],
)
def test_what_is_no_matrix_is_named(tmp_path, text, message):
    path = tmp_path / "ld.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        open_linkage(path, VARIANTS[:2])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"r": np.array([["a", "b"], ["b", "a"]])}, "array 'r' holds <U1: expected correlations"),
        ({"variants": np.array(["x"])}, "has no array 'r', but variants"),
        ({"r": np.full((4, 4), np.inf)}, "values outside of -1 to 1"),
        ({"r": np.ones(5)}, "has linkage of 5, but 4 variants"),
        ({"r": np.array(1.0)}, "variants: give a matrix"),
        ({"r": np.ones((1, 1)), "variants": np.array(7)}, "'7' is no variant"),
        ({"r": np.ones((1, 1)), "variants": np.array(["c:" + "9" * 99 + ":A:C"])}, "is no variant"),
    ],
)
def test_arrays_that_are_no_matrix_are_named(tmp_path, arrays, message):
    np.savez(tmp_path / "ld.npz", **arrays)
    with pytest.raises(InputError, match=message):
        open_linkage(tmp_path / "ld.npz", VARIANTS)


def test_a_damaged_matrix_is_told(tmp_path):
    np.savez(tmp_path / "ld.npz", r=np.eye(4))
    whole = (tmp_path / "ld.npz").read_bytes()
    (tmp_path / "ld.npz").write_bytes(whole.replace(b"descr", b"dezcr"))
    with pytest.raises(InputError, match=r"ld\.npz is no \.npz of arrays, or damaged"):
        open_linkage(tmp_path / "ld.npz", VARIANTS)


@pytest.mark.parametrize("record", [b"chrA 5 . A C", b"chrA\tfive\t.\tA\tC\t.\t.\t.\tGT\t0/1\t0/0"])
def test_a_panel_with_a_malformed_record_is_told(tmp_path, record):
    lines = [
        b"##fileformat=VCFv4.2",
        b"##contig=<ID=chrA>",
        b'##FORMAT=<ID=GT,Number=1,Type=String,Description="g">',
        b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb",
        record,
    ]
    (tmp_path / "p.vcf").write_bytes(b"\n".join(lines) + b"\n")
    # Before anything is asked of it.
    with pytest.raises(InputError, match=r"p\.vcf has a record that is malformed, or is damaged"):
        open_linkage(tmp_path / "p.vcf", VARIANTS)


def test_samples_whose_names_are_no_text_are_told(tmp_path):
    head = b"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\t\xff\n"
    (tmp_path / "p.vcf").write_bytes(head)
    with pytest.raises(InputError, match=r"p\.vcf: the header has names .* that are no UTF-8"):
        open_linkage(tmp_path / "p.vcf", VARIANTS)


def test_genotypes_of_nobody_are_no_panel(tmp_path):
    path = tmp_path / "x.vcf"
    path.write_text("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
    with pytest.raises(InputError, match="has 0 samples: linkage needs two or more"):
        open_linkage(path, VARIANTS)
