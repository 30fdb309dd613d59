"""Pages of loci as files: observed tracks, one page or many, interrupted, and wrong inputs."""

from __future__ import annotations

import html
import re

import numpy as np
import pytest
from locus_files import snvs, write, write_genome
from typer.testing import CliRunner

import basenji_kipoi as bk
from basenji_kipoi.cli.app import app
from basenji_kipoi.locus.page.observed import read_observed


def test_observed_tracks_are_means_of_a_bigwig(tmp_path):
    import pybigtools

    path = tmp_path / "x.bw"
    values = iter([("1", 0, 2500, 1.0), ("1", 2500, 5000, 3.0)])
    pybigtools.open(str(path), "w").write({"1": 5000}, values)
    values = read_observed(path, "chr1", 0, 5000)
    np.testing.assert_allclose(values[:500], 1.0)
    np.testing.assert_allclose(values[500:], 3.0)
    (tmp_path / "no.bw").write_text("no")
    with pytest.raises(bk.InputError, match="not a readable bigWig"):
        read_observed(tmp_path / "no.bw", "chr1", 0, 5000)
    with pytest.raises(bk.InputError, match="has no contig chr7"):
        read_observed(path, "chr7", 0, 5000)


# ---- the command ----


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Write a genome, a gene, and tables of one locus and of two."""
    folder = tmp_path_factory.mktemp("command")
    write_genome(folder)
    (folder / "genes.gtf").write_text(
        'chrA\tx\ttranscript\t1801\t2600\t.\t+\t.\tgene_id "G1"; gene_name "one";\n'
    )
    found = snvs(6, first=1700)
    rows = [(*each, pip, "G1") for each, pip in zip(found, (0.1, 0.5, 0.2, 0.1, 0.05, 0.05))]
    write(folder / "one.tsv", "chrom pos ref alt pip gene", rows)
    written = [(chrom[3:], *rest) for chrom, *rest in rows]
    write(folder / "odd.tsv.gz", "chrom pos ref alt pip gene", written, end="\r\n")
    two = [(*each, f"locus {n // 3}") for n, each in enumerate(found)]
    write(folder / "two.tsv", "chrom pos ref alt locus", two)
    return folder


def run(small_bundle, files, *more):
    arguments = [
        "locus", "--model", small_bundle.path, "--fasta", files / "genome.fa",
        "--genes", files / "genes.gtf", "--draws", 1, *more,
    ]  # fmt: skip
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.mark.usefixtures("eager")
def test_one_locus_is_one_page(small_bundle, files, tmp_path):
    out = tmp_path / "x.html"
    ran = run(small_bundle, files, "--variants", files / "odd.tsv.gz", "--explain", 2, "--out", out)
    assert ran.exit_code == 0, ran.output
    assert "1 locus, 6 variants, 2 explained" in ran.output
    text = html.unescape(out.read_text())
    second = snvs(6, first=1700)[1]
    assert f"{second[0]}:{second[1]}:{second[2]}:{second[3]} comes first of 6 variants" in text
    assert text.count("Mechanism of") == 2
    again = run(small_bundle, files, "--variants", files / "one.tsv", "--out", out)
    assert again.exit_code == 2
    assert "--overwrite" in again.output


@pytest.mark.usefixtures("eager")
def test_several_loci_are_a_folder_with_an_index(small_bundle, files, tmp_path):
    out = tmp_path / "pages"
    table = ("--variants", files / "two.tsv", "--explain", 0)
    refused = run(small_bundle, files, *table, "--out", tmp_path / "x.html")
    assert refused.exit_code == 2
    assert "has 2 loci, and --out" in refused.output
    ran = run(small_bundle, files, *table, "--out", out)
    assert ran.exit_code == 0, ran.output
    assert sorted(path.name for path in out.iterdir()) == [
        "index.html", "locus_0.html", "locus_1.html",
    ]  # fmt: skip
    index = (out / "index.html").read_text()
    assert 'href="locus_0.html"' in index
    assert index.count("It is not explained: it was not asked for") == 2
    assert 'href="index.html"' in (out / "locus_1.html").read_text()


def test_a_page_that_was_interrupted_goes_on(small_bundle, files, tmp_path, monkeypatch, eager):
    from basenji_kipoi.locus.page import run as runs

    done = []

    def failing(explainer, name, *more):
        done.append(name)
        if name == "locus 1" and done.count(name) == 1:
            raise KeyboardInterrupt
        return content(explainer, name, *more)

    content = runs._content
    monkeypatch.setattr(runs, "_content", failing)
    arguments = ("--variants", files / "two.tsv", "--explain", 0, "--out", tmp_path / "pages")
    assert run(small_bundle, files, *arguments).exit_code == 130
    ran = run(small_bundle, files, *arguments, "--resume")
    assert ran.exit_code == 0, ran.output
    assert done == ["locus 0", "locus 1", "locus 1"]


def write_bigwig(path, contig):
    import pybigtools

    pybigtools.open(str(path), "w").write({contig: 4000}, iter([(contig, 0, 3000, 2.0)]))
    return path


def test_observed_tracks_of_other_contigs_are_refused_before_anything_is_predicted(
    small_bundle, files, tmp_path
):
    path = write_bigwig(tmp_path / "b.bw", "chrB")
    arguments = ("--variants", files / "two.tsv", "--observed", f"x={path}", "--explain", 0)
    ran = run(small_bundle, files, *arguments, "--out", tmp_path / "pages")
    assert ran.exit_code == 2
    assert ran.stderr.splitlines()[-1] == f"error: {path} has no contig chrA"
    # The first locus would be kept.
    assert [each.name for each in tmp_path.iterdir()] == ["b.bw"]


@pytest.mark.usefixtures("eager")
def test_a_locus_that_lies_nowhere_has_no_observed_tracks(small_bundle, files, tmp_path):
    rows = [(*snvs(1, first=1700)[0], 0.5, "here"), ("chrZ", 5, "A", "C", 0.5, "nowhere")]
    write(tmp_path / "t.tsv", "chrom pos ref alt pip locus", rows)
    path = write_bigwig(tmp_path / "a.bw", "chrA")
    arguments = ("--variants", tmp_path / "t.tsv", "--observed", f"x={path}", "--explain", 0)
    ran = run(small_bundle, files, *arguments, "--out", tmp_path / "pages")
    assert ran.exit_code == 0, ran.output
    assert {each.name for each in (tmp_path / "pages").iterdir()} == {
        "index.html", "here.html", "nowhere.html",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--variants", "nope.tsv"), "nope.tsv"),
        (("--variants", "one.tsv", "--genes", "nope.gtf"), "nope.gtf does not exist"),
        (("--variants", "one.tsv", "--observed", "x"), "expected ROLE=NAME"),
        (("--variants", "one.tsv", "--observed", "x=nope.bw"), "nope.bw does not exist"),
        (("--variants", "one.tsv", "--ranking", "nope"), "no variants.parquet"),
        (("--variants", "one.tsv", "--motifs", "nope.meme"), "nope.meme"),
        (("--variants", "one.tsv", "--tracks", "nope"), "no track 'nope'"),
        (("--variants", "one.tsv", "--linkage", "nope.npz"), "nope.npz does not exist"),
    ],
)
def test_wrong_inputs_are_said_in_one_line(more, said, small_bundle, files, tmp_path, monkeypatch):
    monkeypatch.chdir(files)
    ran = run(small_bundle, files, *more, "--out", tmp_path / "x.html")
    assert ran.exit_code == 2
    *_, line = ran.output.splitlines()
    assert said in line
    assert line.startswith("error: ")


def test_a_table_of_another_assembly_stops_with_the_rate(small_bundle, files, tmp_path):
    moved = [(chrom, pos + 1, ref, alt) for chrom, pos, ref, alt in snvs(60, first=300, step=7)]
    table = write(tmp_path / "moved.tsv", "chrom pos ref alt", moved)
    ran = run(small_bundle, files, "--variants", table, "--out", tmp_path / "x.html")
    assert ran.exit_code == 2
    *_, line = ran.output.splitlines()
    found = re.search(
        r"REF is not the genome's sequence in (\d+) of (\d+) variants \((\d+)%\)", line
    )
    wrong, compared, percent = map(int, found.groups())
    assert compared > 40
    assert percent == round(100 * wrong / compared)
    assert not (tmp_path / "x.html").exists()


@pytest.mark.usefixtures("eager")
def test_a_matrix_of_another_size_stops_and_one_of_another_order_is_read_by_its_names(
    small_bundle, files, tmp_path
):
    keys = snvs(6, first=1700)
    r = np.exp(-np.abs(np.subtract.outer(np.arange(6), np.arange(6))) / 3)
    options = ("--variants", files / "one.tsv", "--explain", 0)
    np.savez(tmp_path / "small.npz", r=r[:5, :5])
    out = tmp_path / "x.html"
    ran = run(small_bundle, files, *options, "--linkage", tmp_path / "small.npz", "--out", out)
    assert ran.exit_code == 2
    *_, line = ran.output.splitlines()
    assert "small.npz" in line
    assert "5" in line
    assert "6" in line
    order = [3, 0, 5, 1, 4, 2]
    names = np.array([":".join(map(str, keys[n])) for n in order])
    np.savez(tmp_path / "named.npz", r=r[np.ix_(order, order)], variants=names)
    np.savez(tmp_path / "plain.npz", r=r)
    tables = []
    for name in ("named", "plain"):
        out = tmp_path / f"{name}.html"
        ran = run(
            small_bundle, files, *options, "--linkage", tmp_path / f"{name}.npz", "--out", out
        )
        assert ran.exit_code == 0, ran.output
        (table,) = re.findall(r'<table id="table".*?</table>', out.read_text(), flags=re.DOTALL)
        tables.append(table)
    assert tables[0] == tables[1]
    assert ">1.00<" in tables[0]


def test_bcor_is_said_to_be_binary(small_bundle, files, tmp_path):
    (tmp_path / "x.bcor").write_bytes(b"bcor1.1\x00")
    ran = run(
        small_bundle, files, "--variants", files / "one.tsv", "--linkage", tmp_path / "x.bcor",
        "--out", tmp_path / "x.html",
    )  # fmt: skip
    assert ran.exit_code == 2
    assert "LDstore's binary format" in ran.output
