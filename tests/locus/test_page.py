"""A page says what is known of a locus, and a real browser shows it without a network."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from bokeh.models import ColumnDataSource
from locus_files import snvs, write, write_genome
from page_inputs import locus_of, scored
from typer.testing import CliRunner

import basenji_kipoi as bk
from basenji_kipoi.cli.app import app
from basenji_kipoi.locus.linkage import LinkageMatrix
from basenji_kipoi.locus.mechanisms.scored import Place
from basenji_kipoi.locus.mechanisms.sentences import sentence_of
from basenji_kipoi.locus.page.content import content_of
from basenji_kipoi.locus.page.observed import read_observed
from basenji_kipoi.locus.page.summary import summary_of
from basenji_kipoi.locus.page.view import locus_drawing, shown_range
from basenji_kipoi.locus.page.writing import locus_page
from basenji_kipoi.locus.variants import LocusVariant


def linkage_of(number=12):
    keys = [("chr1", 10_000 + 37 * n, "A", "G") for n in range(number)]
    apart = np.abs(np.subtract.outer(np.arange(number), np.arange(number)))
    return LinkageMatrix("made up", keys, np.exp(-apart / 4))


@pytest.fixture(scope="module")
def locus():
    return locus_of(linkage=linkage_of())


@pytest.fixture(scope="module")
def page(locus, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "x.html"
    path.write_text(locus_page(locus, model="made up", command="basenji locus <x>"))
    return path


def test_the_summary_says_which_gene_which_tracks_how_and_how_sure(locus):
    text = " ".join(summary_of(locus))
    assert text.startswith("rs0 comes first of 13 variants for height <b>, by PIP")
    for said in ("(0.5)", "lowers access", "takes a site of AP1", "shuffling e1"):
        assert said in text
    assert "one, whose start is predicted to change by -56 %, which agrees with" in text
    # Halves, quarters and so on: 1 - 2^-5 is the first to reach 95 % of 1 - 2^-12.
    assert "5 variants hold 95 % of the probability; rs1 comes second (0.25)" in text
    first = replace(locus.variants[0], known=replace(locus.variants[0].known, beta=0.5))
    against = replace(locus, variants=(first, *locus.variants[1:]))
    assert "which is against the measured sign (+0.5 with G)" in " ".join(summary_of(against))


@pytest.mark.parametrize(
    ("letters", "shown"),
    [("ACGTACGTACGTACGTACGT", "ACGTACGTACGTACGTACGT"), ("CA" * 600, "CACACACACACA… (1,200 bp)")],
)
def test_a_long_allele_is_shown_whole_or_said_to_be_cut(locus, letters, shown):
    first = locus.variants[0]
    changed = replace(
        first,
        known=replace(first.known, alt=letters),
        mechanism=first.mechanism.model_copy(update={"alt": letters}),
    )
    longer = replace(locus, variants=(changed, *locus.variants[1:]))
    text = " ".join(summary_of(longer))
    assert f"the measured sign (-0.5 with {shown})" in text
    assert f" A>{shown} " in sentence_of(changed.mechanism)
    page = html.unescape(locus_page(longer, model="made up", command="basenji locus"))
    assert f">A>{shown}<" in page


def test_variants_are_in_the_order_of_what_is_known():
    rows = [
        LocusVariant(n, "chr1", 100 + n, "A", "G", locus="x", log10_p=p)
        for n, p in enumerate([1.0, 3.0, 2.0])
    ]
    effects = {row.key: scored(Place(*row.key), 0.1) for row in rows}
    options = {"labels": ("a", "b"), "genes": [], "window": 1000}
    by_p = content_of("x", rows, effects, **options)
    assert [each.known.log10_p for each in by_p.variants] == [3.0, 2.0, 1.0]
    assert by_p.by == "P-value"
    assert by_p.credible is None
    same = content_of("x", [replace(row, pip=0.3) for row in rows], effects, **options)
    assert "(0.3)." in summary_of(same)[0]
    equal = [replace(row, pip=0.3, log10_p=None) for row in rows]
    tied = content_of("x", equal, effects, **options)
    assert "(0.3), which 2 others have too, and among these by the size" in summary_of(tied)[0]
    posteriors = {rows[0].key: 0.7, rows[1].key: 0.2, rows[2].key: 0.1}
    joined = content_of("x", rows, effects, posteriors=posteriors, **options)
    assert [each.posterior for each in joined.variants] == [0.7, 0.2, 0.1]
    assert "posterior" in joined.by
    # A variant that stands in the table twice is shown once, with the row that says more.
    twice = [replace(rows[0], pip=0.1), replace(rows[0], pip=0.4)]
    (only,) = content_of("x", twice, effects, **options).variants
    assert only.known.pip == 0.4


def test_names_of_genes_stand_in_what_is_shown_of_them(locus):
    drawing = locus_drawing(locus, {})
    sources = [each.data for each in drawing.select({"type": ColumnDataSource})]
    (genes,) = [data for data in sources if "tip" in data]
    first, last = shown_range(locus)
    assert list(genes["end"]) == [9_001, 12_000]
    # Both go on behind what is shown.
    assert genes["start"][0] < first < genes["end"][0]
    assert genes["start"][1] < last < genes["end"][1]
    assert list(genes["middle"]) == [(first + 9_001) / 2, (10_500 + last) / 2]


def test_notes_say_what_a_reader_must_know(locus):
    assert locus.notes == [
        "1 variant has no predictions: neither allele is the genome's, on either strand.",
        "Variants that the panel of linkage does not have: 1.",
    ]
    wide = locus_of(number=3, window=50)
    assert "wider than the model's window of 50 bp" in wide.notes[0]
    rows = [
        LocusVariant(n, "chr1", 100 + n, "A", "G", locus="x", credible_set=f"L{n}", pip=0.5)
        for n in (1, 2)
    ]
    two = content_of("x", rows, {}, labels=(), genes=[], window=1000)
    assert "2 signals here (L1, L2)" in two.notes[0]
    assert two.credible == 1
    one = [replace(row, credible_set="", pip=0.9) for row in rows]
    (note, _) = content_of("x", one, {}, labels=(), genes=[], window=1000).notes
    assert note.startswith("The PIPs of this locus sum to 1.80: expected at most 1")


def test_the_page_needs_nothing_else_and_escapes_what_it_is_given(page):
    text = page.read_text()
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']?(https?:)?//", text)
    assert "height &lt;b&gt;" in text
    assert (
        "The mechanism is computed of 2 variants that come first: --explain asks for more." in text
    )
    assert "basenji locus &lt;x&gt;" in text
    assert page.stat().st_size < 3e6
    records = re.findall(r'href="data:application/json;base64,([^"]+)"', text)
    import base64

    first = bk.Mechanism.model_validate(json.loads(base64.b64decode(records[0])))
    assert (first.pos, len(records)) == (10_000, 2)


def opened_page(browser, path):
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(path.as_uri())
    WebDriverWait(browser, 60, poll_frequency=0.02).until(
        lambda b: b.execute_script(
            "return Bokeh.documents.length > 0 && Bokeh.documents[0].is_idle"
        )
    )
    return browser


@pytest.fixture(scope="module")
def opened(browser, page):
    return opened_page(browser, page)


def shown_mechanisms(browser):
    return browser.execute_script(
        "return [...document.querySelectorAll('.mechanism')].map((each) => !each.hidden)"
    )


def rows_of(browser):
    return browser.execute_script(
        "return [...document.querySelectorAll('#table tbody tr')].filter((row) => !row.hidden)"
        ".map((row) => row.cells[0].textContent)"
    )


def test_no_errors_in_the_console(opened):
    severe = [entry for entry in opened.get_log("browser") if entry["level"] == "SEVERE"]
    assert severe == []


def test_a_name_in_the_table_shows_its_mechanism_and_tracks(opened):
    assert shown_mechanisms(opened) == [True, False]
    titles = "return Bokeh.documents[0].roots()[0].children.map((each) => each.title?.text ?? '')"
    before = opened.execute_script(titles)
    (button,) = [
        each for each in opened.find_elements("css selector", "#table button") if each.text == "rs1"
    ]
    # By the keyboard: without a mouse.
    button.send_keys("\n")
    assert shown_mechanisms(opened) == [False, True]
    assert opened.execute_script(titles) != before
    current = "return document.querySelector('tr[aria-current=true]').cells[0].textContent"
    assert opened.execute_script(current) == "rs1"


def test_a_point_shows_its_mechanism(opened):
    """What Bokeh does at a tap: the point is selected."""
    opened.execute_script(
        """
        const root = Bokeh.documents[0].roots()[0]
        const plot = root.children.find((each) => each.title?.text?.startsWith("Association"))
        plot.renderers[0].data_source.selected.indices = [0]
        """
    )
    assert shown_mechanisms(opened) == [True, False]


def test_the_table_sorts_and_filters(opened):
    assert rows_of(opened)[:3] == ["rs0", "rs1", "rs2"]
    heads = opened.find_elements("css selector", "#table th button")
    (head,) = [each for each in heads if each.text.startswith("log2 change")]
    head.send_keys("\n")
    # Descending: the effects are negative, and shrink along the locus; no value comes last.
    assert rows_of(opened)[0] == "rs11"
    assert rows_of(opened)[-1].endswith("C:T")
    head.send_keys("\n")
    assert rows_of(opened)[:2] == ["rs0", "rs1"]
    opened.find_element("id", "filter").send_keys("RS1")
    assert rows_of(opened) == ["rs1", "rs10", "rs11"]


def test_in_print_every_mechanism_is_shown(opened):
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    styles = opened.execute_script(
        "return [...document.querySelectorAll('.mechanism')]"
        ".map((each) => getComputedStyle(each).display)"
    )
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert styles == ["block", "block"]


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
