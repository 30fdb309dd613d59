"""Scores summed over linked variants, and as sldp and PolyFun read them; the real sldp does."""

from __future__ import annotations

import gzip
import shutil
import subprocess

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from locus_files import snvs, write_genome
from typer.testing import CliRunner

import basenji_kipoi as bk
from basenji_kipoi.cli.app import app
from basenji_kipoi.locus.exports import linked
from basenji_kipoi.locus.exports.linked import linked_scores
from basenji_kipoi.locus.exports.scores import AlleleScores, read_scores
from basenji_kipoi.locus.linkage import LinkageMatrix, open_linkage

NUMBER, PEOPLE = 40, 300


def panel(number=NUMBER):
    """Draw genotypes in which neighbours are linked: 0 to 2 ALT alleles (variants, people)."""
    random = np.random.default_rng(8)
    carried = np.zeros((number, 2 * PEOPLE), dtype=int)
    carried[0] = random.random(2 * PEOPLE) < 0.4
    for n in range(1, number):
        same = random.random(2 * PEOPLE) < 0.8
        carried[n] = np.where(same, carried[n - 1], random.random(2 * PEOPLE) < 0.4)
    return carried.reshape(number, PEOPLE, 2)


@pytest.fixture(scope="module")
def files(small_bundle, tmp_path_factory):
    """Score SNVs of a random genome; write genotypes of people at them."""
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("annotations")
    write_genome(folder)
    found = snvs(NUMBER, first=1000)
    tf.config.run_functions_eagerly(True)
    table = bk.score(small_bundle.path, folder / "genome.fa", found, progress=False)
    tf.config.run_functions_eagerly(False)
    pyarrow.parquet.write_table(table, folder / "scores.parquet")
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=chrA>"]
    lines.append('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
    people = "\t".join(f"p{n}" for n in range(PEOPLE))
    lines.append(f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{people}")
    for (chrom, pos, ref, alt), genotypes in zip(found, panel()):
        called = "\t".join(f"{a}|{b}" for a, b in genotypes.tolist())
        lines.append(f"{chrom}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t.\tGT\t{called}")
    (folder / "panel.vcf").write_text("\n".join(lines) + "\n")
    return folder


def run(*arguments):
    return CliRunner().invoke(app, ["annotations", *map(str, arguments)])


def test_linked_scores_are_the_sum_by_r(files, tmp_path, monkeypatch):
    # Chunks that do not divide the variants: the sums are the same.
    monkeypatch.setattr(linked, "_CHUNK", 7)
    out = tmp_path / "x.tsv.gz"
    ran = run(
        "--scores", files / "scores.parquet", "--to", "linked", "--linkage", files / "panel.vcf",
        "--out", out,
    )  # fmt: skip
    assert ran.exit_code == 0, ran.output
    table = pd.read_csv(out, sep="\t")
    scores = read_scores(files / "scores.parquet")
    r = np.corrcoef(panel().sum(axis=2))
    np.testing.assert_allclose(
        table[[f"SAD-LD/{t}" for t in ("access", "start_plus", "start_minus")]].to_numpy(),
        r @ scores.values,
        rtol=1e-3, atol=1e-5,
    )  # fmt: skip


def test_variants_out_of_reach_or_of_another_gene_are_not_summed():
    keys = [("chr1", pos, "A", "G") for pos in (100, 150, 1000, 100)]
    genes = ["a", "a", "a", "b"]
    scores = AlleleScores(keys, [""] * 4, genes, ["SED/x"], np.array([[1.0], [2], [4], [8]]), 0)
    linkage = LinkageMatrix("all", keys[:3], np.array([[1, 0.5, 0.5], [0.5, 1, -1], [0.5, -1, 1]]))
    found = linked_scores(scores, linkage, reach=100)
    np.testing.assert_allclose(found[:, 0], [1 + 1, 2 + 0.5, 4, 8])
    every = linked_scores(scores, linkage)
    np.testing.assert_allclose(every[:, 0], [1 + 1 + 2, 0.5 + 2 - 4, 0.5 - 2 + 4, 8])


def test_a_variant_that_is_not_in_the_panel_keeps_its_own_score():
    keys = [("chr1", 100, "A", "G"), ("chr1", 200, "C", "T")]
    scores = AlleleScores(keys, ["", ""], ["", ""], ["SAD/x"], np.array([[1.0], [2.0]]), 0)
    linkage = LinkageMatrix("one", keys[:1], np.ones((1, 1)))
    np.testing.assert_array_equal(linked_scores(scores, linkage), scores.values)


def test_polyfun_gets_a_file_a_contig(files, tmp_path):
    ran = run(
        "--scores", files / "scores.parquet", "--to", "polyfun", "--column", "SAD/access",
        "--out", tmp_path / "x",
    )  # fmt: skip
    assert ran.exit_code == 0, ran.output
    (path,) = (tmp_path / "x").iterdir()
    assert path.name == "annotations.A.annot.parquet"
    table = pd.read_parquet(path)
    assert list(table.columns) == ["SNP", "CHR", "BP", "A1", "A2", "SAD/access"]
    first = snvs(1, first=1000)[0]
    assert table.iloc[0, :5].tolist() == [":".join(map(str, first)), "A", 1000, first[3], first[2]]


def test_contigs_whose_names_are_no_names_of_files_have_files(files, tmp_path):
    table = pyarrow.parquet.read_table(files / "scores.parquet").slice(0, 4)
    names = pa.array(["chrHLA/../x", "chr1", "1", "chr.."])
    pyarrow.parquet.write_table(table.set_column(0, "chrom", names), tmp_path / "x.parquet")
    (tmp_path / "inside").mkdir()
    for kind, end in (("sldp", "sannot.gz"), ("polyfun", "annot.parquet")):
        out = tmp_path / "inside" / kind
        ran = run("--scores", tmp_path / "x.parquet", "--to", kind, "--out", out)
        assert ran.exit_code == 0, ran.output
        found = sorted(path.name.removeprefix("annotations.") for path in out.iterdir())
        assert found == [f"{name}.{end}" for name in ("1.1", "1.2", "HLA_.._x", "_.")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inside", "x.parquet"]


@pytest.mark.parametrize(
    ("column", "cells", "said"),
    [
        ("pos", ["a", "b"], "the column 'pos' is string: expected numbers"),
        ("alt", [1, 2], "the column 'alt' is int64: expected text"),
        ("ref", [None, "A"], "the column 'ref' has cells without a value"),
        ("SAD/access", ["a", "b"], "no column 'SAD/access'"),
    ],
)
def test_tables_of_other_types_are_said_in_one_line(files, tmp_path, column, cells, said):
    table = pyarrow.parquet.read_table(files / "scores.parquet").slice(0, 2)
    place = table.column_names.index(column)
    table = table.set_column(place, column, pa.array(cells))
    pyarrow.parquet.write_table(table, tmp_path / "x.parquet")
    asked = ["--scores", tmp_path / "x.parquet", "--to", "sldp", "--column", "SAD/access"]
    ran = run(*asked, "--out", tmp_path / "out")
    assert ran.exit_code == 2
    assert said in ran.output
    assert ran.output.count("\n") == 1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--to", "linked"), "need --linkage"),
        (("--to", "sldp", "--column", "SAD/nope"), "no column 'SAD/nope'"),
        (("--to", "sldp", "--scores", "nope.parquet"), "nope.parquet"),
        (("--to", "sldp", "--scores", "panel.vcf"), "expected the Parquet file"),
        (("--to", "linked", "--linkage", "nope.vcf"), "nope.vcf does not exist"),
    ],
)
def test_wrong_inputs_are_said_in_one_line(more, said, files, tmp_path, monkeypatch):
    monkeypatch.chdir(files)
    ran = run("--scores", "scores.parquet", "--out", tmp_path / "x", *more)
    assert ran.exit_code == 2
    *_, line = ran.output.splitlines()
    assert line.startswith("error: ")
    assert said in line


def write_plink(stem, alleles, genotypes, chrom):
    """Write a panel as plink has it: the counts are of the first allele (A1)."""
    rows = [
        f"{chrom}\ts{n}\t0\t{100 * (n + 1)}\t{one}\t{other}"
        for n, (one, other) in enumerate(alleles)
    ]
    stem.with_name(f"{stem.name}.bim").write_text("\n".join(rows) + "\n")
    people = genotypes.shape[1]
    stem.with_name(f"{stem.name}.fam").write_text(
        "".join(f"f{n} p{n} 0 0 0 -9\n" for n in range(people))
    )
    codes = np.array([3, 2, 0])[genotypes]  # two, one or no A1 are 00, 10 and 11
    padded = np.zeros((len(codes), -(-people // 4) * 4), dtype=np.uint8)
    padded[:, :people] = codes
    four = padded.reshape(len(codes), -1, 4)
    packed = (four << np.array([0, 2, 4, 6])).sum(axis=2).astype(np.uint8)
    stem.with_name(f"{stem.name}.bed").write_bytes(bytes([0x6C, 0x1B, 1]) + packed.tobytes())
    share = genotypes.mean(axis=1) / 2
    frequencies = [
        f"{chrom} s{n} {a} {b} {min(f, 1 - f):.4f} {2 * people}"
        for n, ((a, b), f) in enumerate(zip(alleles, share))
    ]
    header = "CHR SNP A1 A2 MAF NCHROBS\n"
    stem.with_name(f"{stem.name}.frq").write_text(header + "\n".join(frequencies) + "\n")


def test_the_real_sldp_reads_them(files, tmp_path):
    """Its first step puts annotations into the panel's alleles, and sums them by linkage."""
    program = shutil.which("preprocessannot")
    if program is None:
        pytest.skip(
            "no sldp: pip install sldp==1.1.5 'pandas<3' 'numpy<2' six into a PATH of its own"
        )
    scores = pyarrow.parquet.read_table(files / "scores.parquet")
    number = scores.column_names.index("chrom")
    scores = scores.set_column(number, "chrom", [["chr1"] * len(scores)])
    number = scores.column_names.index("id")
    scores = scores.set_column(number, "id", [[f"s{n}" for n in range(len(scores))]])
    pyarrow.parquet.write_table(scores, tmp_path / "scores.parquet")
    out = tmp_path / "annotation"
    ran = run(
        "--scores", tmp_path / "scores.parquet", "--to", "sldp", "--column", "SAD/access",
        "--out", out,
    )  # fmt: skip
    assert ran.exit_code == 0, ran.output
    # Every third variant of the panel has its alleles the other way round.
    alleles = [(alt, ref) for _, _, ref, alt in snvs(NUMBER, first=1000)]
    alleles = [pair[::-1] if n % 3 == 0 else pair for n, pair in enumerate(alleles)]
    genotypes = panel().sum(axis=2)
    genotypes = np.array([2 - g if n % 3 == 0 else g for n, g in enumerate(genotypes)])
    write_plink(tmp_path / "panel.1", alleles, genotypes, 1)
    (tmp_path / "blocks.bed").write_text("chr1 0 100000\n")
    (tmp_path / "snps.txt").write_text("".join(f"s{n}\n" for n in range(NUMBER)))
    done = subprocess.run(
        [
            program, "--sannot-chr", f"{out}/", "--bfile-chr", f"{tmp_path}/panel.",
            "--print-snps", tmp_path / "snps.txt", "--ld-blocks", tmp_path / "blocks.bed",
            "--chroms", "1",
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with gzip.open(out / "1.RV.gz", "rt") as file:
        table = pd.read_csv(file, sep="\t")
    own = read_scores(tmp_path / "scores.parquet", ["SAD/access"]).values[:, 0]
    turned = np.where(np.arange(NUMBER) % 3 == 0, -own, own)
    np.testing.assert_allclose(table["SAD/access"], turned, rtol=1e-4)
    np.testing.assert_allclose(
        table["SAD/access.R"], np.corrcoef(genotypes) @ turned, rtol=1e-3, atol=1e-6
    )
    # It is the sum that --to linked writes, in the panel's alleles.
    signs = np.where(np.arange(NUMBER) % 3 == 0, -1, 1)
    linkage = open_linkage(files / "panel.vcf", ())
    summed = linked_scores(read_scores(files / "scores.parquet", ["SAD/access"]), linkage)
    np.testing.assert_allclose(table["SAD/access.R"] * signs, summed[:, 0], rtol=1e-3, atol=1e-6)
